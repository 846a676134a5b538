"""Library, command, server and exported files: the same requests, the same bytes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Command, Logs, Store
from serving import Server, serving

import queries
from queries.service_name import canonical

CASES = PROJECT / "tests" / "cases"
# Those whose request came whole; what only HTTP can get wrong has no other way to compare with.
EXCHANGES = [
    file
    for file in sorted((CASES / "exchanges").glob("*.http"))
    if file.read_text(encoding="utf-8").startswith("POST")
    and "Connection: close\n" in file.read_text(encoding="utf-8").partition("\n=====\n")[0]
]
REQUEST = json.loads((PROJECT / "sample_data" / "request.json").read_text())
DAY = {"startTime": "2025-09-09T00:00:00Z", "endTime": "2025-09-10T00:00:00Z"}
LONGEST = '"\\/' * 80 + "b" * 13


@pytest.fixture(scope="module")
def server(sample_store: Path) -> Iterator[Server]:
    with serving(sample_store) as running:
        yield running


@pytest.mark.parametrize("file", EXCHANGES, ids=lambda file: file.stem)
def test_library_and_command_answer_with_the_golden_bytes_of_the_server(
    file: Path, sample_store: Path, httpcodes: Command
) -> None:
    request, _, response = file.read_text(encoding="utf-8").partition("\n=====\n")
    sent = request.partition("\n\n")[2].encode()
    body = response.partition("\n\n")[2].removesuffix("\n").encode()
    status = int(response.split()[1])
    library = queries.answer(sample_store, sent)
    command = httpcodes("query", "-", "--store", sample_store, input=sent)
    assert (library.status, library.body) == (status, body)
    assert (command.returncode, command.stdout) == (0 if status == 200 else 4, body)


@pytest.mark.parametrize(
    "request_",
    [
        {**REQUEST, **DAY},
        {**REQUEST, "serviceNames": ["WWW.example.com.", "www.example.com:443"]},
        {**REQUEST, "interval": "5m"},
        {},
        {**REQUEST, "startTime": None},
        {**REQUEST, "endTime": "2025-09-11T00:00:00Z"},
        [],
    ],
)
def test_library_command_and_server_give_the_same_bytes(
    request_: Any, server: Server, sample_store: Path, httpcodes: Command
) -> None:
    body = json.dumps(request_).encode()
    library = queries.answer(sample_store, body)
    command = httpcodes("query", "-", "--store", sample_store, input=body)
    response = server.ask(body)
    assert response.body == command.stdout == library.body
    assert response.status == library.status
    assert command.returncode == (0 if response.status == 200 else 4)


def test_without_a_store_all_give_the_documented_error(tmp_path: Path, httpcodes: Command) -> None:
    error = b'{"code":"GetHttpCodes.OperationFailed","message":"Get Http Codes failed."}'
    nowhere = tmp_path / "nowhere"
    command = httpcodes("query", "-", "--store", nowhere, input=json.dumps(REQUEST).encode())
    with serving(nowhere) as server:
        response = server.ask(REQUEST)
    assert queries.answer(nowhere, REQUEST).body == command.stdout == response.body == error
    assert (command.returncode, response.status) == (4, 400)


NAMES = ["z.example", 'x"\\/%~:.example', "[::1]", "bücher.example", LONGEST, "a.example"]


@pytest.fixture
def odd(logs: Logs, store: Store) -> Path:
    """A store with two days of services with names of all kinds; one has data on one day only."""
    logs.requests(
        "log.parquet",
        *((f"2025-09-{day}T{time}Z", name, status) for day in ("09", "10") for name in NAMES
          for time, status in (("23:59:59", 200), ("00:00:00", 499), ("00:04:59", 0))),
        ("2025-09-10T12:00:00Z", "only.example", 200),
    )  # fmt: skip
    store.run(logs.folder)
    return store.folder


def masked(index: bytes) -> bytes:
    """An index without the name of the snapshot."""
    return re.sub(rb"\d{8}T\d{6}Z-[0-9a-f]{4}", b"(snapshot)", index)


def test_an_exported_day_is_what_library_command_and_server_answer(
    odd: Path, tmp_path: Path, httpcodes: Command
) -> None:
    out = tmp_path / "out"
    assert httpcodes("export", out, "--store", odd).returncode == 0
    days = json.loads((out / "index.json").read_bytes())["days"]
    with serving(odd) as server:
        for day, next_day in (("2025-09-09", "2025-09-10"), ("2025-09-10", "2025-09-11")):
            request = {"serviceNames": NAMES, "startTime": f"{day}T00:00:00Z", "endTime": f"{next_day}T00:00:00Z"}  # fmt: skip
            files = [days[day]["services"][canonical(name)]["file"] for name in NAMES]
            exported = b"[" + b",".join((out / file).read_bytes() for file in files) + b"]"
            command = httpcodes("query", "-", "--store", odd, input=json.dumps(request).encode())
            assert queries.answer(odd, request).body == exported
            assert command.stdout == server.ask(request).body == exported


def test_exported_bytes_are_the_golden_ones(odd: Path, tmp_path: Path, httpcodes: Command) -> None:
    out, lines = tmp_path / "out", tmp_path / "documents.ndjson"
    assert httpcodes("export", out, "--store", odd).returncode == 0
    assert httpcodes("export", lines, "--store", odd, "--format", "ndjson").returncode == 0
    index = (out / "index.json").read_bytes()
    assert masked(index) == (CASES / "exported" / "index.json").read_bytes()
    assert lines.read_bytes() == (CASES / "exported" / "documents.ndjson").read_bytes()
    for day in json.loads(index)["days"].values():
        for service_name, file in day["services"].items():
            document = (out / file["file"]).read_bytes()
            assert json.loads(document)["serviceName"] == service_name
            assert document + b"\n" in lines.read_bytes()
