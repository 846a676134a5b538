"""Room on the disk of a store: what DuckDB says when there is none, in our words.

Its first failed write says that no space is left; all that comes after says only that the
database has been invalidated.
"""

import errno
import os
import shutil
from pathlib import Path

LEAST = 2 << 20
"""Bytes; with less than this free, a write may have failed for want of room."""


def is_wanting(store: Path, error: Exception) -> str | None:
    """The sentence to fail with, if it was for want of room that something failed."""
    free = shutil.disk_usage(store).free
    no_space = os.strerror(errno.ENOSPC)
    said = str(error)
    if no_space in said or ("has been invalidated" in said and free < LEAST):
        return (
            f"the disk of the store {store} is full ({no_space}; {free:,} bytes are free): nothing "
            "was published, and the newest snapshot stands; `httpcodes doctor` says how much a run "
            "needs"
        )
    return None
