"""What analysts ask: SQL within a fence and a deadline, its output, and the contract explained."""

from queries.analyst.adhoc import fenced

__all__ = ["fenced"]

import os

# Read when Arrow is loaded: its own way to allocate reserves a gigabyte at once, which counts
# against the bound on the memory of this process.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
