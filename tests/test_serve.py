"""The endpoint over HTTP: bytes, headers, errors."""

import gzip
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT, Command
from serving import PATH, TRACE, Server, received, serving

from queries.api.errors import ApiError

CASES = PROJECT / "tests" / "cases"
EXCHANGES = sorted((CASES / "exchanges").glob("*.http"))
REQUEST = json.loads((PROJECT / "sample_data" / "request.json").read_text())
ANSWER = (CASES / "documented-answer.json").read_bytes()
DAY = {"startTime": "2025-09-09T00:00:00Z", "endTime": "2025-09-10T00:00:00Z"}


@pytest.fixture(scope="module")
def server(sample_store: Path) -> Iterator[Server]:
    with serving(sample_store) as running:
        yield running


def masked(response: bytes) -> str:
    """A response without what differs from one to the next."""
    text = response.decode().replace("\r\n", "\n")
    text = re.sub(r"(?m)^date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$", "date: (now)", text)
    return re.sub(rf"(?m)^{TRACE}: [0-9a-f]{{32}}$", f"{TRACE}: (32 hex digits)", text)


@pytest.mark.parametrize("file", EXCHANGES, ids=lambda file: file.stem)
def test_an_exchange_is_that_of_its_golden_file(file: Path, server: Server) -> None:
    request, _, response = file.read_text(encoding="utf-8").partition("\n=====\n")
    head, _, body = request.partition("\n\n")
    sent = (head.replace("\n", "\r\n") + "\r\n\r\n" + body).encode()
    assert masked(server.raw(sent)) == response.removesuffix("\n")


def test_every_answer_has_a_trace_id_of_its_own(server: Server) -> None:
    responses = [server.ask(REQUEST), server.ask(REQUEST), server.get("/"), server.get("/healthz")]
    traces = {response.headers[TRACE] for response in responses}
    assert len(traces) == 4
    assert all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_another_method_is_405_with_allow(method: str, server: Server) -> None:
    response = server.ask(None, method)
    assert (response.status, response.headers["allow"]) == (405, "POST")
    assert method == "HEAD" or response.code == "Request.BadRequest"


@pytest.mark.parametrize(
    "path", ["/", PATH + "/", PATH.lower(), "/cdn/v1.0", "//", "/%00", "/docs"]
)
def test_another_path_is_404_with_the_error_body(path: str, server: Server) -> None:
    response = server.ask(REQUEST, path=path)
    assert (response.status, response.code) == (404, "Request.BadRequest")
    assert server.ask(REQUEST, path=PATH + "?query=ignored").body == ANSWER


def test_a_large_answer_is_compressed_for_those_who_accept_it(server: Server) -> None:
    request = {"serviceNames": ["www.example.com"], **DAY}
    plain = server.ask(request)
    packed = server.ask(request, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain.headers
    small = server.ask(REQUEST, headers={"Accept-Encoding": "gzip"})
    assert small.body == ANSWER


def test_healthz_names_the_snapshot_its_age_and_the_watermark(
    server: Server, sample_store: Path
) -> None:
    response = server.get("/healthz")
    told = json.loads(response.body)
    assert response.status == 200
    assert told["snapshot"] == (sample_store / "httpcodes.duckdb").resolve().stem
    assert 0 < told["age_seconds"] < 86_400
    assert told["watermark"]["newest_bucket"] == "2025-09-09T23:55:00Z"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d[05]:00Z", told["watermark"]["final_until"])


def test_a_store_that_is_missing_is_the_documented_error_and_not_healthy(tmp_path: Path) -> None:
    with serving(tmp_path / "nowhere") as server:
        response = server.ask(REQUEST)
        assert (response.status, response.code) == (400, "GetHttpCodes.OperationFailed")
        assert server.get("/healthz").status == 503
        causes = [line for line in server.log() if "nothing was published here" in str(line)]
        assert causes[0]["trace_id"] == response.headers[TRACE]
        assert causes[0]["level"] == "error"


def test_openapi_holds_the_documents_errors_and_examples(server: Server) -> None:
    told = json.loads(server.get("/openapi.json").body)
    assert told["openapi"].startswith("3.1.")
    operation = told["paths"][PATH]["post"]
    examples = [
        example["value"]
        for status in ("400", "404")
        for example in operation["responses"][status]["content"]["application/json"][
            "examples"
        ].values()
    ]
    assert examples == [json.loads(error.body) for error in ApiError]
    assert operation["requestBody"]["content"]["application/json"]["example"] == REQUEST
    answer = operation["responses"]["200"]["content"]["application/json"]["example"]
    assert answer == json.loads(ANSWER)


def test_schemathesis_finds_no_contradiction_to_our_own_openapi(
    server: Server, tmp_path: Path
) -> None:
    # A range that ends before it starts fits every JSON Schema, and is refused.
    checks = ["--checks", "all", "--exclude-checks", "positive_data_acceptance"]
    bounds = ["--seed", "1", "--max-examples", "40", "--phases", "examples,coverage,fuzzing"]
    code = "import sys; from schemathesis.cli import schemathesis; schemathesis()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", f"{server.url}/openapi.json", *checks, *bounds],
        cwd=tmp_path, check=False, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_log_has_a_json_line_for_each_answer_and_no_query_body_or_address(
    sample_store: Path,
) -> None:
    with serving(sample_store) as server:
        response = server.ask(REQUEST, path=PATH + "?secret=1")
        server.raw(b"nonsense\r\n\r\n")
        first, second = server.log()
    assert list(first) == ["time", "method", "path", "status", "bytes", "ms", "trace_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])
    assert (first["method"], first["path"], first["status"]) == ("POST", PATH, 200)
    assert first["bytes"] == len(ANSWER)
    assert first["trace_id"] == response.headers[TRACE]
    assert (second["method"], second["path"], second["status"]) == (None, None, 400)


@pytest.mark.parametrize("from_file", [True, False])
def test_a_token_guards_the_documented_path(
    from_file: bool, sample_store: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    options = ["--token-file", tmp_path / "token"] if from_file else []
    environment = {"HTTPCODES_TOKEN": "other" if from_file else "s3cret"}
    with serving(sample_store, *options, environment=environment) as server:
        for given in ("", "Bearer", "Bearer other", "Basic s3cret", "s3cret", "Bearer s3cret\xff"):
            refused = server.ask(REQUEST, headers={"Authorization": given})
            assert (refused.status, refused.code) == (401, "Request.BadRequest")
            assert refused.headers["www-authenticate"] == "Bearer"
        for scheme in ("Bearer", "bearer"):
            assert server.ask(REQUEST, headers={"Authorization": f"{scheme} s3cret"}).body == ANSWER
        assert server.get("/healthz").status == server.get("/openapi.json").status == 200
        assert "s3cret" not in str(server.log())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_when_requests_in_flight_are_answered(
    number: int, code: int, sample_store: Path
) -> None:
    body = json.dumps(REQUEST).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with serving(sample_store) as server, server.socket() as client, server.socket() as idle:
        client.sendall(head + body[:10])
        # Answered later, so the server has read what came before.
        server.get("/healthz")
        server.process.send_signal(number)
        assert idle.recv(1) == b""
        client.sendall(body[10:])
        assert received(client).endswith(ANSWER)
        assert server.process.wait(timeout=600) == code
        assert len(server.narration()) == 1


def test_it_listens_on_the_loopback_unless_told_otherwise(sample_store: Path) -> None:
    with serving(sample_store) as server:
        assert server.narration() == [f"listening on http://127.0.0.1:{server.port}"]
    with serving(sample_store, "--host", "0.0.0.0") as server:
        assert server.narration()[1:] == [
            "no token is set: whoever reaches this address is answered"
        ]


def test_a_port_in_use_exits_with_1_and_a_sentence(
    server: Server, sample_store: Path, httpcodes: Command
) -> None:
    done = httpcodes("serve", "--store", sample_store, "--port", server.port)
    said = f"httpcodes: can't listen on 127.0.0.1:{server.port}: Address already in use\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", said)


@pytest.mark.parametrize("token", ["", " \n", "two words", "schlüssel", "a\nb"])
def test_a_token_that_is_none_is_refused(
    token: str, sample_store: Path, tmp_path: Path, httpcodes: Command
) -> None:
    (tmp_path / "token").write_text(token, encoding="utf-8")
    for options, environment in (
        (["--token-file", tmp_path / "token"], {}),
        ([], {"HTTPCODES_TOKEN": token}),
    ):
        done = httpcodes("serve", "--store", sample_store, "--port", 0, *options, env=environment)
        assert done.returncode == 2
        assert done.stderr.endswith(b"holds no token: one word of printable ASCII is needed\n")


def test_a_missing_token_file_and_a_missing_extra_exit_with_2(
    tmp_path: Path, httpcodes: Command
) -> None:
    done = httpcodes("serve", "--token-file", tmp_path / "nowhere")
    assert done.returncode == 2
    assert done.stderr.decode().endswith("nowhere can't be read: No such file or directory\n")
    # As if it were not installed: None in sys.modules makes an import fail.
    code = "import sys; sys.modules['starlette'] = None; from jobs.cli.app import main; main()"
    bare = subprocess.run([sys.executable, "-c", code, "serve"], check=False, capture_output=True)
    assert (bare.returncode, bare.stdout) == (2, b"")
    assert bare.stderr == b"httpcodes: serve needs starlette: pip install 'cdn-httpcodes[api]'\n"
