"""What sources bring: noted by each run, so that a zero can be told from a gap."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from jobs.logs.options import Source
from jobs.store.revision import Revision
from queries import utc
from queries.statements import statements

DAYS = 7
"""How far back gaps are told; `deliveries` has all."""

_SQL = statements(__name__)


@dataclass(frozen=True)
class Gap:
    """Consecutive hours of a source that are missing or short, past their grace."""

    source: str
    start: datetime
    """Of the first hour; naive, UTC."""
    end: datetime
    """Of the last hour, exclusive."""
    missing: int
    """Hours of which nothing was counted."""
    short: int
    """Hours of which less was counted than was to be expected."""
    rows: int
    expected: int | None
    """Rows that are usual in these hours; None: nobody knows."""

    @property
    def sentence(self) -> str:
        """For people."""
        hours = self.missing + self.short
        brought = f"{self.rows:,} rows" if self.rows else "nothing"
        usual = f", where about {self.expected:,} rows are usual" if self.expected else ""
        return (
            f"{self.source} brought {brought} in {hours:,} hour{'s' if hours > 1 else ''} from "
            f"{utc.written(self.start, 'minutes')} to {utc.written(self.end, 'minutes')}{usual}"
        )

    def as_json(self) -> dict[str, Any]:
        """The machine's form."""
        ends = {"start": self.start, "end": self.end}
        return vars(self) | {name: utc.written(at) for name, at in ends.items()}


def note(work: Revision, wanted: Sequence[Source]) -> None:
    """Write down which sources a run was told, what each is to bring, and which files are whose."""
    work.connection.execute(
        _SQL["sources"],
        {
            "sources": [source.name for source in wanted],
            "every": [_every(source) for source in wanted],
            "least": [source.expectation.least_share for source in wanted],
            "grace": [
                None if (grace := source.expectation.grace) is None else int(grace.total_seconds())
                for source in wanted
            ],
            "now": work.started_at,
        },
    )
    work.connection.execute(_SQL["note"])
    places = [
        (number, source.name, where)
        for number, source in enumerate(wanted)
        for where in source.places
    ]
    work.connection.execute(
        _SQL["files"],
        {
            "numbers": [number for number, _, _ in places],
            "sources": [source for _, source, _ in places],
            "places": [place for _, _, place in places],
        },
    )


def _every(source: Source) -> int | None:
    every = source.expectation.every
    # What may hold nothing without a word has no gaps, unless it was said otherwise.
    if every is None:
        return 0 if source.optional else None
    return int(every.total_seconds())


def gaps(connection: duckdb.DuckDBPyConnection) -> list[Gap]:
    """The gaps of the last DAYS days before the last run, by source and time."""
    ((possible,),) = connection.execute(_SQL["possible"]).fetchall()
    rows = connection.execute(_SQL["gaps"], {"days": DAYS}).fetchall() if possible else []
    return [Gap(*row) for row in rows]
