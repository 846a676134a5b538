"""The reading side: what a snapshot holds, and the documented answer from it."""

from queries.api.beyond import Beyond, Interval
from queries.api.http_codes import Answer, answer
from queries.api.prepared import keep_in_memory

__all__ = ["Answer", "Beyond", "Interval", "answer", "keep_in_memory"]
