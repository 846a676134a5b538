"""Files that are merged into others: their rows count once, whatever their names."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import Command, Logs, Store

from jobs.forget import NotInLedger, forget
from jobs.nightly import Summary
from jobs.verify import verify

Row = tuple[datetime, str, int]

MIDNIGHT = datetime(2025, 9, 9)


class Producer:
    """Delivers small files, and merges them."""

    def __init__(self, logs: Logs, store: Store) -> None:
        self.logs, self.store = logs, store
        self.chance = random.Random(7)
        self.lying: dict[str, list[Row]] = {}

    def rows(self, hour: int, how_many: int = 60) -> list[Row]:
        """What an hour gives."""
        start = MIDNIGHT + timedelta(hours=hour)
        return [
            (
                start + timedelta(seconds=self.chance.randrange(3600)),
                self.chance.choice("aaab") + ".example",
                self.chance.choices((200, 304, 404, 502), (20, 6, 3, 1))[0],
            )
            for _ in range(how_many)
        ]

    def write(self, name: str, rows: Iterable[Row]) -> Path:
        self.lying[name] = sorted(rows)
        return self.logs.requests(f"{name}.parquet", *self.lying[name])

    def remove(self, *names: str) -> list[Row]:
        """What they held."""
        for name in names:
            (self.logs.folder / f"{name}.parquet").unlink()
        return [row for name in names for row in self.lying.pop(name)]

    def path(self, name: str) -> str:
        return str(self.logs.folder / f"{name}.parquet")

    def run(self, **how: object) -> Summary:
        summary = self.store.run(self.logs.folder, **how)  # type: ignore[arg-type]
        assert verify(self.store.folder, deep=True).findings == []
        return summary


def names(paths: Iterable[str]) -> list[str]:
    return sorted(Path(path).stem for path in paths)


@pytest.fixture
def producer(logs: Logs, store: Store) -> Producer:
    """Three hours, counted."""
    producer = Producer(logs, store)
    for hour, name in enumerate("abc"):
        producer.write(name, producer.rows(hour))
    producer.run()
    return producer


def test_small_files_merged_into_one_count_once(producer: Producer) -> None:
    before = producer.store.counts()
    producer.write("abc", producer.remove("a", "b", "c"))
    summary = producer.run()
    assert names(summary.outcome.merged) == ["a", "b", "c"]
    assert summary.complete
    assert summary.as_json()["files"]["merged"] == 3
    assert producer.store.counts() == before
    assert producer.store.states() == {
        "a.parquet": "merged", "b.parquet": "merged", "c.parquet": "merged", "abc.parquet": "ingested",
    }  # fmt: skip
    assert producer.store.sql("SELECT files_merged FROM runs ORDER BY run_id") == [(0,), (3,)]
    assert not producer.run().changed
