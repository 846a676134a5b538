"""Copy, change, publish: what is on disk, whoever holds it, and whatever dies."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
from conftest import Command, Logs, Store, open_files
from dying import killed_after, seconds_of

import jobs.store.reflink
import jobs.store.revision
import queries
from jobs.store.lock import StoreLocked
from jobs.store.revision import USUAL, StoreUnusable, revision
from jobs.verify import verify

A = "a.example"
NOON = "2025-09-09T12:00:00Z"


def deliver(logs: Logs, number: int) -> None:
    logs.requests(f"{number}.parquet", (f"2025-09-09T12:00:{number:02d}Z", A, 200))


def test_a_published_snapshot_is_linked_read_only_and_alone(logs: Logs, store: Store) -> None:
    deliver(logs, 0)
    summary = store.run(logs.folder)
    link = store.folder / "httpcodes.duckdb"
    assert os.readlink(link) == f"snapshots/{summary.snapshot}.duckdb"
    assert link.stat().st_mode & 0o777 == 0o444
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "httpcodes.duckdb", "lock", "snapshots", "tmp",
    ]  # fmt: skip
    assert list((store.folder / "tmp").iterdir()) == []
    assert store.snapshots() == [f"{summary.snapshot}.duckdb"]


def test_a_snapshot_has_the_storage_version_that_older_tools_open(logs: Logs, store: Store) -> None:
    deliver(logs, 0)
    for _ in range(2):
        store.run(logs.folder)
        assert store.sql("SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()") == [("v1.2.0+",)]  # fmt: skip


def test_the_last_few_snapshots_are_kept_and_their_names_sort(logs: Logs, store: Store) -> None:
    published = []
    for number in range(USUAL.kept_snapshots + 2):
        deliver(logs, number)
        published.append(f"{store.run(logs.folder).snapshot}.duckdb")
    assert published == sorted(published)
    assert store.snapshots() == published[-USUAL.kept_snapshots :]


def test_an_open_snapshot_keeps_its_answers_while_runs_publish(logs: Logs, store: Store) -> None:
    deliver(logs, 0)
    store.run(logs.folder)
    with duckdb.connect((store.folder / "httpcodes.duckdb").resolve(), read_only=True) as analyst:
        for number in range(1, USUAL.kept_snapshots + 2):
            deliver(logs, number)
            store.run(logs.folder)
        assert analyst.execute("SELECT sum(requests)::INT FROM rollup_5m").fetchall() == [(1,)]
    assert store.counts() == {(A, NOON, 200): USUAL.kept_snapshots + 2}


def test_a_run_that_fails_publishes_nothing_and_leaves_nothing(logs: Logs, store: Store) -> None:
    deliver(logs, 0)
    store.run(logs.folder)
    before = store.snapshots()
    with pytest.raises(RuntimeError), revision(store.folder, USUAL) as work:
        work.connection.execute("DELETE FROM internal.cells")
        raise RuntimeError
    assert store.snapshots() == before
    assert store.counts() == {(A, NOON, 200): 1}
    assert list((store.folder / "tmp").iterdir()) == []


def test_a_held_store_is_refused_at_once_and_names_the_process(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    deliver(logs, 0)
    with revision(store.folder, USUAL):
        with (
            pytest.raises(StoreLocked, match=f"process {os.getpid()}"),
            revision(store.folder, USUAL),
        ):
            pass
        refused = httpcodes("run", logs.folder, "--store", store.folder)
        assert refused.returncode == 11
        assert f"process {os.getpid()}" in refused.stderr.decode()
    assert store.run(logs.folder).complete


def test_a_lock_file_that_a_dead_run_left_holds_nobody_up(logs: Logs, store: Store) -> None:
    deliver(logs, 0)
    store.folder.mkdir()
    (store.folder / "lock").write_text("1\n")
    assert store.run(logs.folder).complete


def test_leftovers_of_a_dead_run_are_cleared(logs: Logs, store: Store) -> None:
    deliver(logs, 0)
    store.run(logs.folder)
    leftovers = store.folder / "tmp"
    (leftovers / "spill").mkdir()
    (leftovers / "spill" / "part.tmp").write_bytes(b"x")
    (leftovers / "20250101T000000Z-aaaa.duckdb").write_bytes(b"x")
    (leftovers / "20250101T000000Z-aaaa.duckdb.wal").write_bytes(b"x")
    store.run(logs.folder)
    assert list(leftovers.iterdir()) == []


def cut(snapshot: Path, size: int) -> None:
    snapshot.chmod(0o644)
    os.truncate(snapshot, size)


@pytest.mark.parametrize("missing", [1, 100_000, 10_000_000])
def test_a_snapshot_that_is_cut_short_is_named_and_rollback_returns_to_the_last_good_one(
    missing: int, logs: Logs, store: Store, httpcodes: Command
) -> None:
    for number in range(3):
        deliver(logs, number)
        store.run(logs.folder)
    first, second, third = store.snapshots()
    newest = (store.folder / "httpcodes.duckdb").resolve()
    cut(newest, max(0, newest.stat().st_size - missing))
    cut(newest.with_name(second), 0)
    request = ["query", "--service", A, "--start", NOON, "--end", "2025-09-09T12:05:00Z"]
    assert httpcodes(*request, "--store", store.folder).returncode == 4
    failed = httpcodes("run", logs.folder, "--store", store.folder)
    assert failed.returncode == 1
    assert failed.stderr.decode() == (
        f"httpcodes: the newest snapshot {newest.parent / third} is broken; "
        f"`httpcodes rollback` returns to {first.removesuffix('.duckdb')}, the last good one\n"
    )
    back = httpcodes("rollback", "--store", store.folder)
    assert back.stderr.decode().startswith(f"in force: {first.removesuffix('.duckdb')}\n")
    assert store.counts() == {(A, NOON, 200): 1}
    assert httpcodes("run", logs.folder, "--store", store.folder).returncode == 0
    assert store.counts() == {(A, NOON, 200): 3}
    assert verify(store.folder, deep=True).findings == []


def test_rollback_needs_an_earlier_snapshot(logs: Logs, store: Store, httpcodes: Command) -> None:
    deliver(logs, 0)
    store.run(logs.folder)
    refused = httpcodes("rollback", "--store", store.folder)
    assert refused.returncode == 1
    assert "no good snapshot before the one in force" in refused.stderr.decode()
    assert store.counts() == {(A, NOON, 200): 1}


def test_rollback_passes_over_a_snapshot_that_something_wrote_to(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    for number in range(3):
        deliver(logs, number)
        store.run(logs.folder)
    first, second, _ = store.snapshots()
    (store.folder / "snapshots" / f"{second}.wal").touch()
    back = httpcodes("rollback", "--store", store.folder)
    assert back.stderr.decode().startswith(f"in force: {first.removesuffix('.duckdb')}\n")


def test_a_stale_wal_is_never_merged_and_the_next_run_goes_on(logs: Logs, store: Store) -> None:
    deliver(logs, 0)
    store.run(logs.folder)
    newest = (store.folder / "httpcodes.duckdb").resolve()
    newest.chmod(0o644)
    with duckdb.connect(newest) as vandal:
        vandal.execute("SET wal_autocheckpoint = '1TB'; PRAGMA disable_checkpoint_on_shutdown")
        vandal.execute("DELETE FROM internal.cells")
    assert Path(f"{newest}.wal").stat().st_size
    assert queries.answer(store.folder, {"serviceNames": [A], "startTime": NOON, "endTime": "2025-09-09T12:05:00Z"}).status == 400  # fmt: skip
    deliver(logs, 1)
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 2}
    assert verify(store.folder, deep=True).findings == []


def test_a_database_that_a_full_disk_invalidated_is_told_as_a_full_disk(disk: Path) -> None:
    said = "FATAL Error: database has been invalidated because of a previous fatal error"
    for filler, told in ((0, duckdb.FatalException), (6 << 20, StoreUnusable)):
        with (
            pytest.raises(told, match="is full" if filler else "invalidated"),
            revision(disk / f"{filler}", USUAL),
        ):
            with suppress(OSError):
                (disk / "filler").write_bytes(bytes(filler))
            raise duckdb.FatalException(said)


@pytest.fixture
def small(disk: Path, logs: Logs) -> Store:
    """A store on the small disk, with one run in it."""
    deliver(logs, 0)
    store = Store(disk / "store")
    store.run(logs.folder)
    return store


def test_a_full_disk_changes_nothing_and_the_next_run_goes_on(
    logs: Logs, small: Store, httpcodes: Command
) -> None:
    hosts = [f"{number:x}.example" for number in range(400_000)]
    many = logs.write(
        "many.parquet",
        {"timestamp": [NOON] * len(hosts), "host": hosts, "status": [200] * len(hosts)},
    )
    before = small.snapshots()
    full = httpcodes("run", logs.folder, "--store", small.folder)
    assert full.returncode == 1
    assert "Traceback" not in full.stderr.decode()
    assert "is full (No space left on device" in full.stderr.decode()
    assert small.snapshots() == before
    assert small.counts() == {(A, NOON, 200): 1}
    assert list((small.folder / "tmp").iterdir()) == []
    many.unlink()
    deliver(logs, 1)
    assert small.run(logs.folder).complete
    assert small.counts() == {(A, NOON, 200): 2}


def test_a_read_only_store_is_named_and_still_answers(
    logs: Logs, disk: Path, small: Store, httpcodes: Command
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    refused = httpcodes("run", logs.folder, "--store", small.folder)
    assert refused.returncode == 1
    assert refused.stderr.decode() == (
        f"httpcodes: the store {small.folder} can't be written: Read-only file system\n"
    )
    assert small.counts() == {(A, NOON, 200): 1}
    assert httpcodes("verify", "--store", small.folder).returncode == 0


def test_a_store_that_can_not_be_written_is_named(logs: Logs, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    deliver(logs, 0)
    with pytest.raises(StoreUnusable, match="file"):
        Store(in_the_way / "store").run(logs.folder)


@pytest.mark.parametrize("by_system", [True, False])
def test_without_reflinks_a_snapshot_is_copied(
    by_system: bool, logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> int:
        raise OSError(errno.EXDEV, "other file systems")

    monkeypatch.setattr(jobs.store.reflink, "_FICLONE", 0)
    if not by_system:
        monkeypatch.setattr("os.copy_file_range", refuse)
    for number in range(2):
        deliver(logs, number)
        store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 2}


def start(logs: Logs, store: Store) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "run", str(logs.folder), "--store", str(store.folder)],
        stderr=subprocess.PIPE,
    )


def watch(store: Store, services: list[str], done: threading.Event) -> list[int]:
    """Ask again and again; how many codes each answer had, the same for every service."""
    request = {"serviceNames": services, "startTime": NOON, "endTime": "2025-09-09T12:05:00Z"}
    seen = []
    while not done.wait(0.02):
        answer = queries.answer(store.folder, request)
        assert answer.status == 200, answer.body
        codes = {len(e["httpCodes"][0]["httpCodeValues"]) for e in json.loads(answer.body)}
        assert len(codes) == 1
        seen.append(codes.pop())
    return seen


def test_killed_at_random_moments_a_run_leaves_the_old_or_the_new_counts_to_every_reader(
    logs: Logs, store: Store
) -> None:
    dice = random.Random(7)
    hosts = [f"s{number}.example" for number in range(400)]
    logs.requests("0.parquet", *((NOON, host, 200) for host in hosts))
    store.run(logs.folder)
    run = ("run", logs.folder, "--store", store.folder, "--quiet")
    usual = seconds_of(*run)
    killed, done = 0, threading.Event()
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(watch, store, hosts[:50], done)
        try:
            for number in range(1, 9):
                before = store.counts()
                logs.requests(f"{number}.parquet", *((NOON, host, 200 + number) for host in hosts))
                killed += killed_after(dice.uniform(0.2, 1.2) * usual, *run)
                after = store.counts()
                whole = before | {(host, NOON, 200 + number): 1 for host in hosts}
                assert after in (before, whole)
                assert store.run(logs.folder).complete
                assert store.counts() == whole
        finally:
            done.set()
        seen = reader.result()
    assert killed > 2
    assert seen == sorted(seen)
    assert len(set(seen)) > 4
    assert verify(store.folder, deep=True).findings == []


@pytest.fixture(scope="module")
def counted_for_seconds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes seconds to count."""
    file = tmp_path_factory.mktemp("many") / "many.parquet"
    duckdb.sql(
        f"""COPY (SELECT strftime(TIMESTAMP '2025-09-09' + to_microseconds(i * 7919), '%Y-%m-%dT%H:%M:%S.%f') AS timestamp,
        concat('s', i % 997) AS host, 200 + i % 7 AS status FROM range(8000000) AS r(i)) TO '{file}'"""
    )
    return file


@pytest.fixture
def many(counted_for_seconds: Path, logs: Logs) -> Path:
    """Such a file among the logs."""
    file = logs.folder / "many.parquet"
    file.hardlink_to(counted_for_seconds)
    return file


def wait_until_it_reads(run: subprocess.Popen[bytes], file: Path) -> None:
    while run.poll() is None and str(file) not in open_files(run.pid):
        time.sleep(0.002)
    assert run.poll() is None


def test_a_file_that_changes_while_it_is_read_adds_nothing_until_the_next_run(
    many: Path, logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    run = start(logs, store)
    wait_until_it_reads(run, many)
    new = logs.requests("new.part", (NOON, A, 404))
    new.replace(many)
    _, said = run.communicate(timeout=600)
    assert run.returncode == 3
    assert f"{many}: changed while it was read; the next run looks at it again" in said.decode()
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.run(logs.folder).complete
    assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 404): 1}


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_run_exits_with_130_and_has_changed_nothing(
    sent: signal.Signals, many: Path, logs: Logs, store: Store
) -> None:
    deliver(logs, 0)
    store.run(logs.folder / "0.parquet")
    before = store.snapshots()
    run = start(logs, store)
    wait_until_it_reads(run, many)
    run.send_signal(sent)
    _, said = run.communicate(timeout=600)
    assert run.returncode == 130
    assert said.decode() == "httpcodes: interrupted; the newest snapshot stands\n"
    assert store.snapshots() == before
    assert list((store.folder / "tmp").iterdir()) == []
