"""What an export looks like on disk: folders of days behind links, and an index of them all.

    OUT/
      index.json            what is there; replaced last, as a whole
      2025-09-09            a link to the day's folder below .days
      .days/2025-09-09-…/   finished, never changed; one file a service

A day is exchanged by moving its link, as a store's snapshot is: that is atomic on every file
system with links, where exchanging two folders needs a call that only Linux has. A reader who
resolves the link, or takes the folder from the index, goes on reading one version of the day;
so the version before is cleared away by the next export. Knows no database.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NotRequired, TypedDict
from urllib.parse import quote

from jobs.store.publication import sync
from queries.failures import Failed, Locked, Misused

INDEX = "index.json"
FORMAT = "httpcodes export 1"
_VERSIONS = ".days"
_UNFINISHED = ".tmp-"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SUFFIX = ".json"
_LONGEST_STEM = 255 - len(_SUFFIX)


class BadOutput(Misused):
    """A place that can't be exported to; the message says why, and what could be."""


class OutputUnusable(Failed):
    """A place that the system does not let us write to; the message names it, and says why."""


class ExportLocked(Locked):
    """Another export writes to the same place; the message names it."""


class File(TypedDict):
    """A service's document for a day."""

    file: str
    """Path inside OUT, by the day's link."""
    bytes: int
    sha256: str
    """Of the bytes, 64 hex digits."""


class DayEntry(TypedDict):
    """A UTC day with data, as it was exported."""

    final: bool
    """Whether it can't change any more."""
    snapshot: str
    """The last one that it was compared with."""
    folder: str
    """Path inside OUT that the link points to; what is in it never changes."""
    digest: NotRequired[str]
    """SHA-256 of a line for each of the services, in order of names as bytes: the sha256 of its
    document, two spaces, its name, a line feed. Earlier programs wrote none."""
    services: dict[str, File]
    """Those with data on this day, by canonical name."""


class Index(TypedDict):
    """index.json."""

    format: str
    """FORMAT."""
    snapshot: str
    """The one that the last export read; empty while the first is at work."""
    all_services: bool
    """Whether every known service is exported, or some that were chosen."""
    services: list[str]
    """Canonical names of the services that are exported, those without data too."""
    days: dict[str, DayEntry]
    """By UTC day, as 2025-09-09; a day without data is left out."""


def file_name(service_name: str) -> str:
    """A service's file: its name percent-encoded, so that every file system takes it.

    `~` and a leading dot are encoded as well. A name that gets too long is cut, and ends in `~`
    and the SHA-256 of the whole name.
    """
    stem = quote(service_name, safe="").replace("~", "%7E")
    if stem.startswith("."):
        stem = f"%2E{stem[1:]}"
    if len(stem) > _LONGEST_STEM:
        digest = hashlib.sha256(service_name.encode()).hexdigest()
        stem = f"{stem[: _LONGEST_STEM - 65]}~{digest}"
    return stem + _SUFFIX


def version(day: str, digest: str) -> str:
    """The folder of a day, inside OUT, with documents of this digest."""
    return f"{_VERSIONS}/{day}-{digest[:16]}"


@contextmanager
def day_folders(out: Path) -> Iterator["DayFolders"]:
    """The folder `out` of an export, made if it is not there, and held until the body ends.

    Raises BadOutput, OutputUnusable or ExportLocked.
    """
    if out.exists() and not out.is_dir():
        raise BadOutput(f"{out} is a file; documents need a folder, a new or an empty one")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        # The folder itself is the lock, so that none lies among the days.
        descriptor = os.open(out, os.O_RDONLY)
        try:
            lock(descriptor, out)
            folders = DayFolders(out)
            try:
                yield folders
            finally:
                folders.clear()
        finally:
            os.close(descriptor)


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Raises OutputUnusable for an OSError in the body, which does nothing but write to `out`."""
    try:
        yield
    except OSError as error:
        raise OutputUnusable(f"{out} can't be written: {error.strerror}") from error


def lock(descriptor: int, out: Path) -> None:
    """Hold an open file or folder for the export to `out`. Raises ExportLocked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ExportLocked(f"another export writes to {out}") from None


class DayFolders:
    """The folder of an export, held by this process."""

    def __init__(self, out: Path) -> None:
        """Raises BadOutput if something else is in it."""
        self._out = out
        self._index = _read(out)
        self._new: set[str] = set()
        self.clear()

    @property
    def days(self) -> dict[str, DayEntry]:
        """The days as they were exported last."""
        return self._index["days"] if self._index else {}

    def clear(self) -> None:
        """Clear away what was not finished, and finished days that a failure left unpublished."""
        for leftover in self._out.glob(f"{_UNFINISHED}*"):
            _remove(leftover)
        for folder in self._new - self._targets():
            self._discard(folder)
        self._new = set()

    def claim(self, services: list[str], *, all_services: bool) -> None:
        """Say which services are exported here.

        Raises BadOutput if they were others: files would go that this export is not asked about.
        """
        now = Index(
            format=FORMAT, snapshot="", all_services=all_services, services=services, days={}
        )
        if not self.days:
            # Killed from now on, this export leaves a folder that is known as its own.
            self._replace(now)
        elif self._index and _chosen(now) != _chosen(self._index):
            held = ", ".join(_chosen(self._index) or ["all services"])
            raise BadOutput(f"{self._out} holds {held}; other services need a folder of their own")

    def current(self, day: str, digest: str) -> dict[str, File] | None:
        """The documents of a day as they were exported last, if its cells had this digest."""
        known = self.days.get(day)
        folder = version(day, digest)
        if known is None or known["folder"] != folder or self._target(day) != folder:
            return None
        return known["services"] if (self._out / folder).is_dir() else None

    def write(
        self, day: str, digest: str, documents: Iterable[tuple[str, bytes]]
    ) -> dict[str, File]:
        """Write the documents of a day, by service, to a folder that no link points to yet."""
        folder = version(day, digest)
        target = self._out / folder
        new = self._out / f"{_UNFINISHED}{day}"
        # The very same may be there: as the version before, or left by a killed export.
        missing = not target.exists()
        if missing:
            new.mkdir()
        files: dict[str, File] = {}
        for service_name, document in documents:
            name = file_name(service_name)
            if missing:
                (new / name).write_bytes(document)
            sha256 = hashlib.sha256(document).hexdigest()
            files[service_name] = File(file=f"{day}/{name}", bytes=len(document), sha256=sha256)
        if missing:
            _finish(new, target)
            self._new.add(folder)
        return files

    def publish(self, index: Index) -> None:
        """Move the links, then replace the index. Earlier versions stay until the next export."""
        # A killed export may have moved links that its index never told of.
        earlier = (entry["folder"] for entry in (*self.days.values(), *index["days"].values()))
        kept = self._targets() | set(earlier)
        for day, entry in index["days"].items():
            if self._target(day) != entry["folder"]:
                link = self._out / f"{_UNFINISHED}link"
                link.symlink_to(entry["folder"])
                link.replace(self._out / day)
        for link in self._out.iterdir():
            if _DAY.fullmatch(link.name) and link.name not in index["days"]:
                link.unlink()
        sync(self._out)
        if index != self._index:
            self._replace(index)
        for old in (self._out / _VERSIONS).glob("*"):
            if (folder := f"{_VERSIONS}/{old.name}") not in kept:
                self._discard(folder)

    def _replace(self, index: Index) -> None:
        new = self._out / f"{_UNFINISHED}{INDEX}"
        new.write_text(json.dumps(index), encoding="utf-8")
        sync(new)
        new.replace(self._out / INDEX)
        sync(self._out)
        self._index = index

    def _discard(self, folder: str) -> None:
        # Under its own name a folder is always whole, even if this is killed half way.
        doomed = self._out / f"{_UNFINISHED}{Path(folder).name}"
        (self._out / folder).rename(doomed)
        _remove(doomed)

    def _targets(self) -> set[str]:
        """The folders that links point to."""
        links = (link for link in self._out.iterdir() if _DAY.fullmatch(link.name))
        return {os.readlink(link) for link in links if link.is_symlink()}

    def _target(self, day: str) -> str | None:
        try:
            return os.readlink(self._out / day)
        except OSError:
            return None


def _finish(new: Path, target: Path) -> None:
    """Give a folder of written files the name under which it never changes."""
    # All are written before the first is synced: most of it then happens at once.
    for file in (*new.iterdir(), new):
        sync(file)
    target.parent.mkdir(exist_ok=True)
    new.rename(target)
    sync(target.parent)


def _read(out: Path) -> Index | None:
    """The index of an export; None in a folder that is empty."""
    try:
        index: Index = json.loads((out / INDEX).read_bytes())
        if index["format"] == FORMAT:
            return index
    except FileNotFoundError:
        if all(entry.name.startswith(_UNFINISHED) for entry in out.iterdir()):
            return None
    except (ValueError, TypeError, KeyError):
        pass
    raise BadOutput(
        f"{out} is not empty and has no {INDEX} of an export; name a new or an empty folder"
    )


def _chosen(index: Index) -> list[str] | None:
    return None if index["all_services"] else index["services"]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
