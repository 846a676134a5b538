"""Copies of the log files: kept for some days, read by access_log, and never in a run's way."""

import json
import os
import random
import shutil
from pathlib import Path

import duckdb
import pytest
import s3
from conftest import Command, Logs, Store
from dying import killed_before

from jobs.store.revision import USUAL, revision
from jobs.verify import verify
from queries.access_log import raw_copy
from queries.analyst.adhoc import fenced

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z"
SHOWN = "SELECT source_file, count(*) FROM access_log GROUP BY ALL ORDER BY ALL"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that keeps copies for a week."""
    return keeping(tmp_path, 7)


def keeping(folder: Path, days: int) -> Path:
    file = folder / f"keep-{days}.toml"
    file.write_text(f"[retention]\nkeep_raw_days = {days}\n")
    return file


@pytest.fixture
def run(httpcodes: Command, logs: Logs, store: Store, config: Path) -> "Run":
    return Run(httpcodes, logs, store, config)


class Run:
    """Runs the job, and says what it could not copy, by file name."""

    def __init__(self, httpcodes: Command, logs: Logs, store: Store, config: Path) -> None:
        self._httpcodes, self._logs, self._store, self.config = httpcodes, logs, store, config

    def __call__(self, *sources: object, code: int = 0) -> dict[str, str]:
        where = sources or (self._logs.folder,)
        options = ("--store", self._store.folder, "--config", self.config, "--json")
        done = self._httpcodes("run", *where, *options)
        assert done.returncode == code, done.stderr
        not_kept = json.loads(done.stdout)["not_kept"]
        return {Path(file["path"]).name: file["reason"] for file in not_kept}


def copies(store: Store) -> list[str]:
    """The names of the copies, in order."""
    folder = store.folder / "raw"
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


def shown(store: Store) -> dict[str, int]:
    """Rows by the path of the source file, as an analyst sees them with plain DuckDB."""
    return dict(store.sql(SHOWN))


def test_rows_of_a_file_that_was_deleted_or_written_over_stay_in_access_log(
    logs: Logs, store: Store, run: Run
) -> None:
    first = logs.requests("a.parquet", (NOON, A, 200), (NOON, A, 404))
    second = logs.requests("b ü'%.parquet", (LATER, B, 200))
    run()
    first.unlink()
    # In place: a hard link would change with it.
    with second.open("r+b") as file:
        file.write(b"broken")
    assert shown(store) == {str(first): 2, str(second): 1}
    run(code=3)
    assert shown(store) == {str(first): 2, str(second): 1}
    assert store.sql("SELECT count(*) FROM access_log SEMI JOIN source_files ON source_files.path = source_file AND state = 'ingested'") == [(3,)]  # fmt: skip


def test_without_the_configuration_nothing_is_copied(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    assert copies(store) == []
    assert shown(store) == {str(file): 1}


def test_a_run_copies_once_and_what_is_missing_again(logs: Logs, store: Store, run: Run) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    run()
    (copy,) = (store.folder / "raw").rglob("a.parquet")
    before = copy.stat()
    run()
    assert copy.stat() == before
    assert (before.st_nlink, before.st_mode & 0o777, before.st_ino != file.stat().st_ino) == (1, 0o444, True)  # fmt: skip
    copy.unlink()
    run()
    assert copies(store) == ["a.parquet"]


def test_a_copy_that_is_gone_is_left_out_by_our_command_and_named(
    logs: Logs, store: Store, run: Run, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    kept = logs.requests("b.parquet", (NOON, B, 200))
    run()
    (copy,) = (store.folder / "raw").rglob("a.parquet")
    copy.unlink()
    done = httpcodes("sql", SHOWN, "--store", store.folder)
    assert done.stdout.decode().splitlines()[1:] == [f"{kept},1"]
    assert done.stderr.decode().endswith(f"changed since: {copy}\n")
    run()
    assert len(shown(store)) == 2


def test_the_fence_lets_copies_be_read_through_the_view_only(
    logs: Logs, store: Store, run: Run
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    run()
    file.unlink()
    with fenced(store.folder) as analyst:
        assert list(analyst.ask(SHOWN)) == [(["source_file", "count_star()"], [(str(file), 1)])]


def test_replaced_and_forgotten_files_take_their_copies_along(
    logs: Logs, store: Store, run: Run, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    logs.requests("b.parquet", (NOON, B, 200))
    run()
    replaced = logs.requests("a.parquet", (NOON, A, 404), (NOON, A, 404))
    run()
    assert copies(store) == ["a.parquet", "b.parquet"]
    assert shown(store)[str(replaced)] == 2
    httpcodes("forget", logs.folder / "b.parquet", "--store", store.folder, "--config", run.config)
    assert copies(store) == ["a.parquet"]
    assert list(shown(store)) == [str(replaced)]


def age(store: Store, days: int) -> None:
    """Let the files have been counted this long ago."""
    with revision(store.folder, USUAL) as work:
        work.connection.execute(
            f"UPDATE internal.files SET ingested_at = ingested_at - INTERVAL {days} DAY"
        )


def test_copies_go_after_their_days_and_the_files_are_shown_where_they_lie(
    logs: Logs, store: Store, run: Run
) -> None:
    gone = logs.requests("a.parquet", (NOON, A, 200))
    stands = logs.requests("b.parquet", (NOON, B, 200))
    run()
    gone.unlink()
    age(store, 6)
    run()
    assert copies(store) == ["a.parquet", "b.parquet"]
    age(store, 1)
    new = logs.requests("c.parquet", (LATER, A, 200))
    run()
    assert copies(store) == ["c.parquet"]
    assert shown(store) == {str(stands): 1, str(new): 1}
    assert len(list((store.folder / "raw").iterdir())) == 1


def test_prune_drops_copies_says_how_many_and_would_say_so(
    logs: Logs, store: Store, run: Run, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    run()
    age(store, 8)
    options = ("--store", store.folder, "--config", run.config, "--json")
    would = json.loads(httpcodes("prune", "--dry-run", *options).stdout)
    assert (would["raw_copies"], copies(store)) == (1, ["a.parquet"])
    done = json.loads(httpcodes("prune", *options).stdout)
    assert (done["raw_copies"], copies(store)) == (1, [])


def test_no_days_any_more_drop_all_copies(
    logs: Logs, store: Store, run: Run, tmp_path: Path
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    run()
    run.config = keeping(tmp_path, 0)
    run()
    assert copies(store) == []
    assert shown(store) == {str(file): 1}


def test_a_store_that_was_moved_finds_its_copies_again(
    logs: Logs, store: Store, run: Run, tmp_path: Path
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    run()
    file.unlink()
    logs.requests("b.parquet", (NOON, B, 500))
    elsewhere = tmp_path / "else where's"
    shutil.move(store.folder, elsewhere)
    store.folder = elsewhere
    run()
    assert shown(store)[str(file)] == 1


def test_a_copy_of_the_content_keeps_its_own_copy_when_it_inherits(
    logs: Logs, store: Store, run: Run
) -> None:
    first = logs.requests("a.parquet", (NOON, A, 200))
    heir = logs.folder / "b.parquet"
    shutil.copy(first, heir)
    run()
    logs.requests("a.parquet", (NOON, B, 200))
    run()
    heir.unlink()
    assert shown(store) == {str(first): 1, str(heir): 1}


def test_a_rebuild_copies_what_it_counts_afresh(
    logs: Logs, store: Store, run: Run, httpcodes: Command
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    run()
    options = ("--store", store.folder, "--config", run.config, "--json")
    done = httpcodes("rebuild", "--from", "2025-09-09", "--to", "2025-09-09", *options)
    assert done.returncode == 0, done.stderr
    file.unlink()
    assert shown(store) == {str(file): 1}
    assert len(list((store.folder / "raw").iterdir())) == 1


def test_copies_and_files_that_stand_alone_are_one_part(logs: Logs, store: Store, run: Run) -> None:
    old = logs.requests("old.parquet", (NOON, A, 200))
    run()
    age(store, 8)
    new = logs.requests("new.parquet", (LATER, A, 200))
    run()
    assert copies(store) == ["new.parquet"]
    assert shown(store) == {str(old): 1, str(new): 1}
    parts = "SELECT name FROM internal.access_log_parts WHERE name LIKE '%20250909%'"
    assert store.sql(parts) == [("access_log_20250909_1",)]


def test_a_service_in_the_path_is_that_of_the_original(
    logs: Logs, store: Store, run: Run, httpcodes: Command
) -> None:
    file = logs.write("sites/www.example.com/a.parquet", {"timestamp": [NOON], "status": [200]})
    where = ("run", logs.folder, "--service-from-path", "sites/{service}/*")
    done = httpcodes(*where, "--store", store.folder, "--config", run.config)
    assert done.returncode == 0, done.stderr
    file.unlink()
    assert store.sql("SELECT service_name, source_file FROM access_log") == [
        ("www.example.com", str(file))
    ]


def test_rows_without_a_time_are_shown_from_copies_too(logs: Logs, store: Store, run: Run) -> None:
    file = logs.requests("a.parquet", ("never", A, 200), (NOON, A, 200))
    run(code=3)
    file.unlink()
    assert shown(store) == {str(file): 2}


def test_objects_are_shown_once_copies_are_kept(
    bucket: s3.Bucket, store: Store, httpcodes: Command, config: Path, tmp_path: Path
) -> None:
    logs = Logs(bucket.folder)
    for key in ("a.parquet", "eu/b c.parquet"):
        os.utime(logs.requests(key, (NOON, A, 200)), (1_000_000_000,) * 2)
    local = Logs(tmp_path / "local").requests("c.parquet", (NOON, A, 200), (LATER, A, 200))
    run = Run(httpcodes, logs, store, config)
    run("s3://logs", local)
    expected = {"s3://logs/a.parquet": 1, "s3://logs/eu/b c.parquet": 1, str(local): 2}
    # The same content under two keys counts once.
    expected.pop("s3://logs/eu/b c.parquet")
    assert shown(store) == expected
    bucket.asked()
    run("s3://logs", local)
    assert {key for _, key in bucket.asked()} <= {""}
    with fenced(store.folder) as analyst:
        assert dict(next(analyst.ask(SHOWN))[1]) == expected


def test_an_object_that_can_not_be_copied_is_named_and_tried_again(
    bucket: s3.Bucket, store: Store, httpcodes: Command, config: Path
) -> None:
    logs = Logs(bucket.folder)
    os.utime(logs.requests("a.parquet", (NOON, A, 200)), (1_000_000_000,) * 2)
    requests: list[str] = []

    def forbidden(_: str, key: str) -> int | None:
        requests.extend([key] if key else [])
        # Counting it takes ten.
        return 403 if len(requests) > 10 else None

    bucket.trouble = forbidden
    run = Run(httpcodes, logs, store, config)
    assert run("s3://logs", code=3) == {"a.parquet": "no copy is kept: access is denied"}
    assert sum(store.counts().values()) == 1
    bucket.trouble = lambda method, key: None
    assert run("s3://logs") == {}
    assert shown(store) == {"s3://logs/a.parquet": 1}


@pytest.mark.parametrize("url", ["s3://logs/a//b", "s3://logs/../b", "s3://logs/a/./b", "s3://b/"])
def test_an_object_whose_name_is_no_path_has_no_place(url: str) -> None:
    with pytest.raises(ValueError, match="its name is no path of a file"):
        raw_copy.path_of("/store/raw", "20261123T020001Z-3fa9", url)


@pytest.mark.parametrize(
    "path", ["/a.parquet", "/var/s3:/b c", "/file/x'%2F.parquet", "s3://logs/file/a", "gs://b/c:/d"]
)
def test_a_copy_tells_whose_it_is(path: str) -> None:
    folder = "/a store's/raw"
    place = raw_copy.path_of(folder, "20261123T020001Z-3fa9", path)
    told = f"SELECT {raw_copy.original('place', folder)} FROM (SELECT unnest(?) AS place)"
    assert duckdb.execute(told, [[place, path]]).fetchall() == [(path,), (path,)]


def test_a_disk_that_is_nearly_full_keeps_no_copy_and_loses_no_count(
    disk: Path, logs: Logs, httpcodes: Command, config: Path
) -> None:
    store = Store(disk / "store")
    noise = random.Random(7).randbytes(3 << 20)
    logs.write("large.parquet", {"timestamp": [NOON], "host": [A], "status": [200], "x": [noise]})
    small = logs.requests("small.parquet", (LATER, B, 404))
    run = Run(httpcodes, logs, store, config)
    assert run(code=3) == {"large.parquet": "no copy is kept: the disk is nearly full"}
    assert sum(store.counts().values()) == 2
    assert copies(store) == ["small.parquet"]
    small.unlink()
    assert shown(store)[str(small)] == 1
    assert verify(store.folder, deep=False).findings == []


def test_runs_killed_while_they_copy_leave_nothing_behind_and_lose_nothing(
    logs: Logs, store: Store, run: Run
) -> None:
    noise = random.Random(7)
    files = [
        logs.write(f"{n}.parquet", {"timestamp": [NOON], "host": [A], "status": [200], "x": [noise.randbytes(4 << 10)]})
        for n in range(12)
    ]  # fmt: skip
    command = ("run", logs.folder, "--store", store.folder, "--config", run.config, "--quiet")
    for calls in (0, 5, 11):
        killed_before("jobs.store.raw_copies:_finish", calls, *command)
        assert not store.folder.joinpath("httpcodes.duckdb").exists()
    killed_before("jobs.store.revision:publish", 0, *command)
    assert len(list((store.folder / "raw").rglob("*.parquet"))) >= 12
    run()
    assert len(copies(store)) == len(list((store.folder / "raw").rglob("*.parquet"))) == 12
    assert len(list((store.folder / "raw").iterdir())) == 1
    for file in files:
        file.unlink()
    assert sum(shown(store).values()) == 12


def test_a_file_that_changed_since_it_was_counted_is_not_copied(
    logs: Logs, store: Store, run: Run
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    stat = file.stat()
    # Same size and time, other content; nobody lists it, so no run looks at it again.
    file.write_bytes(bytes(reversed(file.read_bytes())))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elsewhere = Logs(logs.folder.parent / "elsewhere logs")
    elsewhere.requests("b.parquet", (NOON, B, 200))
    assert run(elsewhere.folder) == {}
    assert copies(store) == ["b.parquet"]


@pytest.mark.parametrize("value", ["-1", '"7"', "true", "1.5"])
def test_a_bad_number_of_days_is_refused(
    value: str, httpcodes: Command, config: Path, store: Store
) -> None:
    config.write_text(f"[retention]\nkeep_raw_days = {value}\n")
    done = httpcodes("run", "x", "--store", store.folder, "--config", config)
    assert done.returncode == 2
    assert b'"keep_raw_days" is ' in done.stderr
    assert b"it would have to be a whole number, 0 to 36,525" in done.stderr
