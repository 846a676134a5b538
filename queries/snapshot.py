"""THE SEAM: what a snapshot holds, as DDL, and how to open one.

A snapshot is one finished DuckDB file that never changes. `STORE/httpcodes.duckdb` is a link
to the newest. Readers resolve the link before they connect: within a process DuckDB keeps
one instance for each path, so a connection by the link's name would go on seeing the file
that the link named first.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import duckdb

from queries import sidecars
from queries.failures import Failed
from queries.quoting import literal
from queries.statements import beside, statements

SCHEMA_VERSION = 4
# The reading side answers from snapshots of these versions, too: until the first run of a newer
# program has upgraded the store, there is no other.
OLDEST_READ = 1
LINK = "httpcodes.duckdb"

T = TypeVar("T")

# A DuckDB file is three headers of 4 KiB, then blocks.
_HEADERS = 3 * 4096

ACCESS_LOG_COLUMNS = {
    "requested_at": "TIMESTAMP",
    "service_name": "VARCHAR",
    "status_code": "SMALLINT",
    "method": "VARCHAR",
    "path": "VARCHAR",
    "bytes_sent": "BIGINT",
    "duration_ms": "DOUBLE",
    "client_ip": "VARCHAR",
    "user_agent": "VARCHAR",
    "referer": "VARCHAR",
    "cache_status": "VARCHAR",
    "source_file": "VARCHAR",
}


class SnapshotError(Failed):
    """A store without a snapshot that can be read; the message says what is wrong and where."""


class WrongVersion(SnapshotError):
    """A whole snapshot of a version that this program, or a command of it, does not read."""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Lay out an empty snapshot in the connection's current database."""
    # In one transaction: two hundred of their own take three times as long.
    connection.begin()
    connection.execute(beside(__name__, "snapshot.sql"))
    define_moments(connection)
    connection.execute(
        "INSERT INTO internal.snapshot (schema_version, settle_seconds) VALUES (?, 0)",
        [SCHEMA_VERSION],
    )
    define_access_log(connection, [])
    connection.commit()


def define_moments(connection: duckdb.DuckDBPyConnection) -> None:
    """Lay down in the current database what logs mean by a moment, in place of what was there."""
    connection.execute(beside(__name__, "time_macros.sql"))


def access_log(selects: Sequence[str]) -> str:
    """The query behind the view access_log, over these SELECTs (ACCESS_LOG_COLUMNS each)."""
    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {c}" for c, kind in ACCESS_LOG_COLUMNS.items())
    rows = "\nUNION ALL\n".join(selects) or f"SELECT {nothing} WHERE false"
    return statements(__name__, "access_log.sql")["select"].replace("{rows}", rows)


def define_access_log(connection: duckdb.DuckDBPyConnection, selects: Sequence[str]) -> None:
    """Make the view access_log the union of these SELECTs (ACCESS_LOG_COLUMNS each)."""
    connection.execute(f"CREATE OR REPLACE VIEW access_log AS {access_log(selects)}")
    connection.execute(statements(__name__, "access_log.sql")["comments"])


def owns(store: Path, out: Path) -> bool:
    """Whether a file of this name would lie in the store, or is one of its files elsewhere."""
    home = os.path.realpath(store)
    named = os.path.join(os.path.realpath(out.parent), out.name)
    for place in (named, os.path.realpath(out)):
        if os.path.commonpath([home, place]) == home:
            return True
    try:
        linked = out.stat()
    except OSError:
        return False
    # A hard link; there are few files with more than one name.
    return linked.st_nlink > 1 and any(
        os.path.samestat(linked, file.stat()) for file in Path(home).rglob("*") if file.is_file()
    )


def newest(store: Path) -> Path:
    """The file that the store's link points to.

    Raises SnapshotError if there is none.
    """
    link = store / LINK
    try:
        target = store / Path(os.readlink(link))
    except FileNotFoundError:
        raise SnapshotError(
            f"{link} does not exist: nothing was published here yet; `httpcodes run` does"
        ) from None
    except OSError as error:
        raise SnapshotError(f"{link} is not a link to a snapshot: {error.strerror}") from error
    return target


def check(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Raise SnapshotError unless the current database is a whole snapshot that can be read."""
    ((block_size, used),) = connection.execute(
        "SELECT block_size, used_blocks FROM pragma_database_size()"
        " WHERE database_name = current_database()"
    ).fetchall()
    whole, rest = divmod(file.stat().st_size - _HEADERS, block_size)
    if rest or whole < used:
        raise SnapshotError(f"{file} is cut short")
    check_version(connection, file, OLDEST_READ)


def check_version(
    connection: duckdb.DuckDBPyConnection, file: Path, oldest: int = SCHEMA_VERSION
) -> None:
    """Raise WrongVersion if the schema is newer than this program's or older than `oldest`.

    SnapshotError if the current database is no snapshot; messages name `file`.
    """
    try:
        ((version,),) = connection.execute(
            "FROM internal.snapshot SELECT schema_version"
        ).fetchall()
    except (duckdb.CatalogException, ValueError):
        raise SnapshotError(f"{file} holds no snapshot of httpcodes") from None
    if version > SCHEMA_VERSION:
        raise WrongVersion(
            f"{file} holds schema version {version}; this program reads versions {oldest} to "
            f"{SCHEMA_VERSION}: a newer program is needed (pip install --upgrade cdn-httpcodes)"
        )
    if version < oldest:
        raise WrongVersion(
            f"{file} holds schema version {version}; version {SCHEMA_VERSION} is needed, and the "
            "next `httpcodes run` upgrades it"
        )


class Closable(Protocol):
    """What is made of a snapshot."""

    def close(self) -> None:
        """Let the snapshot go."""


C = TypeVar("C", bound=Closable)


@dataclass
class _Held(Generic[C]):
    """What was made of a snapshot, and how many answers are being read from it."""

    file: Path
    made: C
    answers: int = 0


class Newest(Generic[C]):
    """What was made of a store's newest snapshot; made anew, and the old closed, when the link
    moves on. Any thread may ask."""

    def __init__(self, store: str | os.PathLike[str], make: Callable[[Path], C]) -> None:
        # Not resolved: the store itself may be a link.
        self._store = Path(os.path.abspath(store))
        self._make = make
        self._making = threading.Lock()
        self._lock = threading.Lock()
        self._newest: _Held[C] | None = None

    @contextmanager
    def held(self) -> Iterator[C]:
        """For one answer, all of which sees the same snapshot.

        Raises SnapshotError, or duckdb.Error and OSError if the file can't be opened.
        """
        with self._making:
            held = self._taken() or self._exchanged()
        try:
            yield held.made
        finally:
            self._release(held)

    @contextmanager
    def at_hand(self) -> Iterator[C | None]:
        """The same, if it is there already; None if there is anything to wait for.

        Raises SnapshotError.
        """
        held = self._taken()
        try:
            yield held.made if held else None
        finally:
            if held:
                self._release(held)

    def _taken(self) -> _Held[C] | None:
        file = newest(self._store)
        with self._lock:
            held = self._newest
            if held is None or held.file != file:
                return None
            held.answers += 1
            return held

    def _exchanged(self) -> _Held[C]:
        with self._lock:
            outdated, self._newest = self._newest, None
        if outdated:
            self._close_if_idle(outdated)
        held = _of_newest(self._store, lambda file: _Held(file, self._make(file), answers=1))
        with self._lock:
            self._newest = held
        return held

    def _release(self, held: _Held[C]) -> None:
        with self._lock:
            held.answers -= 1
        self._close_if_idle(held)

    def _close_if_idle(self, held: _Held[C]) -> None:
        # Closing a connection closes its cursors too, so the last answer has to do it.
        with self._lock:
            idle = held is not self._newest and not held.answers
        if idle:
            held.made.close()


def attach(connection: duckdb.DuckDBPyConnection, store: Path) -> None:
    """Make the store's newest snapshot the connection's current database, read-only.

    Raises SnapshotError or duckdb.Error.
    """
    _of_newest(store, partial(attach_file, connection))


def attach_file(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Make this snapshot the connection's current database, read-only, by the name `httpcodes`.

    Raises as `attach` does.
    """
    _refuse_wal(file)
    connection.execute(f"ATTACH {literal(file)} AS httpcodes (READ_ONLY); USE httpcodes")
    try:
        check(connection, file)
    except BaseException:
        connection.execute("USE memory; DETACH httpcodes")
        raise


def _of_newest(store: Path, opened: Callable[[Path], T]) -> T:
    while True:
        file = newest(store)
        try:
            return opened(file)
        except (duckdb.Error, OSError):
            # A run may have published, and cleared this one away, since the link was read.
            if newest(store) == file:
                raise


def _refuse_wal(file: Path) -> None:
    if Path(f"{file}.wal").exists():
        # DuckDB would merge it: what was written to a snapshot is not what was published.
        raise SnapshotError(f"{file} has a .wal beside it: something wrote to it; remove the .wal")


def _open(file: Path) -> duckdb.DuckDBPyConnection:
    _refuse_wal(file)
    connection = duckdb.connect(file, read_only=True)
    try:
        check(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


_readers: dict[Path, Newest[duckdb.DuckDBPyConnection]] = {}
_readers_lock = threading.Lock()


@contextmanager
def reading(store: str | os.PathLike[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the store's newest snapshot, for one answer; any thread may ask.

    All that happens on it sees the same snapshot. Raises SnapshotError, or duckdb.Error and
    OSError if the file can't be opened.
    """
    folder = Path(os.path.abspath(store))
    with _readers_lock:
        reader = _readers.setdefault(folder, Newest(folder, _open))
    with reader.held() as connection, connection.cursor() as cursor:
        # The bar of a slow query would go to stdout, where the data goes.
        cursor.execute("SET enable_progress_bar = false")
        sidecars.locate(cursor, folder)
        yield cursor
