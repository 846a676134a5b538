"""What a site looks like on disk: folders of days behind links, as an export has them.

    OUT/
      index.html            what is there; replaced last
      2025-09-09            a link to the day's folder below .days
      .days/2025-09-09-…/   finished, never changed: index.html, services/NAME.html

A day is exchanged by moving its link. The version before stays until the next time, for readers
that are on its pages. Knows no database.
"""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from queries.failures import Misused

_VERSIONS, _MARK = ".days", ".days/format"
_FORMAT = "httpcodes site 1\n"
_UNFINISHED = ".tmp-"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LONGEST_STEM = 200
_WAITING = 16


class BadSite(Misused):
    """A place that no site can be written to; the message says why, and what could be."""


def file_name(service_name: str) -> str:
    """A service's page: its name percent-encoded; one that gets too long is cut, and ends in a
    digest of the whole name."""
    stem = quote(service_name, safe="").replace("~", "%7E")
    if len(stem) > _LONGEST_STEM:
        digest = hashlib.sha256(service_name.encode()).hexdigest()
        stem = f"{stem[: _LONGEST_STEM - 65]}~{digest}"
    return f"{'%2E' + stem[1:] if stem.startswith('.') else stem}.html"


@contextmanager
def site_folders(out: Path) -> Iterator["SiteFolders"]:
    """The folder of a site, made if it is not there, and held until the body ends.

    Raises BadSite or OSError.
    """
    if out.exists() and not out.is_dir():
        raise BadSite(f"{out} is a file; a site needs a folder, a new or an empty one")
    out.mkdir(parents=True, exist_ok=True)
    # The folder itself is the lock, so that none lies among the days.
    descriptor = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadSite(f"another report writes to {out}; try again when it is done") from None
        yield SiteFolders(out)
    finally:
        os.close(descriptor)


class SiteFolders:
    """The folder of a site, held by this process."""

    def __init__(self, out: Path) -> None:
        """Raises BadSite if something else is in it."""
        self._out = out
        self._claim()
        for leftover in out.glob(f"{_UNFINISHED}*"):
            _remove(leftover)
        targets = set(self.days.values())
        for old in (out / _VERSIONS).iterdir():
            if old.is_dir() and f"{_VERSIONS}/{old.name}" not in targets:
                self._discard(old)

    @property
    def days(self) -> dict[str, str]:
        """The days that are published, and the folder of each."""
        links = (link for link in self._out.iterdir() if _DAY.fullmatch(link.name))
        return {link.name: os.readlink(link) for link in sorted(links) if link.is_symlink()}

    def read(self, day: str, name: str) -> str:
        """A file of a published day."""
        return (self._out / day / name).read_text(encoding="utf-8")

    def holds(self, day: str, digest: str) -> bool:
        """Whether a day is published with pages of this digest."""
        folder = _folder(day, digest)
        return self.days.get(day) == folder and (self._out / folder).is_dir()

    def write(self, day: str, digest: str, files: Iterable[tuple[str, bytes]]) -> int:
        """Write the pages of a day and move its link to them; how many bytes there are."""
        new, written = self._out / f"{_UNFINISHED}{day}", 0
        (new / "services").mkdir(parents=True)
        for name, content in files:
            written += (new / name).write_bytes(content)
        target = self._out / _folder(day, digest)
        # All are written before the first is synced, and many wait at once: a disk takes them
        # together.
        with ThreadPoolExecutor(_WAITING) as waiting:
            list(waiting.map(_sync, (*new.rglob("*"), new)))
        new.rename(target)
        _sync(target.parent)
        link = self._out / f"{_UNFINISHED}link"
        link.symlink_to(_folder(day, digest))
        link.replace(self._out / day)
        _sync(self._out)
        return written

    def index(self, content: bytes) -> None:
        """Replace the first page."""
        new = self._out / f"{_UNFINISHED}index"
        new.write_bytes(content)
        _sync(new)
        new.replace(self._out / "index.html")
        _sync(self._out)

    def _claim(self) -> None:
        mark = self._out / _MARK
        if mark.is_file() and mark.read_text(encoding="utf-8") == _FORMAT:
            return
        if any(self._out.iterdir()):
            raise BadSite(f"{self._out} is not empty and no site; name a new or an empty folder")
        new = self._out / f"{_UNFINISHED}days"
        new.mkdir()
        (new / "format").write_text(_FORMAT, encoding="utf-8")
        new.rename(self._out / _VERSIONS)

    def _discard(self, folder: Path) -> None:
        # Under its own name a folder is always whole, even if this is killed half way.
        doomed = self._out / f"{_UNFINISHED}{folder.name}"
        folder.rename(doomed)
        _remove(doomed)


def _folder(day: str, digest: str) -> str:
    return f"{_VERSIONS}/{day}-{digest}"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
