"""The services that gave some codes most often, lately or on a day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import duckdb
import pyarrow as pa

from queries.report.figures import Counting, NothingToReport
from queries.statements import statements

FAILURES = ((0, 99), (400, 999))
"""Codes that are no success, and no step towards one."""

# No name is longer.
_WHOLE = 1_000
_SQL = statements(__name__)


class Span(NamedTuple):
    """From a moment until before another, naive, UTC."""

    start: datetime
    until: datetime


def lately(connection: duckdb.DuckDBPyConnection, last: timedelta) -> Span:
    """The last hours or days that have data. Raises NothingToReport."""
    ((newest,),) = connection.execute(_SQL["newest"]).fetchall()
    if newest is None:
        raise NothingToReport("there is nothing to report: no request is counted")
    return Span(newest - last, newest)


def top(
    connection: duckdb.DuckDBPyConnection,
    span: Span,
    services: tuple[str, ...] | None,
    codes: Sequence[tuple[int, int]],
    width: int | None = None,
) -> pa.RecordBatchReader:
    """Services and codes by how often they were given; names cut to `width`.

    Raises NothingToReport or duckdb.Error.
    """
    bound = {
        "services": Counting(connection, services).services,
        "start": span.start,
        "until": span.until,
        "low": [low for low, _ in codes],
        "high": [high for _, high in codes],
        "width": width or _WHOLE,
    }
    return connection.sql(_SQL["top"], params=bound).to_arrow_reader()
