"""Runs that take a part of what waits, or that are kept to a bound."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from conftest import Command, Logs, Store, age

from jobs.verify import verify

A = "a.example"
DAYS = range(5, 10)


@pytest.fixture
def daily(logs: Logs) -> Logs:
    """A file a day, modified at noon of 5 to 9 September 2025; the last has the first name."""
    for day in DAYS:
        file = logs.requests(f"{20 - day:02d}.parquet", (f"2025-09-{day:02d}T12:00:00Z", A, 200))
        noon = datetime(2025, 9, day, 12, tzinfo=UTC).timestamp()
        os.utime(file, (noon, noon))
    # What was written just now is looked at twice.
    age(*logs.folder.iterdir())
    return logs


def days(store: Store) -> list[int]:
    return sorted(int(bucket[8:10]) for _, bucket, _ in store.counts())


def test_max_files_takes_those_modified_first_and_says_how_many_are_left(
    daily: Logs, store: Store, httpcodes: Command
) -> None:
    arguments = ["run", daily.folder, "--store", store.folder, "--max-files", 2]
    done = httpcodes(*arguments)
    assert (done.returncode, days(store)) == (0, [5, 6])
    assert "left 3 files for a later run\n" in done.stderr.decode()
    done = httpcodes(*arguments, "--json", "--quiet")
    assert (json.loads(done.stdout)["left"], days(store)) == (1, [5, 6, 7, 8])
    done = httpcodes(*arguments, "--json", "--quiet")
    assert (json.loads(done.stdout)["left"], days(store)) == (0, [5, 6, 7, 8, 9])
    assert verify(store.folder, deep=True).findings == []


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        (["--since", "2025-09-07"], [7, 8, 9]),
        (["--until", "2025-09-07"], [5, 6, 7]),
        (["--since", "2025-09-06", "--until", "2025-09-08"], [6, 7, 8]),
        (["--since", "2025-09-07T12:00:00Z"], [7, 8, 9]),
        (["--until", "2025-09-07T12:00:00Z"], [5, 6]),
        (["--since", "2025-09-06", "--max-files", "1"], [6]),
    ],
)
def test_since_and_until_take_files_by_their_modification(
    options: list[str], taken: list[int], daily: Logs, store: Store, httpcodes: Command
) -> None:
    arguments = ["run", daily.folder, "--store", store.folder, "--json", "--quiet", *options]
    plan = json.loads(httpcodes(*arguments, "--dry-run").stdout)
    done = json.loads(httpcodes(*arguments).stdout)
    assert days(store) == taken
    assert len(plan["ingest"]) == len(taken)
    assert plan["left"] == done["left"] == len(DAYS) - len(taken)


def test_a_moment_that_is_none_is_a_usage_error(
    daily: Logs, store: Store, httpcodes: Command
) -> None:
    done = httpcodes("run", daily.folder, "--store", store.folder, "--since", "yesterday")
    assert done.returncode == 2
    assert done.stderr.decode() == (
        "httpcodes: 'yesterday' is neither a day such as 2025-09-09, "
        "a time such as 2025-09-09T12:00:00Z nor an age such as 3d or 36h\n"
    )
    assert not store.folder.exists()


def test_fail_fast_publishes_nothing_and_names_the_file(
    daily: Logs, store: Store, httpcodes: Command
) -> None:
    broken = daily.folder / "99.parquet"
    broken.write_bytes(b"")
    arguments = ["run", daily.folder, "--store", store.folder, "--fail-fast"]
    done = httpcodes(*arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        f"httpcodes: {broken}: cannot be read as Parquet: it is too small to be a Parquet file; "
        "nothing was published\n"
    )
    assert store.snapshots() == []
    broken.unlink()
    assert httpcodes(*arguments).returncode == 0
    assert days(store) == list(DAYS)


def test_fail_fast_minds_files_that_can_not_be_listed(
    daily: Logs, store: Store, httpcodes: Command
) -> None:
    os.mkfifo(daily.folder / "pipe.parquet")
    done = httpcodes("run", daily.folder, "--store", store.folder, "--fail-fast")
    assert (done.returncode, store.snapshots()) == (1, [])
    assert "pipe.parquet: is not a regular file" in done.stderr.decode()


def test_a_limit_that_can_not_be_kept_is_refused(
    daily: Logs, store: Store, httpcodes: Command
) -> None:
    done = httpcodes("run", daily.folder, "--store", store.folder, "--memory-limit", "lots")
    assert done.returncode == 2
    assert "lots: it would have to be a size such as 512MB" in done.stderr.decode()
    assert not store.folder.exists()


def test_a_run_with_little_memory_counts_all(
    tmp_path: Path, store: Store, httpcodes: Command
) -> None:
    # Each row a service of its own: the groups are far more than the memory holds.
    file = tmp_path / "many.parquet"
    duckdb.sql(
        f"""COPY (SELECT TIMESTAMP '2025-09-09' + to_seconds(i % 86400) AS timestamp,
        concat(md5(CAST(i AS VARCHAR)), '.example') AS host, 200 AS status
        FROM range(400_000) AS r(i)) TO '{file}'"""
    )
    arguments = ["run", file, "--store", store.folder, "--threads", 1, "--json", "--quiet"]
    done = httpcodes(*arguments, "--memory-limit", "120MB")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"]["counted"] == 400_000
    assert store.sql("SELECT count(*) FROM rollup_5m") == [(400_000,)]
