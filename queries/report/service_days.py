"""What the pages of a site tell: for a day, each service by itself."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any, NamedTuple

import duckdb

from queries.report.codes import Codes, Grid, codes
from queries.report.figures import Comparison, Report
from queries.report.standouts import Standout
from queries.statements import statements

CHANGED, LISTED = 10, 30
"""So many codes and files of a service are named."""

_SQL = statements(__name__)


class Day(NamedTuple):
    """A UTC day with data, and a digest of all that its pages are made of."""

    day: str
    digest: str


class Total(NamedTuple):
    """A day as the index tells it."""

    day: str
    requests: int
    client_errors: int
    server_errors: int
    services: int


class Brought(NamedTuple):
    """The files that brought a service's counts."""

    files: list[tuple[str, int]]
    """Path and requests, the largest first."""
    all_files: int
    requests: int
    """From files that are not folded."""


class ServiceDay(NamedTuple):
    """A service on a day."""

    service_name: str
    requests: int
    client_errors: int
    server_errors: int
    before: bool
    """Whether it has data the day before."""
    after: bool
    moved: list[Standout]
    changes: list[tuple[int, int, int]]
    """Code, requests before and now."""
    brought: Brought


def days(
    connection: duckdb.DuckDBPyConnection,
    services: Sequence[str],
    bounds: tuple[date | None, date | None],
    most: int,
) -> list[Day]:
    """The days between these, in order; without a first one, of the latest `most`."""
    first, last = bounds
    bound = {"services": list(services), "first": first, "last": last, "most": most}
    return [Day(*row) for row in connection.execute(_SQL["days"], bound).fetchall()]


def totals(
    connection: duckdb.DuckDBPyConnection, services: Sequence[str], of: Sequence[str]
) -> list[Total]:
    """These days, the latest first."""
    bound = {"services": list(services), "days": list(of)}
    return [Total(*row) for row in connection.execute(_SQL["totals"], bound).fetchall()]


def service_days(
    connection: duckdb.DuckDBPyConnection, services: Sequence[str], report: Report
) -> list[ServiceDay]:
    """Each service with data on the report's day, the largest first."""
    start, until = report.period.start, report.period.until
    bound = {"services": list(services), "start": start, "until": until}
    changes = _changes(connection, services, report.comparison)
    brought = _by_service(connection.execute(_SQL["files"], bound | {"most": LISTED}).fetchall())
    by_service: dict[str, list[Standout]] = {}
    for each in report.standouts.all:
        by_service.setdefault(each.service_name, []).append(each)
    return [
        ServiceDay(
            name,
            *(requests, client_errors, server_errors),
            *(before, after),
            by_service.get(name, []),
            changes.get(name, []),
            _brought(brought.get(name, [])),
        )
        for name, requests, client_errors, server_errors, before, after in connection.execute(
            _SQL["services"], bound
        ).fetchall()
    ]


def lines(
    connection: duckdb.DuckDBPyConnection, services: Sequence[str], start: datetime, until: datetime
) -> Codes:
    """The codes of each service, by quarters of an hour."""
    return codes(connection, services, Grid(start, until, 900, "15 minutes", 3_600), apart=True)


def _changes(
    connection: duckdb.DuckDBPyConnection, services: Sequence[str], compared: Comparison
) -> dict[str, list[tuple[int, int, int]]]:
    if not compared.requests_before:
        return {}
    bound = {"services": list(services), "since": compared.since, "until": compared.until}
    rows = connection.execute(_SQL["changes"], bound | {"back": 7, "most": CHANGED}).fetchall()
    return _by_service(rows)


def _by_service(rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    grouped = groupby(rows, key=lambda row: row[0])
    return {name: [row[1:] for row in found] for name, found in grouped}


def _brought(rows: list[tuple[str, int, int, int]]) -> Brought:
    files = [(path, n) for path, n, *_ in rows]
    return Brought(files, rows[0][2] if rows else 0, rows[0][3] if rows else 0)
