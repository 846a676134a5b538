"""The heat map: which share of each service's requests failed, hour by hour.

A cell's level follows the lower bound of its share, so that few requests make no heat, and the
scale ends where the data does.
"""

from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import NamedTuple

import duckdb

from queries.statements import statements

MOST = 30
"""A map of more services could not be read."""
LEVELS = 4
"""Above what is usual, in equal ratios up to the worst."""
FEW = 35
"""With fewer requests, a share of a tenth could not be told from none."""

# Usual is what the middle one of the services has; but not where most fail.
_LEAST_USUAL, _MOST_USUAL = 0.001, 0.1
_SQL = statements(__name__)


class Row(NamedTuple):
    """A service over the whole period."""

    service_name: str
    requests: int
    client_errors: int
    server_errors: int

    def errors(self, status_class: int) -> int:
        """Of class 4 or 5."""
        return self.client_errors if status_class == 4 else self.server_errors


class Cell(NamedTuple):
    """A service in one step, and a class of status codes."""

    requests: int
    answers: int
    lower: float
    """The share of these answers is at least this, 0 to 1; 95 % sure."""


class Heat(NamedTuple):
    """The shares of 4xx and 5xx by service and time."""

    seconds: int
    spoken: str
    """The step, as in `per hour`."""
    services: int
    """How many have requests in the period."""
    rows: list[Row]
    cells: dict[int, dict[tuple[str, datetime], Cell]]
    """By class (4, 5), service and start of the step; a step without requests is not there."""

    def ends(self, status_class: int) -> list[float]:
        """Up to which lower bound each level reaches, that of what is usual first."""
        shares = [row.errors(status_class) / row.requests for row in self.rows]
        usual = min(median(shares or [0.0]), _MOST_USUAL)
        worst = max((cell.lower for cell in self.cells[status_class].values()), default=0)
        lowest = max(usual, _LEAST_USUAL)
        top = max(4 * lowest, worst)
        return [usual, *(lowest * (top / lowest) ** (n / LEVELS) for n in range(1, LEVELS + 1))]


def level(cell: Cell, ends: Sequence[float]) -> int:
    """0: no share that is more than usual, up to LEVELS."""
    return next((number for number, end in enumerate(ends) if cell.lower <= end), LEVELS)


def heat(
    connection: duckdb.DuckDBPyConnection,
    services: Sequence[str],
    span: tuple[datetime, datetime],
    step: tuple[int, str],
    first: Sequence[str],
) -> Heat:
    """The map of these services between two moments; those in `first` come first."""
    bound = {"start": span[0], "until": span[1]}
    asked = bound | {"services": list(services), "first": list(first), "most": MOST}
    rows = connection.execute(_SQL["rows"], asked).fetchall()
    shown = [row[0] for row in rows]
    found = connection.execute(_SQL["cells"], bound | {"shown": shown, "step": step[0]}).fetchall()
    cells: dict[int, dict[tuple[str, datetime], Cell]] = {4: {}, 5: {}}
    for status_class, name, start, *counted in found:
        cells[status_class][name, start] = Cell(*counted)
    return Heat(*step, rows[0][4] if rows else 0, [Row(*row[:4]) for row in rows], cells)
