"""How fresh the answers are: the snapshot in force, its age, and the watermark."""

import os
from dataclasses import dataclass
from datetime import datetime

from queries import utc
from queries.api import prepared
from queries.statements import beside


@dataclass(frozen=True)
class Health:
    """Of a store that can be read. Moments are naive, UTC; None where no run has counted yet."""

    snapshot: str
    """Its name, that of its file."""
    age_seconds: float | None
    """Since the run that made it started; what was logged later can't be in it."""
    newest_bucket: datetime | None
    """Start of the newest bucket with a request."""
    final_until: datetime | None
    """The watermark: buckets that end here or before can't change any more."""


def health(store: str | os.PathLike[str]) -> Health:
    """The health of the store's newest snapshot.

    Raises SnapshotError, duckdb.Error or OSError if it can't be read.
    """
    now = utc.now()
    sql = beside(__name__, "health.sql")
    with prepared.of(store).held() as snapshot, snapshot.cursor() as connection:
        (row,) = connection.execute(sql, {"now": now}).fetchall()
        return Health(snapshot.file.stem, *row)
