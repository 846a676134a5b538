"""What a server tells Prometheus of itself."""

import os
import signal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import PATH, Server, serving
from test_serve_processes import BODY, alone
from waiting import until

Samples = dict[tuple[str, str], float]


def told(server: Server) -> Samples:
    """By name and the value of the label, if there is one."""
    families = text_string_to_metric_families(server.get("/metrics").body.decode())
    return {
        (sample.name.removeprefix("httpcodes_server_"), next(iter(sample.labels.values()), "")): sample.value
        for family in families
        for sample in family.samples
    }  # fmt: skip


def test_metrics_have_to_be_asked_for(sample_store: Path) -> None:
    with serving(sample_store) as server:
        assert server.get("/metrics").status == 404


@pytest.fixture(scope="module")
def server(sample_store: Path):  # type: ignore[no-untyped-def]
    with serving(sample_store, "--processes", 2, "--metrics") as running:
        until(lambda: len(running.processes()) == 2)
        yield running


def test_every_process_tells_what_all_of_them_did(server: Server) -> None:
    first, second = server.processes()
    before = told(server)
    for pid in (first, second):
        with alone(pid, server):
            server.ask(BODY)
            server.ask(b"{}")
    for pid in (first, second):
        with alone(pid, server):
            after = told(server)
            for status in ("200", "400"):
                key = "requests_total", status
                # /metrics itself is one more each time.
                assert after[key] - before.get(key, 0) >= 2
    assert after["request_duration_seconds_count", ""] == sum(
        value for (name, _), value in after.items() if name == "requests_total"
    )
    counts = [v for (name, _), v in after.items() if name == "request_duration_seconds_bucket"]
    assert counts == sorted(counts)
    assert counts[-1] == after["request_duration_seconds_count", ""]


def test_counters_go_on_when_a_process_is_replaced(server: Server) -> None:
    server.ask(b"{}")
    before = told(server)["requests_total", "400"]
    first = server.processes()[0]
    os.kill(first, signal.SIGKILL)
    until(lambda: first not in server.processes() and len(server.processes()) == 2)
    assert told(server)["requests_total", "400"] == before


def test_connections_refusals_age_and_watermark_are_told(sample_store: Path) -> None:
    options = ["--processes", 1, "--metrics", "--workers", 1, "--queue", 0]
    with serving(sample_store, *options) as server:
        with server.socket(), server.socket():
            until(lambda: told(server)["connections", ""] >= 3)
        until(lambda: told(server)["connections", ""] == 1)
        health = server.get("/healthz")
        now = told(server)
        assert 0 < now["snapshot_age_seconds", ""] < 86_400
        assert now["watermark_timestamp_seconds", ""] % 300 == 0
        assert now["store_readable", ""] == 1
        assert now["refusals_total", "request"] == now["refusals_total", "connection"] == 0
        assert health.status == 200
        assert b"example" not in server.get("/metrics").body
    with serving(sample_store / "nowhere", *options) as server:
        assert server.get("/healthz").status == 503
        now = told(server)
        assert now["store_readable", ""] == now["refusals_total", "request"] == 0
        assert server.ask(None, "POST", PATH).status == 400
