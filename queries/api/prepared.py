"""The prepared answers of one snapshot: JSON by service and hour, read by key, a day at a time.

What is the same for all of a snapshot is looked up once, what was read last stays in memory,
and both go with the snapshot.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import duckdb

from queries.api.memory import Memory
from queries.snapshot import Newest, attach_file
from queries.statements import statements

HOURS = 24
HOUR_SECONDS = 3600
Day = tuple[bytes, ...]
"""The elements of httpCodes in each hour of a UTC day, with commas between them; b"": none."""
Key = tuple[int, int]
"""A service_id, and a day since the epoch."""

_SQL = statements(__name__)
_DAY_US = HOURS * HOUR_SECONDS * 1_000_000
# Many small questions, not one large one. Blocks that were read are kept, too, up to a limit.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "temp_directory": "",
}
_most = 64 << 20


def keep_in_memory(most: int) -> None:
    """Keep so many bytes of answers for each store, from the next snapshot on; else 64 MiB."""
    global _most  # noqa: PLW0603 - one bound for the process
    _most = most


class Prepared:
    """A snapshot that answers; any thread may ask."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.memory: Memory[Day] = Memory(_most - _most // 4)
        self.packed: Memory[bytes] = Memory(_most // 4)
        """Compressed answers, by whatever tells one from another."""
        self._connection = duckdb.connect(":memory:", config=_SETTINGS)
        self._idle: list[duckdb.DuckDBPyConnection] = []
        try:
            attach_file(self._connection, file)
            found = self._connection.execute(_SQL["services"]).fetchall()
            ((final_until,),) = self._connection.execute(_SQL["final_until"]).fetchall()
            self.modified = file.stat().st_mtime
        except BaseException:
            self.close()
            raise
        self.services: Mapping[str, int] = dict(found)
        self.final_until: int = final_until
        """Buckets that end here or before can't change any more; seconds since the epoch."""

    def close(self) -> None:
        """Let the snapshot go."""
        for connection in (*self._idle, self._connection):
            connection.close()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to the snapshot, for one answer."""
        try:
            cursor = self._idle.pop()
        except IndexError:
            cursor = self._cursor()
        try:
            yield cursor
        except BaseException:
            cursor.close()
            raise
        self._idle.append(cursor)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        # The bar of a slow query would go to stdout, where the data goes.
        cursor.execute("USE httpcodes; SET enable_progress_bar = false")
        return cursor

    def at_hand(self, services: Iterable[int], days: range) -> dict[Key, Day | None]:
        """These days of these services; None for those that are not in memory."""
        return self.memory.get_all(product(services, days))

    def read(self, services: Iterable[int], days: range) -> dict[Key, Day]:
        """These days of these services. Raises duckdb.CatalogException if none were prepared."""
        found = {key: day for key, day in self.at_hand(services, days).items() if day}
        if missing := [key for key in product(services, days) if key not in found]:
            found |= self._read(missing)
        return found

    def _read(self, missing: list[Key]) -> dict[Key, Day]:
        services, days = sorted({service for service, _ in missing}), [day for _, day in missing]
        bound = {
            "services": services,
            "start": min(days) * _DAY_US,
            "end": (max(days) + 1) * _DAY_US,
        }
        with self.cursor() as cursor:
            sql = _SQL["one" if len(services) == 1 else "several"]
            rows = cursor.execute(sql, bound).fetchall()
        hours = {key: [b""] * HOURS for key in missing}
        for service, hour, json in rows:
            # A service may have been asked for on one of the days only.
            if day := hours.get((service, hour // HOURS)):
                day[hour % HOURS] = json
        read = {key: tuple(day) for key, day in hours.items()}
        self.memory.keep_all((key, day, sum(map(len, day))) for key, day in read.items())
        return read


_stores: dict[Path, Newest[Prepared]] = {}
_lock = threading.Lock()


def of(store: str | os.PathLike[str]) -> Newest[Prepared]:
    """What answers from a store's newest snapshot, the same for all threads."""
    folder = Path(os.path.abspath(store))
    with _lock:
        return _stores.setdefault(folder, Newest(folder, Prepared))
