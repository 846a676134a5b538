"""The store's lock: one run at a time, and it dies with its process."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from queries.failures import Locked


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
    # Whoever asks for the holder has the lock for an instant; a run has it for longer.
    for pause in (0.05, 0.05, 0):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(pause)
    return False


def _named_in(lock: int) -> str:
    return os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
