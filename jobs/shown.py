"""What the view access_log shows: the rows of the files in force, where they lie.

Files that are read in the same way and begin on the same day are a part, which is a view of its
own and says between which moments its rows lie: a question about an hour opens the files of
its day and no other, and a new file defines one part anew.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import duckdb

from jobs import parquet
from jobs.sources import look
from queries.snapshot import define_access_log
from queries.statements import statements

_SQL = statements("jobs", "shown.sql")


class _Part(NamedTuple):
    name: str
    selection: str
    condition: str
    timed: list[str]
    untimed: list[str]
    first: datetime | None
    last: datetime | None

    @property
    def query(self) -> str:
        selects = []
        if self.timed:
            rows = parquet.rows(self.selection, self.condition, self.timed)
            selects.append(_SQL["timed"].format(rows=rows, first=self.first, last=self.last))
        if self.untimed:
            rows = parquet.rows(self.selection, self.condition, self.untimed)
            selects.append(_SQL["untimed"].format(rows=rows))
        return " UNION ALL ".join(selects)


def show(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring the view up to the files in force that still are as they were counted."""
    absent = _touched(connection.execute(_SQL["unseen"]).fetchall())
    while True:
        connection.execute(_SQL["absent"], {"paths": absent})
        connection.execute(_SQL["parts"])
        try:
            _define(connection)
        except duckdb.Error:
            # A file may have gone or changed since it was last looked at.
            more = _touched(connection.execute(_SQL["shown"]).fetchall())
            if not more:
                raise
            absent += more
        else:
            return


def _touched(files: Iterable[tuple[str, int, int]]) -> list[str]:
    """Which of these files are no longer there as they were, by path, size and modification."""
    return [path for path, *known in files if not _is_as_it_was(path, known)]


def _is_as_it_was(path: str, known: Sequence[int]) -> bool:
    file = look(path)
    return file is not None and [file.size, file.modified_us] == known


def _define(connection: duckdb.DuckDBPyConnection) -> None:
    for part in map(_Part._make, connection.execute(_SQL["outdated"]).fetchall()):
        connection.execute(f"CREATE OR REPLACE VIEW internal.{part.name} AS {part.query}")
    dropped = connection.execute(_SQL["dropped"]).fetchall()
    added = connection.execute(_SQL["added"]).fetchall()
    connection.execute(_SQL["note"])
    if added or dropped:
        names = connection.execute(_SQL["names"]).fetchall()
        define_access_log(connection, [f"FROM internal.{name}" for (name,) in names])
    for (name,) in dropped:
        connection.execute(f"DROP VIEW internal.{name}")
