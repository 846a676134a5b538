"""What can go wrong and is expected to: each failure carries the exit code that it ends with.

Its message is one sentence for the operator: what was refused, where, what would be accepted.
"""

from typing import ClassVar

FAILED, USAGE, PARTLY_DONE, ANSWERED_WITH_AN_ERROR, LOCKED, INTERRUPTED = 1, 2, 3, 4, 11, 130


class Failure(Exception):
    """Raised as one of those below."""

    exit_code: ClassVar[int]


class Failed(Failure):
    """Nothing could be done, and nothing has changed."""

    exit_code = FAILED


class Misused(Failure):
    """The command line or the configuration asks for what can't be done."""

    exit_code = USAGE


class Locked(Failure):
    """Somebody else is at work where this would be."""

    exit_code = LOCKED
