"""A small text file that others read at any time: they see the old text or the new one."""

import os
from pathlib import Path


def replace(file: Path, text: str) -> None:
    """Put a text in place of what the file held. Raises OSError; then the old one stands."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
