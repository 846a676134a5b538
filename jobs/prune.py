"""What is kept no longer: old counts, contributions, ledger rows, copies of logs and snapshots.

The horizon, before which nothing is kept, only ever moves forward and lies at a UTC midnight.
Rows before it are rejected from then on, so a late file, or one whose ledger row is gone, can
neither fill a pruned day again nor count twice.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from jobs.counts import fold, runs
from jobs.counts.ledger import Ledger
from jobs.counts.trouble import nothing_changed
from jobs.store import access_log_view, raw_copies
from jobs.store.revision import Revision, Terms, outdated, revision, snapshots
from queries import snapshot, utc
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Retention:
    """What is kept, and for how long."""

    rollup_days: int | None
    """Whole UTC days before today whose counts are kept; None: all."""
    window: timedelta
    """For how long after it was counted a file may be replaced."""
    terms: Terms
    """How many snapshots are kept, among others."""


@dataclass(frozen=True)
class Pruned:
    """What went, or would go."""

    snapshot: str | None
    """The name of the snapshot that was published; None: a dry run."""
    kept_from: datetime | None
    """Start of what is kept, naive, UTC; None: all of it is."""
    cells: int
    """Rows of rollup_5m."""
    requests: int
    """Their requests."""
    contributions: int
    """Rows of contributions."""
    files: int
    """Rows of the ledger."""
    raw_copies: int
    """Copies of log files."""
    snapshots: list[str]
    """Names of snapshots."""

    def as_json(self) -> dict[str, Any]:
        """The machine's form, as the command prints it."""
        kept_from = utc.written_if(self.kept_from)
        return vars(self) | {"kept_from": kept_from}


def plan(store: Path, retention: Retention) -> Pruned:
    """What `prune` would do; writes nothing. Raises SnapshotError, duckdb.Error or OSError."""
    now = utc.now()
    with snapshot.reading(store) as connection:
        snapshot.check_version(connection, store)
        before = _horizon(connection, now, retention)
        closing = fold.close(connection, now - retention.window)
        figures = _figures(connection, before, closing)
        files = _past(connection, before)
        copies = raw_copies.expired(connection, now, retention.terms.raw_days)
    to_come = store / "snapshots" / f"{utc.stamp(now)}-0000.duckdb"
    old = outdated([*snapshots(store), to_come], retention.terms)
    return Pruned(None, before, *figures, len(files), copies, [file.stem for file in old])


def prune(store: Path, retention: Retention) -> Pruned:
    """Drop what is not kept, and publish a snapshot.

    Raises StoreLocked, StoreUnusable, SnapshotError, duckdb.Error or OSError; then nothing has
    changed.
    """
    snapshot.newest(store)
    kept = snapshots(store)
    with nothing_changed(), revision(store, retention.terms, compact=True) as work:
        connection = work.connection
        before = _horizon(connection, work.started_at, retention)
        closing = fold.close(connection, work.started_at - retention.window)
        figures = _figures(connection, before, closing)
        fold.fold(work, retention.window)
        files = _past(connection, before)
        if before:
            _expire(work, before, files)
        copies = raw_copies.expired(connection, work.started_at, work.terms.raw_days)
        ledger = Ledger(work)
        ledger.release()
        access_log_view.show(work, store, ledger.listed)
        runs.record(work, runs.Outcome())
    gone = [file.stem for file in kept if not file.exists()]
    return Pruned(work.run_id, before, *figures, len(files), copies, gone)


def _horizon(
    connection: duckdb.DuckDBPyConnection, now: datetime, retention: Retention
) -> datetime | None:
    """Where what is kept begins: never earlier than it did, for what was pruned is gone."""
    before: datetime | None
    ((before,),) = connection.execute("SELECT kept_from FROM internal.snapshot").fetchall()
    if retention.rollup_days is not None:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        wanted = _unmixed(connection, midnight - timedelta(days=retention.rollup_days))
        before = max(before or wanted, wanted)
    return before


def _unmixed(connection: duckdb.DuckDBPyConnection, before: datetime) -> datetime:
    """The last midnight up to this one that no file reaches over whose days are not known."""
    while True:
        ((earlier,),) = connection.execute(_SQL["straddling"], {"before": before}).fetchall()
        if earlier is None:
            return before
        before = earlier


def _figures(
    connection: duckdb.DuckDBPyConnection, before: datetime | None, closing: str
) -> tuple[int, int, int]:
    """Cells, requests and contributions that go."""
    rows: list[tuple[int, int, int]] = connection.execute(
        _SQL["figures"].format(closing=closing), {"before": before}
    ).fetchall()
    return rows[0]


def _past(connection: duckdb.DuckDBPyConnection, before: datetime | None) -> list[int]:
    """Ledger rows of content that is past and lies at none of its paths."""
    contents = connection.execute(_SQL["past_files"], {"before": before}).fetchall()
    return [file for files, paths in contents if not _may_be_seen(paths) for file in files]


def _may_be_seen(paths: Sequence[str]) -> bool:
    # Whether an object store still lists a URL is not asked; its rows stay.
    return any("://" in path or os.path.lexists(path) for path in paths)


def _expire(work: Revision, before: datetime, files: Sequence[int]) -> None:
    connection = work.connection
    connection.begin()
    connection.execute(_SQL["expired"], {"before": before})
    connection.execute(_SQL["horizon"], {"before": before})
    connection.execute(_SQL["expire"])
    if work.sidecars:
        work.sidecars.expire()
    connection.execute(_SQL["forget"], {"files": files})
    connection.execute(_SQL["forget_rejects"])
    connection.commit()
