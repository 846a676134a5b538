"""What snapshots a store keeps, and what each run brought."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from jobs.store.revision import snapshots
from queries import snapshot, utc

# The last run of a snapshot is the one that published it, whatever the file is called.
_FIGURES = """
SELECT finished_at, files_ingested, files_replaced, files_forgotten, rows_counted, rows_rejected
FROM runs ORDER BY run_id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Published:
    """A snapshot, and the run that published it."""

    name: str
    published_at: datetime | None
    """When its counts were complete; naive, UTC. None, like the figures: it can't be read."""
    bytes: int
    in_force: bool
    files_ingested: int | None = None
    files_replaced: int | None = None
    files_forgotten: int | None = None
    rows_counted: int | None = None
    rows_rejected: int | None = None
    problem: str | None = None
    """Why it can't be read."""

    def as_json(self) -> dict[str, Any]:
        """The machine's form, as the command prints it."""
        moment = utc.written_if(self.published_at)
        return vars(self) | {"published_at": moment}


def kept(store: Path) -> list[Published]:
    """The snapshots of a store, in the order of publication.

    Raises SnapshotError if nothing was published yet, or OSError.
    """
    newest = snapshot.newest(store)
    return [_published(file, in_force=file.name == newest.name) for file in snapshots(store)]


def _published(file: Path, *, in_force: bool) -> Published:
    size = file.stat().st_size
    try:
        with duckdb.connect(file, read_only=True) as connection:
            snapshot.check(connection, file)
            rows = connection.execute(_FIGURES).fetchall()
    except (duckdb.Error, snapshot.SnapshotError) as error:
        problem = str(error).partition("\n")[0]
        return Published(file.stem, None, size, in_force, problem=problem)
    if not rows:
        return Published(file.stem, None, size, in_force, problem="it names no run")
    ((finished_at, *figures),) = rows
    return Published(file.stem, finished_at, size, in_force, *figures)
