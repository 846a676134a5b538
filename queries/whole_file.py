"""A file that others read at any time: they see the old content or the new one, never a part."""

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def replace(file: Path, content: str | bytes) -> None:
    """Put this (text is UTF-8) in place of what the file held. Raises OSError; then that stands."""
    with replaced(file) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def replaced(file: Path) -> Iterator[Path]:
    """Where to write what takes the place of the file, if the body ends well."""
    beside = unfinished(file)
    try:
        yield beside
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
        _clear(file)


def unfinished(file: Path) -> Path:
    """Where this process writes what is to take the place of a file."""
    return file.with_name(f".{file.name}.{os.getpid()}.tmp")


def _clear(file: Path) -> None:
    """Drop what processes that were killed left beside the file."""
    for leftover in file.parent.glob(f".{glob.escape(file.name)}.*.tmp"):
        pid = leftover.name.removesuffix(".tmp").rpartition(".")[2]
        if pid.isdecimal() and not Path("/proc", pid).exists() and Path("/proc/self").exists():
            with suppress(OSError):
                leftover.unlink()
