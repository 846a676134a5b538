"""How the store stands: what an operator asks in the morning, and a probe every minute.

Nothing is read but the newest snapshot, the record of the last run, the lock and listings.
A store that is broken or missing has a status too: its trouble, and what can still be told.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from jobs.logs.options import Source
from jobs.logs.sources import SourceNotFound
from jobs.logs.storage import Storage
from jobs.monitoring import last_run
from jobs.monitoring.last_run import LastRun
from jobs.store import hints
from jobs.store.deliveries import Gap
from jobs.store.hints import Hints
from jobs.store.lock import holder
from jobs.store.revision import started_at
from queries.snapshot import SnapshotError, reading
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Delivery:
    """What a source holds and what was counted of it; moments are naive, UTC."""

    source: str
    files: int | None
    """There now; None if it can't be listed."""
    backlog_files: int | None
    backlog_bytes: int | None
    watermark: datetime | None
    """The latest request of its files in force."""
    trouble: str | None = None


@dataclass(frozen=True)
class Facts:
    """What the newest snapshot says; moments are naive, UTC."""

    snapshot: str
    final_until: datetime | None
    """Buckets that end no later can't change any more."""
    published: dict[str, Any] | None
    """The figures of the last run that published."""
    services: list[tuple[str, datetime | None]]
    """Names, and up to when each was heard of; the furthest behind first."""
    unusable: list[tuple[str, str, str]]
    """Paths, states (quarantined or refused) and reasons."""
    rejected: dict[str, int]
    """Rows of the files in force by the reason for which they could not be counted."""
    passed_over: dict[str, int]
    """Rows of the files in force that are no requests of clients, by what they are."""
    deliveries: list[Delivery]
    hints: Hints
    """What seems to be missing of the last days, or to be there twice."""


@dataclass(frozen=True)
class Status:
    """How a store stands; moments are naive, UTC."""

    store: Path
    now: datetime
    running: str | None
    """The process that holds the store."""
    last_run: LastRun | None
    facts: Facts | None
    trouble: str | None
    """Why there are no facts, in a sentence."""
    snapshots: dict[str, int] = field(default_factory=dict)
    """Bytes of the snapshots that are kept, by their names, in order."""

    @property
    def last_success(self) -> datetime | None:
        """When a run last published with all its sources there.

        The record of runs knows it even if the snapshot can't be read; the snapshot knows it
        of a run that was killed before it could say so.
        """
        record, published = self.last_run, self.facts and self.facts.published
        last = record.last_success_at if record else None
        was_killed = record is not None and record.finished_at is None
        of_it = published and (
            record is None or (was_killed and published["run_id"] == record.run_id)
        )
        if published and of_it:
            last = max(published["finished_at"], last or published["finished_at"])
        return last.replace(microsecond=0) if last else None

    @property
    def published_at(self) -> datetime | None:
        """When the run behind the newest snapshot started, as its name says."""
        return started_at(self.facts.snapshot) if self.facts else None

    @property
    def growth(self) -> int | None:
        """By how many bytes the newest snapshot is larger than the one before."""
        sizes = list(self.snapshots.values())
        return sizes[-1] - sizes[-2] if len(sizes) > 1 else None

    def lacking(self, most: timedelta) -> list[Gap]:
        """Gaps that are longer than this."""
        return [
            gap
            for gap in (self.facts.hints.gaps if self.facts else [])
            if gap.end - gap.start > most
        ]

    def older_than(self, most: timedelta) -> bool:
        """Whether the last success lies further back than this, or nowhere."""
        return self.last_success is None or self.now - self.last_success > most


def status(
    store: Path,
    wanted: Sequence[Source],
    now: datetime,
    storage: Storage,
    *,
    with_gaps: bool = True,
) -> Status:
    """How the store stands at this moment (naive, UTC); files are listed, none is read.

    Looking for gaps, and for suspected copies, takes a while where there is much history.
    """
    running, record = _last_run(store)
    facts, trouble = None, None
    try:
        facts = _facts(store, wanted, record, storage, with_gaps=with_gaps)
    except (SnapshotError, duckdb.Error, OSError) as error:
        trouble = str(error).partition("\n")[0]
    kept = sorted((store / "snapshots").glob("*.duckdb"))
    return Status(store, now, running, record, facts, trouble, {f.stem: _size(f) for f in kept})


def _last_run(store: Path) -> tuple[str | None, LastRun | None]:
    """Who holds the store, and the last run; one that began and holds nothing was killed."""
    for pause in (0.5, 0):
        # In this order: a run lets go of the store before it writes down how it ended.
        running, record = holder(store), last_run.read(store)
        if running or record is None or record.outcome != "started":
            return running, record
        time.sleep(pause)
    return None, replace(record, outcome="killed") if record else None


def _facts(
    store: Path,
    wanted: Sequence[Source],
    record: LastRun | None,
    storage: Storage,
    *,
    with_gaps: bool,
) -> Facts:
    with reading(store) as snapshot:
        ((name, final_until, version),) = snapshot.execute(_SQL["snapshot"]).fetchall()
        run_id = record.run_id if record else None
        runs = snapshot.execute(_SQL["published"], {"run_id": run_id}).fetchall()
        figures = [column[0] for column in snapshot.description]
        return Facts(
            name,
            final_until,
            dict(zip(figures, runs[0], strict=True)) if runs else None,
            snapshot.execute(_SQL["services"]).fetchall(),
            snapshot.execute(_SQL["unusable"]).fetchall(),
            dict(snapshot.execute(_SQL["rejected"]).fetchall()),
            dict(snapshot.execute(_SQL["passed_over"]).fetchall()) if version > 3 else {},
            _deliveries(snapshot, wanted, storage),
            hints.look(snapshot, wanted) if with_gaps and version > 3 else Hints(),
        )


def _deliveries(
    snapshot: duckdb.DuckDBPyConnection, wanted: Sequence[Source], storage: Storage
) -> list[Delivery]:
    deliveries = []
    met: set[str] = set()
    for source in wanted:
        name = " ".join(source.where)
        places = {"places": [storage.absolute(where) for where in source.where]}
        ((watermark,),) = snapshot.execute(_SQL["watermark"], places).fetchall()
        try:
            found = storage.find(source.sought, may_be_missing=source.optional)
        except SourceNotFound as error:
            deliveries.append(Delivery(name, None, None, None, watermark, str(error)))
            continue
        # As in a run, a file that two sources hold is the first one's.
        files = [file for path, file in found.files.items() if path not in met]
        met.update(found.files)
        empty = [] if source.optional else [f"{at} {why}" for at, why in found.missing.items()]
        listed = {
            "paths": [file.path for file in files],
            "sizes": [file.size for file in files],
            "versions": [file.version for file in files],
            "modified_us": [file.modified_us for file in files],
        }
        ((waiting, size),) = snapshot.execute(_SQL["backlog"], listed).fetchall()
        trouble = "; ".join(empty) or None
        deliveries.append(Delivery(name, len(files), waiting, size, watermark, trouble))
    return deliveries


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        # A run may drop an old snapshot at any time.
        return 0
