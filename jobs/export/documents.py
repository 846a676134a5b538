"""The counts for the API layer as documents: one for each service and UTC day with data.

A document is the element of the documented answer, byte for byte, that a request for this
service and this whole day gets. How documents lie on disk is a matter of day_folders.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb

from jobs.export.day_folders import (
    FORMAT,
    BadOutput,
    DayEntry,
    ExportLocked,
    File,
    Index,
    OutputUnusable,
    day_folders,
    version,
)
from queries import snapshot
from queries.failures import Failed, Misused
from queries.service_name import canonical
from queries.statements import statements

_SQL = statements(__name__)


class UnknownService(Misused):
    """A service that is not known, so that nothing can be exported of it; the message names it."""


class ExportFailed(Failed):
    """The last step of a run that had published; the message says so, and what went wrong."""


@dataclass(frozen=True)
class Selection:
    """What is exported: UTC days, both ends inclusive, and services."""

    first: date = date.min
    last: date = date.max
    services: tuple[str, ...] | None = None
    """Names, canonical or not; None: all that are known."""


EVERYTHING = Selection()


@dataclass(frozen=True)
class Exported:
    """What an export did; days are UTC, as 2025-09-09."""

    snapshot: str
    """The one that was read."""
    written: dict[str, dict[str, File]]
    """Days that were new or had changed, and their documents by service."""
    unchanged: list[str]
    removed: list[str]
    """Days that no longer have data."""
    seconds: float


class Day(NamedTuple):
    """A UTC day with data."""

    day: str
    """As 2025-09-09."""
    digest: str
    """SHA-256 in hexadecimal, as day_digests has it: another one means other counts."""
    final: bool
    """Whether it can't change any more."""


class Documents:
    """What a selection holds in one snapshot."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, selection: Selection) -> None:
        """Raises UnknownService."""
        self.connection = connection
        ((self.snapshot, known),) = connection.execute(_SQL["snapshot"]).fetchall()
        chosen = selection.services
        self.services: list[str] = known if chosen is None else _folded(chosen, known)
        self.bounds = {
            "first": selection.first,
            "last": selection.last,
            "services": self.services,
        }

    def days(self) -> list[Day]:
        """The days with data, in order."""
        rows = self.connection.execute(_SQL["days"], self.bounds).fetchall()
        return [Day(*row) for row in rows]

    def of(self, day: str) -> Iterator[tuple[str, bytes]]:
        """The services with data on a day, by name, and the document of each, UTF-8 JSON."""
        found = self.connection.execute(_SQL["documents"], {"day": day, "services": self.services})
        while rows := found.fetchmany(1_000):
            for service_name, document in rows:
                yield service_name, document.encode()


def _folded(names: tuple[str, ...], known: list[str]) -> list[str]:
    folded = {name: canonical(name) for name in names}
    for given, name in folded.items():
        if name not in known:
            raise UnknownService(
                f"{given!r} is no service that is known; `httpcodes services list` lists them"
            )
    return sorted({name for name in folded.values() if name is not None})


@contextmanager
def documents(store: Path, selection: Selection) -> Iterator[Documents]:
    """What a selection holds in the store's newest snapshot.

    Raises UnknownService, SnapshotError, duckdb.Error or OSError.
    """
    with snapshot.reading(store) as connection:
        snapshot.check_version(connection, store)
        yield Documents(connection, selection)


def export(store: Path, out: Path, selection: Selection = EVERYTHING) -> Exported:
    """Bring the selected days in the folder `out` up to the store's newest snapshot.

    Days outside the selection stay as they are. Raises UnknownService, BadOutput, OutputUnusable,
    ExportLocked, SnapshotError, duckdb.Error or OSError; then readers go on finding what was
    there before.
    """
    began = time.monotonic()
    with documents(store, selection) as held, day_folders(out) as folders:
        all_services = selection.services is None
        folders.claim(held.services, all_services=all_services)
        before = folders.days
        now: dict[str, DayEntry] = {}
        written: dict[str, dict[str, File]] = {}
        for day, digest, final in held.days():
            files = folders.current(day, digest)
            if files is None:
                files = written[day] = folders.write(day, digest, held.of(day))
            folder = version(day, digest)
            now[day] = DayEntry(
                final=final, snapshot=held.snapshot, folder=folder, digest=digest, services=files
            )
        selected = {day for day in before if f"{selection.first}" <= day <= f"{selection.last}"}
        others = {day: before[day] for day in before.keys() - selected}
        folders.publish(
            Index(
                format=FORMAT,
                snapshot=held.snapshot,
                all_services=all_services,
                services=held.services,
                days=dict(sorted((others | now).items())),
            )
        )
    return Exported(
        held.snapshot,
        written,
        sorted(now.keys() - written.keys()),
        sorted(selected - now.keys()),
        time.monotonic() - began,
    )


def export_published(store: Path, out: Path, published: str) -> Exported:
    """Export everything, as the last step of a run that published this snapshot.

    Raises ExportFailed.
    """
    try:
        return export(store, out)
    except _FAILURES as error:
        raise ExportFailed(
            f"{published} is published, but the export to {out} failed: {error}"
        ) from error


_FAILURES = (
    BadOutput,
    OutputUnusable,
    ExportLocked,
    snapshot.SnapshotError,
    duckdb.Error,
    OSError,
)
