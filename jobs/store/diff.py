"""What changed between two snapshots: services, days, counts."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from jobs.store.revision import named
from queries import snapshot
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Day:
    """A service's UTC day, with its requests in both snapshots.

    They may be equal where only their buckets or status codes differ.
    """

    service_name: str
    day: date
    old: int
    new: int

    def as_json(self) -> dict[str, Any]:
        """The machine's form, as the command prints it."""
        return vars(self) | {"day": self.day.isoformat(), "difference": self.new - self.old}


@dataclass(frozen=True)
class Difference:
    """What differs between an old and a new snapshot."""

    services_added: list[str]
    services_gone: list[str]
    days: list[Day]

    def as_json(self) -> dict[str, Any]:
        """The machine's form, as the command prints it."""
        return vars(self) | {"days": [day.as_json() for day in self.days]}


def diff(store: Path, old: str, new: str) -> Difference:
    """Compare two snapshots of a store, by their names.

    Raises StoreUnusable, SnapshotError or duckdb.Error if one of them can't be read.
    """
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        for alias, name in (("old", old), ("new", new)):
            _attach(connection, named(store, name), alias)
        services = connection.execute(_SQL["services"]).fetchall()
        days = connection.execute(_SQL["days"]).fetchall()
    return Difference(
        [name for name, is_new in services if is_new],
        [name for name, is_new in services if not is_new],
        [Day(*row) for row in days],
    )


def _attach(connection: duckdb.DuckDBPyConnection, file: Path, alias: str) -> None:
    quoted = str(file).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS {alias} (READ_ONLY)")
    connection.execute(f"USE {alias}")
    snapshot.check(connection, file)
    connection.execute("USE memory")
