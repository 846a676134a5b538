"""What one file alone counts for is written once, and is its own for as long as it may go."""

from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Logs, Store

from jobs.counts import rollup
from jobs.forget import forget
from jobs.store import answers
from jobs.verify import verify

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T12:05:00Z"

Added = dict[str, dict[tuple[str, str, int], int]]


def added(store: Store) -> Added:
    """What each file in force added, by its name, as the contract tells it."""
    rows = store.sql(
        "SELECT path, service_name, strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), status_code, requests"
        " FROM contributions JOIN source_files USING (file_id) WHERE state = 'ingested'"
    )
    found: Added = {}
    for path, *cell, requests in rows:
        own = found.setdefault(Path(path).name, {})
        assert tuple(cell) not in own
        own[tuple(cell)] = requests
    return found


def shared(store: Store) -> int:
    ((rows,),) = store.sql("SELECT count(*) FROM internal.shared_contributions")
    assert verify(store.folder, deep=False).findings == []
    return int(rows)


def test_buckets_are_shared_once_a_second_file_counts_for_them(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, A, 200), (LATER, B, 404))
    store.run(logs.folder)
    alone = {(A, NOON, 200): 2, (B, LATER, 404): 1}
    assert (added(store), shared(store)) == ({"a.parquet": alone}, 0)
    logs.requests("late.parquet", (NOON, A, 200), (NOON, B, 503))
    store.run(logs.folder)
    late = {(A, NOON, 200): 1, (B, NOON, 503): 1}
    assert (added(store), shared(store)) == ({"a.parquet": alone, "late.parquet": late}, 3)
    forget(store.folder, [str(logs.folder / "a.parquet")])
    assert (added(store), shared(store)) == ({"late.parquet": late}, 2)
    assert store.counts() == late


def test_new_content_takes_the_place_of_what_was_alone(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (LATER, B, 404))
    store.run(logs.folder)
    logs.requests("a.parquet", (NOON, B, 503))
    store.run(logs.folder)
    assert (added(store), shared(store)) == ({"a.parquet": {(B, NOON, 503): 1}}, 0)
    assert store.counts() == {(B, NOON, 503): 1}
    assert store.sql("SELECT service_name, last_seen::VARCHAR FROM services ORDER BY ALL") == [
        (A, None), (B, "2025-09-09 12:00:00")
    ]  # fmt: skip


def test_what_was_alone_and_is_taken_back_leaves_nothing(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    logs.requests("b.parquet", (LATER, A, 200))
    store.run(logs.folder)
    forget(store.folder, [str(logs.folder / "a.parquet")])
    assert (added(store), shared(store)) == ({"b.parquet": {(A, LATER, 200): 1}}, 0)


def test_names_that_are_one_service_count_in_one_cell(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, "A.example:443", 200), (NOON, "-", 200))
    store.run(logs.folder)
    assert (added(store), shared(store)) == ({"a.parquet": {(A, NOON, 200): 2}}, 0)


def test_what_was_alone_is_folded_and_shares_its_bucket_with_what_comes(
    logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    store.run(logs.folder, window=timedelta(0))
    assert (added(store), shared(store)) == ({}, 0)
    assert store.sql("SELECT count(*) FROM internal.sole_buckets") == [(0,)]
    logs.requests("late.parquet", (NOON, A, 200), (LATER, A, 200))
    store.run(logs.folder)
    late = {(A, NOON, 200): 1, (A, LATER, 200): 1}
    assert (added(store), shared(store)) == ({"late.parquet": late}, 1)
    assert store.counts() == late | {(A, NOON, 200): 2}


def test_counts_that_are_brought_in_order_in_portions_are_all_there(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "_CELLS", 2)
    monkeypatch.setattr(answers, "_CELLS", 2)
    early, late = "2025-09-08T23:55:00Z", "2025-09-09T12:10:00Z"
    logs.requests("b.parquet", (late, B, 0), (NOON, B, 404), (NOON, A, 200), (early, A, 999))
    store.run(logs.folder)
    logs.requests("a.parquet", (late, A, 200), (LATER, B, 404), (early, B, 200), (early, A, 999))
    store.run(logs.folder)
    assert verify(store.folder, deep=True).findings == []
    assert store.counts() == {
        (A, early, 999): 2, (B, early, 200): 1, (A, NOON, 200): 1, (B, NOON, 404): 1,
        (B, LATER, 404): 1, (A, late, 200): 1, (B, late, 0): 1,
    }  # fmt: skip
    assert store.sql("SELECT count(*) FROM internal.service_days") == [(4,)]
