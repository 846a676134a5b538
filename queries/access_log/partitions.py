"""The partitions of the view access_log, each a view of its own.

Files that are read in the same way and begin on the same day are a partition, which says between
which moments its rows lie: a question about an hour opens the files of its day and no other.
Partitions hold rows as they are logged; a group, of all partitions that are read in the same way,
says what their columns mean, once for all: planning a question takes longer the more there is to
be said.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import duckdb

from queries import snapshot
from queries.access_log import scan
from queries.statements import statements

_SQL = statements(__name__)


RELATIONS = {name: name for name in ("logged", "partitions", "groups", "whole")}
"""What `look` and `find` leave for others' statements to read, by what it holds: the files in
force (path, size, version, modified_at, is_copy), and the views that there should be (name,
digest)."""


class Partition(NamedTuple):
    """Files of a partition; moments are UTC."""

    name: str
    moment: str
    """An SQL expression: the moment of a row, NULL if it has none."""
    timed_moment: str
    """The same where a row has one; simpler, if it can be."""
    timed: list[str]
    """Files with rows that have a time that was believed."""
    untimed: list[str]
    """Files with rows that have none, or one that nobody believed."""
    first: datetime | None
    last: datetime | None
    copies: str | None
    """The folder that those of the files lie in which are copies; None if none are."""
    scan: str | None
    """How its files are read, if not in the usual way."""

    @property
    def query(self) -> str:
        """Its rows as they are logged, with their moments."""
        selects = []
        if self.timed:
            files = scan.files(self.timed, self.copies, self.scan)
            selects.append(_SQL["timed"].format(**self._asdict() | {"scan": files}))
        if self.untimed:
            files = scan.files(self.untimed, self.copies, self.scan)
            which = "untimed" if self.timed else "undated"
            selects.append(_SQL[which].format(**self._asdict() | {"scan": files}))
        return " UNION ALL ".join(selects)


class Group(NamedTuple):
    """Partitions, and what their columns mean."""

    name: str
    selection: str
    condition: str
    bare_service: str | None
    """The column that is service_name as it stands."""
    partitions: list[str]
    outdated: bool
    """Whether the snapshot does not have it as it should be."""

    def query(self, anew: Mapping[str, str]) -> str:
        """Its rows, with snapshot.ACCESS_LOG_COLUMNS; some partitions by these queries."""
        queries = (
            anew.get(partition, f"FROM internal.{partition}") for partition in self.partitions
        )
        return _SQL["group"].format(
            selection=self.selection,
            condition=self.condition,
            bare_service=self.bare_service or "NULL",
            service='"httpcodes service"' if self.bare_service else "service_name",
            partitions=" UNION ALL ".join(queries),
        )


def look(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int, int]]:
    """Where access_log reads the files in force: their copies, or they themselves.

    Their paths, sizes and modification times (us); they are in the temporary table `logged`, too.
    """
    try:
        connection.execute(_SQL["known"])
    except duckdb.CatalogException:
        connection.execute(_SQL["known_before_version_3"])
    connection.execute(_SQL["look"])
    return connection.execute(_SQL["logged"]).fetchall()


def find(connection: duckdb.DuckDBPyConnection, absent: Sequence[str]) -> None:
    """Note in temporary tables which partitions and groups there should be, without these files."""
    connection.execute(_SQL["absent"], {"paths": absent})
    connection.execute(_SQL["partitions"])


def every(connection: duckdb.DuckDBPyConnection) -> list[Partition]:
    """All that there should be."""
    return [Partition._make(row) for row in connection.execute(_SQL["every"]).fetchall()]


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what `look` and `find` left."""
    connection.execute(_SQL["forget"])


def outdated(connection: duckdb.DuckDBPyConnection) -> list[Partition]:
    """Those that the snapshot does not have as they should be."""
    return [Partition._make(row) for row in connection.execute(_SQL["outdated"]).fetchall()]


def groups(connection: duckdb.DuckDBPyConnection) -> list[Group]:
    """The groups that there should be."""
    return [Group._make(row) for row in connection.execute(_SQL["groups"]).fetchall()]


def leave_out(connection: duckdb.DuckDBPyConnection) -> tuple[list[str], list[str]]:
    """Hide access_log behind a temporary view without files that are not as they were counted.

    The paths of the files that it reads, and of those left out; if there are none, nothing
    changes. The current database is a snapshot, which stays as it is.
    """
    logged = look(connection)
    absent = touched(logged)
    if absent:
        find(connection, absent)
        anew = {partition.name: partition.query for partition in outdated(connection)}
        selects = [
            group.query(anew)
            if group.outdated or anew.keys() & set(group.partitions)
            else f"FROM internal.{group.name}"
            for group in groups(connection)
        ]
        connection.execute(f"CREATE TEMP VIEW access_log AS {snapshot.access_log(selects)}")
    forget(connection)
    return sorted({path for path, *_ in logged}.difference(absent)), absent


def touched(files: Iterable[tuple[str, int, int]]) -> list[str]:
    """Which local files are no longer there as they were, by path, size and modification (us)."""
    return [path for path, *known in files if _stands(path) != known]


def _stands(path: str) -> list[int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns // 1000]
