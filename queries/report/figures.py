"""What a report tells of a day or range: counted in SQL, to at most some hundreds of points.

How it looks is a matter of charts and page; no number is made there.
"""

import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import duckdb

from queries import snapshot
from queries.failures import Misused
from queries.report.codes import Codes, Grid, codes
from queries.report.heat import Heat, heat
from queries.report.lacking import Lacking, lacking
from queries.report.standouts import Standouts, standouts
from queries.service_name import canonical
from queries.statements import statements

MOST_DAYS = 3_653
"""Ten years are the longest report."""
CHANGED, LISTED = 10, 10
"""How many services and files are named at the most: a chart of more could not be read."""
LATE_HOURS = (1, 6, 24, 48, 168)
"""Between these, files are counted by their lateness."""

_POINTS, _COLUMNS = 400, 32
_BUCKET = timedelta(minutes=5)
_STEPS = {
    300: "5 minutes",
    900: "15 minutes",
    1_800: "30 minutes",
    3_600: "hour",
    10_800: "3 hours",
    21_600: "6 hours",
    43_200: "12 hours",
    86_400: "day",
    604_800: "week",
    2_419_200: "4 weeks",
}
_SQL = statements(__name__)


class NothingToReport(Misused):
    """A period or service of which nothing can be told; the message says where there is data."""


class Step(NamedTuple):
    """What lies between two points of a chart."""

    seconds: int
    spoken: str
    """As in `requests per hour`."""

    @classmethod
    def of(cls, span: timedelta, most: int) -> "Step":
        """The shortest of which the span has no more than `most`."""
        fit = (s for s in _STEPS if span.total_seconds() <= s * most)
        seconds = next(fit, max(_STEPS))
        return cls(seconds, _STEPS[seconds])


@dataclass(frozen=True)
class Period:
    """UTC days; both ends are inclusive."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def start(self) -> datetime:
        """The first moment, naive, UTC."""
        return datetime(self.first.year, self.first.month, self.first.day)

    @property
    def until(self) -> datetime:
        """The first moment after it, naive, UTC."""
        return datetime(self.last.year, self.last.month, self.last.day) + timedelta(days=1)

    @property
    def weeks(self) -> int:
        """How many weeks earlier the days lie that these are compared with, without overlap."""
        return -(-((self.last - self.first).days + 1) // 7)


class Classes(NamedTuple):
    """The requests of a step by class of status code."""

    step_start: datetime
    ok_2xx: int
    redirect_3xx: int
    client_error_4xx: int
    server_error_5xx: int
    other: int


class Change(NamedTuple):
    """A service now and the weeks before; errors are 5xx answers."""

    service_name: str
    requests_before: int
    requests: int
    errors_before: int
    errors: int
    by_requests: bool
    """Whether it is among those whose requests changed most."""
    by_errors: bool


class Comparison(NamedTuple):
    """The part of the period that has a counterpart in the weeks before, and what changed."""

    since: datetime
    until: datetime
    requests_before: int
    """0: there is nothing to compare with."""
    changes: list[Change]

    @property
    def by_requests(self) -> list[Change]:
        """Those whose requests changed most, the largest change first."""
        return [change for change in self.changes if change.by_requests]

    @property
    def by_errors(self) -> list[Change]:
        """Those whose 5xx answers changed most, the largest change first."""
        found = [change for change in self.changes if change.by_errors]
        return sorted(found, key=lambda c: (-abs(c.errors - c.errors_before), c.service_name))


class Span(NamedTuple):
    """Files whose newest request was so old when the run that counted them started."""

    files: int
    rows: int


class Late(NamedTuple):
    """A file that came late."""

    path: str
    last_request: datetime
    ingested_at: datetime
    rows: int
    hours: float


class Lateness(NamedTuple):
    """How long after their newest request files were counted."""

    spans: list[Span]
    """One for each of LATE_HOURS, up to it, and one for what is later."""
    files: int
    late_files: int
    """How many came after the settle time."""
    latest: list[Late]


class Unusable(NamedTuple):
    """A file in quarantine, or refused."""

    path: str
    state: str
    reason: str
    ingested_at: datetime


class Quarantine(NamedTuple):
    """Files that can't be used, of all days: nobody knows of which day they are."""

    files: int
    newest: list[Unusable]


@dataclass(frozen=True)
class Report:
    """All that a report tells. Moments are naive, UTC."""

    snapshot: str
    period: Period
    chosen: tuple[str, ...] | None
    """The services that were asked for; None: all."""
    final_until: datetime | None
    """Buckets that end here or before can't change any more."""
    settle_hours: float
    step: Step
    classes: list[Classes]
    codes: Codes
    standouts: Standouts
    standing_out: Codes
    """The lines of the services that stand out."""
    heat: Heat
    comparison: Comparison
    lateness: Lateness
    rejected: list[tuple[str, int, int]]
    """Of files with requests of the period: reason, rows, files."""
    quarantine: Quarantine
    lacking: list[Lacking]

    @property
    def totals(self) -> tuple[int, ...]:
        """Requests of the period by class, in the order of Classes."""
        return tuple(sum(column) for column in list(zip(*self.classes, strict=True))[1:])


def report(
    store: str | os.PathLike[str],
    first: date | None = None,
    last: date | None = None,
    services: tuple[str, ...] | None = None,
) -> Report:
    """What there is to tell of these UTC days, both inclusive.

    Without `first` and `last` it is the last day with data; without one of them, that end of
    the data. Raises NothingToReport, SnapshotError, duckdb.Error or OSError.
    """
    with snapshot.reading(store) as connection:
        return Counting(connection, services).of(first, last)


class Counting:
    """A snapshot that is asked about some services."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, chosen: tuple[str, ...] | None
    ) -> None:
        self._connection = connection
        ((self.snapshot, self._final_until, self._settle_hours, known),) = self._rows("known")
        self._chosen = chosen and tuple(_folded(name, known) for name in chosen)
        self.services: list[str] = list(self._chosen or known)
        self._bound: dict[str, Any] = {"services": self.services}

    def of(self, first: date | None, last: date | None) -> Report:
        """What there is to tell of these days."""
        ((oldest, newest),) = self._rows("reach", "services")
        period = _period(first, last, oldest, newest)
        self._bound |= {"start": period.start, "until": period.until}
        step, part = (Step.of(period.until - period.start, most) for most in (_POINTS, _COLUMNS))
        ends = (period.start, period.until)
        grid = Grid(*ends, *step, part.seconds)
        asked, services = self._connection, self.services
        classes = self._classes(step, period)
        moved = standouts(asked, services, *ends)
        names = list(dict.fromkeys(each.service_name for each in moved.foremost))
        return Report(
            self.snapshot,
            period,
            self._chosen,
            self._final_until,
            self._settle_hours,
            step,
            classes,
            codes(asked, services, grid, apart=False),
            moved,
            codes(asked, names, grid, apart=True),
            heat(asked, services, ends, part, names),
            self._comparison(period, oldest, newest),
            self._lateness(),
            self._rows("rejected", "start", "until"),
            self.quarantine(),
            lacking(asked, *ends),
        )

    def _classes(self, step: Step, period: Period) -> list[Classes]:
        rows = self._rows("classes", "start", "until", "services", step=step.seconds)
        found = [Classes(*row) for row in rows]
        if not any(sum(each[1:]) for each in found):
            raise NothingToReport(f"there are no requests on {period} (UTC)")
        return found

    def _comparison(self, period: Period, oldest: datetime, newest: datetime) -> Comparison:
        # What is not counted yet, or was not a week before, is no change.
        days = period.weeks * 7
        since = max(period.start, oldest + timedelta(days=days))
        until = min(period.until, newest + _BUCKET)
        if since >= until:
            return Comparison(since, until, 0, [])
        compared = {"since": since, "until": until, "back": days, "most": CHANGED}
        rows = self._rows("changes", "services", **compared)
        changes = [Change(*row[:7]) for row in rows]
        return Comparison(since, until, rows[0][7] if rows else 0, changes)

    def _lateness(self) -> Lateness:
        spans = self._rows("lateness", "start", "until", edges=list(LATE_HOURS))
        found = {span: Span(files, counted) for span, files, counted in spans}
        latest = self._rows("latest", "start", "until", most=LISTED)
        files, late = latest[0][5:] if latest else (0, 0)
        return Lateness(
            [found.get(span, Span(0, 0)) for span in range(len(LATE_HOURS) + 1)],
            files,
            late,
            [Late(*row[:5]) for row in latest],
        )

    def quarantine(self) -> Quarantine:
        """The files that can't be used."""
        rows = self._rows("quarantine", most=LISTED)
        return Quarantine(rows[0][4] if rows else 0, [Unusable(*row[:4]) for row in rows])

    def _rows(self, name: str, *bound: str, **more: Any) -> list[Any]:
        values = {key: self._bound[key] for key in bound} | more
        return self._connection.execute(_SQL[name], values).fetchall()


def _folded(name: str, known: list[str]) -> str:
    folded = canonical(name)
    if folded is None or folded not in known:
        raise NothingToReport(
            f"{name!r} is no service that is known; `httpcodes services list` lists them"
        )
    return folded


def _period(
    first: date | None, last: date | None, oldest: datetime | None, newest: datetime | None
) -> Period:
    if oldest is None or newest is None:
        raise NothingToReport("there is nothing to report: no request of these services is counted")
    begin, end = oldest.date(), newest.date()
    if first is None and last is None:
        return Period(end, end)
    period = Period(first or min(begin, last or begin), last or max(end, first or end))
    if period.last < begin or period.first > end:
        raise NothingToReport(
            f"there are no requests on {period} (UTC); there is data from {begin} to {end}"
        )
    if (period.last - period.first).days >= MOST_DAYS:
        raise NothingToReport(f"{period} is too long: a report covers {MOST_DAYS:,} days at most")
    return period
