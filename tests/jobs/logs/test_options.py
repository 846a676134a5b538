"""How to read a file: services that no column names, hosts inside URLs, rows that are no requests
of clients, zones, and columns that only look like the right one."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from conftest import Command, Logs, Store

from jobs import nightly
from jobs.inspect import inspect
from jobs.logs.options import BadMapping, ReadingOptions, Source, split_pattern
from jobs.logs.roles import UnreadableFile
from jobs.verify import verify

A, B = "a.example", "b.example"
NOON = "2025-09-09T12:00:00Z"
SECONDS = 1757419200
BARE = {"timestamp": [NOON], "status": [200]}
"""A log that names no service."""


def agrees(store: Store) -> bool:
    """Whether access_log shows what rollup_5m counts, and a recount confirms both."""
    shown = store.sql(
        "SELECT service_name, status_code, count(*) FROM access_log WHERE requested_at IS NOT NULL"
        " AND service_name IS NOT NULL AND status_code IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    counted = store.sql(
        "SELECT service_name, status_code, sum(requests)::BIGINT FROM rollup_5m GROUP BY ALL ORDER BY ALL"
    )
    return shown == counted and verify(store.folder, deep=True).findings == []


def refusal(logs: Logs, columns: Mapping[str, Any]) -> str:
    """Why a file with these columns can't be read."""
    with pytest.raises(UnreadableFile) as refused:
        inspect(str(logs.write("refused.parquet", columns)), ReadingOptions(), 1)
    return str(refused.value)


# Services that no column names.


def test_all_rows_are_of_the_service_that_is_named(logs: Logs, store: Store) -> None:
    logs.write("a.parquet", {**BARE, "method": ["GET"]})
    logs.write("hosts.parquet", {**BARE, "host": ["ignored.example"]})
    assert store.run(logs.folder, service_name="WWW.A.example:443").complete
    assert store.counts() == {("www.a.example", NOON, 200): 2}
    assert agrees(store)


def test_a_log_without_a_service_is_refused_with_what_would_name_it(logs: Logs) -> None:
    named = (
        "the service is named by --service-name NAME (one site) or "
        "--service-from-path 'logs/{service}/*'; settle it with --service-name NAME"
    )
    assert refusal(logs, BARE).endswith(named)
    lines = {"line": ['192.0.2.1 - - [09/Sep/2025:12:00:00 +0000] "GET / HTTP/1.1" 200 5']}
    assert refusal(logs, lines).endswith(named)


PATHS = [
    ("logs/{service}/*", "a.example/x.parquet", A),
    ("logs/{service}", "a.example/2025/09/x.parquet", A),
    ("logs/*/{service}/*.parquet", "eu/a.example/x.parquet", A),
    ("logs/**/{service}/09/*", "eu/west/2025/a.example/09/x.parquet", A),
    ("**/{service}/*", "eu/a.example/x.parquet", A),
    ("{service}.parquet", "eu/WWW.A.example:80.parquet", "www.a.example"),
    ("site={service}/*", "site=a.example/x.parquet", A),
    ("access_{service}_*.parquet", "access_a.example_20250909.parquet", A),
    ("it's [50% & more]/{service}/*", "it's [50% & more]/a.example/x.parquet", A),
    ("logs/{service}/*", "bücher.example/x.parquet", "xn--bcher-kva.example"),
    ("vhost={service}/*", "vhost=A.example%3A443/x.parquet", A),
    ("logs/{service}/*", "b%C3%BCcher.example/x.parquet", "xn--bcher-kva.example"),
    ("logs/{service}/*", "a%253a443/x.parquet", "a%3a443"),
    ("logs/{service}/*", "a%2Fb/x.parquet", "a%2fb"),
    ("logs/{service}/*", "a%ff%zz/x.parquet", "a%ff%zz"),
    ("logs/{service}/*", "a+b.example/x.parquet", "a+b.example"),
]
"""Patterns, paths below logs/, and the service that is found there."""


def test_the_service_is_found_in_the_path(tmp_path: Path, store: Store) -> None:
    sources = []
    for number, (pattern, path, _) in enumerate(PATHS):
        logs = Logs(tmp_path / f"{number}" / "logs")
        logs.write(path, {**BARE, "status": [200 + number]})
        options = ReadingOptions.of(service_from_path=pattern)
        sources.append(Source((str(logs.folder),), options))
    assert nightly.run(store.folder, sources, lambda _: None, nightly.Policy()).complete
    found = {(service, 200 + number) for number, (*_, service) in enumerate(PATHS)}
    assert store.counts() == {(service, NOON, status): 1 for service, status in found}
    assert set(store.sql("SELECT service_name, status_code FROM access_log")) == found
    assert agrees(store)


def test_an_absolute_pattern_begins_at_the_root(logs: Logs, store: Store) -> None:
    logs.write("logs/a.example/x.parquet", BARE)
    logs.write("b.example/x.parquet", {**BARE, "status": [404]})
    store.run(logs.folder, service_from_path=f"{logs.folder}/{{service}}/*.parquet")
    assert store.counts() == {(B, NOON, 404): 1}
    states = "SELECT state, count(*) FROM source_files GROUP BY state ORDER BY state"
    assert store.sql(states) == [("ingested", 1), ("quarantined", 1)]
    other = Store(store.folder.with_name("other"))
    other.run(logs.folder, service_from_path="/logs/{service}/*.parquet")
    assert other.counts() == {}


def test_files_of_one_kind_have_the_services_of_their_own_paths(logs: Logs, store: Store) -> None:
    for number, service in enumerate((A, B, "c.example")):
        logs.write(f"{service}/x.parquet", {**BARE, "status": [200 + number]})
    logs.write("-/x.parquet", {**BARE, "status": [300]})
    logs.write("a b/x.parquet", {**BARE, "status": [301]})
    assert store.run(logs.folder, service_from_path="logs/{service}/*").complete is False
    assert store.counts() == {(A, NOON, 200): 1, (B, NOON, 201): 1, ("c.example", NOON, 202): 1}
    assert store.rejected() == {"service missing": 1, "service unreadable": 1}
    assert agrees(store)


def test_a_path_that_names_no_service_puts_its_file_in_quarantine(logs: Logs, store: Store) -> None:
    logs.write("sites/a.example/x.parquet", BARE)
    stray = logs.write("stray.parquet", {**BARE, "status": [404]})
    summary = store.run(logs.folder, service_from_path="sites/{service}/*")
    assert summary.outcome.quarantined == {
        str(stray): "its path names no service as --service-from-path has it"
    }
    assert store.counts() == {(A, NOON, 200): 1}


def test_the_service_of_a_path_stays_with_a_rename_and_is_forgotten_with_its_file(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.write("a.example/x.parquet", BARE)
    options = ["--service-from-path", "logs/{service}/*", "--store", store.folder]
    assert httpcodes("run", logs.folder, *options).returncode == 0
    (logs.folder / A).rename(logs.folder / B)
    # The same content under another service is refused for as long as the old one counts.
    assert httpcodes("run", logs.folder, *options).returncode == 3
    assert store.counts() == {(A, NOON, 200): 1}
    assert httpcodes("forget", logs.folder / A, "--store", store.folder).returncode == 0
    assert store.counts() == {}


@pytest.mark.parametrize("pattern", ["logs/*", "logs/{services}/*", "{service}/{service}/*", ""])
def test_a_pattern_has_to_hold_the_service_once(pattern: str, httpcodes: Command) -> None:
    sentence = (
        f"--service-from-path {pattern!r} has to hold {{service}} once, as in 'logs/{{service}}/*'"
    )
    with pytest.raises(BadMapping, match=re.escape(sentence)):
        ReadingOptions.of(service_from_path=pattern)
    done = httpcodes("run", ".", "--service-from-path", pattern)
    assert (done.returncode, done.stderr.decode()) == (2, f"httpcodes: {sentence}\n")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"service_name": "a b"}, "'a b' can't be the name of a service"),
        ({"service_name": A, "service_from_path": "{service}/*"}, "exclude each other"),
        ({"service_name": A, "maps": ["service=h", "timestamp=t", "status=s"]},
         "--map service= (or url=) and --service-name exclude each other"),
        ({"service_name": A, "maps": ["url=u", "timestamp=t", "status=s"]},
         "--map service= (or url=) and --service-name exclude each other"),
        ({"service_from_path": "{service}/*", "maps": ["service=h", "timestamp=t", "status=s"]},
         "--map service= (or url=) and --service-from-path exclude each other"),
        ({"maps": ["url=u", "service=h", "timestamp=t", "status=s"]}, "--map is needed once"),
    ],
)  # fmt: skip
def test_a_service_is_named_in_one_way_only(how: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadMapping, match=re.escape(sentence)):
        ReadingOptions.of(**how)


def test_maps_and_a_named_service_go_together(logs: Logs, store: Store) -> None:
    logs.write("a.parquet", {"when": [NOON], "code": [200]})
    assert store.run(logs.folder, maps=["timestamp=when", "status=code"], service_name=A).complete
    assert store.counts() == {(A, NOON, 200): 1}
    assert agrees(store)


# Hosts inside URLs.

URLS = {
    "https://a.example/": A,
    "http://A.example:80/x?y#z": A,
    "https://user:secret@a.example:8443/": A,
    "https://a.example": A,
    "https://a.example?u=http://b.example/": A,
    "//a.example/x": A,
    "wss://a.example:443/chat": A,
    "http://[2001:DB8::1]:8080/": "[2001:db8::1]",
    "https://xn--bcher-kva.example:443/": "xn--bcher-kva.example",
    "/only/a/path": None,
    "a.example/x": None,
    "junk": None,
    "http:///x": None,
    "": None,
    "-": None,
    None: None,
}


def test_the_host_inside_a_url_is_the_service(logs: Logs, store: Store) -> None:
    count = len(URLS)
    logs.write("a.parquet", {"when": [NOON] * count, "u": list(URLS), "code": [200] * count})
    store.run(logs.folder, maps=["url=u", "timestamp=when", "status=code"])
    services = [service for service in URLS.values() if service]
    assert store.counts() == {(name, NOON, 200): services.count(name) for name in services}
    assert store.rejected() == {"service missing": count - len(services)}
    assert agrees(store)


def test_a_load_balancers_missing_name_is_the_host_of_its_url(logs: Logs, store: Store) -> None:
    names = [A, "-", "", None, "-", "B.example:443"]
    urls = ["https://x.example:443/", *["https://B.example:443/p?q"] * 3, "-", "-"]
    logs.write(
        "alb.parquet",
        {
            "time": [NOON] * 6, "elb_status_code": [200] * 6, "target_status_code": ["-"] * 6,
            "domain_name": names, "request_url": urls,
        },
    )  # fmt: skip
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 1, (B, NOON, 200): 4}
    assert store.rejected() == {"service missing": 1}
    assert store.sql("SELECT count(*), count(path) FROM access_log") == [(6, 4)]
    assert agrees(store)


def test_googles_logs_name_the_service_in_the_url_only(logs: Logs, store: Store) -> None:
    requests = [
        {"requestUrl": "https://A.example:443/x?y", "status": 200, "latency": "0.25s"},
        {"requestUrl": "http://user@b.example/", "status": 404, "latency": None},
        {"requestUrl": None, "status": 200, "latency": None},
    ]
    logs.write("google.parquet", {"timestamp": [NOON] * 3, "httpRequest": pa.array(requests)})
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 1, (B, NOON, 404): 1}
    assert store.rejected() == {"service missing": 1}
    first = "SELECT path, duration_ms FROM access_log WHERE service_name = 'a.example'"
    assert store.sql(first) == [("/x", 250.0)]
    assert agrees(store)


# Rows that are no requests of clients.


def front_door(hosts: list[str], **columns: list[Any]) -> dict[str, list[Any]]:
    many = len(hosts)
    urls = ["https://b.example:443/"] * many
    tracking = {"trackingReference": ["x"] * many, "httpStatusCode": ["200"] * many}
    return {"time": [NOON] * many, "hostName": hosts, "requestUri": urls, **tracking, **columns}


def opentelemetry(kinds: list[Any]) -> dict[str, Any]:
    attributes = [{"server.address": A, "http.response.status_code": 200}] * len(kinds)
    return {
        "start_time_unix_nano": [SECONDS * 10**9] * len(kinds), "span_id": ["x"] * len(kinds),
        "kind": kinds, "attributes": pa.array(attributes),
    }  # fmt: skip


def caddy(loggers: list[str]) -> dict[str, Any]:
    many = len(loggers)
    return {
        "ts": [SECONDS + 0.5] * many, "status": [200] * many, "logger": loggers,
        "request": pa.array([{"host": A, "uri": "/"}] * many),
    }  # fmt: skip


def cloudflare(**columns: list[Any]) -> dict[str, Any]:
    many = len(next(iter(columns.values())))
    return {
        "ClientRequestHost": [A] * many, "EdgeStartTimestamp": [NOON] * many,
        "EdgeResponseStatus": [200] * many, **columns,
    }  # fmt: skip


def envoy(clusters: list[str | None]) -> dict[str, Any]:
    many = len(clusters)
    return {
        "start_time": [NOON] * many, "response_code": [200] * many, "authority": [A] * many,
        "upstream_cluster": clusters,
    }  # fmt: skip


OTEL_WORDS = ["SPAN_KIND_SERVER", "Server", None, "SPAN_KIND_CLIENT", "internal", "Producer", "CONSUMER"]  # fmt: skip
PASSED_OVER = {
    "frontdoor, absent": (front_door([A, "-"]), {A: 1, B: 1}),
    "frontdoor, booleans": (
        front_door([A, A, A, A], isReceivedFromClient=[True, False, None, False]), {A: 2},
    ),
    "frontdoor, text": (
        front_door([A, A, A], isReceivedFromClient=["true", "False", None]), {A: 2},
    ),
    "frontdoor, categories": (
        front_door([A, A, A], category=["FrontDoorAccessLog", "FrontDoorHealthProbeLog",
                                        "FrontDoorWebApplicationFirewallLog"]), {A: 1},
    ),
    "opentelemetry, words": (opentelemetry(OTEL_WORDS), {A: 3}),
    "opentelemetry, numbers": (opentelemetry([0, 1, 2, 3, 4, 5]), {A: 2}),
    "opentelemetry, floats": (opentelemetry([2.0, 3.0, None]), {A: 2}),
    "caddy": (
        caddy(["http.log.access.log0", "http.log.error", "http.log.error.log0",
               "http.handlers.reverse_proxy"]), {A: 1},
    ),
    "traefik": (
        {"StartUTC": [NOON] * 3, "DownstreamStatus": [200] * 3, "RequestHost": [A] * 3,
         "RouterName": ["web@docker", "ping@internal", "web-to-websecure@internal"]}, {A: 2},
    ),
    "cloudflare, workers": (
        cloudflare(WorkerSubrequest=[False, True, None], ParentRayID=["00", "r1", "00"]), {A: 2},
    ),
    "cloudflare, by the request that the Worker served": (
        cloudflare(ParentRayID=["00", "7a1f00c0ffee0000", None]), {A: 2},
    ),
    "cloudflare, numbers": (cloudflare(WorkerSubrequest=[0.0, 1.0, None]), {A: 2}),
    "cloudflare, sources": (
        cloudflare(ClientRequestSource=["eyeball", "edgeWorkerFetch", "purge", "healthcheck", "",
                                        "orangeToOrange", "inBrowserChallenge", "newKind"]), {A: 4},
    ),
    "akamai": (
        {"reqHost": [A] * 4, "reqTimeSec": [SECONDS] * 4, "statusCode": [200] * 4,
         "isMidgress": ["0", "1", "true", None]}, {A: 2},
    ),
    "envoy": (
        envoy(["inbound|80||", "outbound|80||b", "PassthroughCluster", None]), {A: 2},
    ),
    "envoy, gateway": (envoy(["outbound|80||b", "outbound|80||c", None]), {A: 3}),
    "fastly": (
        {"timestamp": [NOON] * 3, "response_status": [200] * 3, "host": [A] * 3,
         "fastly_is_edge": [True, False, None]}, {A: 2},
    ),
}  # fmt: skip


def test_a_row_that_is_no_clients_request_is_passed_over(logs: Logs, store: Store) -> None:
    files, requests = {}, {}
    for case, (columns, counted) in PASSED_OVER.items():
        logs.write(name := f"{case}.parquet", columns)
        many = sum(counted.values())
        others = len(next(iter(columns.values()))) - many
        files[name] = (case.partition(",")[0], many, many, 0, others)
        requests[name] = {(service, NOON, 200): n for service, n in counted.items()}
    summary = store.run(logs.folder)
    assert summary.complete
    found = store.sql(
        "SELECT path, format, rows_read, rows_counted, rows_rejected, rows_passed_over FROM source_files"
    )
    assert {Path(path).name: tuple(rest) for path, *rest in found} == files
    assert store.of_each() == requests
    rows_read, rows_counted, _, rows_passed_over = (sum(n) for n in zip(*(f[1:] for f in files.values()), strict=True))  # fmt: skip
    done = summary.outcome
    assert (done.rows_read, done.rows_counted, done.rejected) == (rows_read, rows_counted, {})
    assert done.rows_passed_over == sum(done.passed_over.values()) == rows_passed_over
    reasons = store.sql("SELECT path, sum(rows)::BIGINT FROM passed_over_rows GROUP BY path")
    assert {Path(path).name: rows for path, rows in reasons} == {name: f[-1] for name, f in files.items() if f[-1]}  # fmt: skip
    shown = store.sql("SELECT source_file, count(*) FROM access_log GROUP BY 1")
    assert {Path(file).name: rows for file, rows in shown} == {n: f[2] for n, f in files.items()}
    assert agrees(store)


def test_what_is_passed_over_beside_other_rows_is_decided_file_by_file(
    logs: Logs, store: Store
) -> None:
    logs.write("gateway.parquet", envoy(["outbound|80||b"] * 3))
    logs.write("mesh.parquet", envoy(["outbound|80||b", "inbound|80||"]))
    logs.write("sidecar.parquet", envoy(["inbound|81||", "inbound|80||"]))
    store.run(logs.folder)
    files = (
        "SELECT parse_filename(path), rows_counted, rows_passed_over FROM source_files ORDER BY 1"
    )
    assert store.sql(files) == [("gateway.parquet", 3, 0), ("mesh.parquet", 1, 1), ("sidecar.parquet", 2, 0)]  # fmt: skip
    assert store.sql("SELECT count(*) FROM access_log") == [(6,)]
    assert agrees(store)


def test_rows_passed_over_show_in_every_summary(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    file = logs.write("a.parquet", cloudflare(WorkerSubrequest=[True, False, True]))
    metrics = store.folder.with_name("a.prom")
    ran = httpcodes("run", file, "--store", store.folder, "--json", "--metrics-file", metrics)
    figures = json.loads(ran.stdout)
    rows = {"read": 1, "counted": 1, "rejected": 0, "passed_over": 2}
    assert (ran.returncode, figures["rows"]) == (0, rows)
    assert figures["passed_over"] == {"fetch of a Worker": 2}
    assert "; 1 row read, 1 counted, 2 passed over (fetch of a Worker)\n" in ran.stderr.decode()
    told = metrics.read_text(encoding="utf-8")
    assert 'httpcodes_passed_over_rows{reason="fetch of a Worker"} 2\n' in told
    assert 'httpcodes_last_success_rows{outcome="passed_over"} 2\n' in told
    status = json.loads(httpcodes("status", "--store", store.folder, "--json").stdout)
    assert status["passed_over"] == figures["passed_over"]
    inspected = " ".join(httpcodes("inspect", file).stdout.decode().split())
    assert "passed over 2 fetch of a Worker" in inspected
    again = ("rebuild", "--from", NOON[:10], "--to", NOON[:10], "--store", store.folder, "--json")
    rebuilt = json.loads(httpcodes(*again).stdout)
    assert (rebuilt["rows"], rebuilt["passed_over"]) == (rows, figures["passed_over"])
    assert store.sql("SELECT rows_passed_over FROM runs") == [(2,), (2,)]


def test_a_file_with_other_rows_than_its_footer_promises_counts_nothing(
    logs: Logs, store: Store
) -> None:
    file = logs.write("a.parquet", cloudflare(WorkerSubrequest=[True, False, None]))
    content = file.read_bytes()
    # The number of rows stands before the list of one row group.
    assert content.count(b"\x16\x06\x19\x1c") == 1
    file.write_bytes(content.replace(b"\x16\x06\x19\x1c", b"\x16\x08\x19\x1c"))
    ((_, reason),) = store.run(file).outcome.quarantined.items()
    assert reason.startswith("its footer promises 4 rows and 3 were read: it is damaged")
    assert store.counts() == {}


def test_a_file_of_nothing_but_such_rows_counts_nothing(logs: Logs, store: Store) -> None:
    logs.write("a.parquet", caddy(["http.log.error"]))
    assert store.run(logs.folder).complete
    assert (store.counts(), store.states()) == ({}, {"a.parquet": "ingested"})
    assert agrees(store)


# Columns of text with the thing inside.


def test_a_map_may_find_what_is_meant_inside_text(logs: Logs, store: Store) -> None:
    logs.write(
        "a.parquet",
        {
            "line": [
                "t=2025-09-09T12:00:00Z h=a.example s=200",
                "t=2025-09-09T12:00:00Z h= s=200",
                "t=soon h=a.example s=200",
                "t=2025-09-09T12:00:00Z h=a.example s=abc",
                "",
            ]
        },
    )
    maps = ["service=line~h=([^ ]*)", "timestamp=line~t=([^ ]+)", "status=line~s=([0-9]{3})"]
    store.run(logs.folder, maps=maps)
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.rejected() == {
        "service missing": 1, "status missing": 1, "timestamp missing": 1, "timestamp unreadable": 1,
    }  # fmt: skip
    assert agrees(store)


@pytest.mark.parametrize("pattern", ["no group", "(?:none)", "(", "[a-", "*", ""])
def test_a_pattern_without_a_group_or_sense_is_refused(pattern: str, httpcodes: Command) -> None:
    with pytest.raises(BadMapping, match="has to be a regular expression with a group"):
        split_pattern(f"line~{pattern}")
    maps = ["--map", f"service=line~{pattern}", "--map", "timestamp=t", "--map", "status=s"]
    done = httpcodes("run", ".", *maps)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        f"httpcodes: {pattern!r} has to be a regular expression with a group, "
        "as in 'time=([0-9]+)'\n"
    )


# Zones.

BERLIN = {
    "2025-03-30 01:59:59": "2025-03-30T00:55:00Z",  # the last second of winter
    "2025-03-30 03:00:00": "2025-03-30T01:00:00Z",
    "2025-09-09T14:00:00": NOON,
    "2025-09-09 14:05": "2025-09-09T12:05:00Z",
    "2025-10-26T01:59:59.999": "2025-10-25T23:55:00Z",
    "2025-10-26 02:30:00": "2025-10-26T01:30:00Z",  # of two, the second
    "2025-10-26 03:00:00": "2025-10-26T02:00:00Z",  # winter again
    "2025-12-09 13:00:00": "2025-12-09T12:00:00Z",
    "2025-09-08T12:00:00Z": "2025-09-08T12:00:00Z",
    "2025-09-07T12:00:00+00:00": "2025-09-07T12:00:00Z",
    "2025-09-06 12:00:00 -0200": "2025-09-06T14:00:00Z",
    "05/Sep/2025:12:00:00 +0500": "2025-09-05T07:00:00Z",
    "1756987200": "2025-09-04T12:00:00Z",
    "1756900800.999": "2025-09-03T12:00:00Z",
}
"""Moments as text in Berlin, and their buckets."""


def buckets(logs: Logs, store: Store, times: "pa.Array | list[Any]", zone: str | None) -> list[str]:
    many = len(times)
    logs.write("a.parquet", {"timestamp": times, "host": [A] * many, "status": [200] * many})
    store.run(logs.folder, zone=zone)
    assert agrees(store)
    return sorted(bucket for _, bucket, _ in store.counts())


def test_text_without_an_offset_is_of_the_zone_and_text_with_one_is_not(
    logs: Logs, store: Store
) -> None:
    assert buckets(logs, store, list(BERLIN), "Europe/Berlin") == sorted(BERLIN.values())


def each(logs: Logs, store: Store, times: dict[str, pa.Array], zone: str) -> dict[str, list[str]]:
    """The buckets of each of these, a file of its own."""
    for name, column in times.items():
        many = len(column)
        columns = {"timestamp": column, "host": [A] * many, "status": [200] * many}
        logs.write(f"{name}.parquet", columns)
    store.run(logs.folder, zone=zone)
    assert agrees(store)
    return {Path(n).stem: sorted(b for _, b, _ in counts) for n, counts in store.of_each().items()}


def test_timestamps_without_a_zone_are_of_the_zone(logs: Logs, store: Store) -> None:
    moments = [datetime(2025, 1, 9, 13), datetime(2025, 7, 9, 14)]
    times = {unit: pa.array(moments, pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")}
    assert each(logs, store, times, "Europe/Berlin") == {
        unit: ["2025-01-09T12:00:00Z", "2025-07-09T12:00:00Z"] for unit in times
    }


def test_what_names_its_moment_is_untouched_by_a_zone(logs: Logs, store: Store) -> None:
    noon = datetime(2025, 9, 9, 12, tzinfo=UTC)
    times = {
        "Tokyo": pa.array([noon], pa.timestamp("us", "Asia/Tokyo")),
        "UTC": pa.array([noon], pa.timestamp("ns", "UTC")),
        "seconds": pa.array([SECONDS], pa.int64()),
        "milliseconds": pa.array([SECONDS * 1000], pa.int64()),
        "parts of seconds": pa.array([SECONDS + 0.5], pa.float64()),
    }
    assert each(logs, store, times, "America/New_York") == {name: [NOON] for name in times}


def test_a_date_and_a_time_apart_are_of_the_zone(logs: Logs, store: Store) -> None:
    typed = {"day": pa.array([date(2025, 9, 9)]), "clock": pa.array([time(8)], pa.time64("us"))}
    logs.write("typed.parquet", {**typed, "host": [A], "status": [200]})
    text = {"day": ["2025-12-09"], "clock": ["07:00:00"]}
    logs.write("text.parquet", {**text, "host": [A], "status": [200]})
    maps = ["service=host", "timestamp=day+clock", "status=status"]
    store.run(logs.folder, maps=maps, zone="America/New_York")
    assert store.counts() == {(A, NOON, 200): 1, (A, "2025-12-09T12:00:00Z", 200): 1}
    assert agrees(store)


def test_without_a_zone_such_times_are_utc(logs: Logs, store: Store) -> None:
    assert buckets(logs, store, ["2025-09-09 12:00:00"], None) == [NOON]


@pytest.mark.parametrize("zone", ["Mars/Base", "europe/berlin", "+02:00", ""])
def test_an_unknown_zone_is_refused(zone: str, httpcodes: Command) -> None:
    done = httpcodes("run", ".", "--zone", zone)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        f"httpcodes: unknown time zone {zone!r}; a name such as Europe/Berlin is accepted\n"
    )


# Columns that only look like the right one.

PLAIN = {"timestamp": [NOON], "host": [A], "status": [200]}


DECOYS: list[tuple[str, Any, str]] = [
    ("load_time", [NOON], "timestamp"),
    ("end_time", [SECONDS], "timestamp"),
    ("received_at", pa.array([datetime(2025, 9, 9)]), "timestamp"),
    ("upstream_status", [502], "status"),
    ("origin_response_code", ["502"], "status"),
    ("x_forwarded_host", [B], "service"),
    ("server_name", [B], "service"),
]


def test_a_second_column_that_could_be_meant_is_refused_with_the_choices(
    logs: Logs, store: Store
) -> None:
    names = {"service": "host", "timestamp": "timestamp", "status": "status"}
    options = " ".join(f"--map {r}={name}" for r, name in names.items())
    for decoy, column, role in DECOYS:
        assert refusal(logs, {**PLAIN, decoy: column}) == (
            f'"{names[role]}" and "{decoy}" could both be the {role}; settle it with {options}'
        )
        (logs.folder / "refused.parquet").rename(logs.folder / f"{decoy}.parquet")
    assert store.run(logs.folder, maps=[f"{r}={name}" for r, name in names.items()]).complete
    files = [f"{decoy}.parquet" for decoy, *_ in DECOYS]
    assert store.of_each() == {file: {(A, NOON, 200): 1} for file in files}


def test_a_column_that_could_not_be_meant_is_no_decoy(logs: Logs, store: Store) -> None:
    columns = {
        "load_time": [0.25],
        "cache_status": ["HIT"],
        "remote_host": ["192.0.2.1"],
        "upstream_status": [True],
        "hostile": [B],
        "timezone": ["UTC"],
    }
    for name, column in columns.items():
        logs.write(f"{name}.parquet", {**PLAIN, name: column})
    assert store.run(logs.folder).complete
    files = [f"{name}.parquet" for name in columns]
    assert store.of_each() == {file: {(A, NOON, 200): 1} for file in files}


VENDORS = {
    "nginx": {
        "msec": [SECONDS + 0.5], "time_local": ["09/Sep/2025:12:00:00 +0000"], "host": [A],
        "status": [200], "upstream_status": ["502"], "body_bytes_sent": [1], "request_time": [0.1],
    },
    "alb": {
        "time": [NOON], "request_creation_time": ["2025-09-09T11:00:00Z"], "domain_name": [A],
        "elb_status_code": [200], "target_status_code": ["502"], "request_url": ["https://b.example:443/"],
    },
    "traefik": {
        "time": ["2025-09-09T13:00:00Z"], "StartUTC": [NOON], "StartLocal": ["2025-09-09T14:00:00"],
        "DownstreamStatus": [200], "OriginStatus": [502], "RequestHost": [A], "ServiceName": [B],
    },
    "cloudflare": {
        "ClientRequestHost": [A], "EdgeStartTimestamp": [NOON], "EdgeEndTimestamp": ["2025-09-09T13:00:00Z"],
        "EdgeResponseStatus": [200], "OriginResponseStatus": [502],
    },
    "zeek": {"ts": [SECONDS + 0.5], "host": [A], "status_code": [200], "id.orig_h": ["192.0.2.1"]},
}  # fmt: skip


def test_a_vendors_log_is_read_by_its_own_names_beside_such_columns(
    logs: Logs, store: Store
) -> None:
    for vendor, columns in VENDORS.items():
        logs.write(f"{vendor}.parquet", columns)
    assert store.run(logs.folder).complete
    formats = store.sql("SELECT parse_filename(path), format FROM source_files")
    assert dict(formats) == {f"{vendor}.parquet": vendor for vendor in VENDORS}
    names = [f"{vendor}.parquet" for vendor in VENDORS]
    assert store.of_each() == {name: {(A, NOON, 200): 1} for name in names}
    assert agrees(store)


@pytest.mark.parametrize("mark", ["id.orig_h", "id_orig_h", "trans_depth"])
def test_zeeks_plain_names_are_told_as_zeek(mark: str, logs: Logs, store: Store) -> None:
    plain = {"ts": [SECONDS + 0.5], "host": [A], "status_code": [200]}
    logs.write("zeek.parquet", {**plain, mark: ["1"]})
    logs.write("plain.parquet", plain)
    store.run(logs.folder)
    told = store.sql("SELECT parse_filename(path), format FROM source_files ORDER BY 1")
    assert told == [("plain.parquet", "generic"), ("zeek.parquet", "zeek")]


def test_clients_in_zeeks_host_column_are_not_doubted_as_plain_ones_are(
    logs: Logs, store: Store
) -> None:
    plain = {"ts": [SECONDS + 0.5], "host": ["192.0.2.1"], "status_code": [200]}
    logs.write("zeek.parquet", {**plain, "trans_depth": [1]})
    logs.write("plain.parquet", plain)
    summary = store.run(logs.folder)
    (reason,) = summary.outcome.quarantined.values()
    assert "holds addresses, perhaps of clients" in reason
    assert store.counts() == {("192.0.2.1", NOON, 200): 1}


def test_checking_a_choice_leaves_the_modules_connection_to_its_owner(tmp_path: Path) -> None:
    with pytest.raises(BadMapping):
        ReadingOptions.of(zone="Europe/Nowhere")
    ReadingOptions.of(maps=["service=host~(.*)", "timestamp=t", "status=s"], zone="Europe/Berlin")
    duckdb.sql(f"COPY (SELECT 1) TO '{tmp_path / 'one.csv'}'")
