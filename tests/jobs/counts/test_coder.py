"""Large files become Counted: several at a time, in parts, and joined again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from conftest import Logs, Store

from jobs import nightly
from jobs.counts import coder
from jobs.counts.contents import Content
from jobs.counts.counted import PutOff, UnderWay
from jobs.counts.counter import Result
from jobs.counts.counting import Batch, here
from jobs.logs.options import ReadingOptions, Source
from jobs.store.revision import USUAL, Revision, Terms

FIRST = np.datetime64("2025-09-09T12:00:00", "us")


def write(logs: Logs, name: str, hosts: list[str | None], rows: int = 60_000) -> None:
    """A file that is counted by its codes: random moments of an hour take more than 256 KB."""
    random = np.random.default_rng(len(hosts))
    columns = {
        "timestamp": pa.array(FIRST + random.integers(0, 3_600_000_000, rows)),
        "host": pa.array([hosts[n % len(hosts)] for n in range(rows)], pa.string()),
        "status": pa.array(200 + random.integers(0, 3, rows), pa.int16()),
    }
    logs.write(name, columns, row_group_size=rows // 8)


def by_hand(logs: Logs) -> list[tuple[object, ...]]:
    return duckdb.sql(
        f"""SELECT host, time_bucket(INTERVAL 5 MINUTE, timestamp) AS bucket, status, count(*)
        FROM '{logs.folder}/*.parquet' WHERE host IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    ).fetchall()


def rollup(store: Store) -> list[tuple[object, ...]]:
    return store.sql("FROM rollup_5m ORDER BY ALL")


def test_files_that_lack_services_are_counted_together(logs: Logs, store: Store) -> None:
    write(logs, "a.parquet", ["a.example", None])
    write(logs, "b.parquet", ["b.example", None, "a.example"])
    done = store.run(logs.folder)
    assert done.outcome.rejected == {"service missing": 50_000}
    assert rollup(store) == by_hand(logs)


@pytest.mark.parametrize("terms", [USUAL, Terms(memory="64MB", threads=2)])
def test_a_large_file_is_counted_in_parts_and_contributes_each_cell_once(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch, terms: Terms
) -> None:
    monkeypatch.setattr(coder, "_LARGE_BYTES", 1)
    monkeypatch.setattr(coder, "_LEAST_ROWS", 10_000)
    monkeypatch.setattr(coder, "_SHARE_OF_MEMORY", 256)
    write(logs, "a.parquet", ["a.example", "b.example", None, "A.example:443"])
    done = store.run(logs.folder, terms=terms)
    assert done.outcome.rows_counted == 45_000
    cells = (
        "SELECT service_name, bucket_start, status_code, requests FROM contributions ORDER BY ALL"
    )
    assert store.sql(cells) == rollup(store)
    assert len(rollup(store)) == 2 * 12 * 3


@dataclass
class Watched:
    """Counting as it is, and how far the run is said to be after each of its results."""

    told: list[nightly.Progress]
    seen: list[tuple[type[Result], int, int]]

    def __call__(self, revision: Revision) -> "Watched":
        self._counting = here(revision)
        return self

    def batches(
        self, contents: Sequence[Content], *, fingerprints_only: bool = False
    ) -> Iterator[Batch]:
        for batch in self._counting.batches(contents, fingerprints_only=fingerprints_only):
            yield WatchedBatch(batch, batch.contents, batch.lost, self)

    def bytes_scanned(self) -> int:
        return self._counting.bytes_scanned()


@dataclass
class WatchedBatch:
    batch: Batch
    contents: list[Content]
    lost: list[PutOff]
    watched: Watched

    def count(self, contents: Sequence[Content]) -> Iterator[Result]:
        for result in self.batch.count(contents):
            yield result
            far = self.watched.told[0]
            self.watched.seen.append((type(result), far.bytes_done, far.rows))


def test_progress_moves_within_a_large_file_and_counts_nothing_twice(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coder, "_LARGE_BYTES", 1)
    monkeypatch.setattr(coder, "_LEAST_ROWS", 10_000)
    for name in ("a.parquet", "b.parquet"):
        write(logs, name, ["a.example", name], rows=80_000)
    watched = Watched([], [])
    sources = [Source((str(logs.folder),), ReadingOptions())]
    policy = nightly.Policy(terms=Terms(threads=2), engine=watched)
    nightly.run(store.folder, sources, watched.told.append, policy)
    *under_way, last = watched.seen
    size, rows = watched.told[0].bytes_to_do, 160_000
    assert (last[0] is UnderWay, *last[1:]) == (False, size, rows)
    assert len(under_way) > 1
    for which, before, after in ((n, *pair) for n in (1, 2) for pair in pairwise(under_way)):
        assert 0 < before[which] <= after[which] <= (0, size, rows)[which]
    # The same object as told first, in the end.
    far = watched.told[0]
    assert (far.bytes_done, far.rows, far.files) == (size, rows, 2)
    assert (far.outcome.bytes_under_way, far.outcome.rows_under_way) == (0, 0)
