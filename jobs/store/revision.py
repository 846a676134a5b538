"""The store on disk: folders, the lock, and a revision as copy, change, publish.

Until the link is replaced nothing has happened; after it, all of it has. A run that dies
anywhere before leaves the newest snapshot in force, and its leftovers to the next run.
"""

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path

import duckdb

from jobs.logs.storage import Storage
from jobs.store import sidecars
from jobs.store.lock import take
from jobs.store.publication import WriteOut, publish, return_to, unpublished, withdraw
from jobs.store.reflink import copy
from jobs.store.room import is_wanting
from jobs.store.sidecars import SidecarDamaged, Sidecars
from jobs.store.upgrade import upgrade
from jobs.store.work_file import attach, compacted
from queries import snapshot, utc
from queries.config_keys import KEYS, RETENTION
from queries.failures import Failed


class StoreUnusable(Failed):
    """The store can't be read or written; the message says where and why."""


_PLAUSIBLE_FROM = datetime.combine(KEYS["plausible_from"].default, time())


@dataclass(frozen=True)
class Terms:
    """On which terms a store is kept, and what a run may use."""

    settle: timedelta = timedelta(hours=KEYS["settle_hours"].default)
    """How long after its end a bucket may still change: logs arrive up to 48 hours late."""
    kept_snapshots: int = KEYS["keep_snapshots"].default
    """How many of the last snapshots are kept."""
    kept_days: int = RETENTION["keep_daily_days"].default
    """For how many days, back from the newest snapshot, the last one of each is kept as well."""
    memory: str | None = None
    """As DuckDB's memory_limit; None: its own choice."""
    threads: int | None = None
    registered_only: bool = KEYS["services"].default == "registered"
    """Whether only registered services count."""
    plausible_from: datetime = _PLAUSIBLE_FROM
    """Rows of earlier moments are rejected; naive, UTC."""
    plausible_ahead: timedelta = timedelta(hours=KEYS["plausible_ahead_hours"].default)
    """Rows of moments that lie further ahead of the run's start are rejected."""
    raw_days: int = RETENTION["keep_raw_days"].default
    """For how many days after they were counted copies of log files are kept."""
    storage: Storage = field(default_factory=Storage)
    """Where log files lie."""


USUAL = Terms()


@dataclass(frozen=True)
class Revision:
    """A run at work on its copy of the newest snapshot."""

    run_id: str
    """Also the name of the snapshot to be."""
    started_at: datetime
    """Naive, UTC."""
    connection: duckdb.DuckDBPyConnection
    """To the copy, as current database."""
    terms: Terms
    sidecars: Sidecars | None = None
    """Where what files add is kept apart; None: it is of no store."""
    obsolete: list[Path] = field(default_factory=list)
    """Files and folders of the store that go once the revision is published."""
    before: Path | None = None
    """The snapshot that it is a copy of, if it has today's schema."""

    def take_the_place(self) -> None:
        """Let the snapshot before go, as no count has changed: those that brought some stay."""
        # The last of an earlier day stays, too, where those are kept.
        if self.before and not (self.terms.kept_days and self.before.name[:8] < self.run_id[:8]):
            self.obsolete.append(self.before)


@contextmanager
def revision(store: Path, terms: Terms, *, compact: bool = False) -> Iterator[Revision]:
    """Change a copy of the newest snapshot, and publish it if the body does not raise.

    `compact` gives the room back that deleted rows left in the file, where it is much.
    Raises StoreLocked at once if another run holds the store, StoreUnusable if it can't be
    read or written, or not on these terms.
    """
    with _locked(store):
        _clear_work(store)
        started_at = utc.now()
        run_id = _run_id(store, started_at)
        working = _working(store, run_id)
        listed: set[str] | None = None
        try:
            connection, before = _open_copy(store, working, terms)
            copied = WriteOut(working)
            kept_apart = Sidecars(connection, store, run_id)
            work = Revision(run_id, started_at, connection, terms, kept_apart, before=before)
            try:
                yield work
                kept_apart.settle()
                connection.execute("CHECKPOINT work")
                finished = compacted(connection, working) if compact else working
                connection.execute("USE memory; DETACH work")
            finally:
                connection.close()
            finished.replace(working)
            if Path(f"{working}.wal").exists():
                raise StoreUnusable(f"{working} was closed with changes still in its .wal")
            copied.finish()
            kept_apart.finish()
            publish(store, working)
            listed = kept_apart.listed | kept_apart.before
        except (duckdb.Error, OSError) as error:
            if why := is_wanting(store, error):
                raise StoreUnusable(why) from error
            raise
        finally:
            # Published is published: what is left is a matter for the next run.
            with suppress(OSError):
                _clear_work(store)
                if listed is None:
                    # Their room may be what was wanting.
                    sidecars.clear(store, snapshots(store))
        with suppress(OSError, snapshot.SnapshotError):
            _drop([*_old_snapshots(store, terms), *work.obsolete])
            sidecars.clear(store, snapshots(store), listed)


def _working(store: Path, run_id: str) -> Path:
    return store / "tmp" / f"{run_id}.duckdb"


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    # DuckDB takes what follows a question mark for options, and turns a backslash round.
    if not (path := os.path.abspath(store)).isprintable() or {"?", "\\"} & set(path):
        no = "may hold no question mark, backslash or character that can't be printed"
        raise StoreUnusable(f"the path of the store, {path!r}, {no}")
    try:
        for folder in (store, store / "snapshots", store / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        lock = take(store)
    except OSError as error:
        raise StoreUnusable(f"the store {store} can't be written: {error.strerror}") from error
    try:
        yield
    finally:
        os.close(lock)


def _clear_work(store: Path) -> None:
    withdraw(store)
    for leftover in (store / "tmp").iterdir():
        _delete(leftover)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _run_id(store: Path, now: datetime) -> str:
    """Names sort in the order of publication, even after a clock that went back."""
    moment = now.replace(microsecond=0)
    if names := snapshots(store):
        moment = max(moment, started_at(names[-1].stem) + timedelta(seconds=1))
    return f"{utc.stamp(moment)}-{secrets.token_hex(2)}"


def started_at(name: str) -> datetime:
    """The moment that a snapshot's name tells; naive, UTC."""
    return utc.of_stamp(name.partition("-")[0])


def snapshots(store: Path) -> list[Path]:
    """The files of all published snapshots, in the order of publication."""
    found = (store / "snapshots").glob("????????T??????Z-????.duckdb")
    never = unpublished(store)
    return sorted(file for file in found if file.name != never)


def rollback(store: Path, name: str | None = None) -> str:
    """Point the link at this snapshot, or at the last good one before that in force; its name.

    Raises StoreLocked, or StoreUnusable if it is not there or not good.
    """
    with _locked(store):
        _clear_work(store)
        target = _last_good(store, snapshot.newest(store)) if name is None else named(store, name)
        if target is None:
            raise StoreUnusable(f"{store} has no good snapshot before the one in force")
        if not _is_good(target):
            raise StoreUnusable(f"{target} is broken; the snapshot in force stays")
        return_to(store, target)
        return target.stem


def named(store: Path, name: str) -> Path:
    """The file of a snapshot. Raises StoreUnusable if there is none of this name."""
    for file in snapshots(store):
        if file.stem == name:
            return file
    raise StoreUnusable(f"{store} has no snapshot {name}; `httpcodes snapshots` lists what it has")


def _last_good(store: Path, before: Path) -> Path | None:
    earlier = [file for file in snapshots(store) if file.name < before.name]
    return next((file for file in reversed(earlier) if _is_good(file)), None)


def _is_good(file: Path) -> bool:
    if Path(f"{file}.wal").exists():
        return False
    try:
        with duckdb.connect(file, read_only=True) as connection:
            snapshot.check(connection, file)
            sidecars.check_all(connection, file.parents[1])
    except (duckdb.Error, OSError, snapshot.SnapshotError, SidecarDamaged):
        return False
    return True


def _open_copy(
    store: Path, working: Path, terms: Terms
) -> tuple[duckdb.DuckDBPyConnection, Path | None]:
    """A connection whose current database is the newest snapshot's copy, or an empty one.

    The newest snapshot, too, unless the copy had to be upgraded: then it is the way back.
    """
    if not os.path.lexists(store / snapshot.LINK):
        connection = _attached(working, terms)
        snapshot.create(connection)
        return connection, None
    newest = snapshot.newest(store)
    try:
        copy(newest, working)
        connection = _attached(working, terms)
        snapshot.check(connection, working)
        sidecars.check_all(connection, store)
    except snapshot.WrongVersion as error:
        raise StoreUnusable(f"{store} can't be written: {error}") from error
    except (
        duckdb.IOException, FileNotFoundError, snapshot.SnapshotError, SidecarDamaged
    ) as error:  # fmt: skip
        if _is_good(newest):
            raise
        why = f": {error}" if isinstance(error, SidecarDamaged) else ""
        way_out = ""
        if good := _last_good(store, newest):
            way_out = f"; `httpcodes rollback` returns to {good.stem}, the last good one"
        raise StoreUnusable(f"the newest snapshot {newest} is broken{why}{way_out}") from error
    return connection, None if upgrade(connection) else newest


def connect(terms: Terms, **settings: str) -> duckdb.DuckDBPyConnection:
    """A connection within the limits of these terms. Raises StoreUnusable if it can't be."""
    limits = {"memory_limit": terms.memory, "threads": terms.threads}
    try:
        return duckdb.connect(
            config={
                "autoinstall_known_extensions": "false",
                **settings,
                **{name: str(limit) for name, limit in limits.items() if limit is not None},
            }
        )
    except duckdb.Error as error:
        raise StoreUnusable(f"the limits can't be kept: {error}") from error


def _attached(working: Path, terms: Terms) -> duckdb.DuckDBPyConnection:
    connection = connect(terms, temp_directory=str(working.parent / "spill"))
    # The bar would go to stdout, where the data goes.
    connection.execute("SET enable_progress_bar = false")
    attach(connection, working, "work")
    connection.execute("USE work")
    return connection


def reserve(store: Path, work: Revision) -> int:
    """Bring the revision to disk; how many bytes to leave there for the copy that is the next."""
    work.connection.execute("CHECKPOINT work")
    return _working(store, work.run_id).stat().st_size


def outdated(files: Sequence[Path], terms: Terms) -> list[Path]:
    """Those of the snapshots, in the order of publication, that these terms do not keep.

    Days are days of publication, UTC.
    """
    last_of_day = {started_at(file.stem).date(): file for file in files}
    first_day = max(last_of_day) - timedelta(days=terms.kept_days)
    daily = {file for day, file in last_of_day.items() if day > first_day}
    return [file for file in files[: -terms.kept_snapshots] if file not in daily]


def _old_snapshots(store: Path, terms: Terms) -> list[Path]:
    newest = snapshot.newest(store)
    return [old for old in outdated(snapshots(store), terms) if old != newest]


def _drop(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            _delete(path)
