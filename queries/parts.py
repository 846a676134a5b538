"""The parts of the view access_log, each a view of its own.

Files that are read in the same way and begin on the same day are a part, which says between
which moments its rows lie: a question about an hour opens the files of its day and no other.
"""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import duckdb

from queries import scan, snapshot
from queries.statements import statements

_SQL = statements("queries", "parts.sql")


class Part(NamedTuple):
    """Files of a part, and how their rows are read; moments are UTC."""

    name: str
    selection: str
    condition: str
    bare_timestamp: str | None
    """The column that is requested_at as it stands, in rows that have a time."""
    bare_service: str | None
    """The column that is service_name as it stands."""
    timed: list[str]
    """Files with rows that have a time."""
    untimed: list[str]
    """Files with rows that have none."""
    first: datetime | None
    last: datetime | None
    copies: str | None
    """The folder that those of the files lie in which are copies; None if none are."""

    @property
    def query(self) -> str:
        """Its rows, with snapshot.ACCESS_LOG_COLUMNS."""
        selects = []
        if self.timed:
            selects.append(self._timed())
        if self.untimed:
            rows = scan.rows(self.selection, self.condition, self.untimed, self.copies)
            selects.append(_SQL["untimed"].format(rows=rows))
        return " UNION ALL ".join(selects)

    def _timed(self) -> str:
        selection = ", ".join(
            (
                self.selection,
                f"{self.bare_timestamp or 'NULL'} AS bare_timestamp",
                f"{self.bare_service or 'NULL'} AS bare_service",
            )
        )
        return _SQL["timed"].format(
            rows=scan.rows(selection, self.condition, self.timed, self.copies),
            timestamp="bare_timestamp" if self.bare_timestamp else "requested_at",
            service="bare_service" if self.bare_service else "service_name",
            first=self.first,
            last=self.last,
        )


def look(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int, int]]:
    """Where access_log reads the files in force: their copies, or they themselves.

    Their paths, sizes and modification times (us); they are in the temporary table shown, too.
    """
    try:
        connection.execute(_SQL["known"])
    except duckdb.CatalogException:
        connection.execute(_SQL["known_before_version_3"])
    connection.execute(_SQL["look"])
    return connection.execute(_SQL["shown"]).fetchall()


def find(connection: duckdb.DuckDBPyConnection, absent: Sequence[str]) -> None:
    """Note in the temporary table parts which there should be of shown, without these files."""
    connection.execute(_SQL["absent"], {"paths": absent})
    connection.execute(_SQL["parts"])


def outdated(connection: duckdb.DuckDBPyConnection) -> list[Part]:
    """Those that the snapshot does not have as they should be."""
    return [Part._make(row) for row in connection.execute(_SQL["outdated"]).fetchall()]


def names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Those that the snapshot has, in order."""
    return [name for (name,) in connection.execute(_SQL["names"]).fetchall()]


def leave_out(connection: duckdb.DuckDBPyConnection) -> tuple[list[str], list[str]]:
    """Hide access_log behind a temporary view without files that are not as they were counted.

    The paths of the files that it reads, and of those left out; if there are none, nothing
    changes. The current database is a snapshot, which stays as it is.
    """
    shown = look(connection)
    absent = touched(shown)
    if absent:
        find(connection, absent)
        selects = [
            f"FROM internal.{name}" for (name,) in connection.execute(_SQL["kept"]).fetchall()
        ]
        selects += [part.query for part in outdated(connection)]
        connection.execute(f"CREATE TEMP VIEW access_log AS {snapshot.access_log(selects)}")
    connection.execute(_SQL["forget"])
    return sorted({path for path, *_ in shown}.difference(absent)), absent


def touched(files: Iterable[tuple[str, int, int]]) -> list[str]:
    """Which local files are no longer there as they were, by path, size and modification (us)."""
    return [path for path, *known in files if _stands(path) != known]


def _stands(path: str) -> list[int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns // 1000]
