"""Numbers that servers give to their rows: what they promise and no file has is lost."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from jobs.store import marked
from jobs.store.deliveries import DAYS
from jobs.store.revision import Revision
from queries import utc
from queries.statements import statements

LEAST_SHARE = 0.01
"""Hours of which a lesser share is lost or repeated are not told: rows that are logged in another
order than they are numbered in look so where hours meet."""

_SQL = statements(__name__)


@dataclass(frozen=True)
class Loss:
    """Consecutive hours of a server of which rows are lost, or there twice."""

    source: str
    server: str
    """Empty: no column says which."""
    start: datetime
    """Of the first hour; naive, UTC."""
    end: datetime
    """Of the last hour, exclusive."""
    expected: int
    """Rows that the numbers promise."""
    lost: int
    """Those of them that no file has."""
    repeated: int
    """Rows whose number another row has."""

    @property
    def sentence(self) -> str:
        """For people."""
        of = f"server {self.server} of {self.source}" if self.server else self.source
        clauses = (
            [f"{self.lost:,} of {self.expected:,} numbered rows are lost"] if self.lost else []
        )
        clauses += (
            [f"{self.repeated:,} {'are' if self.repeated > 1 else 'is'} there again"]
            if self.repeated
            else []
        )
        return (
            f"{of}: {' and '.join(clauses)} from {utc.written(self.start, 'minutes')} to "
            f"{utc.written(self.end, 'minutes')}"
        )

    def as_json(self) -> dict[str, Any]:
        """The machine's form."""
        ends = {"start": self.start, "end": self.end}
        return vars(self) | {name: utc.written(at) for name, at in ends.items()}


def measure(work: Revision) -> None:
    """Note the numbers of what the run counted, where its source says where they are."""
    groups = work.connection.execute(_SQL["numbered"], {"run_id": work.run_id}).fetchall()
    for number, server, *alike in groups:
        said = f"TRY_CAST({number} AS BIGINT) AS number, coalesce({server or 'NULL'}, '') AS server"
        files = marked.Alike(said, "true", *alike)
        left = marked.unread(work.connection, _SQL["note"], files)
        marked.note(work, marked.NUMBERS, files.files, left)


def losses(connection: duckdb.DuckDBPyConnection) -> list[Loss]:
    """What is lost or repeated of the last DAYS days, by source, server and time."""
    bounds = {"days": DAYS, "least": LEAST_SHARE}
    return [Loss(*row) for row in connection.execute(_SQL["losses"], bounds).fetchall()]
