"""The replacement window: while it is open, a file's contributions are kept apart.

Once it has closed they are folded away: the counts stay, but what the file added can only be
told from its rows. A file that is still there is unfolded by counting it again.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import duckdb

from jobs.counts.recount import recount
from jobs.store.revision import Revision
from queries.config_keys import KEYS
from queries.failures import Failed
from queries.statements import statements

WINDOW = timedelta(days=KEYS["replace_within_days"].default)
"""Unless it is said otherwise."""

_SQL = statements(__name__)


class FoldedAway(Failed):
    """Counts that can't be told from others; the message names the file and the way out."""


def fold(work: Revision, window: timedelta) -> None:
    """Fold away the contributions of files that were counted longer ago than the window."""
    connection = work.connection
    closing = close(connection, work.started_at - window)
    if connection.execute(f"SELECT any_value(file_id) FROM {closing}").fetchall() != [(None,)]:
        connection.begin()
        connection.execute(_SQL["fold"])
        if work.sidecars:
            work.sidecars.drop(closing)
        connection.commit()


def close(connection: duckdb.DuckDBPyConnection, before: datetime) -> str:
    """The relation of files in force that were counted before this moment (UTC): file_id."""
    connection.execute(_SQL["closing"], {"before": before})
    return "closing"


def unfold(work: Revision, paths: Collection[str]) -> None:
    """Keep the contributions of folded files apart again, from what lies at their paths.

    Raises FoldedAway if that is not what was counted of them.
    """
    if not paths:
        return
    connection = work.connection
    recounted = recount(connection, paths, work.terms.storage)
    find = _SQL["differing"].format(recounted=recounted)
    if differing := connection.execute(find, {"paths": list(paths)}).fetchall():
        raise FoldedAway(
            f"{differing[0][0]} does not give what was counted of it; "
            "`httpcodes verify --deep` names the difference"
        )
    connection.begin()
    connection.execute(_SQL["unfold"].format(recounted=recounted))
    connection.commit()


def inseparable(
    connection: duckdb.DuckDBPyConnection, leaving: Collection[int], staying: Collection[int]
) -> set[int]:
    """Folded files that can't leave, because their counts can't be told from those that stay."""
    asked = {"leaving": list(leaving), "staying": list(staying)}
    return {file for (file,) in connection.execute(_SQL["inseparable"], asked).fetchall()}


def attribute(connection: duckdb.DuckDBPyConnection, leaving: Collection[int]) -> None:
    """Give folded files that leave together, and are separable, contributions to leave with."""
    if leaving:
        connection.execute(_SQL["attribute"], {"file_ids": list(leaving)})


def tidy(connection: duckdb.DuckDBPyConnection) -> None:
    """Note which buckets no longer hold counts of folded files."""
    connection.execute(_SQL["tidy"])
