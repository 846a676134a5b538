"""Hours that were not delivered, or not whole: drawn as such, so that no zero is read there."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import duckdb

from queries.statements import statements

_SQL = statements(__name__)


class Span(NamedTuple):
    """Hours in a row of which the same is lacking, of one source or more; naive, UTC."""

    start: datetime
    until: datetime
    state: str
    """missing, if a source brought nothing; else short."""


class Lacking(NamedTuple):
    """An hour of a source; moments are naive, UTC."""

    source: str
    hour_start: datetime
    state: str
    """missing or short."""
    rows: int
    reason: str


def spans(gaps: Iterable[Lacking]) -> list[Span]:
    """The hours that lack something, in order."""
    states: dict[datetime, str] = {}
    for each in gaps:
        # Of two sources the worse holds, which comes first in the alphabet, too.
        states[each.hour_start] = min(each.state, states.get(each.hour_start, each.state))
    joined: list[Span] = []
    for hour, state in sorted(states.items()):
        until = hour + timedelta(hours=1)
        if joined and joined[-1][1:] == (hour, state):
            joined[-1] = joined[-1]._replace(until=until)
        else:
            joined.append(Span(hour, until, state))
    return joined


def spoken(gaps: Sequence[Lacking]) -> str:
    """How many hours of sources are missing or short; empty: none."""
    counts = Counter(each.state for each in gaps)
    said = [f"{counts[state]:,} {state}" for state in ("missing", "short") if counts[state]]
    return " and ".join(said) + f" hour{'s' if len(gaps) > 1 else ''}" if said else ""


def lacking(
    connection: duckdb.DuckDBPyConnection, start: datetime, until: datetime
) -> list[Lacking]:
    """What sources lack of this period, by source and hour."""
    try:
        rows = connection.execute(_SQL["lacking"], {"start": start, "until": until}).fetchall()
    except duckdb.CatalogException:
        # Before schema version 4 nobody noted what sources brought.
        return []
    return [Lacking(*row) for row in rows]
