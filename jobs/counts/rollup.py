"""Contributions change the buckets that they touch, and no other."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import duckdb
import numpy as np

from jobs.counts.ledger import Ledger
from jobs.logs.arrays import column_of, numbers_of, order_of, whole
from jobs.store import answers
from jobs.store.sidecars import Sidecars
from queries.statements import statements

BUCKET_US = 300_000_000
"""How long a bucket is, in microseconds; each begins at a multiple of it since 1970 UTC."""

_CELLS = 1 << 19
"""So many at most are brought in order at a time, more only of one bucket."""

Sizes = Sequence[tuple[datetime, int]]
"""Buckets in order of time, and at most how many cells of each come."""

_SQL = statements(__name__)


def define_buckets(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the session the macros bucket_number(microseconds) and bucket_start(number)."""
    connection.execute(_SQL["buckets"])


def apply(
    connection: duckdb.DuckDBPyConnection, ledger: Ledger, sidecars: Sidecars | None = None
) -> None:
    """Bring the cells, and the answers made of them, up to the contributions of this run.

    Adds what the ledger has as incoming, takes back what the files withdrawn had added.
    What belongs to buckets that several files share is kept apart in `sidecars`, if there are any.
    Raises SidecarDamaged if what goes can't be told any more.
    """
    moved = {"incoming": ledger.incoming, "withdrawn": ledger.withdrawn}
    (figures,) = connection.execute(_SQL["moved"].format_map(moved)).fetchall()
    comes, goes = figures
    if not comes and not goes:
        return
    if goes and sidecars:
        sidecars.check(ledger.withdrawn)
    connection.begin()
    connection.execute(_SQL["gone"].format_map(moved))
    connection.execute(_SQL["touched"].format_map(moved))
    ((any_shared,),) = connection.execute(_SQL["any_shared"]).fetchall()
    connection.execute(_SQL["replace"])
    connection.execute(_SQL["shared" if any_shared else "all_sole"].format_map(moved))
    if any_shared and sidecars:
        sidecars.keep("shared")
    _add_cells(connection, connection.execute(_SQL["sizes"].format_map(moved)).fetchall())
    answers.remake(connection, "altered")
    connection.execute(_SQL["seen"].format_map(moved))
    if goes:
        connection.execute(_SQL["taken_back"].format_map(moved))
        connection.execute(_SQL["withdraw"].format_map(moved))
        if sidecars:
            sidecars.drop(ledger.withdrawn)
    connection.execute(_SQL["applied"].format_map(moved))
    connection.commit()


def _add_cells(connection: duckdb.DuckDBPyConnection, sizes: Sizes) -> None:
    """Append the cells that come, in their order; numpy sorts them for less than the database."""
    for first, last in _portions(sizes):
        which = {"first": first, "last": last}
        cells = connection.sql(_SQL["coming"], params=which).to_arrow_table()
        service, start, status = (numbers_of(whole(cells[name])) for name in cells.column_names[:3])
        order = order_of(start.view(np.int64) // BUCKET_US, service, status)
        connection.register("ordered", cells.take(column_of(order)))
        connection.execute(_SQL["add"])
        connection.unregister("ordered")


def _portions(sizes: Sizes) -> Iterator[tuple[datetime, datetime]]:
    """The first and the last of the buckets that come, some at a time."""
    first, cells = None, 0
    for number, (bucket, more) in enumerate(sizes, 1):
        first = first or bucket
        cells += more
        if cells >= _CELLS or number == len(sizes):
            yield first, bucket
            first, cells = None, 0
