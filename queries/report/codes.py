"""Status codes over time: of all services together, or of each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import duckdb

from queries.statements import statements

ALL = -9
"""All requests; -2 to -5 are the classes."""
MOST = 12
"""So many codes are drawn, the most frequent."""

_SQL = statements(__name__)


class Line(NamedTuple):
    """The requests of one code, or of one class, over time."""

    what: int
    """A status code, a class as -4, or ALL."""
    total: int
    most: int
    """In one step."""
    bars: str
    """Commands of an SVG path: a bar a step, 100 high at the most."""
    parts: list[tuple[int, int]]
    """Counts of longer spans: which, and how many."""


class Grid(NamedTuple):
    """A span of time, naive, UTC, and the steps in which it is drawn."""

    start: datetime
    until: datetime
    step: int
    """In seconds."""
    spoken: str
    """As in `per 5 minutes`."""
    part: int
    """In seconds, whole steps: in these a reader's pointer finds the counts."""

    @property
    def steps(self) -> int:
        """How many there are, the last one perhaps cut short."""
        return -(-(self.until - self.start) // timedelta(seconds=self.step))


class Codes(NamedTuple):
    """Lines by service, and what they are drawn on."""

    grid: Grid
    lines: dict[str, list[Line]]
    """Of all services together under ''. Classes come first, then codes."""


def codes(
    connection: duckdb.DuckDBPyConnection, services: Sequence[str], grid: Grid, *, apart: bool
) -> Codes:
    """The lines of these services, each `apart` or all together."""
    bound: dict[str, Any] = {"services": list(services), "start": grid.start, "until": grid.until}
    bound |= {"step": grid.step, "part": grid.part, "apart": apart, "most": MOST}
    rows = connection.execute(_SQL["codes"], bound).fetchall()
    lines = {
        name: [_line(row) for row in found] for name, found in groupby(rows, key=lambda row: row[0])
    }
    return Codes(grid, lines)


def spoken(what: int) -> str:
    """How one says it: 404, 4xx, 000, all."""
    if what == ALL:
        return "all"
    return f"{-what}xx" if what < 0 else f"{what:03}"


def _line(row: tuple[Any, ...]) -> Line:
    return Line(row[1], row[2], row[3], row[4], [(part["part"], part["k"]) for part in row[5]])
