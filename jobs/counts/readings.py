"""The ways in which files were read, as the view access_log and a recount need to know them."""

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from jobs.logs import expressions
from jobs.logs.options import MARKS
from jobs.logs.reading import Reading
from queries.statements import statements

_SQL = statements(__name__)


def number(connection: duckdb.DuckDBPyConnection, kind: str, reading: Reading) -> int:
    """The number of this way to read rows, new or known."""
    way = {
        "kind": kind,
        "selection": expressions.access_log_selection(reading),
        "condition": expressions.client_requests(reading),
        "moment": expressions.requested_at(reading),
        "bare_timestamp": expressions.bare_timestamp(reading),
        "bare_service": expressions.bare_service(reading),
        "scan": reading.scan,
        **{role: expressions.mark(reading, role) for role in MARKS},
    }
    connection.execute(_SQL["reading"], way)
    rows: list[tuple[int]] = connection.execute(_SQL["reading_id"], way).fetchall()
    return rows[0][0]


def note_long_names(
    connection: duckdb.DuckDBPyConnection, kind: str, reading: Reading, file_ids: Sequence[int]
) -> None:
    """Of files with services that are too long for names, none is shown as it stands."""
    if expressions.bare_service(reading):
        other = number(connection, kind, replace(reading, has_long_names=True))
        connection.execute(_SQL["read_otherwise"], {"files": file_ids, "reading_id": other})
