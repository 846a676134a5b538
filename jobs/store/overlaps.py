"""Requests that two files hold, known by their ids: they count twice."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb

from jobs.store import marked
from jobs.store.revision import Revision
from queries import utc
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Overlap:
    """Two files in force that hold the same requests."""

    path: str
    """The one that came later."""
    other: str
    start: datetime
    """Of the first hour in which they do; naive, UTC."""
    hours: int
    requests: int

    @property
    def sentence(self) -> str:
        """For people, with the command that settles it."""
        hours = f"in {self.hours:,} hours" if self.hours > 1 else "in the hour"
        requests = f"{self.requests:,} request{'s' if self.requests > 1 else ''}"
        return (
            f"{self.path} and {self.other} both hold {requests} of the same ids {hours} from "
            f"{utc.written(self.start, 'minutes')}, which count twice; "
            f"`httpcodes forget {shlex.quote(self.path)}` takes back all that the former added"
        )

    def as_json(self) -> dict[str, Any]:
        """The machine's form."""
        return vars(self) | {"start": utc.written(self.start)}


def measure(work: Revision, listed: str) -> None:
    """Compare the ids of what the run counted with those of all files of the same hours.

    `listed` names the relation of files that the sources were seen to hold: path, size, version.
    Only they are read, and of them only those that are as they were counted.
    """
    asked = {"run_id": work.run_id}
    found = work.connection.execute(_SQL["identified"].format(listed=listed), asked).fetchall()
    if not found:
        return
    work.connection.execute(_SQL["begin"])
    for (request_id, condition, moment, way), files in groupby(found, itemgetter(0)):
        rows = list(files)
        there = [row[1:3] for row in rows if row[5] or _stands(work, *row[2:5])]
        numbers, paths = zip(*there, strict=True) if there else ((), ())
        alike = marked.Alike(f"{request_id} AS id", condition, moment, way, numbers, paths)
        left = marked.unread(work.connection, _SQL["ids"], alike, asked)
        known = [row[1] for row in rows]
        marked.note(work, marked.IDS, known, [*left, *(n for n in known if n not in numbers)])
    work.connection.execute(_SQL["note"])


def _stands(work: Revision, path: str, size: int, modified_us: int) -> bool:
    try:
        now = work.terms.storage.look(path)
    except OSError:
        return False
    return now is not None and (now.size, now.modified_us) == (size, modified_us)


def overlaps(connection: duckdb.DuckDBPyConnection, run_id: str | None = None) -> list[Overlap]:
    """The pairs of files in force that hold the same requests, those with most of them first.

    With a run, only those of which it counted one.
    """
    rows = connection.execute(_SQL["overlaps"], {"run_id": run_id}).fetchall()
    return [Overlap(*row) for row in rows]
