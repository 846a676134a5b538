"""A small text file that others read at any time: they see the old text or the new one."""

import glob
import os
from contextlib import suppress
from pathlib import Path


def replace(file: Path, text: str) -> None:
    """Put a text in place of what the file held. Raises OSError; then the old one stands."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
        _clear(file)


def _clear(file: Path) -> None:
    """Drop what processes that were killed left beside the file."""
    for leftover in file.parent.glob(f".{glob.escape(file.name)}.*.tmp"):
        pid = leftover.name.removesuffix(".tmp").rpartition(".")[2]
        if pid.isdecimal() and not Path("/proc", pid).exists() and Path("/proc/self").exists():
            with suppress(OSError):
                leftover.unlink()
