"""How the store stands, told to people and to probes."""

import fcntl
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, Logs, Store

from jobs.monitoring import last_run
from jobs.monitoring.last_run import LastRun
from queries.cli import duration

NOON = "2025-09-09T12:00:00Z"


@pytest.fixture
def configured(logs: Logs, store: Store, tmp_path: Path) -> Path:
    """A configuration of this store and these logs, and a first file among them."""
    logs.requests("a.parquet", (NOON, "a.example", 200), ("2025-09-09T13:01:00Z", "b.example", 200))
    config = tmp_path / "httpcodes.toml"
    config.write_text(f'store = "{store.folder}"\n[[sources]]\npath = "{logs.folder}"\n')
    return config


def told(httpcodes: Command, config: Path) -> dict[str, Any]:
    """The status as JSON."""
    done = httpcodes("status", "--json", "--config", config)
    return json.loads(done.stdout)


def moment(hours_ago: float) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(hours=hours_ago)


def test_a_status_says_how_the_store_stands(
    httpcodes: Command, configured: Path, logs: Logs, store: Store
) -> None:
    (logs.folder / "b.parquet").write_bytes(b"broken")
    assert httpcodes("run", "--config", configured).returncode == 3
    logs.requests("d.parquet", (NOON, "a.example", 500))
    assert httpcodes("run", "--config", configured).returncode == 3
    logs.requests("c.parquet", (NOON, "a.example", 404))
    found = told(httpcodes, configured)
    first, second = store.snapshots()
    sizes = [(store.folder / "snapshots" / name).stat().st_size for name in (first, second)]
    assert (found["snapshot"], found["trouble"], found["running"]) == (second[:-7], None, None)
    assert found["last_run"]["outcome"] == "partly_done"
    assert (found["last_run"]["exit_code"], found["last_run"]["run_id"]) == (3, second[:-7])
    assert found["last_success"] == found["last_run"]["finished_at"]
    (source,) = found["sources"]
    assert source.pop("lag") > 0
    assert source == {
        "source": str(logs.folder),
        "files": 4,
        "backlog_files": 1,
        "backlog_bytes": (logs.folder / "c.parquet").stat().st_size,
        "watermark": "2025-09-09T13:01:00Z",
        "trouble": None,
    }
    watermarks = [(service["service"], service["watermark"]) for service in found["services"]]
    assert watermarks == [
        ("a.example", "2025-09-09T12:05:00Z"),
        ("b.example", "2025-09-09T13:05:00Z"),
    ]
    (broken,) = found["unusable"]
    assert (broken["path"], broken["state"]) == (str(logs.folder / "b.parquet"), "quarantined")
    assert list(found["snapshots"].values()) == sizes
    assert found["growth"] == sizes[1] - sizes[0]
    ((final,),) = store.sql(
        "SELECT strftime(time_bucket(INTERVAL 5 MINUTE, as_of - INTERVAL 48 HOUR), '%Y-%m-%dT%H:%M:%SZ') FROM internal.snapshot"
    )
    assert found["final_until"] == final


def test_people_read_the_same(httpcodes: Command, configured: Path, logs: Logs) -> None:
    httpcodes("run", "--config", configured)
    (logs.folder / "b.parquet").write_bytes(b"broken")
    done = httpcodes("status", "--config", configured)
    said = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "last run      done, exit code 0, 20" in said
    assert "backlog 1 of 2 files, 6 bytes" in said
    assert "a.example  2025-09-09T12:05:00Z, " in said


def test_a_known_file_is_no_backlog_and_a_changed_one_is(
    httpcodes: Command, configured: Path, logs: Logs
) -> None:
    httpcodes("run", "--config", configured)
    assert told(httpcodes, configured)["sources"][0]["backlog_files"] == 0
    logs.requests("a.parquet", (NOON, "a.example", 500))
    assert told(httpcodes, configured)["sources"][0]["backlog_files"] == 1


def test_a_watermark_outlives_the_files_it_came_from(
    httpcodes: Command, configured: Path, logs: Logs
) -> None:
    httpcodes("run", "--config", configured)
    (logs.folder / "a.parquet").unlink()
    (source,) = told(httpcodes, configured)["sources"]
    assert (source["files"], source["watermark"]) == (0, "2025-09-09T13:01:00Z")
    logs.folder.rmdir()
    (source,) = told(httpcodes, configured)["sources"]
    assert "does not exist" in source["trouble"]
    assert source["watermark"] == "2025-09-09T13:01:00Z"


def test_without_a_run_there_is_a_sentence(httpcodes: Command, tmp_path: Path) -> None:
    done = httpcodes("status", "--store", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "nothing was published here yet" in done.stderr.decode()
    assert "last success  none" in done.stdout.decode()


def test_a_broken_store_still_tells_of_its_runs(
    httpcodes: Command, configured: Path, store: Store
) -> None:
    httpcodes("run", "--config", configured)
    success = told(httpcodes, configured)["last_success"]
    (snapshot,) = (store.folder / "snapshots").iterdir()
    snapshot.chmod(0o644)
    snapshot.write_bytes(b"broken")
    failed = httpcodes("run", "--config", configured)
    assert failed.returncode == 1
    done = httpcodes("status", "--config", configured)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr.decode()
    found = told(httpcodes, configured)
    assert found["trouble"]
    assert (found["last_run"]["outcome"], found["last_success"]) == ("failed", success)
    assert f"httpcodes: {found['last_run']['reason']}\n" == failed.stderr.decode()


@pytest.mark.parametrize(("hours_ago", "code"), [(25.9, 0), (26.1, 1)])
def test_max_age_makes_a_probe(
    hours_ago: float, code: int, httpcodes: Command, configured: Path, store: Store
) -> None:
    httpcodes("run", "--config", configured)
    then = moment(hours_ago)
    last_run.write(
        store.folder, LastRun(None, then, then, "failed", 1, "why", last_success_at=then)
    )
    done = httpcodes("status", "--config", configured, "--max-age", "26h")
    assert done.returncode == code
    sentence = "httpcodes: the last success was 26 h 6 min ago; --max-age accepts 26 h 0 min\n"
    assert done.stderr.decode() == (sentence if code else "")
    assert "failed, exit code 1" in done.stdout.decode()


def test_the_snapshot_knows_the_last_success_where_no_record_is(
    httpcodes: Command, configured: Path, store: Store
) -> None:
    httpcodes("run", "--config", configured)
    success = told(httpcodes, configured)["last_success"]
    for left in (None, b"{"):
        (store.folder / "last_run.json").unlink(missing_ok=True)
        if left:
            (store.folder / "last_run.json").write_bytes(left)
        found = told(httpcodes, configured)
        assert found["last_run"] is None
        known, record = (datetime.fromisoformat(t) for t in (found["last_success"], success))
        assert abs(known - record) < timedelta(seconds=30)


def test_changes_by_hand_are_no_success_of_a_run(
    httpcodes: Command, configured: Path, store: Store
) -> None:
    httpcodes("run", "--config", configured)
    then = moment(30)
    last_run.write(store.folder, LastRun(None, then, then, "done", 0, last_success_at=then))
    assert httpcodes("services", "add", "c.example", "--config", configured).returncode == 0
    assert told(httpcodes, configured)["last_success_age"] >= 30 * 3600


@contextmanager
def run_that_waits(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that holds the store and stands still, just when it says that it started."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        command = [sys.executable, "-m", "jobs.cli", "run", "--config", config, "--ping-url", url]
        run = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
        try:
            deaf.settimeout(600)
            silent, _ = deaf.accept()
            # It would not wait for long.
            run.send_signal(signal.SIGSTOP)
            yield run
            silent.close()
        finally:
            run.kill()
            run.wait(600)


def test_a_run_at_work_is_told_and_one_that_was_killed(
    httpcodes: Command, configured: Path
) -> None:
    httpcodes("run", "--config", configured)
    success = told(httpcodes, configured)["last_success"]
    with run_that_waits(configured) as run:
        found = told(httpcodes, configured)
        assert (found["running"], found["last_run"]["outcome"]) == (str(run.pid), "started")
        skipped = httpcodes("run", "--config", configured)
        assert skipped.returncode == 11
        assert told(httpcodes, configured)["last_run"] == found["last_run"]
        run.send_signal(signal.SIGKILL)
        run.wait(600)
    found = told(httpcodes, configured)
    assert (found["running"], found["last_run"]["outcome"]) == (None, "killed")
    assert (found["last_run"]["finished_at"], found["last_success"]) == (None, success)
    assert httpcodes("run", "--config", configured).returncode == 0
    assert told(httpcodes, configured)["last_run"]["outcome"] == "done"


def test_an_interrupted_run_says_so(httpcodes: Command, configured: Path) -> None:
    with run_that_waits(configured) as run:
        run.send_signal(signal.SIGTERM)
        run.send_signal(signal.SIGCONT)
        assert run.wait(600) == 130
    found = told(httpcodes, configured)
    assert found["last_run"]["outcome"] == "interrupted"
    assert (found["last_run"]["exit_code"], found["last_success"]) == (130, None)


def test_asking_for_the_holder_makes_no_run_fail(store: Store, logs: Logs) -> None:
    store.run(logs.folder)
    asked = threading.Event()

    def ask() -> None:
        with (store.folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            asked.set()
            time.sleep(0.5)

    asker = threading.Thread(target=ask)
    asker.start()
    asked.wait()
    store.run(logs.folder)
    asker.join()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("26h", 93_600), ("2d", 172_800)]
)
def test_spans_of_time_are_read(text: str, seconds: int) -> None:
    assert duration.parse(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "0h", "26", "h", "-1h", "1.5h", "1 h", "9999d", "1w", "٣h"])
def test_what_is_no_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(duration.BadDuration, match="26h or 2d would be accepted"):
        duration.parse(text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (172_800, "2 d 0 h")],
)
def test_spans_of_time_are_said_shortly(seconds: int, said: str) -> None:
    assert duration.spoken(timedelta(seconds=seconds)) == said
