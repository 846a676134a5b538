"""Log files on this machine's own disks."""

import fnmatch
import glob
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from stat import S_ISREG
from typing import TYPE_CHECKING

from jobs.logs import originals, overlooked, tables
from jobs.logs.sources import Listing, SourceFile, SourceNotFound, is_log

if TYPE_CHECKING:
    import pyarrow as pa

# A write within one tick of the file system's clock can leave every figure as it was.
_TICK_NS = 2_000_000_000


class Disk:
    """Files by their paths; see `Storage` for what each method does."""

    at_once = 1

    def find(
        self,
        sources: Iterable[str],
        *,
        may_be_missing: bool,
        wanted: Callable[[str], bool] = bool,
    ) -> Listing:
        refused: dict[str, str] = {}
        missing: dict[str, str] = {}
        paths: set[str] = set()
        for source in sources:
            try:
                paths.update(_held(source, refused, missing))
            except SourceNotFound as error:
                if not may_be_missing:
                    raise
                missing[os.path.abspath(source)] = str(error)
        files: dict[str, SourceFile] = {}
        lying = tables.Tables()
        for path in sorted(filter(wanted, paths)):
            if table := lying.holding(os.path.dirname(path)):
                refused[table[0]] = tables.sentence(table[1])
            elif not path.isprintable() and _undecodable(path):
                refused[ascii(path)] = "the name is not UTF-8; rename the file"
            elif file := self._seen(path, refused):
                files[path] = file
        return Listing(files, refused | missing, missing)

    def look(self, path: str) -> SourceFile | None:
        try:
            stat = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        at_rest = time.time_ns() - stat.st_ctime_ns > _TICK_NS
        # The change time is what nobody can set back: a write or rename always moves it.
        stamp = f"{stat.st_size}.{stat.st_mtime_ns}.{stat.st_ctime_ns}.{stat.st_ino}"
        return SourceFile(
            path, stat.st_size, stat.st_mtime_ns // 1000, stamp, S_ISREG(stat.st_mode), at_rest
        )

    def fingerprint(self, path: str) -> str:
        """SHA-256 of the content, in hexadecimal, and its place in a table."""
        with open(path, "rb") as content:
            held = hashlib.file_digest(content, "sha256").hexdigest()
            held = originals.identity(content, held)
        return tables.identity(path, held)

    def is_untouched(self, file: SourceFile, fingerprint: str | None) -> bool:
        now = self.look(file.path)
        return now is not None and now.stamp == file.stamp

    def open(self, path: str) -> "pa.NativeFile":
        import pyarrow as pa  # noqa: PLC0415 - slow to import

        try:
            return pa.OSFile(path)
        except OSError as error:
            if not error.errno:
                raise
            raise OSError(error.errno, os.strerror(error.errno)) from error

    def absolute(self, path: str) -> str:
        return os.path.abspath(path)

    def folder(self, source: str) -> str:
        path = self.absolute(source)
        if os.path.isdir(path):
            return path
        steps = path.split("/")
        if os.path.lexists(path):
            return "/".join(steps[:-1])
        wild = (number for number, step in enumerate(steps) if glob.has_magic(step))
        return "/".join(steps[: next(wild, len(steps))])

    def _seen(self, path: str, refused: dict[str, str]) -> SourceFile | None:
        try:
            file = self.look(path)
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
        if is_log(path.rpartition(os.sep)[2]):
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
    elif is_log(step) and _is_there(path := os.path.join(folder, step), refused):
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
        return [name for name in os.listdir(folder) if is_log(name)]
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
            entries = [entry for entry in listing if is_log(entry.name)]
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


def _undecodable(path: str) -> bool:
    # Python stands lone surrogates in for bytes that are no UTF-8.
    return any("\ud800" <= letter <= "\udfff" for letter in path)
