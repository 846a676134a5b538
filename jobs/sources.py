"""Where log files are: listing them, telling whether one was touched, fingerprints."""

import glob
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".inprogress", ".crdownload", ".filepart")
"""How names of files end that are still being uploaded."""

# A write within one tick of the file system's clock can leave every figure as it was.
_TICK_NS = 2_000_000_000


class SourceNotFound(Exception):
    """A source that the caller named does not exist; the message names it."""


class SourceFile(NamedTuple):
    """A file as the listing found it."""

    path: str
    """Absolute; links are not resolved."""
    size: int
    """Bytes."""
    modified_us: int
    """Microseconds since 1970 UTC."""
    stamp: str
    """What the file system says besides; it moves whenever the file changes."""
    regular: bool
    """Whether it is a file at all, no pipe or device."""
    settled: bool
    """Whether the last change lies so far back that the next one would move the stamp."""

    @property
    def version(self) -> str | None:
        """Equal versions and sizes mean an untouched file; None is equal to nothing."""
        return self.stamp if self.settled else None


@dataclass(frozen=True)
class Found:
    """What the sources hold."""

    files: dict[str, SourceFile]
    """By path, in order of the paths."""
    refused: dict[str, str]
    """What could not even be listed, with the reason."""


def find(sources: Iterable[str]) -> Found:
    """The log files that the sources name, each once.

    A source is a file, a folder (all `*.parquet` below it) or a glob (`**` crosses folders).
    Names that begin with `.` or `_`, and unfinished uploads, are passed over. Raises
    SourceNotFound for a plain path that does not exist; a glob may match nothing.
    """
    files: dict[str, SourceFile] = {}
    refused: dict[str, str] = {}
    for path in sorted({path for source in sources for path in _expand(source, refused)}):
        if not path.isprintable() and _undecodable(path):
            refused[ascii(path)] = "the name is not UTF-8; rename the file"
        # A file may go between the listing and this look at it: then it is not there.
        elif file := look(path):
            if file.regular:
                files[path] = file
            else:
                refused[path] = "is not a regular file"
    return Found(files, refused)


def look(path: str) -> SourceFile | None:
    """The file as it stands now, or None if it is gone."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    settled = time.time_ns() - stat.st_ctime_ns > _TICK_NS
    # The change time is what nobody can set back: a write or rename always moves it.
    stamp = f"{stat.st_size}.{stat.st_mtime_ns}.{stat.st_ctime_ns}.{stat.st_ino}"
    return SourceFile(
        path, stat.st_size, stat.st_mtime_ns // 1000, stamp, S_ISREG(stat.st_mode), settled
    )


def fingerprint(path: str) -> str:
    """SHA-256 of the content, in hexadecimal. Raises OSError."""
    with Path(path).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def holds(path: str, known: str) -> bool:
    """Whether a file with this fingerprint lies at the path."""
    try:
        file = look(path)
        return file is not None and file.regular and fingerprint(path) == known
    except OSError:
        return False


def _expand(source: str, refused: dict[str, str]) -> Iterator[str]:
    # Not resolved: a folder may be a link that moves on.
    path = os.path.abspath(source)
    if os.path.isdir(path):
        yield from _parquet_below(path, set(), refused)
    elif os.path.lexists(path):
        if _is_log(path.rpartition(os.sep)[2]):
            yield path
    elif glob.has_magic(source):
        yield from _matches(path, refused)
    else:
        raise SourceNotFound(f"{source} does not exist; a source is a file, a folder or a glob")


def _matches(pattern: str, refused: dict[str, str]) -> Iterator[str]:
    steps = pattern.split(os.sep)
    fixed = next(number for number, step in enumerate(steps) if glob.has_magic(step))
    # Path.glob takes no absolute pattern.
    for match in glob.glob(pattern, recursive=True):
        if all(_is_log(step) for step in match.rstrip(os.sep).split(os.sep)[fixed:]):
            if os.path.isdir(match):
                yield from _parquet_below(match, set(), refused)
            else:
                yield match


def _parquet_below(
    folder: str, visited: set[tuple[int, int]], refused: dict[str, str]
) -> Iterator[str]:
    try:
        # Folders may be links, and links may go in circles.
        stat = os.stat(folder)
        if (stat.st_dev, stat.st_ino) in visited:
            return
        visited.add((stat.st_dev, stat.st_ino))
        with os.scandir(folder) as listing:
            entries = [entry for entry in listing if _is_log(entry.name)]
    except OSError as error:
        refused[folder] = f"the folder can't be listed: {error.strerror}"
        return
    for entry in entries:
        if entry.is_dir():
            yield from _parquet_below(entry.path, visited, refused)
        elif entry.name.lower().endswith(".parquet"):
            yield entry.path


def _is_log(name: str) -> bool:
    return not name.startswith((".", "_")) and not name.lower().endswith(UNFINISHED)


def _undecodable(path: str) -> bool:
    # Python stands lone surrogates in for bytes that are no UTF-8.
    return any("\ud800" <= letter <= "\udfff" for letter in path)
