"""Copies of files that share their blocks where the file system can, until one side changes."""

import errno
import fcntl
import os
import shutil
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

# FICLONE of linux/fs.h.
_FICLONE = 0x40049409
_AT_A_TIME = 1 << 30
_CANNOT = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)


def copy(source: Path, target: Path) -> None:
    """Copy a file; it shares its blocks where the file system can, and is never a hard link."""
    with source.open("rb") as old, target.open("xb") as new:
        if not _share_blocks(old, new) and not _copied_by_system(old, new):
            shutil.copyfileobj(old, new, 1 << 20)


def _share_blocks(old: IO[bytes], new: IO[bytes]) -> bool:
    try:
        fcntl.ioctl(new, _FICLONE, old.fileno())
    except OSError:
        return False
    return True


def _copied_by_system(old: IO[bytes], new: IO[bytes]) -> bool:
    """Copy without a detour through this process, if the two file systems can."""
    copied = 0
    try:
        while some := os.copy_file_range(old.fileno(), new.fileno(), _AT_A_TIME):
            copied += some
    except OSError as error:
        if copied or error.errno not in _CANNOT:
            raise
    return copied > 0


def shares_blocks(folder: Path) -> bool:
    """Whether the folder's file system has reflinks; found out with files that have no name."""
    try:
        with TemporaryFile(dir=folder) as old, TemporaryFile(dir=folder) as new:
            old.write(b"x" * 4096)
            old.flush()
            return _share_blocks(old, new)
    except OSError:
        return False
