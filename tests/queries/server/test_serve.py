"""The endpoint over HTTP: bytes, headers, errors."""

import gzip
import json
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest
from conftest import PROJECT, Command, Logs, Store
from serving import PATH, TRACE, Server, received, serving
from waiting import until

from queries.api.errors import ApiError
from queries.server.encoding import accepts_gzip

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
    text = re.sub(r"(?m)^last-modified: .* GMT$", "last-modified: (the snapshot's)", text)
    text = re.sub(r'(?m)^etag: W/"[0-9a-f]{24}"$', "etag: (24 hex digits)", text)
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
    "path", ["/index.html", PATH + "/", PATH.lower(), "/cdn/v1.0", "//", "/%00", "/docs"]
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
    assert server.ask(request, headers={"Accept-Encoding": "gzip"}).body == packed.body
    # One member: many clients stop after the first.
    member = zlib.decompressobj(31)
    assert member.decompress(packed.body) + member.flush() == plain.body
    assert member.unused_data == b""
    small = server.ask(REQUEST, headers={"Accept-Encoding": "gzip"})
    assert small.body == ANSWER


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [
        ("gzip", True), ("GZIP;q=0.5", True), ("*", True), ("x-gzip", True), ("br, gzip;q=1.0", True),
        ("", False), ("identity", False), ("br", False), ("gzip;q=0", False), ("gzip; q=0.000", False),
        ("*;q=0", False), ("gzip;q=0, *", False), ("identity, gzip;q=0.5", False),
        ("gzip;q=0.5, identity;q=0.1", True), ("gzip;q=nan", False), ("gzip;q=much", False),
    ],
)  # fmt: skip
def test_accept_encoding_is_followed_to_its_weights(accepts: str, packed: bool) -> None:
    assert accepts_gzip([accepts]) is packed


def test_a_client_that_has_the_answer_is_told_so(server: Server) -> None:
    first = server.ask(REQUEST)
    tag = first.headers["etag"]
    for given in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = server.ask(REQUEST, headers={"If-None-Match": given})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        assert "content-type" not in again.headers
    assert server.ask(REQUEST, headers={"If-None-Match": '"other"'}).body == ANSWER
    other = {**REQUEST, "startTime": "2025-09-09T12:40:00Z"}
    assert server.ask(other, headers={"If-None-Match": tag}).status == 200
    unknown = server.ask({**REQUEST, "serviceNames": ["nobody"]}, headers={"If-None-Match": "*"})
    assert (unknown.status, unknown.headers.get("etag")) == (404, None)


def test_an_etag_ends_with_its_snapshot(logs: Logs, store: Store) -> None:
    request = {"serviceNames": ["a.example"], **DAY}
    logs.requests("1.parquet", ("2025-09-09T12:00:00Z", "a.example", 200))
    store.run(logs.folder)
    with serving(store.folder) as server:
        first = server.ask(request)
        logs.requests("2.parquet", ("2025-09-09T12:00:00Z", "a.example", 503))
        store.run(logs.folder)
        again = server.ask(request, headers={"If-None-Match": first.headers["etag"]})
        assert again.status == 200
        assert b'"503":1' in again.body
        assert again.headers["last-modified"] >= first.headers["last-modified"]


def test_an_answer_may_be_kept_for_long_if_all_its_buckets_are_final(
    logs: Logs, store: Store
) -> None:
    now = datetime.now(UTC)
    logs.requests("new.parquet", (now.replace(tzinfo=None), "a.example", 200))
    store.run(logs.folder)
    with serving(store.folder, "--max-age", 7, "--max-age-final", 9000) as server:
        (((final, settle),)) = store.sql("SELECT final_until, settle_seconds FROM watermarks, internal.snapshot")  # fmt: skip

        def age(until: datetime) -> str:
            ends = [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (until - timedelta(hours=1), until)]
            request = {"serviceNames": ["a.example"], "startTime": ends[0], "endTime": ends[1]}
            return server.ask(request).headers["cache-control"]

        assert settle > 0
        assert age(final) == "max-age=9000"
        assert age(final + timedelta(seconds=1)) == age(now) == "max-age=7"
        assert server.get("/healthz").headers["cache-control"] == "no-store"
        assert server.ask({}).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/"])
def test_what_can_be_read_takes_head_and_options(path: str, server: Server) -> None:
    got, head, options = (server.ask(None, method, path) for method in ("GET", "HEAD", "OPTIONS"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert path == "/healthz" or head.headers["content-length"] == str(len(got.body))
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    refused = server.ask(None, "DELETE", path)
    assert {*refused.headers["allow"].split(", ")} == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("path", ["/openapi.json", "/"])
def test_what_never_changes_is_sent_once(path: str, server: Server) -> None:
    first = server.ask(None, "GET", path, {"Accept-Encoding": "gzip"})
    assert gzip.decompress(first.body) == server.get(path).body
    assert first.headers["cache-control"] == "max-age=3600"
    again = server.ask(None, "GET", path, {"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])


def test_the_page_at_the_root_leads_to_what_there_is(sample_store: Path, server: Server) -> None:
    def page(of: Server) -> tuple[str, list[str]]:
        got = of.get("/")
        assert (got.status, got.headers["content-type"]) == (200, "text/html;charset=UTF-8")
        text = got.body.decode()
        assert "<script" not in text
        links = re.findall('href="([^"]*)"', text)
        assert [of.get(link).status for link in links] == [200] * len(links)
        return text, links

    text, links = page(server)
    assert (f"POST {PATH}" in text, "Bearer" in text) == (True, False)
    assert links == ["/openapi.json", "/healthz"]
    options, environment = ("--metrics", "--processes", 1), {"HTTPCODES_TOKEN": "s3cret"}
    with serving(sample_store, *options, environment=environment) as guarded:
        text, links = page(guarded)
    assert ("Bearer TOKEN" in text, "s3cret" in text, links[-1]) == (True, False, "/metrics")


def test_pages_of_named_origins_may_ask_and_no_others(sample_store: Path, server: Server) -> None:
    named, other = "https://app.example", "https://app.example.evil"
    preflight = {"Access-Control-Request-Method": "POST"}
    environment = {"HTTPCODES_TOKEN": "s3cret"}
    options = ["--cors-origin", named, "--cors-origin", "http://localhost:3000"]
    with serving(sample_store, *options, environment=environment) as running:
        allowed = running.ask(None, "OPTIONS", headers={"Origin": named, **preflight})
        assert allowed.status == 204
        assert "POST" in allowed.headers["access-control-allow-methods"]
        assert "Authorization" in allowed.headers["access-control-allow-headers"]
        asked = running.ask(REQUEST, headers={"Origin": named, "Authorization": "Bearer s3cret"})
        assert asked.body == ANSWER
        assert "ETag" in asked.headers["access-control-expose-headers"]
        for response in (allowed, asked, running.ask(REQUEST, headers={"Origin": named})):
            assert response.headers["access-control-allow-origin"] == named
            assert "Origin" in response.headers["vary"]
        refused = running.ask(None, "OPTIONS", headers={"Origin": other, **preflight})
        assert (refused.status, refused.headers.get("access-control-allow-origin")) == (405, None)
        assert "Origin" in refused.headers["vary"]
    plain = server.ask(REQUEST, headers={"Origin": named})
    assert "access-control-allow-origin" not in plain.headers


@pytest.mark.parametrize("origin", ["*", "null", "app.example", "https://app.example/", "ftp://x"])
def test_what_is_no_origin_is_refused(origin: str, httpcodes: Command) -> None:
    done = httpcodes("serve", "--port", 0, "--cors-origin", origin)
    assert done.returncode == 2
    assert b"is no origin: one like https://example.com is needed" in done.stderr


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
        cause = server.logged("nothing was published here")
        assert (cause["trace_id"], cause["level"]) == (response.headers[TRACE], "error")


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
        first = server.logged("POST")
        server.raw(b"nonsense\r\n\r\n")
        until(lambda: len(server.log()) == 2)
        _, second = server.log()
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
        assert server.stop() == 0
        assert len(server.log()) > 9
        assert "s3cret" not in str(server.log())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_when_requests_in_flight_are_answered(
    number: int, code: int, sample_store: Path
) -> None:
    body = json.dumps(REQUEST).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with (
        serving(sample_store, "--processes", 1) as server,
        server.socket() as client,
        server.socket() as idle,
    ):
        client.sendall(head + body[:10])
        # Answered later by the same process, so that it has read what came before.
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
        assert server.narration() == [
            "no token is set: whoever reaches this address is answered",
            f"listening on http://0.0.0.0:{server.port}",
        ]


def test_a_kept_connection_does_not_wait_for_delayed_acknowledgements(server: Server) -> None:
    def seconds(connection: HTTPConnection) -> float:
        began = time.perf_counter()
        for _ in range(50):
            connection.request("GET", "/openapi.json")
            assert connection.getresponse().read()
        return time.perf_counter() - began

    # 40 ms each would be 2 s; a busy machine only ever adds.
    with closing(server.connection()) as connection:
        assert min(seconds(connection) for _ in range(5)) < 1.8


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
