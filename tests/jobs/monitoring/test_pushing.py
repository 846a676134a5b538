"""Pushing: what the textfile says arrives elsewhere, however a run ends, and never fails it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import Command, Logs, Store
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

NOON = "2025-09-09T12:00:00Z"


class Receiver(ThreadingHTTPServer):
    """Takes what is pushed to it, and keeps it by method and path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taken)
        self.got: dict[tuple[str, str], bytes] = {}
        self.answer = 200
        self.url = f"http://127.0.0.1:{self.server_port}"


class Taken(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got[self.command, self.path] = body
        self.send_response(self.server.answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def here(tmp_path: Path, logs: Logs, store: Store, receiver: Receiver) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "httpcodes.toml").write_text(
        f'store = "{store.folder}"\nmetrics_file = "{folder}/m.prom"\npushgateway_url = "{receiver.url}"\n'
        f'otlp_endpoint = "{receiver.url}/otlp"\n[[sources]]\npath = "{logs.folder}"\n'
    )  # fmt: skip
    return folder


def gauges(text: str) -> dict[str, float]:
    """Samples by name and labels; those that move while one looks are left out."""
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "lag" not in sample.name
    }


def sent(body: bytes) -> dict[str, float]:
    request = ExportMetricsServiceRequest.FromString(body)
    return {
        f"{metric.name.replace('.', '_')}{sorted((a.key, a.value.string_value) for a in point.attributes)}": point.as_double or point.as_int
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.gauge.data_points
        if "lag" not in metric.name
    }  # fmt: skip


def test_what_the_textfile_says_is_pushed_both_ways_with_a_span_of_the_run(
    here: Path, logs: Logs, receiver: Receiver, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, "a.example", 200), (NOON, "a.example", 1000))
    done = httpcodes("run", cwd=here)
    assert (done.returncode, b"warning" in done.stderr) == (3, False), done.stderr
    told = gauges((here / "m.prom").read_text())
    ((put, pushed),) = [(path, body) for (how, path), body in receiver.got.items() if how == "PUT"]
    assert put.startswith("/metrics/job/httpcodes/store/")
    assert gauges(pushed.decode()) == told
    assert sent(receiver.got["POST", "/otlp/v1/metrics"]) == pytest.approx(told)
    traced = ExportTraceServiceRequest.FromString(receiver.got["POST", "/otlp/v1/traces"])
    spans = {span.name: span for span in traced.resource_spans[0].scope_spans[0].spans}
    run = spans.pop("httpcodes run")
    assert list(spans) == ["wait", "count and publish", "tell and export"]
    assert {span.parent_span_id for span in spans.values()} == {run.span_id}
    assert {a.key: a.value.int_value for a in run.attributes if a.key.startswith("rows.")} == {
        "rows.read": 2, "rows.counted": 1, "rows.rejected": 1, "rows.passed_over": 0,
    }  # fmt: skip
    edges = [edge for span in spans.values() for edge in (span.start_time_unix_nano, span.end_time_unix_nano)]  # fmt: skip
    assert edges == sorted(edges)
    assert (edges[0], edges[-1]) == (run.start_time_unix_nano, run.end_time_unix_nano)


def test_a_run_that_fails_is_pushed_too(here: Path, receiver: Receiver, httpcodes: Command, store: Store) -> None:  # fmt: skip
    store.folder.write_text("no folder")
    done = httpcodes("run", cwd=here)
    assert done.returncode == 1
    assert sent(receiver.got["POST", "/otlp/v1/metrics"])["httpcodes_last_run_exit_code[]"] == 1
    traced = ExportTraceServiceRequest.FromString(receiver.got["POST", "/otlp/v1/traces"])
    (run,) = [s for s in traced.resource_spans[0].scope_spans[0].spans if not s.parent_span_id]
    assert (run.status.code, "can't be written" in run.status.message) == (2, True)


def test_what_can_not_be_pushed_is_a_warning(here: Path, receiver: Receiver, httpcodes: Command, logs: Logs) -> None:  # fmt: skip
    logs.requests("a.parquet", (NOON, "a.example", 200))
    receiver.answer = 400
    done = httpcodes("run", cwd=here)
    assert done.returncode == 0
    warnings = [line for line in done.stderr.decode().splitlines() if "warning" in line]
    assert warnings == [
        "httpcodes: warning: the push to 127.0.0.1 failed: 400",
        "httpcodes: warning: OTLP to 127.0.0.1 failed: it was not taken",
    ]
