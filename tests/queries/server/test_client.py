"""A client that is generated from our OpenAPI document asks a real server."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import PROJECT
from serving import Server, serving

REQUEST = json.loads((PROJECT / "sample_data" / "request.json").read_text())
ANSWER = (PROJECT / "tests" / "cases" / "documented-answer.json").read_bytes()

ASK = """
import sys
from counts.api.default import get_http_status_code_number as number, health
from counts.client import Client
from counts.models import Error, Request

url, names, start, end = sys.argv[1], sys.argv[2].split(), sys.argv[3], sys.argv[4]
client = Client(base_url=url)
asked = Request(service_names=names, start_time=start, end_time=end)
answer = number.sync_detailed(client=client, body=asked)
sys.stdout.buffer.write(answer.content)
assert [each.service_name for each in answer.parsed] == names[::-1], answer
assert answer.parsed[0].http_codes[0].timestamp == start
assert answer.parsed[0].http_codes[0].http_code_values["404"] == 424
assert health.sync(client=client).watermark.newest_bucket == "2025-09-09T23:55:00Z"
refused = number.sync(client=client, body=Request(names, start, start + "x"))
assert isinstance(refused, Error), refused
assert refused.code == "MinuteIntervalTimeFormat.Invalid"
"""


@pytest.fixture(scope="module")
def server(sample_store: Path):  # type: ignore[no-untyped-def]
    with serving(sample_store, "--processes", 1) as running:
        yield running


def test_a_generated_client_is_understood_and_understands(server: Server, tmp_path: Path) -> None:
    generator = shutil.which("openapi-python-client")
    if generator is None:
        pytest.skip("no openapi-python-client here; CI installs it")
    document, config = tmp_path / "openapi.json", tmp_path / "config.yaml"
    document.write_bytes(server.get("/openapi.json").body)
    # By itself it tidies up what it wrote with tools that it looks for.
    config.write_text("package_name_override: counts\npost_hooks: []\n")
    made = subprocess.run(
        [generator, "generate", "--path", document, "--config", config, "--meta", "none", "--output-path", tmp_path / "counts", "--fail-on-warning"],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=600,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    names, start, end = (REQUEST[name] for name in ("serviceNames", "startTime", "endTime"))
    asked = subprocess.run(
        [Path(generator).with_name("python"), "-c", ASK, server.url, " ".join(names), start, end],
        capture_output=True, check=False, cwd=tmp_path, timeout=600,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr.decode()
    assert asked.stdout == ANSWER


def test_no_time_is_described_as_any_moment(server: Server) -> None:
    document = server.get("/openapi.json").body.decode()
    assert "date-time" not in document
    assert document.count(r'"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T') == 5
