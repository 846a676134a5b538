"""Serial numbers in names of files: a number that is left out hints at a file that is missing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from jobs.logs.options import Source
from jobs.store.deliveries import DAYS
from queries.statements import statements

SHOWN = 10
"""Serial numbers in a sentence."""

_SQL = statements(__name__)


@dataclass(frozen=True)
class Skipped:
    """Serial numbers that no file has, between the least and the greatest that one has."""

    source: str
    series: str
    """What the pattern's other fields say, which the numbers belong to."""
    serials: list[int]

    @property
    def sentence(self) -> str:
        """For people."""
        shown = ", ".join(map(str, self.serials[:SHOWN]))
        more = f" and {len(self.serials) - SHOWN:,} more" if len(self.serials) > SHOWN else ""
        of = f" of {self.series}" if self.series else ""
        return f"{self.source} has no file with the serial {shown}{more}{of}: was it delivered?"

    def as_json(self) -> dict[str, Any]:
        """The machine's form."""
        return vars(self)


def skipped(connection: duckdb.DuckDBPyConnection, wanted: Sequence[Source]) -> list[Skipped]:
    """What is left out among the files of the sources that have a pattern, of the last DAYS days.

    A source's pattern is how the names of its files end: `{serial}` is the number, and other
    fields in braces tell its series.
    """
    found = []
    for source in wanted:
        if source.serials:
            asked = {
                "source": source.name,
                "series": _regex(source.serials, "series"),
                "serial": _regex(source.serials, "serial"),
                "days": DAYS,
            }
            rows = connection.execute(_SQL["skipped"], asked).fetchall()
            found += [Skipped(source.name, series, serials) for series, serials in rows]
    return found


def _regex(pattern: str, wanted: str) -> str:
    """One that catches the serial, or all that lies before it."""
    pieces = re.split(r"(\{\w+\})", pattern)
    own = pieces.index("{serial}")
    parts = [
        r"\d+" if piece == "{serial}" else "[^/]+?" if piece[:1] == "{" else re.escape(piece)
        for piece in pieces
    ]
    before, after = "".join(parts[:own]), "".join(parts[own + 1 :])
    series, serial = (("(", ")"), ("", "")) if wanted == "series" else (("", ""), ("(", ")"))
    return f"(?:^|/){series[0]}{before}{series[1]}{serial[0]}{parts[own]}{serial[1]}{after}$"
