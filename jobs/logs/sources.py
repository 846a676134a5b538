"""Where log files are: listing them, telling whether one was touched, fingerprints."""

import fnmatch
import glob
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from jobs.logs import objects, overlooked, tables
from queries.failures import Misused

UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".inprogress", ".crdownload", ".filepart")
"""How names of files end that are still being uploaded."""

# A write within one tick of the file system's clock can leave every figure as it was.
_TICK_NS = 2_000_000_000


class SourceNotFound(Misused):
    """A source that the caller named does not exist; the message names it."""


class SourceFile(NamedTuple):
    """A file as the listing found it."""

    path: str
    """Absolute, links not resolved; or the URL of an object."""
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
    missing: dict[str, str] = field(default_factory=dict)
    """Those of them that are sources which are not there, or hold nothing to count."""


def find(sources: Iterable[str], *, may_be_missing: bool = False) -> Found:
    """The log files that the sources name, each once.

    A source is a file, a folder (all `*.parquet` below it) or a glob (`**` crosses folders), or
    a URL of an object store of which the same holds.
    Names that begin with `.` or `_`, and unfinished uploads, are passed over. A source that
    holds nothing is refused with what lies there instead, as are the files of tables. Raises
    SourceNotFound for a plain path that does not exist, unless it `may_be_missing`.
    """
    files: dict[str, SourceFile] = {}
    refused: dict[str, str] = {}
    missing: dict[str, str] = {}
    local: set[str] = set()
    for source in sources:
        try:
            if objects.is_object(source):
                files.update(_objects(source, refused, missing))
            else:
                local.update(_held(source, refused, missing))
        except SourceNotFound as error:
            if not may_be_missing:
                raise
            missing[place(source)] = str(error)
    lying = tables.Tables()
    for path in sorted(local):
        if table := lying.holding(os.path.dirname(path)):
            refused[table[0]] = tables.sentence(table[1])
        elif not path.isprintable() and _undecodable(path):
            refused[ascii(path)] = "the name is not UTF-8; rename the file"
        elif file := _seen(path, refused):
            files[path] = file
    return Found(files, refused | missing, missing)


def _seen(path: str, refused: dict[str, str]) -> SourceFile | None:
    try:
        file = look(path)
    except OSError as error:
        refused[path] = f"cannot be read: {error.strerror}"
        return None
    if file is None:
        # A file may go between the listing and this look at it: then it is not there.
        if os.path.islink(path):
            refused[path] = "is a link to what is not there"
    elif not file.regular:
        refused[path] = "is not a regular file"
        return None
    return file


def look(path: str) -> SourceFile | None:
    """The file as it stands now, or None if it is gone. Raises OSError if nobody can tell."""
    if objects.is_object(path):
        headed = objects.headed(path)
        return _object(path, *headed) if headed else None
    try:
        stat = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    settled = time.time_ns() - stat.st_ctime_ns > _TICK_NS
    # The change time is what nobody can set back: a write or rename always moves it.
    stamp = f"{stat.st_size}.{stat.st_mtime_ns}.{stat.st_ctime_ns}.{stat.st_ino}"
    return SourceFile(
        path, stat.st_size, stat.st_mtime_ns // 1000, stamp, S_ISREG(stat.st_mode), settled
    )


def fingerprint(path: str) -> str:
    """SHA-256 of the content, in hexadecimal; an object's ETag and size. Raises OSError."""
    if objects.is_object(path):
        return objects.etag(path)
    with Path(path).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def holds(path: str, known: str) -> bool:
    """Whether a file with this fingerprint lies at the path."""
    try:
        file = look(path)
        return file is not None and file.regular and fingerprint(path) == known
    except OSError:
        return False


def untouched(file: SourceFile, known: str | None) -> bool:
    """Whether the file still is what it was when its fingerprint was taken. Raises OSError."""
    if objects.is_object(file.path):
        return fingerprint(file.path) == known
    now = look(file.path)
    return now is not None and now.stamp == file.stamp


def place(path: str) -> str:
    """A path as the ledger knows it: absolute, or a URL."""
    return path if objects.is_object(path) else os.path.abspath(path)


def _objects(
    source: str, refused: dict[str, str], missing: dict[str, str]
) -> dict[str, SourceFile]:
    """As `_expand` finds files: an object by its name, all *.parquet below a name, or a glob."""
    steps = source.rstrip("/").split("/")
    fixed = next((n for n, step in enumerate(steps) if glob.has_magic(step)), len(steps))
    is_glob = fixed < len(steps)
    root = "/".join(steps[:fixed])
    try:
        found = [_object(*told) for told in objects.listed(root)]
    except FileNotFoundError:
        if is_glob:
            missing[source] = overlooked.among((), source)
            return {}
        raise SourceNotFound(f"{source} does not exist; nothing is there or below it") from None
    except OSError as error:
        refused[source] = f"can't be listed: {error.strerror}"
        return {}
    wanted = re.compile(_regex(steps) if is_glob else re.escape("/".join(steps)))
    chosen = {file.path: file for file in sorted(found) if _is_wanted(file.path, wanted, fixed)}
    if not chosen:
        missing[source] = overlooked.among((file.path for file in found), source)
    return _outside_tables(chosen, root, [file.path for file in found], refused)


def _outside_tables(
    chosen: dict[str, SourceFile], root: str, listed: Sequence[str], refused: dict[str, str]
) -> dict[str, SourceFile]:
    known = tables.among(listed)
    if chosen and not known and (outer := tables.above(root)):
        known = dict([outer])
    inside = {url: t for url in chosen for t in known if url.startswith(f"{t}/")}
    refused |= {table: tables.sentence(known[table]) for table in inside.values()}
    return {url: file for url, file in chosen.items() if url not in inside}


def _is_wanted(url: str, wanted: re.Pattern[str], fixed: int) -> bool:
    own = url.split("/")
    if not all(map(_is_log, own[min(fixed, len(own) - 1) :])):
        return False
    named = wanted.fullmatch(url) is not None
    below = url.lower().endswith(".parquet") and any(
        wanted.fullmatch("/".join(own[:n])) for n in range(fixed, len(own))
    )
    return named or below


def _regex(steps: Sequence[str]) -> str:
    """`*` and `?` stay within a step, `**` crosses steps, `[ab]` is one of these."""
    wild = {"*": "[^/]*", "?": "[^/]"}
    parts = []
    for number, step in enumerate(steps, 1):
        if step == "**":
            parts.append("(?:[^/]+/)*" if number < len(steps) else ".*")
            continue
        pieces = re.split(r"(\*|\?|\[[^]]+\])", step)
        kept = (
            p if p[:1] == "[" and p[-1:] == "]" else wild.get(p) or re.escape(p) for p in pieces
        )
        parts.append("".join(kept) + "/")
    return "".join(parts).rstrip("/")


def _object(url: str, size: int, modified_us: int) -> SourceFile:
    settled = objects.is_settled(modified_us)
    return SourceFile(url, size, modified_us, f"{size}.{modified_us}", True, settled)


def _held(source: str, refused: dict[str, str], missing: dict[str, str]) -> list[str]:
    known = len(refused)
    paths = list(_expand(source, refused))
    if not paths and len(refused) == known:
        path = os.path.abspath(source)
        if os.path.isdir(path):
            missing[path] = overlooked.below(path)
        elif os.path.lexists(path):
            missing[path] = overlooked.PASSED_OVER
        else:
            missing[path] = overlooked.by_glob(path)
    return paths


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
    elif not _is_there(path, refused) and path not in refused:
        raise SourceNotFound(f"{source} does not exist; a source is a file, a folder or a glob")


def _is_there(path: str, refused: dict[str, str]) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        refused[path] = f"cannot be read: {error.strerror}"
        return False
    return True


def _matches(pattern: str, refused: dict[str, str]) -> Iterator[str]:
    steps = pattern.split(os.sep)
    fixed = next(number for number, step in enumerate(steps) if glob.has_magic(step))
    for match in _globbed(os.sep.join(steps[:fixed]) or os.sep, steps[fixed:], refused):
        if os.path.isdir(match):
            yield from _parquet_below(match, set(), refused)
        else:
            yield match


def _globbed(folder: str, steps: Sequence[str], refused: dict[str, str]) -> Iterator[str]:
    """What the steps match below the folder. The standard glob keeps quiet of closed folders."""
    if not steps:
        yield folder
        return
    step, rest = steps[0], steps[1:]
    if step == "**":
        for below in _folders_below(folder, set(), refused):
            yield from _globbed(below, rest or ["*"], refused)
    elif glob.has_magic(step):
        for name in fnmatch.filter(_names(folder, refused), step):
            yield from _globbed(os.path.join(folder, name), rest, refused)
    elif _is_log(step) and _is_there(path := os.path.join(folder, step), refused):
        yield from _globbed(path, rest, refused)


def _folders_below(folder: str, visited: set[str], refused: dict[str, str]) -> Iterator[str]:
    # Folders may be links, and links may go in circles.
    if (real := os.path.realpath(folder)) in visited:
        return
    visited.add(real)
    yield folder
    for name in _names(folder, refused):
        if os.path.isdir(below := os.path.join(folder, name)):
            yield from _folders_below(below, visited, refused)


def _names(folder: str, refused: dict[str, str]) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if _is_log(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        refused[folder] = f"the folder can't be listed: {error.strerror}"
        return []


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
        if _leads_to_folder(entry, refused):
            yield from _parquet_below(entry.path, visited, refused)
        elif entry.name.lower().endswith(".parquet"):
            yield entry.path


def _leads_to_folder(entry: "os.DirEntry[str]", refused: dict[str, str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        refused[entry.path] = f"cannot be read: {error.strerror}"
        return False


def _is_log(name: str) -> bool:
    return not name.startswith((".", "_")) and not name.lower().endswith(UNFINISHED)


def _undecodable(path: str) -> bool:
    # Python stands lone surrogates in for bytes that are no UTF-8.
    return any("\ud800" <= letter <= "\udfff" for letter in path)
