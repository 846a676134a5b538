"""What stands out: spans in which a service failed more often than its past explains.

A service, a code or class, and a span of time are judged against the same hours of the weeks
before, or, where there are none, against the hours around. How that is done is in the SQL; what
it finds and what it cries falsely is measured by tests/benchmarks/standouts.py.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import duckdb

from queries.statements import statements

MOST = 8
"""So many are told; more would be no longer what stands out."""
LONGEST = timedelta(days=35)
"""In longer periods nothing is looked for."""

_HOUR = 3_600
_JUDGEMENT = {
    "weeks": 4,
    "margin": 7 * _HOUR,
    "chance": 0.05,  # of one false cry in a whole report
    "least": 5,  # answers more than expected
    "least_share": 0.002,  # of the requests
}
_SQL = statements(__name__)


class Standout(NamedTuple):
    """A span in which a service gave an answer far more often than expected."""

    service_name: str
    what: int
    """A status code; -4 and -5 are the classes 4xx and 5xx."""
    start: datetime
    until: datetime
    requests: int
    answers: int
    """Those of the requests that got it."""
    reference_requests: int
    """In the hours that it is compared with."""
    reference_answers: int
    weeks: int
    """How many weeks before it is compared with; 0: with the hours around."""

    @property
    def status_class(self) -> int | None:
        """4 or 5; None: the code is of neither."""
        found = -self.what if self.what < 0 else self.what // 100
        return found if found in (4, 5) else None


class Standouts(NamedTuple):
    """What stands out, the clearest first."""

    all: list[Standout]
    looked: bool
    """False: the period is too long to look."""

    @property
    def foremost(self) -> list[Standout]:
        """Those that a page names."""
        return self.all[:MOST]


def standouts(
    connection: duckdb.DuckDBPyConnection,
    services: Sequence[str],
    start: datetime,
    until: datetime,
) -> Standouts:
    """What stands out in these services between two midnights, naive, UTC."""
    if until - start > LONGEST:
        return Standouts([], looked=False)
    bound: dict[str, Any] = _JUDGEMENT | _windows(until - start)
    bound |= {"services": list(services), "start": start, "until": until}
    rows = connection.execute(_SQL["standouts"], bound).fetchall()
    return Standouts([Standout(*row) for row in rows], looked=True)


def _windows(span: timedelta) -> dict[str, Any]:
    """How finely a period is looked at: up to an hour, and finer the shorter it is."""
    if span <= timedelta(days=1):
        return {"fine": 300, "scales": [1, 3, 12]}
    if span <= timedelta(days=4):
        return {"fine": 900, "scales": [1, 4]}
    return {"fine": _HOUR, "scales": [1]}
