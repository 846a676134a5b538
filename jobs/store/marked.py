"""Rows of files with what tells them apart: numbers of servers, ids of requests."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import duckdb

from jobs.store.revision import Revision
from queries.access_log import scan
from queries.statements import statements

IDS, NUMBERS = "request ids", "row numbers"
_SQL = statements(__name__)

_AT_ONCE = 500
"""Files in a scan."""


@dataclass(frozen=True)
class Unmeasured:
    """Files in force that could not be read a second time, for what tells rows apart."""

    what: str
    files: int
    path: str
    """The first of them."""

    @property
    def sentence(self) -> str:
        """For people."""
        others = f" and {self.files - 1:,} more" if self.files > 1 else ""
        return (
            f"the {self.what} of {self.path}{others} could not be read a second time: "
            "whether rows of theirs are lost, or there twice, is not known"
        )

    def as_json(self) -> dict[str, Any]:
        """The machine's form."""
        return vars(self)


class Alike(NamedTuple):
    """Files that are read in one way, and what of their rows is looked at."""

    said: str
    """A SELECT list."""
    condition: str
    """Of the rows that are meant."""
    moment: str
    """An expression for a row's time: TIMESTAMP, UTC; NULL where it has none."""
    scan: str | None
    files: Sequence[int] = ()
    """The file_id of each."""
    paths: Sequence[str] = ()


def unread(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    alike: Alike,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> list[int]:
    """Do this with their `{rows}`; the file_id of those that can't be read again.

    Rows have `place` (which of $file_ids, from 1), `hour_start` and what is `said`. No count hangs
    on what can't be read: it is not measured.
    """
    selection = (
        f'list_position($paths, "{scan.SOURCE_FILE}") AS place, '
        f"date_trunc('hour', {alike.moment}) AS hour_start, {alike.said}"
    )

    def done(some: slice) -> list[int]:
        paths, file_ids = list(alike.paths[some]), list(alike.files[some])
        rows = scan.rows(selection, alike.condition, paths, alike.scan)
        try:
            asked = {"paths": paths, "file_ids": file_ids, **given}
            connection.execute(sql.format(rows=rows), asked)
        except (duckdb.InterruptException, duckdb.FatalException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error:
            if len(paths) == 1:
                return file_ids
            # One that can't be read fails the scan that it is part of.
            middle = some.start + len(paths) // 2
            return done(slice(some.start, middle)) + done(slice(middle, some.stop))
        return []

    starts = range(0, len(alike.paths), _AT_ONCE)
    return [file for first in starts for file in done(slice(first, first + _AT_ONCE))]


def note(work: Revision, what: str, files: Collection[int], left: Collection[int]) -> None:
    """Write down which of the files are left, of which this was not measured."""
    asked = {"what": what, "file_ids": list(files)}
    work.connection.execute(_SQL["measured"], asked)
    asked["file_ids"] = list(left)
    work.connection.execute(_SQL["unmeasured"], asked | {"run_id": work.run_id})


def unmeasured(
    connection: duckdb.DuckDBPyConnection, run_id: str | None = None
) -> list[Unmeasured]:
    """What is not known of files in force; with a run, of those that it could not read again."""
    rows = connection.execute(_SQL["told"], {"run_id": run_id}).fetchall()
    return [Unmeasured(*row) for row in rows]
