"""Trouble of the machine, which is no trait of the file that was being read.

A verdict holds until the file changes, so it is only given for what the content itself brings
about. What the operating system or a limit refuses may go well the next time.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

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
# What DuckDB says of a database that it lets nobody use any more.
_FIRST_CAUSE = re.compile(r"[Oo]riginal error: \"?(.*)", re.DOTALL)
# The content's fault, though it is a read that fails: the file ends before its footer says so.
_CUT_SHORT = "Could not read enough bytes"


class MachineTrouble(Failed):
    """Nothing could be done, for want of what the machine has to give; the message names it."""


@contextmanager
def nothing_changed() -> Iterator[None]:
    """Around a revision: what the machine refuses to it is said in a sentence of ours.

    Raises MachineTrouble.
    """
    try:
        yield
    except (duckdb.Error, MemoryError) as error:
        if (why := of_system(error)) is None:
            raise
        help_ = "--memory-limit sets the limit" if _is_memory(error) else "the next run tries again"
        raise MachineTrouble(f"{why}; nothing changed; {help_}") from error


def of_system(error: BaseException) -> str | None:
    """What the machine refused when this was raised; None: it is the file's own fault."""
    said = _said(error)
    if _is_memory(error):
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
    return _is_memory(error) or _has(_said(error), map(os.strerror, _EVERYWHERE))


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError | duckdb.OutOfMemoryException) or _has(
        _said(error), _NO_MEMORY
    )


def _said(error: BaseException) -> str:
    """The first line, of what made the database end if it has."""
    said = str(error)
    if first := _FIRST_CAUSE.search(said):
        said = first[1]
    return said.partition("\n")[0]


def _has(said: str, signs: Iterable[str]) -> bool:
    return any(sign in said for sign in signs)


def _bare(said: str) -> str:
    return said.partition(" Error: ")[2] or said or "out of memory"
