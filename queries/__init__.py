"""The reading side: what a snapshot holds, and the documented answer from it."""

from queries.api.beyond import Beyond, Interval
from queries.api.http_codes import Answer, answer

__all__ = ["Answer", "Beyond", "Interval", "answer"]
