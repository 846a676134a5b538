"""The reading side: what a snapshot holds, and the documented answer from it."""

from queries.http_codes import Answer, answer

__all__ = ["Answer", "answer"]
