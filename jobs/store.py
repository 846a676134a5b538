"""The store on disk: folders, the lock, and a revision as copy, change, publish.

Until the link is replaced nothing has happened; after it, all of it has. A run that dies
anywhere before leaves the newest snapshot in force, and its leftovers to the next run.
"""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from queries import snapshot

# FICLONE of linux/fs.h: share a file's blocks until one side changes.
_FICLONE = 0x40049409
_STAMP = "%Y%m%dT%H%M%SZ"


class StoreLocked(Exception):
    """Another run holds the store; the message names its process."""


class StoreUnusable(Exception):
    """The store can't be read or written; the message says where and why."""


@dataclass(frozen=True)
class Terms:
    """On which terms a store is kept, and what a run may use."""

    settle: timedelta = timedelta(hours=48)
    """How long after its end a bucket may still change: logs arrive up to 48 hours late."""
    kept_snapshots: int = 5
    memory: str | None = None
    """As DuckDB's memory_limit; None: its own choice."""
    threads: int | None = None
    registered_only: bool = False
    """Whether only registered services count."""


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


@contextmanager
def revision(store: Path, terms: Terms) -> Iterator[Revision]:
    """Change a copy of the newest snapshot, and publish it if the body does not raise.

    Raises StoreLocked at once if another run holds the store, StoreUnusable if it can't be
    read or written, or not on these terms.
    """
    with _locked(store):
        _clear(store / "tmp")
        started_at = datetime.now(UTC).replace(tzinfo=None)
        run_id = _run_id(store, started_at)
        working = store / "tmp" / f"{run_id}.duckdb"
        try:
            connection = _open_copy(store, working, terms)
            try:
                yield Revision(run_id, started_at, connection, terms)
                connection.execute("CHECKPOINT work")
                connection.execute("USE memory; DETACH work")
            finally:
                connection.close()
            _publish(store, working)
        finally:
            _clear(store / "tmp")
        _drop_old_snapshots(store, terms.kept_snapshots)


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    try:
        for folder in (store, store / "snapshots", store / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(store / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreUnusable(f"the store {store} can't be written: {error.strerror}") from error
    try:
        if not _take(lock):
            raise StoreLocked(f"another run holds {store}: process {_named_in(lock)}")
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    # Whoever asks for the holder has the lock for an instant; a run has it for longer.
    for pause in (0.05, 0.05, 0):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(pause)
    return False


def holder(store: Path) -> str | None:
    """The process that holds the store now; None if none does."""
    try:
        lock = os.open(store / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named_in(lock)
    finally:
        os.close(lock)
    return None


def _named_in(lock: int) -> str:
    return os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"


def _clear(folder: Path) -> None:
    for leftover in folder.iterdir():
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _run_id(store: Path, now: datetime) -> str:
    """Names sort in the order of publication, even after a clock that went back."""
    moment = now.replace(microsecond=0)
    if names := _snapshots(store):
        moment = max(moment, started_at(names[-1].stem) + timedelta(seconds=1))
    return f"{moment.strftime(_STAMP)}-{secrets.token_hex(2)}"


def started_at(name: str) -> datetime:
    """The moment that a snapshot's name tells; naive, UTC."""
    return datetime.strptime(name.partition("-")[0], _STAMP)


def _snapshots(store: Path) -> list[Path]:
    return sorted((store / "snapshots").glob("????????T??????Z-????.duckdb"))


def rollback(store: Path) -> str:
    """Point the link at the last good snapshot before the one in force; its name.

    Raises StoreLocked, or StoreUnusable if there is none.
    """
    with _locked(store):
        _clear(store / "tmp")
        earlier = _last_good(store, snapshot.newest(store))
        if earlier is None:
            raise StoreUnusable(f"{store} has no good snapshot before the one in force")
        _link(store, earlier)
        return earlier.stem


def _last_good(store: Path, before: Path) -> Path | None:
    earlier = [file for file in _snapshots(store) if file.name < before.name]
    return next((file for file in reversed(earlier) if _is_good(file)), None)


def _is_good(file: Path) -> bool:
    if Path(f"{file}.wal").exists():
        return False
    try:
        with duckdb.connect(file, read_only=True) as connection:
            snapshot.check(connection, file)
    except (duckdb.Error, OSError, snapshot.SnapshotError):
        return False
    return True


def _open_copy(store: Path, working: Path, terms: Terms) -> duckdb.DuckDBPyConnection:
    """A connection whose current database is the newest snapshot's copy, or an empty one."""
    if not os.path.lexists(store / snapshot.LINK):
        connection = _attached(working, terms)
        snapshot.create(connection)
        return connection
    newest = snapshot.newest(store)
    try:
        _copy(newest, working)
        connection = _attached(working, terms)
        snapshot.check(connection, working)
    except (duckdb.IOException, FileNotFoundError, snapshot.SnapshotError) as error:
        if _is_good(newest):
            raise
        way_out = ""
        if good := _last_good(store, newest):
            way_out = f"; `httpcodes rollback` returns to {good.stem}, the last good one"
        raise StoreUnusable(f"the newest snapshot {newest} is broken{way_out}") from error
    return connection


def _attached(working: Path, terms: Terms) -> duckdb.DuckDBPyConnection:
    limits = {"memory_limit": terms.memory, "threads": terms.threads}
    try:
        connection = duckdb.connect(
            config={
                "temp_directory": str(working.parent / "spill"),
                "autoinstall_known_extensions": "false",
                **{name: str(limit) for name, limit in limits.items() if limit is not None},
            }
        )
    except duckdb.Error as error:
        raise StoreUnusable(f"the limits can't be kept: {error}") from error
    # The bar would go to stdout, where the data goes.
    connection.execute("SET enable_progress_bar = false")
    # Storage version: what DuckDB 1.4 and 1.5 open too. No WAL: a dead run's copy is thrown
    # away, so there is nothing that it could recover.
    target = str(working).replace("'", "''")
    connection.execute(
        f"ATTACH '{target}' AS work (STORAGE_VERSION 'v1.2.0', RECOVERY_MODE no_wal_writes)"
    )
    connection.execute("USE work")
    return connection


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("xb") as new:
        try:
            fcntl.ioctl(new, _FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, 1 << 20)


def _publish(store: Path, working: Path) -> None:
    if Path(f"{working}.wal").exists():
        raise StoreUnusable(f"{working} was closed with changes still in its .wal")
    _sync(working)
    working.chmod(0o444)
    published = store / "snapshots" / working.name
    working.rename(published)
    _sync(published.parent)
    _link(store, published)


def _link(store: Path, published: Path) -> None:
    link = store / "tmp" / snapshot.LINK
    link.symlink_to(Path("snapshots", published.name))
    link.replace(store / snapshot.LINK)
    _sync(store)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _drop_old_snapshots(store: Path, kept: int) -> None:
    newest = snapshot.newest(store)
    for old in _snapshots(store)[:-kept]:
        if old != newest:
            # Published is published: a leftover is a matter for the next run.
            with suppress(OSError):
                old.unlink()
