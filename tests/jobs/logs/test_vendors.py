"""Logs as collectors, clouds and databases write them: told by evidence, counted right."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from conftest import Command, Logs, Store

from jobs.verify import verify

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T12:05:00Z"
TIMES = [datetime(2025, 9, 9, 12, 0, 1), datetime(2025, 9, 9, 12, 4, 59), datetime(2025, 9, 9, 12, 5)]  # fmt: skip
SECONDS = [int(time.replace(tzinfo=UTC).timestamp()) for time in TIMES]
ZONED = pa.array(TIMES, pa.timestamp("us", "UTC"))
ISO = [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in TIMES]
APACHE = [f"{time:%d/%b/%Y:%H:%M:%S +0000}" for time in TIMES]
CLIENTS = ["192.0.2.1", "192.0.2.2", "198.51.100.7"]
COUNTED = {(A, NOON, 200): 1, (B, NOON, 404): 1, (A, LATER, 499): 1}
SITES, STATUS = [A, B, A], [200, 404, 499]
TEXT = [str(status) for status in STATUS]
NGINX = {"client": CLIENTS, "method": ["GET"] * 3, "path": ["/"] * 3, "agent": ["curl"] * 3}


def maps(*rows: Mapping[str, str]) -> pa.Array:
    return pa.array([list(row.items()) for row in rows], pa.map_(pa.string(), pa.string()))


def new(site: str, status: int) -> dict[str, str]:
    return {
        "server.address": site,
        "http.response.status_code": f"{status}",
        "http.request.method": "GET",
    }


def old(site: str, status: int) -> dict[str, str]:
    return {"http.host": f"{site}:443", "http.status_code": f"{status}", "http.method": "GET"}


NESTED = {
    "@timestamp": ZONED,
    "ecs": pa.array([{"version": "8.11.0"}] * 3),
    "host": pa.array([{"name": "web-01"}] * 3),
    "url": pa.array([{"domain": site, "path": "/"} for site in SITES]),
    "http": pa.array([{"response": {"status_code": status}} for status in STATUS]),
}
GATEWAY = [
    {"originalHost": site, "host": "10.0.0.4", "httpStatus": status, "clientIP": "192.0.2.1"}
    for site, status in zip(SITES, STATUS, strict=True)
]
LINES = [
    f'{client} - - [{time}] "GET / HTTP/1.1" {status} 5 "-" "curl"'
    for client, time, status in zip(CLIENTS, APACHE, STATUS, strict=True)
]

DETECTED: dict[str, tuple[str, Mapping[str, Any]]] = {
    "vector-nginx-with-the-site": (
        "vector",
        {**NGINX, "host": ["web-01"] * 3, "vhost": SITES, "source_type": ["file"] * 3,
         "file": ["/var/log/nginx/access.log"] * 3, "timestamp": ZONED, "status": STATUS},
    ),
    "fluent-bit-nginx": (
        "fluent",
        {"date": pa.array([float(s) for s in SECONDS]), "remote": CLIENTS, "host": SITES,
         "user": ["-"] * 3, "method": ["GET"] * 3, "path": ["/"] * 3, "code": TEXT, "size": ["5"] * 3,
         "referer": ["-"] * 3, "agent": ["curl"] * 3},
    ),
    "fluentd-apache-with-the-site": (
        "fluent",
        {"host": CLIENTS, "vhost": SITES, "user": [None] * 3, "method": ["GET"] * 3, "path": ["/"] * 3,
         "code": STATUS, "size": [5] * 3, "agent": ["curl"] * 3, "time": ISO},
    ),
    "ecs-nested": ("ecs", NESTED),
    "ecs-flat": (
        "ecs",
        {"@timestamp": ISO, "ecs.version": ["8.11.0"] * 3, "host.name": ["web-01"] * 3,
         "url.domain": SITES, "http.response.status_code": STATUS, "source.address": CLIENTS},
    ),
    "ecs-of-apache-and-of-apm": (
        "ecs",
        {"@timestamp": ISO, "http.response.status_code": STATUS, "destination.domain": [A, None, A],
         "url.domain": [None, B, ""]},
    ),
    "opentelemetry-logs-in-maps": (
        "opentelemetry",
        {"Timestamp": pa.array(TIMES, pa.timestamp("ns")), "SpanId": [""] * 3, "SeverityNumber": [9] * 3,
         "ServiceName": ["shop"] * 3, "Body": ["x"] * 3,
         "LogAttributes": maps(new(A, 200), old(B, 404), new(A, 499))},
    ),
    "opentelemetry-spans-in-maps": (
        "opentelemetry",
        {"Timestamp": pa.array(TIMES, pa.timestamp("ns")), "SpanId": ["s"] * 3,
         "SpanKind": ["Server", "SPAN_KIND_SERVER", "Server"],
         "SpanAttributes": maps(old(A, 200), old(B, 404), old(A, 499))},
    ),
    "opentelemetry-logs-in-structs": (
        "opentelemetry",
        {"time_unix_nano": pa.array([s * 10**9 for s in SECONDS]), "severity_number": [9] * 3,
         "attributes": pa.array([
             {"server.address": A, "http.response.status_code": 200, "http.host": None, "http.status_code": None},
             {"server.address": None, "http.response.status_code": None, "http.host": B, "http.status_code": 404},
             {"server.address": A, "http.response.status_code": 499, "http.host": A, "http.status_code": 499},
         ])},
    ),
    "opentelemetry-logs-flat-with-old-names": (
        "opentelemetry",
        {"timeUnixNano": [f"{s}000000000" for s in SECONDS], "severityNumber": [9] * 3,
         "attributes.http.host": SITES, "attributes.http.status_code": pa.array(STATUS, pa.float64())},
    ),
    "opentelemetry-numbers-in-a-map-of-their-own": (
        "opentelemetry",
        {"timestamp": pa.array([s * 10**9 for s in SECONDS]), "Timestamp_ns": [1] * 3, "span_id": ["s"] * 3,
         "start_time": ZONED,
         "attributes_string": maps(*({"http.host": site, "http.method": "GET"} for site in SITES)),
         "attributes_number": pa.array([[("http.status_code", float(s))] for s in STATUS], pa.map_(pa.string(), pa.float64()))},
    ),
    "s3-athena": (
        "s3",
        {"bucketowner": ["79a5"] * 3, "bucket_name": ["a"] * 3, "requestdatetime": APACHE, "remoteip": CLIENTS,
         "operation": ["REST.GET.OBJECT", "WEBSITE.GET.OBJECT", "REST.HEAD.BUCKET"], "key": ["-"] * 3,
         "request_uri": ["GET /x HTTP/1.1"] * 3, "httpstatus": TEXT, "errorcode": ["-"] * 3,
         "bytessent": ["-"] * 3, "turnaroundtime": ["-"] * 3, "endpoint": SITES},
    ),
    "api-gateway": (
        "apigateway",
        {"requestId": ["r"] * 3, "ip": CLIENTS, "requestTime": APACHE, "httpMethod": ["GET"] * 3,
         "routeKey": ["$default"] * 3, "status": TEXT, "protocol": ["HTTP/1.1"] * 3, "domainName": SITES},
    ),
    "api-gateway-by-epoch": (
        "apigateway",
        {"requestId": ["r"] * 3, "requestTimeEpoch": [s * 1000 for s in SECONDS], "resourcePath": ["/"] * 3,
         "requestTime": ["09/Sep/2025:13:00:00 +0100"] * 3, "status": STATUS, "domainName": SITES,
         "integrationStatus": ["200"] * 3},
    ),
    "application-gateway": (
        "appgateway",
        {"timeStamp": ISO, "category": ["ApplicationGatewayAccessLog"] * 3, "properties": pa.array(GATEWAY)},
    ),
    "application-gateway-of-a-workspace": (
        "appgateway",
        {"TimeGenerated": ZONED, "OriginalHost": [A, "", A], "Host": ["x.internal", B, A], "HttpStatus": STATUS,
         "OriginalRequestUriWithArgs": ["/"] * 3, "ClientIp": CLIENTS},
    ),
    "haproxy-with-the-host": (
        "haproxy",
        {"client_ip": CLIENTS, "accept_date": [t[:-6] + ".123" for t in APACHE], "frontend_name": ["in~"] * 3,
         "backend_name": ["web"] * 3, "server_name": ["web-01"] * 3, "http_status_code": STATUS,
         "bytes_read": [5] * 3, "termination_state": ["----"] * 3, "http_host": SITES},
    ),
    "ocsf": (
        "ocsf",
        {"class_uid": [4002] * 3, "category_uid": [4] * 3, "time": [s * 1000 for s in SECONDS], "status_code": ["Success"] * 3,
         "http_request": pa.array([{"url": {"hostname": site, "path": "/"}} for site in SITES]),
         "http_response": pa.array([{"code": status} for status in STATUS])},
    ),
    "tailpipe-nginx": (
        "tailpipe",
        {"tp_timestamp": TIMES, "tp_date": [date(2025, 9, 9)] * 3, "tp_ingest_timestamp": TIMES, "tp_source_ip": CLIENTS,
         "remote_addr": CLIENTS, "time_local": APACHE, "host": SITES, "status": STATUS, "body_bytes_sent": [5] * 3,
         "http_user_agent": ["curl"] * 3},
    ),
    "tailpipe-alb": (
        "tailpipe",
        {"tp_timestamp": TIMES, "tp_source_ip": CLIENTS, "timestamp": TIMES, "elb": ["app/x"] * 3, "client_ip": CLIENTS,
         "elb_status_code": STATUS, "target_status_code": [200] * 3, "domain_name": [A, "", A],
         "request_url": ["https://x.example:443/", f"https://{B}:443/", "https://x.example:443/"],
         "request_creation_time": TIMES},
    ),
    "clickhouse": (
        "clickhouse",
        {"Timestamp": pa.array(SECONDS, pa.uint32()), "VirtualHost": pa.array([s.encode() for s in SITES]),
         "RemoteAddress": pa.array([c.encode() for c in CLIENTS]), "RequestPath": pa.array([b"/"] * 3),
         "Status": pa.array(STATUS, pa.uint16()), "Size": pa.array([5] * 3, pa.uint32())},
    ),
    "duckdb-httpd-log": (
        "duckdb",
        {"server_name": SITES, "client_ip": CLIENTS, "ident": ["-"] * 3, "auth_user": ["-"] * 3, "timestamp": TIMES,
         "timestamp_raw": APACHE, "method": ["GET"] * 3, "path": ["/"] * 3, "status": STATUS, "bytes": [5] * 3},
    ),
    "cloudfront-date-as-timestamp": (
        "cloudfront",
        {"date": pa.array([datetime(2025, 9, 9)] * 3, pa.timestamp("us")), "time": ["12:00:01", "12:04:59", "12:05:00"],
         "x_edge_location": ["FRA"] * 3, "sc_status": TEXT, "x_host_header": SITES},
    ),
    "cloudfront-date-as-date": (
        "cloudfront",
        {"date": [date(2025, 9, 9)] * 3, "time": [t.time() for t in TIMES],
         "x_edge_location": ["FRA"] * 3, "sc_status": TEXT, "x_host_header": SITES},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of one file of each kind, read in one run without a word of how."""
    folder = tmp_path_factory.mktemp("detected")
    logs, store = Logs(folder / "logs"), Store(folder / "store")
    for kind, (_, columns) in DETECTED.items():
        logs.write(f"{kind}.parquet", columns)
    assert store.run(logs.folder).outcome.quarantined == {}
    return store


@pytest.mark.parametrize("kind", DETECTED)
def test_a_log_is_told_by_what_only_its_writer_has(kind: str, detected: Store) -> None:
    counted = detected.sql(
        "SELECT service_name, strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), status_code, requests, format"
        f" FROM contributions JOIN source_files USING (file_id) WHERE path LIKE '%/{kind}.parquet'"
    )
    assert {row[:3]: row[3] for row in counted} == COUNTED
    assert {row[4] for row in counted} == {DETECTED[kind][0]}


def test_what_detected_logs_count_is_proven_by_their_files(detected: Store) -> None:
    assert verify(detected.folder, deep=True).findings == []


NO_SITE: dict[str, tuple[str, Mapping[str, Any]]] = {
    "vector": ("vector", {**NGINX, "host": ["web-01"] * 3, "source_type": ["file"] * 3, "timestamp": ZONED, "status": STATUS}),
    "fluent-bit-apache": (
        "fluent",
        {"date": pa.array([float(s) for s in SECONDS]), "host": CLIENTS, "user": ["-"] * 3, "method": ["GET"] * 3,
         "path": ["/"] * 3, "code": TEXT, "size": ["5"] * 3, "referer": ["-"] * 3, "agent": ["curl"] * 3},
    ),
    "ecs": ("ecs", {**NESTED, "url": pa.array([{"path": "/"}] * 3)}),
    "haproxy": (
        "haproxy",
        {"client_ip": CLIENTS, "client_port": ["40000"] * 3, "accept_date": [t[:-6] + ".123" for t in APACHE],
         "frontend_name": ["shop~"] * 3, "backend_name": ["web"] * 3, "server_name": ["web-01"] * 3,
         "http_status_code": STATUS, "bytes_read": ["5"] * 3},
    ),
    "clickhouse": (
        "clickhouse",
        {"Timestamp": pa.array(SECONDS, pa.uint32()), "RemoteAddress": CLIENTS, "RequestPath": ["/"] * 3, "Status": STATUS},
    ),
    "duckdb": (
        "duckdb",
        {"client_ip": CLIENTS, "auth_user": ["-"] * 3, "timestamp": TIMES, "status": STATUS, "bytes": [5] * 3},
    ),
    "lines of Spark": ("combined", {"value": LINES}),
    "lines of Fluent Bit": ("combined", {"date": pa.array([float(s) for s in SECONDS]), "log": LINES}),
    "lines of Vector": ("combined", {"message": LINES, "timestamp": ZONED, "host": ["web-01"] * 3, "source_type": ["file"] * 3}),
}  # fmt: skip


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping[str, str], Store]:
    """Why logs that name no site are refused, and a store of what a run with one reads."""
    folder = tmp_path_factory.mktemp("named")
    logs, store = Logs(folder / "logs"), Store(folder / "store")
    for kind, (_, columns) in NO_SITE.items():
        logs.write(f"{kind}.parquet", columns)
    refused = store.run(logs.folder)
    assert refused.outcome.rows_counted == 0
    assert store.run(logs.folder, service_name=A, retry=True).complete
    return refused.outcome.quarantined, store


@pytest.mark.parametrize("kind", NO_SITE)
def test_a_log_that_names_no_site_is_refused_and_read_with_one(
    kind: str, named: tuple[Mapping[str, str], Store]
) -> None:
    refused, store = named
    (reason,) = (why for path, why in refused.items() if path.endswith(f"/{kind}.parquet"))
    assert "--service-name NAME" in reason
    counted = store.sql(
        "SELECT service_name, strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), status_code, requests, format"
        f" FROM contributions JOIN source_files USING (file_id) WHERE path LIKE '%/{kind}.parquet'"
    )
    assert {row[:3]: row[3] for row in counted} == {
        (A, NOON, 200): 1, (A, NOON, 404): 1, (A, LATER, 499): 1,
    }  # fmt: skip
    assert {row[4] for row in counted} == {NO_SITE[kind][0]}


OTHERS: dict[str, tuple[Mapping[str, Any], Mapping[str, int]]] = {
    "of S3's own, and parts of requests": (
        {"bucketowner": ["79a5"] * 3, "requestdatetime": APACHE, "httpstatus": ["-", "204", "200"],
         "operation": ["S3.EXPIRE.OBJECT", "BATCH.DELETE.OBJECT", "REST.COPY.OBJECT_GET"], "endpoint": SITES},
        {"operation of S3's own": 1, "part of a request": 2},
    ),
    "firewalls of a gateway": (
        {"timeStamp": ISO, "category": ["ApplicationGatewayFirewallLog"] * 3, "properties": pa.array(GATEWAY)},
        {"row of another log": 3},
    ),
    "other classes": (
        {"class_uid": [4001] * 3, "time": [s * 1000 for s in SECONDS],
         "http_request": pa.array([{"url": {"hostname": site}} for site in SITES]),
         "http_response": pa.array([{"code": status} for status in STATUS])},
        {"event of another class": 3},
    ),
    "logs of applications": (
        {"Timestamp": TIMES * 2, "SeverityNumber": [9] * 6,
         "LogAttributes": maps({"user": "x"}, {}, new(A, 200), {"thread": "1"}, new(A, 200), {})},
        {"nothing of HTTP": 4},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_rows_that_are_no_requests_are_passed_over(kind: str, logs: Logs, store: Store) -> None:
    columns, passed_over = OTHERS[kind]
    logs.write("a.parquet", columns)
    outcome = store.run(logs.folder).outcome
    assert outcome.quarantined == {}
    assert outcome.passed_over == passed_over
    assert outcome.rows_rejected == 0


def test_logs_of_nothing_but_applications_are_not_taken_for_logs_of_requests(
    logs: Logs, store: Store
) -> None:
    logs.write("a.parquet", {"Timestamp": TIMES, "SeverityNumber": [9] * 3, "LogAttributes": maps({}, {"site": A}, {})})  # fmt: skip
    logs.write("b.parquet", {"Timestamp": TIMES, "SeverityNumber": [9] * 3, "LogAttributes": maps(new(A, 200), {}, {})})  # fmt: skip
    (reason,) = store.run(logs.folder).outcome.quarantined.values()
    assert reason.startswith("read as opentelemetry, none of its 3 rows has a status")
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.run(logs.folder, format_name="opentelemetry", retry=True).complete


def test_a_status_that_a_load_balancer_never_gave_is_rejected(logs: Logs, store: Store) -> None:
    logs.write("a.parquet", {"accept_date": APACHE, "frontend_name": ["in"] * 3, "http_status_code": [-1, 200, 200],
                             "http_host": SITES})  # fmt: skip
    store.run(logs.folder)
    assert store.rejected() == {"status unreadable": 1}


def test_a_rejected_row_of_attributes_is_shown_as_it_stands(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.write("a.parquet", {"Timestamp": TIMES, "SeverityNumber": [9] * 3,
                             "LogAttributes": maps(new(A, 200), old(B, 404), {**old(A, 499), "http.status_code": "abc"})})  # fmt: skip
    store.run(logs.folder)
    shown = httpcodes("rejects", "--store", store.folder).stdout
    (row,) = map(json.loads, shown.splitlines())
    assert "abc" in json.dumps(row)
    assert store.rejected() == {"status unreadable": 1}


def test_attributes_that_are_no_text_cost_their_rows(logs: Logs, store: Store) -> None:
    broken = pa.array([[(b"http.host", b"a\xff.example"), (b"http.status_code", b"200")]] * 2 +
                      [[(b"http.host", b"a.example"), (b"http.status_code", b"200")]], pa.map_(pa.binary(), pa.binary()))  # fmt: skip
    logs.write("a.parquet", {"Timestamp": TIMES, "SeverityNumber": [9] * 3, "LogAttributes": broken})  # fmt: skip
    store.run(logs.folder)
    assert store.counts() == {(A, LATER, 200): 1}
    assert store.rejected() == {"service unreadable": 2}


def test_plain_names_beside_lines_are_read_rather_than_the_lines(logs: Logs, store: Store) -> None:
    logs.write("a.parquet", {"timestamp": TIMES, "host": SITES, "status": STATUS, "message": LINES})
    assert store.run(logs.folder).complete
    assert store.sql("SELECT format FROM source_files") == [("generic",)]
    assert store.counts() == COUNTED


JSON_LINES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "ecs": (
        "ecs",
        [
            {"@timestamp": time, "ecs": {"version": "8.11.0"}, "url": {"domain": site}, "host": {"name": "web-01"},
             "http": {"response": {"status_code": status}}}
            for time, site, status in zip(ISO, SITES, STATUS, strict=True)
        ],
    ),
    "opentelemetry": (
        "opentelemetry",
        [
            {"timeUnixNano": f"{SECONDS[0]}000000000", "severityNumber": 9, "attributes": {"server.address": A, "http.response.status_code": 200}},
            {"timeUnixNano": f"{SECONDS[1]}000000000", "severityNumber": 9, "attributes": {"http.host": B, "http.status_code": 404, "http.user_agent": "curl"}},
            {"timeUnixNano": f"{SECONDS[2]}000000000", "severityNumber": 9, "attributes": {"http.host": A, "http.status_code": 499}},
        ],
    ),
    "appgateway": (
        "appgateway",
        [{"timeStamp": time, "category": "ApplicationGatewayAccessLog", "properties": row} for time, row in zip(ISO, GATEWAY, strict=True)],
    ),
    "apigateway": (
        "apigateway",
        [{"requestTimeEpoch": f"{s}000", "routeKey": "x", "domainName": site, "status": f"{status}"} for s, site, status in zip(SECONDS, SITES, STATUS, strict=True)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", JSON_LINES)
def test_json_as_it_is_written_gives_what_its_columns_give(
    kind: str, logs: Logs, store: Store
) -> None:
    format_, objects = JSON_LINES[kind]
    text = "".join(f"{json.dumps(each)}\n" for each in objects)
    (logs.folder / "a.json").write_text(text)
    assert store.run(logs.folder / "a.json").outcome.quarantined == {}
    assert store.sql("SELECT format FROM source_files") == [(format_,)]
    assert store.counts() == COUNTED
    assert store.sql("SELECT count(service_name), count(status_code) FROM access_log") == [(3, 3)]
