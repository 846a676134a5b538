"""Pruning: what goes, what stays, and what must not come back."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import sleep

import duckdb
import pytest
from conftest import Command, Counts, Logs, Store
from published import shape

from jobs.counts.fold import WINDOW
from jobs.forget import forget
from jobs.logs.options import ReadingOptions
from jobs.prune import Pruned, Retention, prune
from jobs.rebuild import Days, rebuild
from jobs.store.revision import USUAL, outdated, revision
from jobs.verify import verify

A, B = "a.example", "b.example"
OLD = "older than what is kept"


@pytest.fixture(autouse=True)
def within_one_day() -> None:
    """What is pruned hangs on the day, so no test reaches from one into the next."""
    while (now := datetime.now(UTC)).date() != (now + timedelta(minutes=1)).date():
        sleep(1)


def midnight() -> datetime:
    """Today's."""
    return datetime.combine(datetime.now(UTC).date(), time())


def at(days_ago: int, clock: str = "12:00:00") -> str:
    """A time of a day, counted back from today."""
    return f"{midnight() - timedelta(days=days_ago):%Y-%m-%d}T{clock}Z"


def pruned(store: Store, days: int | None, window: timedelta = WINDOW) -> Pruned:
    done = prune(store.folder, Retention(days, window, USUAL))
    assert verify(store.folder, deep=True).findings == []
    return done


def counted(store: Store) -> dict[str, tuple[int, int]]:
    """Rows counted and rejected of the files in force."""
    rows = store.sql("SELECT parse_filename(path), rows_counted, rows_rejected FROM source_files WHERE state = 'ingested'")  # fmt: skip
    return {name: (good, bad) for name, good, bad in rows}


@pytest.fixture(params=[WINDOW, timedelta(0)], ids=["apart", "folded"])
def kept(request: pytest.FixtureRequest, logs: Logs, store: Store) -> Store:
    """A store with a file of ten days ago, one of five, and one over that midnight."""
    logs.requests("ten.parquet", (at(10), A, 200), (at(10), B, 404))
    logs.requests("five.parquet", (at(5), A, 200))
    logs.requests("both.parquet", (at(6, "23:59:00"), A, 200), (at(5, "00:01:00"), A, 503), (at(5, "00:01:00"), A, 9999))  # fmt: skip
    store.run(logs.folder, window=request.param)
    return store


def left() -> Counts:
    """What of it is there when five days are kept."""
    return {(A, at(5), 200): 1, (A, at(5, "00:00:00"), 503): 1}


def test_counts_before_the_horizon_go_and_every_invariant_holds(kept: Store) -> None:
    done = pruned(kept, 5)
    assert (done.kept_from, done.cells, done.requests) == (midnight() - timedelta(days=5), 3, 3)
    assert kept.counts() == left()
    assert counted(kept) == {"ten.parquet": (0, 2), "five.parquet": (1, 0), "both.parquet": (1, 2)}
    assert kept.rejected() == {OLD: 3, "status unreadable": 1}
    internal = ("cells", "contributions", "folded_buckets")
    for table in internal:
        assert kept.sql(f"SELECT count(*) FROM internal.{table} WHERE bucket_start < (SELECT kept_from FROM internal.snapshot)") == [(0,)]  # fmt: skip
    again = pruned(kept, 5)
    assert (again.cells, again.contributions, kept.counts()) == (0, 0, left())


def test_pruning_makes_the_file_smaller_and_leaves_its_shape(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    for ago in (10, 9, 8, 1):
        duckdb.sql(
            f"""COPY (SELECT TIMESTAMP '{at(ago, "00:00:00")[:-1]}' + to_seconds(i % 86400) AS timestamp,
            printf('s%02d.example', i % 97) AS host, 200 + i % 397 AS status
            FROM range(120_000) AS r(i)) TO '{logs.folder}/{ago}.parquet'"""
        )
    store.run(logs.folder)
    before = (store.folder / "httpcodes.duckdb").stat().st_size
    kept = {cell: n for cell, n in store.counts().items() if cell[1] >= at(5)}
    prune(store.folder, Retention(5, WINDOW, USUAL))
    assert verify(store.folder, deep=False).findings == []
    assert (store.folder / "httpcodes.duckdb").stat().st_size < before * 2 / 3
    assert store.counts() == kept
    assert store.sql("SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()") == [("v1.2.0+",)]  # fmt: skip
    assert store.sql("SELECT count(*) FROM access_log") == [(480_000,)]
    new = Store(tmp_path / "new")
    new.run(logs.folder)
    assert shape(store) == shape(new)
    assert list((store.folder / "tmp").iterdir()) == []


def test_the_horizon_never_moves_back(kept: Store) -> None:
    pruned(kept, 5)
    assert pruned(kept, 100).kept_from == midnight() - timedelta(days=5)
    assert pruned(kept, None).kept_from == midnight() - timedelta(days=5)
    assert kept.counts() == left()
    assert pruned(kept, 4).cells == 2
    assert kept.counts() == {}
    assert kept.rejected() == {OLD: 5, "status unreadable": 1}


def test_a_late_file_does_not_fill_a_pruned_day_again(kept: Store, logs: Logs) -> None:
    pruned(kept, 5)
    logs.requests("late.parquet", (at(10), A, 200), (at(6, "23:59:59"), A, 200), (at(5), B, 200))
    summary = kept.run(logs.folder)
    assert (summary.complete, summary.outcome.rejected) == (True, {OLD: 2})
    assert kept.counts() == left() | {(B, at(5), 200): 1}
    assert verify(kept.folder, deep=True).findings == []


def test_a_file_that_comes_back_after_its_ledger_row_went_counts_nothing(
    kept: Store, logs: Logs, tmp_path: Path
) -> None:
    logs.requests("new.parquet", (at(1), B, 200))
    kept.run(logs.folder)
    with_new = left() | {(B, at(1), 200): 1}
    age(kept)
    assert pruned(kept, 5).files == 0
    (logs.folder / "ten.parquet").rename(tmp_path / "ten.parquet")
    (logs.folder / "five.parquet").rename(tmp_path / "five.parquet")
    assert pruned(kept, 5).files == 1
    assert set(counted(kept)) == {"five.parquet", "both.parquet", "new.parquet"}
    for name in ("ten.parquet", "five.parquet"):
        (tmp_path / name).rename(logs.folder / name)
    summary = kept.run(logs.folder)
    assert (summary.complete, summary.outcome.rejected) == (True, {OLD: 2})
    assert kept.counts() == with_new
    assert verify(kept.folder, deep=True).findings == []


def age(store: Store) -> None:
    """Let the files have been counted a year ago."""
    with revision(store.folder, USUAL) as work:
        work.connection.execute(
            "UPDATE internal.files SET ingested_at = ingested_at - INTERVAL 1 YEAR"
        )


def test_what_keeps_forgotten_content_away_stays_while_it_could_count(
    logs: Logs, store: Store
) -> None:
    old = logs.requests("old.parquet", (at(10), A, 200))
    new = logs.requests("new.parquet", (at(3), A, 200))
    store.run(logs.folder)
    forget(store.folder, [str(old), str(new)])
    kept_bytes = new.read_bytes()
    old.unlink()
    new.unlink()
    age(store)
    assert pruned(store, 5).files == 1
    new.write_bytes(kept_bytes)
    store.run(logs.folder)
    assert store.counts() == {}
    assert store.states() == {"new.parquet": "forgotten"}


def test_a_file_cut_by_the_horizon_can_still_be_replaced_or_taken_back(
    kept: Store, logs: Logs
) -> None:
    pruned(kept, 5)
    if kept.sql("SELECT count(*) FROM source_files WHERE folded") == [(0,)]:
        logs.requests("both.parquet", (at(6), B, 200), (at(5), B, 200))
        kept.run(logs.folder)
        assert kept.counts() == {(A, at(5), 200): 1, (B, at(5), 200): 1}
        assert verify(kept.folder, deep=True).findings == []
    forget(kept.folder, [str(logs.folder / "both.parquet")])
    assert kept.counts() == {(A, at(5), 200): 1}
    assert verify(kept.folder, deep=True).findings == []


def test_a_file_of_which_nothing_is_kept_can_be_replaced(kept: Store, logs: Logs) -> None:
    pruned(kept, 5)
    logs.requests("ten.parquet", (at(4), B, 200))
    assert kept.run(logs.folder).complete
    assert kept.counts() == left() | {(B, at(4), 200): 1}
    assert verify(kept.folder, deep=True).findings == []


def test_a_rebuild_that_can_not_read_a_file_leaves_its_counts(kept: Store) -> None:
    days = Days((midnight() - timedelta(days=10)).date(), midnight().date())
    done = rebuild(kept.folder, days, lambda _: ReadingOptions(format="cloudfront"))
    assert len(done.kept) == 3
    assert verify(kept.folder, deep=False).findings == []
    pruned(kept, 5)
    assert kept.counts() == left()


@pytest.mark.parametrize("changed", [False, True])
def test_pruned_days_can_be_rebuilt_and_stay_empty(changed: bool, kept: Store, logs: Logs) -> None:
    pruned(kept, 5)
    if changed:
        logs.requests("ten.parquet", (at(10), A, 500))
        logs.requests("both.parquet", (at(6), B, 200), (at(5), B, 200))
    days = Days((midnight() - timedelta(days=10)).date(), midnight().date())
    assert rebuild(kept.folder, days, lambda _: ReadingOptions()).kept == {}
    assert kept.counts() == ({(A, at(5), 200): 1, (B, at(5), 200): 1} if changed else left())
    assert verify(kept.folder, deep=True).findings == []


def test_a_copy_takes_the_place_of_a_pruned_file(kept: Store, logs: Logs) -> None:
    (logs.folder / "copy.parquet").write_bytes((logs.folder / "both.parquet").read_bytes())
    kept.run(logs.folder)
    (logs.folder / "both.parquet").unlink()
    pruned(kept, 5)
    days = Days((midnight() - timedelta(days=6)).date(), midnight().date())
    rebuild(kept.folder, days, lambda _: ReadingOptions(), drop_missing=True)
    assert kept.counts() == left()
    assert verify(kept.folder, deep=True).findings == []


def test_a_dry_run_says_what_goes_and_writes_nothing(
    kept: Store, httpcodes: Command, tmp_path: Path
) -> None:
    before = kept.snapshots()
    arguments = ["prune", "--rollups-older-than", 5, "--store", kept.folder, "--json"]
    plan = json.loads(httpcodes(*arguments, "--dry-run").stdout)
    assert plan.pop("snapshot") is None
    assert (kept.snapshots(), len(kept.counts())) == (before, 5)
    done = json.loads(httpcodes(*arguments).stdout)
    assert done.pop("snapshot") + ".duckdb" in kept.snapshots()
    assert plan == done
    assert plan["kept_from"] == at(5, "00:00:00")


def test_the_configuration_says_what_is_kept(
    kept: Store, httpcodes: Command, tmp_path: Path
) -> None:
    file = tmp_path / "httpcodes.toml"
    file.write_text(f'store = "{kept.folder}"\n[retention]\nrollup_days = 5\n')
    done = httpcodes("prune", "--config", file)
    assert done.returncode == 0
    assert done.stderr.decode().startswith(f"kept    rollups           {at(5)[:10]} on\n")
    assert kept.counts() == left()
    file.write_text("[retention]\nrollup_days = 0\n")
    refused = httpcodes("prune", "--config", file, "--store", kept.folder)
    assert refused.returncode == 2
    assert 'retention: "rollup_days" is 0; it would have to be' in refused.stderr.decode()


def names(published: Sequence[str]) -> list[Path]:
    return [Path(f"{name}-0000.duckdb") for name in published]


@pytest.mark.parametrize(
    ("last", "days", "gone"),
    [
        (1, 0, ["20260101T010000Z", "20260102T010000Z", "20260102T020000Z", "20260104T010000Z"]),
        (2, 0, ["20260101T010000Z", "20260102T010000Z", "20260102T020000Z"]),
        (1, 1, ["20260101T010000Z", "20260102T010000Z", "20260102T020000Z", "20260104T010000Z"]),
        (1, 3, ["20260101T010000Z", "20260102T010000Z", "20260104T010000Z"]),
        (1, 4, ["20260102T010000Z", "20260104T010000Z"]),
        (9, 0, []),
    ],
)
def test_the_last_snapshots_are_kept_and_the_last_of_each_day(
    last: int, days: int, gone: list[str]
) -> None:
    published = names(
        ["20260101T010000Z", "20260102T010000Z", "20260102T020000Z", "20260104T010000Z",
         "20260104T020000Z"]
    )  # fmt: skip
    terms = replace(USUAL, kept_snapshots=last, kept_days=days)
    assert outdated(published, terms) == names(gone)


def test_runs_keep_a_snapshot_of_each_day(logs: Logs, store: Store, httpcodes: Command) -> None:
    logs.requests("a.parquet", ("2025-09-09T12:00:00Z", "a.example", 200))
    store.run(logs.folder)
    (first,) = (store.folder / "snapshots").iterdir()
    yesterday = first.with_name(f"{midnight() - timedelta(days=1):%Y%m%dT%H%M%SZ}-0000.duckdb")
    earlier = first.with_name(f"{midnight() - timedelta(days=2):%Y%m%dT%H%M%SZ}-0000.duckdb")
    for file in (yesterday, earlier):
        os.link(first, file)
    config = logs.folder.parent / "httpcodes.toml"
    config.write_text("keep_snapshots = 1\n[retention]\nkeep_daily_days = 2\n")
    logs.requests("b.parquet", ("2025-09-09T12:00:00Z", "b.example", 200))
    assert httpcodes("run", logs.folder, "--store", store.folder, "--config", config).returncode == 0  # fmt: skip
    newest = (store.folder / "httpcodes.duckdb").resolve().name
    assert store.snapshots() == [yesterday.name, newest]
