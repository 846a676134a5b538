"""What differs between two sets of counts: snapshots of a store, stores, exports.

Digests say which services' days are not the same; only of those are counts read.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from jobs.export.day_folders import FORMAT, INDEX, Index
from jobs.store.revision import StoreUnusable, named
from queries import snapshot
from queries.failures import Failed
from queries.quoting import literal
from queries.statements import statements

_SQL = statements(__name__)


class NotComparable(Failed):
    """Something that holds no counts to compare, or others than it says; the message names it."""


@dataclass(frozen=True)
class Day:
    """A service's UTC day that is not the same, with its requests on both sides."""

    service_name: str
    day: date
    old: int | None
    """None: only its digest is known."""
    new: int | None
    buckets: list[str] | None
    """Starts of the buckets that differ, as 2025-09-09T12:35:00Z; None: nobody knows."""

    @property
    def difference(self) -> int | None:
        """New requests without the old; 0 where only their buckets or codes differ."""
        return None if self.new is None or self.old is None else self.new - self.old

    def as_json(self) -> dict[str, Any]:
        """The machine's form, as the command prints it."""
        return vars(self) | {"day": self.day.isoformat(), "difference": self.difference}


@dataclass(frozen=True)
class Difference:
    """What differs between an old and a new side."""

    services_added: list[str]
    services_gone: list[str]
    days: list[Day]

    def as_json(self) -> dict[str, Any]:
        """The machine's form, as the command prints it."""
        return vars(self) | {"days": [day.as_json() for day in self.days]}


def diff(store: Path, old: str, new: str | None = None) -> Difference:
    """Compare two sides; without the new one it is the store's newest snapshot.

    A side is a snapshot of the store by its name, another store, a snapshot's file, an exported
    folder or its index.json. Raises StoreUnusable, NotComparable, SnapshotError, duckdb.Error or
    OSError if one of them can't be read.
    """
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
        connection.execute(_SQL["sides"])
        sides = [
            _side(connection, store, name, is_new=is_new) for is_new, name in enumerate((old, new))
        ]
        for side in sides:
            side.tell()
        connection.execute(_SQL["differing"])
        differing = connection.execute(_SQL["differing_days"]).fetchall()
        for side in sides:
            side.count(differing)
        services = connection.execute(_SQL["services"]).fetchall()
        days = connection.execute(_SQL["days"]).fetchall()
    return Difference(
        [name for name, is_new in services if is_new],
        [name for name, is_new in services if not is_new],
        [Day(*row) for row in days],
    )


class _Snapshot:
    """A side that is a snapshot."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, file: Path, *, is_new: int) -> None:
        self._connection = connection
        self._named = {"side": ("old", "new")[is_new], "is_new": bool(is_new)}
        connection.execute(f"ATTACH {literal(file)} AS {self._named['side']} (READ_ONLY)")
        connection.execute(f"USE {self._named['side']}")
        snapshot.check(connection, file)
        ((self._version,),) = connection.execute(
            "SELECT schema_version FROM internal.snapshot"
        ).fetchall()
        connection.execute("USE memory")

    def tell(self) -> None:
        """Say which services' days there are, and the digest of each."""
        which = "of_snapshot" if self._version >= 4 else "of_old_snapshot"
        self._connection.execute(_SQL[which].format_map(self._named))
        self._connection.execute(_SQL["services_of_snapshot"].format_map(self._named))

    def count(self, _: list[tuple[str, str]]) -> None:
        """Give the counts of those days that differ."""
        self._connection.execute(_SQL["cells_of_snapshot"].format_map(self._named))


class _Export:
    """A side that is an export; without its documents digests are all that is known."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, index: Path, *, is_new: int) -> None:
        self._connection = connection
        self._out, self._is_new = index.parent, bool(is_new)
        try:
            self._index: Index = json.loads(index.read_bytes())
            if self._index["format"] != FORMAT:
                raise ValueError
        except (ValueError, TypeError, KeyError):
            raise NotComparable(f"{index} is no index of an export") from None

    def tell(self) -> None:
        """Say which services' days there are, and the digest of each."""
        days = [
            (service, day, file["sha256"])
            for day, entry in self._index["days"].items()
            for service, file in entry["services"].items()
        ]
        services, days, digests = (
            (list(each) for each in zip(*days, strict=True)) if days else ([], [], [])
        )
        given = {"is_new": self._is_new, "services": services, "days": days, "digests": digests}
        self._connection.execute(_SQL["of_index"], given)
        known = {"is_new": self._is_new, "services": self._index["services"]}
        self._connection.execute(_SQL["services_of_index"], known)

    def count(self, differing: list[tuple[str, str]]) -> None:
        """Give the counts of those days that differ, as far as their documents are there."""
        files = []
        for service, day in differing:
            entry = self._index["days"].get(day)
            document = entry and entry["services"].get(service)
            if not (entry and document):
                continue
            file = self._out / entry["folder"] / Path(document["file"]).name
            if not file.exists():
                continue
            if hashlib.sha256(file.read_bytes()).hexdigest() != document["sha256"]:
                raise NotComparable(f"{file} is not what {self._out / INDEX} says of it")
            files.append(str(file))
        if files:
            given = {"is_new": self._is_new, "files": files}
            self._connection.execute(_SQL["cells_of_documents"], given)


def _side(
    connection: duckdb.DuckDBPyConnection, store: Path, name: str | None, *, is_new: int
) -> _Snapshot | _Export:
    if name is None:
        return _Snapshot(connection, snapshot.newest(store), is_new=is_new)
    path = Path(name)
    if path.is_dir():
        if (path / INDEX).is_file():
            return _Export(connection, path / INDEX, is_new=is_new)
        return _Snapshot(connection, snapshot.newest(path), is_new=is_new)
    if path.is_file():
        kind = _Export if path.suffix == ".json" else _Snapshot
        return kind(connection, path, is_new=is_new)
    try:
        return _Snapshot(connection, named(store, name), is_new=is_new)
    except StoreUnusable as error:
        raise StoreUnusable(
            f"{error}; another store, an exported folder or its {INDEX} would do, too"
        ) from None
