"""Trouble of the machine, which is no trait of the file that was being read.

A verdict holds until the file changes, so it is only given for what the content itself brings
about. What the operating system or a limit refuses may go well the next time.
"""

import errno
import os
from collections.abc import Iterable

import duckdb

from queries.failures import Failed

_EVERYWHERE = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
    errno.EAGAIN, errno.EROFS,
)  # fmt: skip
_HERE = (
    errno.EIO, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ESTALE, errno.ELOOP,
    errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.EBUSY, errno.EBADF,
)  # fmt: skip
# What DuckDB says where it does not hand on the system's words.
_NO_MEMORY = ("bad_alloc", "bad allocation", "Allocation failure")
# The content's fault, though it is a read that fails: the file ends before its footer says so.
_CUT_SHORT = "Could not read enough bytes"


class MachineTrouble(Failed):
    """Nothing could be done, for want of what the machine has to give; the message names it."""


def of_system(error: BaseException) -> str | None:
    """What the machine refused when this was raised; None: it is the file's own fault."""
    said = str(error).partition("\n")[0]
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException) or _has(said, _NO_MEMORY):
        return f"there is not enough memory for it, or for the limits set: {_bare(said)}"
    if words := next((w for w in map(os.strerror, _EVERYWHERE + _HERE) if w in said), None):
        return f"{words}: {_bare(said)}" if not said.endswith(words) else _bare(said)
    if isinstance(error, duckdb.IOException) and _CUT_SHORT not in said:
        return _bare(said)
    return None


def is_everywhere(error: BaseException) -> bool:
    """Whether every other file would meet with the same trouble."""
    if isinstance(error, OSError):
        return error.errno in _EVERYWHERE
    said = str(error)
    return (
        isinstance(error, MemoryError | duckdb.OutOfMemoryException)
        or _has(said, _NO_MEMORY)
        or _has(said, map(os.strerror, _EVERYWHERE))
    )


def _has(said: str, signs: Iterable[str]) -> bool:
    return any(sign in said for sign in signs)


def _bare(said: str) -> str:
    return said.partition(" Error: ")[2] or said or "out of memory"
