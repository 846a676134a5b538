"""Clients that are broken, slow or too many: the server lives, memory is bounded, errors are
the documented ones."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from conftest import PROJECT, Logs, Store
from serving import PATH, TRACE, Server, received, serving
from waiting import until

from queries.server.connection import MAX_CONNECTIONS

BODY = (PROJECT / "sample_data" / "request.json").read_bytes()
ANSWER = (PROJECT / "tests" / "cases" / "documented-answer.json").read_bytes()
BAD_REQUEST = b'{"code":"Request.BadRequest","message":"Bad request."}'
MEBIBYTE = 1 << 20


def head(*headers: str) -> bytes:
    return "\r\n".join([f"POST {PATH} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


CHUNKED = head("Transfer-Encoding: chunked")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.fixture(scope="module")
def server(sample_store: Path) -> Iterator[Server]:
    """After every test it still answers."""
    with serving(sample_store) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(sample_store: Path) -> Iterator[Server]:
    """Clients may take a second."""
    with serving(sample_store, "--timeout", 1) as running:
        yield running


def is_bad_request(response: bytes) -> bool:
    lines = response.split(b"\r\n")
    traced = [line for line in lines if line.startswith(TRACE.encode())]
    return lines[0] == b"HTTP/1.1 400 Bad Request" and len(traced) == 1 and lines[-1] == BAD_REQUEST


@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED + b"zz\r\n",
        CHUNKED + chunk(b"{") + b"-1\r\n",
        head("Transfer-Encoding: gzip"),
        head("Content-Length: 99999999999999999999"),
        head("X: " + "x" * 20_000)[:-4],
        head(*["X: x"] * 5_000)[:-2],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
        b"GET / HTTP/9.9 \r\n\r\n",
        b"GET /\r\n\r\n",
        b"POST \xff HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_malformed_http_is_a_bad_request_and_the_end_of_the_connection(
    sent: bytes, server: Server
) -> None:
    assert is_bad_request(server.raw(sent))
    assert server.ask(BODY).body == ANSWER


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"x":NaN}', b"[" * 500_000, b'{"x":' * 100_000,
        b"9" * MEBIBYTE, b'"' + b"\\ud800" * 100_000 + b'"', b"\x00" * MEBIBYTE,
    ],
)  # fmt: skip
def test_malformed_json_is_a_bad_request(body: bytes, server: Server) -> None:
    response = server.ask(body)
    assert (response.status, response.body) == (400, BAD_REQUEST)


def test_a_body_of_one_mebibyte_is_read_and_a_byte_more_is_not(server: Server) -> None:
    padded = BODY + b" " * (MEBIBYTE - len(BODY))
    assert server.ask(padded).body == ANSWER
    assert server.ask(padded + b" ").body == BAD_REQUEST
    # Chunks tell their sum as they come.
    pieces = [chunk(padded[at : at + 65_536]) for at in range(0, MEBIBYTE, 65_536)]
    close = head("Transfer-Encoding: chunked", "Connection: close")
    assert server.raw(close, *pieces, chunk(b"")).endswith(ANSWER)
    assert is_bad_request(server.raw(close, *pieces, chunk(b" "), chunk(b"")))


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: Server) -> None:
    announced = head(f"Content-Length: {1 << 40}")
    with server.socket() as client:
        client.sendall(announced)
        assert client.recv(65_536).startswith(b"HTTP/1.1 400 Bad Request")
    expecting = head(f"Content-Length: {MEBIBYTE + 1}", "Expect: 100-continue")
    assert is_bad_request(server.raw(expecting))
    assert b"100 Continue" in server.raw(
        head(f"Content-Length: {len(BODY)}", "Expect: 100-continue", "Connection: close"), BODY
    )


def test_a_client_that_insists_on_sending_a_large_body_still_reads_its_refusal(
    server: Server,
) -> None:
    assert server.ask(b" " * (6 * MEBIBYTE)).body == BAD_REQUEST


def test_a_body_without_an_end_is_refused_and_let_go(server: Server) -> None:
    endless = chunk(b" " * 65_536)
    with server.socket() as client:
        client.sendall(CHUNKED)
        with pytest.raises(ConnectionError):
            for _ in range(1_000):
                client.sendall(endless)
    assert server.ask(BODY).body == ANSWER


def test_a_body_that_is_cut_short_is_noted_and_nothing_else_happens(sample_store: Path) -> None:
    with serving(sample_store) as server:
        for sent in (head(f"Content-Length: {len(BODY)}") + BODY[:9], CHUNKED + b"40\r\n{", b"PO"):
            with server.socket() as client:
                client.sendall(sent)
        assert server.ask(BODY).body == ANSWER
        # Another process of the server may have taken the connections, and note them later.
        until(lambda: [line["status"] for line in server.log()].count(499) == 2)
        assert server.stop() == 0
        assert "traceback" not in str(server.log())


@pytest.mark.parametrize(
    "begun", [b"POST", head()[:-2], head("Content-Length: 9") + b"{", CHUNKED + b"1\r\n{\r\n"]
)
def test_a_request_that_never_ends_is_a_bad_request(begun: bytes, hasty: Server) -> None:
    assert is_bad_request(hasty.raw(begun))


def test_a_connection_that_says_nothing_is_closed(hasty: Server) -> None:
    assert hasty.raw() == b""


@pytest.fixture
def large(logs: Logs, store: Store) -> tuple[Path, bytes]:
    """A store and a request for an answer of a megabyte and more."""
    names = [f"{'x' * 50}{number}.example" for number in range(50)]
    times = [f"2025-09-09T{m // 60:02d}:{m % 60:02d}:00Z" for m in range(0, 1440, 5)]
    logs.requests("day.parquet", *((t, name, code) for t in times for name in names for code in (200, 206, 304, 404, 503)))  # fmt: skip
    store.run(logs.folder)
    day = {"startTime": "2025-09-09T00:00:00Z", "endTime": "2025-09-10T00:00:00Z"}
    return store.folder, json.dumps({"serviceNames": names, **day}).encode()


def test_a_client_that_never_takes_its_answer_is_dropped(large: tuple[Path, bytes]) -> None:
    folder, body = large
    request = head(f"Content-Length: {len(body)}") + body
    with serving(folder, "--timeout", 1) as server, socket.socket() as client:
        client.settimeout(600)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((server.host, server.port))
        # Where nobody gives up, sending ends in a timeout of the client's own.
        with pytest.raises(ConnectionError):
            while True:
                client.sendall(request)
        assert server.ask(body).status == 200


def test_a_client_that_reads_byte_by_byte_keeps_nobody_waiting(large: tuple[Path, bytes]) -> None:
    folder, body = large
    request = head(f"Content-Length: {len(body)}") + body
    with serving(folder, "--processes", 1, "--workers", 1) as server, ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((server.host, server.port))
            client.sendall(request)
            assert client.recv(1) == b"H"
        for _ in range(20):
            assert server.ask(body).status == 200


def test_a_full_pipe_keeps_nobody_waiting_and_what_was_lost_is_told(sample_store: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from queries.server import log; log.MOST_LINES = 100; from jobs.cli.app import main; main()",
    ]
    arguments = ["serve", "--store", str(sample_store), "--port", "0", "--processes", "1"]
    with (
        subprocess.Popen(
            [*command, *arguments], stderr=subprocess.PIPE, pipesize=4096, cwd=PROJECT
        ) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stderr
        port = int(process.stderr.readline().decode().rpartition(":")[2])
        with closing(HTTPConnection("127.0.0.1", port, timeout=600)) as connection:
            # A line takes 200 bytes.
            for _ in range(300):
                connection.request("POST", PATH, BODY)
                assert connection.getresponse().read() == ANSWER
            told = [process.stderr.readline() for _ in range(100)]
            connection.request("POST", PATH, BODY)
            assert connection.getresponse().read() == ANSWER
            while b"lines were lost" not in told[-1]:
                told.append(process.stderr.readline())
        lost = int(json.loads(told[-1])["message"].split()[0])
        assert len(told) - 1 + lost == 300
        process.terminate()
        assert process.wait(timeout=600) == 0


def test_beyond_the_queue_a_request_is_refused_with_503_and_retry_after(
    large: tuple[Path, bytes],
) -> None:
    folder, body = large
    options = ["--processes", 1, "--workers", 1, "--queue", 1, "--metrics"]
    with serving(folder, *options) as server, ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: server.ask(body), range(64)))
        refused = [response for response in responses if response.status == 503]
        answered = [response for response in responses if response.status == 200]
        assert refused
        assert len(refused) + len(answered) == 64
        assert len({response.body for response in answered}) == 1
        assert {(r.code, r.headers["retry-after"]) for r in refused} == {
            ("GetHttpCodes.OperationFailed", "1")
        }
        told = f'refusals_total{{what="request"}} {len(refused)}\n'
        assert told.encode() in server.get("/metrics").body
        assert server.ask(body).status == 200


def test_too_many_connections_are_refused_with_503(sample_store: Path) -> None:
    with serving(sample_store, "--processes", 1) as server, ExitStack() as stack:
        held = [stack.enter_context(server.socket()) for _ in range(MAX_CONNECTIONS + 20)]
        refused = received(held[-1])
        assert refused.startswith(b"HTTP/1.1 503 Service Unavailable")
        assert b"retry-after: 1\r\n" in refused
        assert b"GetHttpCodes.OperationFailed" in refused
        stack.close()
        assert server.ask(BODY).body == ANSWER


def test_memory_is_bounded_under_a_flood_of_large_bodies(sample_store: Path) -> None:
    with serving(sample_store, "--processes", 1) as server:
        assert server.ask(BODY).body == ANSWER
        before = server.peak_memory()
        with ExitStack() as stack:
            for _ in range(MAX_CONNECTIONS - 10):
                client = stack.enter_context(server.socket())
                client.sendall(CHUNKED + chunk(b" " * (MEBIBYTE - 10)))
            assert server.ask(BODY).body == ANSWER
        with ThreadPoolExecutor(8) as pool:
            garbage = b"[" * MEBIBYTE
            assert {r.status for r in pool.map(lambda _: server.ask(garbage), range(400))} == {400}
        # A mebibyte for each connection, twice while it grows, and what the allocator keeps.
        assert server.peak_memory() - before < 2 * MAX_CONNECTIONS + 100
        assert server.ask(BODY).body == ANSWER
