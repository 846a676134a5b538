"""The store's lock: one run at a time, and it dies with its process."""

import fcntl
import os
import time
from pathlib import Path

from queries.failures import Locked

_ASKED_FOR_SECONDS = 10.0
"""For so long a busy machine may let those have the lock who ask for its holder."""


class StoreLocked(Locked):
    """Another run holds the store; the message names its process."""


def take(store: Path) -> int:
    """Hold the store until the descriptor is closed. Raises StoreLocked at once, or OSError."""
    lock = os.open(store / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not _is_free(lock):
            raise StoreLocked(f"another run holds {store}: process {_named_in(lock)}")
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except BaseException:
        os.close(lock)
        raise
    return lock


def holder(store: Path) -> str | None:
    """The process that holds the store now; None if none does."""
    try:
        lock = os.open(store / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named_in(lock)
    finally:
        os.close(lock)
    return None


def _is_free(lock: int) -> bool:
    until = time.monotonic() + _ASKED_FOR_SECONDS
    while not _is_had(lock, fcntl.LOCK_EX):
        # Whoever asks for the holder shares the lock; a run shares it with nobody.
        if not _is_had(lock, fcntl.LOCK_SH) or time.monotonic() > until:
            return False
        fcntl.flock(lock, fcntl.LOCK_UN)
        time.sleep(0.005)
    return True


def _is_had(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _named_in(lock: int) -> str:
    return os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
