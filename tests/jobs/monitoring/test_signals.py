"""What a run tells the world: metrics, events, pings. Real processes, a real HTTP server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import Command, Logs, Store
from prometheus_client.parser import text_string_to_metric_families

from jobs.store.revision import USUAL, revision

NOON = "2025-09-09T12:00:00Z"
Samples = dict[tuple[str, str], float]


@pytest.fixture
def configured(logs: Logs, store: Store, tmp_path: Path) -> Path:
    """A configuration of this store and these logs, and a first file among them."""
    logs.requests("a.parquet", (NOON, "a.example", 200), (NOON, "a.example", 1000))
    config = tmp_path / "httpcodes.toml"
    config.write_text(f'store = "{store.folder}"\n[[sources]]\npath = "{logs.folder}"\n')
    return config


def samples(file: Path) -> Samples:
    """What Prometheus' own parser reads: values by name (without prefix) and label."""
    text = file.read_text()
    assert text.endswith("\n")
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type == "gauge" for family in families)
    found = [sample for family in families for sample in family.samples]
    by_name = {
        (s.name.removeprefix("httpcodes_"), next(iter(s.labels.values()), "")): s.value
        for s in found
    }
    assert len(by_name) == len(found)
    return by_name


def events(stderr: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr.decode().splitlines()]


def test_metrics_say_what_a_run_did(
    httpcodes: Command, configured: Path, logs: Logs, store: Store, tmp_path: Path
) -> None:
    (logs.folder / "b.parquet").write_bytes(b"broken")
    metrics = tmp_path / "httpcodes.prom"
    done = httpcodes("run", "--config", configured, "--metrics-file", metrics)
    assert done.returncode == 3
    found = samples(metrics)
    (snapshot,) = (store.folder / "snapshots").iterdir()
    expected = {
        ("last_run_exit_code", ""): 3,
        ("last_run_outcome", "partly_done"): 1,
        ("last_run_read_bytes", ""): (logs.folder / "a.parquet").stat().st_size + 6,
        ("last_success_timestamp_seconds", ""): found["last_run_timestamp_seconds", ""],
        ("last_success_files", "ingested"): 1,
        ("last_success_files", "quarantined"): 1,
        ("last_success_rows", "read"): 2,
        ("last_success_rows", "counted"): 1,
        ("last_success_rows", "rejected"): 1,
        ("rejected_rows", "status unreadable"): 1,
        ("quarantined_files", ""): 1,
        ("backlog_files", str(logs.folder)): 0,
        ("source_watermark_timestamp_seconds", str(logs.folder)): 1757419200,
        ("snapshot_bytes", ""): snapshot.stat().st_size,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert found["last_run_duration_seconds", ""] > 0
    assert found["source_lag_seconds", str(logs.folder)] > 0
    assert not list(tmp_path.glob(".*"))


def test_a_failure_leaves_the_last_success_as_it_was(
    httpcodes: Command, configured: Path, logs: Logs, store: Store, tmp_path: Path
) -> None:
    metrics = tmp_path / "httpcodes.prom"
    run = ("run", "--config", configured, "--metrics-file", metrics)
    httpcodes(*run)
    succeeded = samples(metrics)["last_success_timestamp_seconds", ""]
    metrics.unlink()
    (logs.folder / "a.parquet").unlink()
    logs.folder.rmdir()
    assert httpcodes(*run).returncode == 3
    failed = samples(metrics)
    assert failed["last_success_timestamp_seconds", ""] == succeeded
    assert failed["last_run_exit_code", ""] == 3
    assert ("backlog_files", str(logs.folder)) not in failed
    for snapshot in (store.folder / "snapshots").iterdir():
        snapshot.unlink()
    assert httpcodes(*run).returncode == 1
    assert samples(metrics)["last_success_timestamp_seconds", ""] == succeeded


def test_labels_hold_any_name(httpcodes: Command, tmp_path: Path) -> None:
    folder = tmp_path / 'a "b" \\n {c}'
    Logs(folder).requests("a.parquet", (NOON, "a.example", 200))
    metrics = tmp_path / "m.prom"
    config = tmp_path / "httpcodes.toml"
    config.write_text(f"store = 'store'\nmetrics_file = 'm.prom'\n[[sources]]\npath = '{folder}'\n")
    assert httpcodes("run", "--config", config).returncode == 0
    assert samples(metrics)["backlog_files", str(folder)] == 0


def test_json_is_one_event_a_line(httpcodes: Command, configured: Path, logs: Logs) -> None:
    (logs.folder / "b.parquet").write_bytes(b"broken")
    done = httpcodes("run", "--config", configured, "--log-format", "json")
    assert (done.returncode, done.stdout) == (3, b"")
    told = events(done.stderr)
    assert [event["event"] for event in told] == [
        "run_started", "file_quarantined", "rows_rejected", "run_published",
    ]  # fmt: skip
    (run_id,) = {event["run_id"] for event in told}
    assert told[-1]["snapshot"] == run_id
    assert all(event["time"].startswith("20") and event["time"].endswith("Z") for event in told)
    assert told[1]["path"] == str(logs.folder / "b.parquet")
    assert (told[2]["reason"], told[2]["rows"]) == ("status unreadable", 1)
    assert told[3]["rows"] == {"read": 2, "counted": 1, "rejected": 1, "passed_over": 0}
    quiet = httpcodes("run", "--config", configured, "--log-format", "json", "--quiet", "--json")
    assert (quiet.stderr, json.loads(quiet.stdout)["rows"]["read"]) == (b"", 0)


def test_a_failure_is_one_event(httpcodes: Command, configured: Path, store: Store) -> None:
    store.folder.write_bytes(b"")
    done = httpcodes("run", "--config", configured, "--log-format", "json", "--quiet")
    assert done.returncode == 1
    (event,) = events(done.stderr)
    assert event.pop("time")
    reason = f"the store {store.folder} can't be written: File exists"
    assert event == {"event": "run_failed", "run_id": None, "exit_code": 1, "reason": reason}


def test_a_night_that_published_but_could_not_export_has_failed(
    httpcodes: Command, configured: Path, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_bytes(b"a file")
    done = httpcodes(
        "run", "--config", configured, "--log-format", "json", "--export", tmp_path / "taken"
    )
    assert done.returncode == 1
    *_, published, failed = events(done.stderr)
    assert (published["event"], failed["event"]) == ("run_published", "run_failed")
    assert f"the export to {tmp_path / 'taken'} failed" in failed["reason"]
    record = json.loads((store.folder / "last_run.json").read_text())
    assert (record["outcome"], record["exit_code"]) == ("failed", 1)
    assert record["last_success_at"] is not None


def test_signals_tell_nothing_of_clients(httpcodes: Command, configured: Path, logs: Logs) -> None:
    secret = "/account?token=hush"
    address = "203.0.113.77"
    logs.write(
        "c.parquet",
        {
            "timestamp": [NOON, "never", NOON],
            "host": ["a.example", secret, address],
            "status": ["200", "200", secret],
            "path": pa.array([secret] * 3),
            "client_ip": pa.array([address] * 3),
        },
    )
    logs.write("d.parquet", {"timestamp": [NOON], "host": [address], "status": [200]})
    torn = (logs.folder / "c.parquet").read_bytes()
    (logs.folder / "e.parquet").write_bytes(torn[: len(torn) // 2] + torn[-200:])
    metrics = logs.folder.parent / "m.prom"
    arguments = ("run", "--config", configured, "--log-format", "json", "--metrics-file", metrics)
    done = httpcodes(*arguments)
    assert done.returncode == 3
    told = done.stderr.decode() + metrics.read_text()
    assert "e.parquet" in told
    assert "hush" not in told
    assert address not in told


class Switch(ThreadingHTTPServer):
    """A dead-man switch that notes what it is asked for."""

    def __init__(self, status: int = 200) -> None:
        self.asked: list[str] = []
        self.status = status
        super().__init__(("127.0.0.1", 0), Asked)
        self.url = f"http://127.0.0.1:{self.server_port}/check?key=hush"


class Asked(BaseHTTPRequestHandler):
    server: Switch

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def switch() -> Iterator[Switch]:
    with Switch() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


START, SUCCESS = "/check/start?key=hush", "/check?key=hush"


def test_a_switch_is_asked_at_the_start_and_after_a_success(
    httpcodes: Command, configured: Path, logs: Logs, switch: Switch
) -> None:
    configured.write_text(f'ping_url = "{switch.url}"\n' + configured.read_text())
    assert httpcodes("run", "--config", configured).returncode == 3
    assert switch.asked == [START, SUCCESS]
    logs.requests("a.parquet", (NOON, "a.example", 200))
    assert httpcodes("run", "--config", configured).returncode == 0
    assert switch.asked == [START, SUCCESS] * 2


def test_a_switch_is_told_the_exit_code_of_a_failure(
    httpcodes: Command, configured: Path, store: Store, switch: Switch
) -> None:
    store.folder.write_bytes(b"")
    done = httpcodes("run", "--config", configured, "--ping-url", switch.url)
    assert done.returncode == 1
    assert switch.asked == ["/check/1?key=hush"]


def test_a_run_that_is_skipped_raises_no_alarm(
    httpcodes: Command, configured: Path, store: Store, switch: Switch, tmp_path: Path
) -> None:
    metrics = tmp_path / "m.prom"
    signals = ("--ping-url", switch.url, "--metrics-file", metrics, "--log-format", "json")
    with revision(store.folder, USUAL):
        done = httpcodes("run", "--config", configured, *signals)
    assert done.returncode == 11
    (event,) = events(done.stderr)
    assert (event["event"], event["exit_code"]) == ("run_skipped", 11)
    assert (switch.asked, metrics.exists()) == ([], False)
    assert not (store.folder / "last_run.json").exists()


def test_a_switch_that_fails_is_asked_twice_and_is_only_a_warning(
    httpcodes: Command, configured: Path, switch: Switch
) -> None:
    switch.status = 503
    done = httpcodes("run", "--config", configured, "--ping-url", switch.url, "--quiet")
    assert done.returncode == 3
    assert switch.asked == [START, START, SUCCESS, SUCCESS]
    warning = "httpcodes: warning: the ping to 127.0.0.1 failed: status 503\n"
    assert done.stderr.decode() == warning * 2


def test_metrics_that_cannot_be_written_are_only_a_warning(
    httpcodes: Command, configured: Path, tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere" / "m.prom"
    done = httpcodes("run", "--config", configured, "--metrics-file", nowhere, "--quiet")
    assert done.returncode == 3
    said = f"httpcodes: warning: the metrics can't be written to {nowhere}: No such file or directory\n"
    assert done.stderr.decode() == said


@pytest.mark.parametrize(
    ("option", "key", "sentence"),
    [
        (["--log-format", "xml"], 'log_format = "xml"', "json"),
        (["--ping-url", "ftp://x"], 'ping_url = "ftp://x"', "would have to be a URL, https://…"),
        (["--ping-url", "https://"], 'ping_url = "https://"', "would have to be a URL, https://…"),
    ],
)
def test_a_wrong_signal_is_refused_as_option_and_as_key(
    option: list[str], key: str, sentence: str, httpcodes: Command, configured: Path
) -> None:
    typed = httpcodes("run", "--config", configured, *option)
    configured.write_text(f"{key}\n{configured.read_text()}")
    checked = httpcodes("config", "check", "--config", configured)
    for done in (typed, checked):
        assert done.returncode == 2
        assert sentence in done.stderr.decode()


def test_a_check_shows_the_signals_and_no_secret(
    httpcodes: Command, configured: Path, tmp_path: Path
) -> None:
    signals = 'metrics_file = "m.prom"\nlog_format = "json"\nping_url = "https://hc.example/hush"\n'
    configured.write_text(signals + configured.read_text())
    said = httpcodes("config", "check", "--config", configured).stdout.decode()
    values = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert values["metrics_file"] == str(tmp_path / "m.prom")
    assert (values["log_format"], values["ping_url"]) == ("json", "hc.example")
    assert "hush" not in said
