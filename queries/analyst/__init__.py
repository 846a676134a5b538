"""What analysts ask: SQL within a fence and a deadline, its output, and the contract explained."""

from queries.analyst.adhoc import fenced

__all__ = ["fenced"]
