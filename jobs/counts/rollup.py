"""Contributions change the buckets that they touch, and no other."""

import duckdb

from jobs.counts.ledger import Ledger
from jobs.store import answers
from queries.statements import statements

BUCKET_US = 300_000_000
"""How long a bucket is, in microseconds; each begins at a multiple of it since 1970 UTC."""

_SQL = statements(__name__)


def define_buckets(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the session the macros bucket_number(microseconds) and bucket_start(number)."""
    connection.execute(_SQL["buckets"])


def settle(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Bring the cells, and the answers made of them, up to the contributions of this run.

    Adds those of the files that the ledger added, takes back those of the files withdrawn.
    """
    connection.begin()
    moved = {"added": ledger.added, "withdrawn": ledger.withdrawn}
    connection.execute(_SQL["changes"].format_map(moved))
    connection.execute(_SQL["settle"])
    answers.remake(connection, "changes")
    connection.execute(_SQL["seen"])
    connection.execute(_SQL["withdraw"].format_map(moved))
    connection.commit()
