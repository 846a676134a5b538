"""The reading side: what a snapshot holds, and the documented answer from it."""

from queries.beyond import Beyond, Interval
from queries.http_codes import Answer, answer

__all__ = ["Answer", "Beyond", "Interval", "answer"]
