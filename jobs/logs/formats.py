"""Vendors' formats as data: which column is the service, the time, the status.

A new format is one more `Format` in FORMATS, and a SELECT of its name in sample.sql.

Names of columns are compared without regard to case and punctuation: `cs(Host)`, `cs-host` and
`cs_Host` are one name. A dot reaches into a struct or is part of the name. `a | b` is the first
that is there, `date+time` joins two columns, and `line~PATTERN` is what the first group of a
regular expression finds in a column of text. `a || b` is b in rows where a says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NoRequest:
    """Rows that are no requests of clients, by what a column holds in them, in lower case."""

    column: str
    reason: str
    """What such rows are."""
    holds: str = ""
    """A pattern of what the column holds in them."""
    but: str = ""
    """Or of what it holds in all other rows that have it."""
    beside: str = ""
    """A pattern of what the column has to hold in other rows of the same file."""
    missing: bool = False
    """Or it is missing in them; a file of nothing else is none of this format."""


@dataclass(frozen=True, eq=False)
class Format:
    """What a vendor calls what. A file that has two of the names listed for a role is refused."""

    name: str
    about: str
    """Whose logs these are."""
    source: str
    """The document that the names are from."""
    timestamp: tuple[str, ...]
    status: tuple[str, ...]
    service: tuple[str, ...] = ()
    """Empty, and without `url`: such logs don't say which site they are of."""
    url: str = ""
    """Text with a URL, whose host is the service where no column names one."""
    marks: tuple[str, ...] = ()
    """Columns that no other format has: one of them tells whose log it is."""
    optional: Mapping[str, str] = field(default_factory=dict)
    """Columns of access_log by the names that this vendor gives them."""
    milliseconds: float = 1
    """How many milliseconds a unit of duration_ms is."""
    nested: tuple[str, ...] = ()
    """Structs or maps that the columns may also lie in."""
    lines: bool = False
    """Whether it is lines of text, which may stand beside what was read out of them."""
    keeps_others: bool = False
    """Whether it keeps columns of other formats beside its own, which are what is read."""
    clients: tuple[str, ...] = ()
    """Service columns that elsewhere hold addresses of clients: their values are looked at."""
    passed_over: tuple[NoRequest, ...] = ()
    """Rows that are no requests of clients; the first that fits a row gives the reason."""


OPTIONAL = (
    *("method", "path", "bytes_sent", "duration_ms"),
    *("client_ip", "user_agent", "referer", "cache_status"),
)
"""Columns of access_log that a log may lack."""

_REQUEST_LINE = {"method": "request~^([A-Z]+) ", "path": r"request~^[A-Z]+ (\S+)"}
_LINES = ("line", "value", "message", "log")
"""What a column of lines is called: by Spark `value`, by collectors `message` or `log`."""


def _in_line(pattern: str) -> str:
    return " | ".join(f"{name}~{pattern}" for name in _LINES)


_REQUEST = r'\] "(?:[^"\\]|\\.)*" '

FORMATS = (
    Format(
        "generic",
        "plain names, as many a pipeline writes them",
        "README.md",
        service=("host", "service", "service_name", "domain"),
        timestamp=("timestamp", "time", "ts"),
        status=("status", "status_code"),
        optional=dict(zip(OPTIONAL, OPTIONAL, strict=True)),
        clients=("host",),
    ),
    # cs(Host) is the distribution, not the site.
    Format(
        "cloudfront",
        "Amazon CloudFront, standard logs",
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html",
        service=("x-host-header",),
        timestamp=("date+time",),
        status=("sc-status",),
        marks=("x-host-header", "x-edge-location", "x-edge-result-type", "x-edge-request-id"),
        optional={
            "method": "cs-method",
            "path": "cs-uri-stem",
            "bytes_sent": "sc-bytes",
            "duration_ms": "time-taken",
            "client_ip": "c-ip",
            "user_agent": "cs(User-Agent)",
            "referer": "cs(Referer)",
            "cache_status": "x-edge-result-type",
        },
        milliseconds=1000,
    ),
    Format(
        "cloudflare",
        "Cloudflare Logpush, http_requests",
        "https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/zone/http_requests/",
        service=("ClientRequestHost",),
        timestamp=("EdgeStartTimestamp",),
        status=("EdgeResponseStatus",),
        marks=("ClientRequestHost", "EdgeStartTimestamp", "EdgeResponseStatus"),
        optional={
            "method": "ClientRequestMethod",
            "path": "ClientRequestURI",
            "bytes_sent": "EdgeResponseBytes",
            "client_ip": "ClientIP",
            "user_agent": "ClientRequestUserAgent",
            "referer": "ClientRequestReferer",
            "cache_status": "CacheCacheStatus",
        },
        # https://developers.cloudflare.com/logs/reference/clientrequestsource/
        passed_over=(
            NoRequest("WorkerSubrequest", "fetch of a Worker", "true|1"),
            NoRequest("ParentRayID", "fetch of a Worker", but="0+"),
            NoRequest(
                "ClientRequestSource",
                "request of Cloudflare's own",
                but="eyeball|1|orangetoorange|9|inbrowserchallenge|12|unknown|0",
            ),
        ),
    ),
    # A customer names these columns; the first of each pair is Fastly's own default. Where logs
    # are shielded, the shield writes a row as well.
    Format(
        "fastly",
        "Fastly real-time log streaming, JSON",
        "https://docs.fastly.com/en/guides/useful-log-formats",
        service=("host", "request_host"),
        timestamp=("timestamp",),
        status=("response_status",),
        marks=("fastly_is_edge", "fastly_server", "response_state", "cache_state"),
        optional={
            "method": "request_method | request",
            "path": "url | request_path",
            "bytes_sent": "response_body_size | response_bytes",
            "client_ip": "client_ip",
            "user_agent": "request_user_agent | user_agent",
            "referer": "request_referer",
            "cache_status": "response_state | cache_state",
        },
        passed_over=(NoRequest("fastly_is_edge", "second row of a shield", "false|0"),),
    ),
    Format(
        "akamai",
        "Akamai DataStream 2",
        "https://techdocs.akamai.com/datastream2/v3/docs/data-set-parameters",
        service=("reqHost",),
        timestamp=("reqTimeSec",),
        status=("statusCode",),
        marks=("reqHost", "reqTimeSec"),
        optional={
            "method": "reqMethod",
            "path": "reqPath",
            "bytes_sent": "bytes",
            "client_ip": "cliIP",
            "user_agent": "UA",
            "referer": "referer",
            "cache_status": "cacheStatus",
        },
        passed_over=(NoRequest("isMidgress", "traffic between servers of Akamai", "1|2|true"),),
    ),
    # domain_name is the name in the TLS handshake, and missing without one.
    Format(
        "alb",
        "AWS Application Load Balancer, Athena's names",
        "https://docs.aws.amazon.com/athena/latest/ug/create-alb-access-logs-table.html",
        service=("domain_name",),
        url="request_url",
        timestamp=("time",),
        status=("elb_status_code",),
        marks=("elb_status_code", "target_status_code"),
        optional={
            "method": "request_verb",
            "path": r"request_url~^[a-z]+://[^/]*([^?]*)",
            "bytes_sent": "sent_bytes",
            "client_ip": "client_ip",
            "user_agent": "user_agent",
        },
    ),
    # Behind an origin shield a request has a second row, of the shield's own.
    Format(
        "frontdoor",
        "Azure Front Door, FrontDoorAccessLog",
        "https://learn.microsoft.com/azure/frontdoor/monitor-front-door",
        service=("hostName",),
        url="requestUri",
        timestamp=("time",),
        status=("httpStatusCode",),
        marks=("trackingReference",),
        nested=("properties.",),
        optional={
            "method": "httpMethod",
            "path": r"requestUri~^[a-z]+://[^/]*([^?]*)",
            "bytes_sent": "responseBytes",
            "duration_ms": "timeTaken",
            "client_ip": "clientIp",
            "user_agent": "userAgent",
            "referer": "referrer",
            "cache_status": "cacheStatus",
        },
        milliseconds=1000,
        passed_over=(
            NoRequest("isReceivedFromClient", "second row of a shield", "false|0"),
            NoRequest("category", "row of another log", ".*(probe|firewall).*"),
        ),
    ),
    Format(
        "google",
        "Google Cloud load balancing and CDN",
        "https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry",
        url="httpRequest.requestUrl",
        timestamp=("timestamp",),
        status=("httpRequest.status",),
        marks=("httpRequest.requestUrl",),
        optional={
            "method": "httpRequest.requestMethod",
            "path": r"httpRequest.requestUrl~^[a-z]+://[^/]*([^?]*)",
            "bytes_sent": "httpRequest.responseSize",
            "duration_ms": "httpRequest.latency~^([0-9.]+)s?$",
            "client_ip": "httpRequest.remoteIp",
            "user_agent": "httpRequest.userAgent",
            "referer": "httpRequest.referer",
            "cache_status": "httpRequest.cacheHit",
        },
        milliseconds=1000,
    ),
    # Its error log repeats requests, and so does what a proxy logs of its upstreams.
    Format(
        "caddy",
        "Caddy, JSON",
        "https://caddyserver.com/docs/caddyfile/directives/log",
        service=("request.host",),
        timestamp=("ts",),
        status=("status",),
        marks=("request.uri", "request.host"),
        optional={
            "method": "request.method",
            "path": "request.uri",
            "bytes_sent": "size",
            "duration_ms": "duration",
            "client_ip": "request.client_ip | request.remote_ip",
        },
        milliseconds=1000,
        passed_over=(
            NoRequest("logger", "row of another log", r"http\.(log\.error|handlers)(\..*)?"),
        ),
    ),
    # A mesh's outbound sidecar logs the call that the inbound one logs again. A gateway is
    # outbound alone.
    Format(
        "envoy",
        "Envoy, JSON, as Istio and Envoy Gateway name it",
        "https://istio.io/latest/docs/tasks/observability/logs/access-log/",
        service=("authority",),
        timestamp=("start_time",),
        status=("response_code",),
        marks=("response_flags", "upstream_cluster", "response_code_details"),
        optional={
            "method": "method",
            "path": "path | x-envoy-origin-path",
            "bytes_sent": "bytes_sent",
            "duration_ms": "duration",
            "client_ip": r"downstream_remote_address~^(.*):\d+$",
            "user_agent": "user_agent",
        },
        passed_over=(
            NoRequest(
                "upstream_cluster",
                "outbound copy of a call",
                r"outbound\|.*|passthroughcluster|blackholecluster",
                beside=r"inbound(\||passthroughcluster).*",
            ),
        ),
    ),
    Format(
        "traefik",
        "Traefik, JSON",
        "https://doc.traefik.io/traefik/observability/access-logs/",
        service=("RequestHost",),
        timestamp=("StartUTC",),
        status=("DownstreamStatus",),
        marks=("DownstreamStatus", "RequestHost"),
        optional={
            "method": "RequestMethod",
            "path": "RequestPath",
            "bytes_sent": "DownstreamContentSize",
            "duration_ms": "Duration",
            "client_ip": "ClientHost",
            "user_agent": "request_User-Agent",
            "referer": "request_Referer",
        },
        milliseconds=0.000001,
        # Not its redirections, such as web-to-websecure@internal: clients ask for these.
        passed_over=(
            NoRequest(
                "RouterName",
                "request to Traefik itself",
                "(acme-http(-bypass)?|api|dashboard|debug|ping|prometheus|rest)@internal",
            ),
        ),
    ),
    # The three times are one moment. The usual formats have no host.
    Format(
        "nginx",
        "nginx, a column for each variable",
        "https://nginx.org/en/docs/http/ngx_http_log_module.html",
        service=("host", "http_host", "server_name"),
        timestamp=("msec | time_iso8601 | time_local",),
        status=("status",),
        marks=("body_bytes_sent", "http_user_agent", "http_referer"),
        optional={
            **_REQUEST_LINE,
            "bytes_sent": "body_bytes_sent",
            "duration_ms": "request_time",
            "client_ip": "remote_addr",
            "user_agent": "http_user_agent",
            "referer": "http_referer",
            "cache_status": "upstream_cache_status",
        },
        milliseconds=1000,
        clients=("host",),
    ),
    # In some converters' columns `host` is the client.
    Format(
        "apache",
        "Apache httpd, common or combined, split into columns",
        "https://httpd.apache.org/docs/2.4/mod/mod_log_config.html",
        service=("vhost", "virtual_host", "server_name", "host"),
        timestamp=("time_local", "timestamp", "time"),
        status=("status",),
        marks=("remote_logname", "identity", "ident"),
        optional={
            **_REQUEST_LINE,
            "bytes_sent": "bytes_sent | size | bytes",
            "client_ip": "remote_host | client",
            "user_agent": "user_agent | agent",
            "referer": "referer | referrer",
        },
        clients=("host",),
    ),
    Format(
        "combined",
        "lines of nginx or Apache httpd as text, common or combined",
        "https://httpd.apache.org/docs/2.4/mod/mod_log_config.html",
        # A user or an address may stand in brackets, too; none before a quotation mark.
        timestamp=(_in_line(r'\[([^\[\]]+)\] "'),),
        status=(_in_line(_REQUEST + r"(\d{3}) "),),
        marks=_LINES,
        lines=True,
        optional={
            "method": _in_line(r'\] "([A-Z]+) '),
            "path": _in_line(r'\] "[A-Z]+ (\S+)'),
            "bytes_sent": _in_line(_REQUEST + r"\d{3} (\d+)"),
            "client_ip": _in_line(r"^\[?([^\s\]]+)"),
            "user_agent": _in_line(_REQUEST + r'\d{3} \S+ "[^"]*" "([^"]*)"'),
            "referer": _in_line(_REQUEST + r'\d{3} \S+ "([^"]*)"'),
        },
    ),
    Format(
        "iis",
        "Microsoft IIS, W3C extended",
        "https://learn.microsoft.com/windows/win32/http/w3c-logging",
        service=("cs-host",),
        timestamp=("date+time",),
        status=("sc-status",),
        marks=("sc-win32-status", "sc-substatus", "s-sitename", "s-computername"),
        optional={
            "method": "cs-method",
            "path": "cs-uri-stem",
            "bytes_sent": "sc-bytes",
            "duration_ms": "time-taken",
            "client_ip": "c-ip",
            "user_agent": "cs(User-Agent)",
            "referer": "cs(Referer)",
        },
    ),
    Format(
        "zeek",
        "Zeek, http.log",
        "https://docs.zeek.org/en/master/scripts/base/protocols/http/main.zeek.html",
        service=("host",),
        timestamp=("ts",),
        status=("status_code",),
        marks=("id.orig_h", "id_orig_h", "trans_depth"),
        optional={
            "method": "method",
            "path": "uri",
            "bytes_sent": "response_body_len",
            "client_ip": "id.orig_h | id_orig_h",
            "user_agent": "user_agent",
            "referer": "referrer",
        },
    ),
    # Status is the response's, not the span's; a span without a response has none. Names before
    # 2023 stand beside those of today, as services are moved one by one.
    Format(
        "opentelemetry",
        "OpenTelemetry, spans and logs of HTTP servers",
        "https://opentelemetry.io/docs/specs/semconv/http/http-spans/",
        service=("server.address || http.host || net.host.name || http.server_name",),
        timestamp=(
            "start_time_unix_nano | startTimeUnixNano | start_time | StartTime"
            " | time_unix_nano | timeUnixNano | Timestamp",
        ),
        status=("http.response.status_code || http.status_code",),
        marks=("span_id", "spanId", "severity_number", "severityNumber", "observedTimestamp"),
        nested=(
            *("attributes.", "SpanAttributes.", "span_attributes."),
            *("LogAttributes.", "log_attributes."),
            *("attributes_string.", "attributes_number."),
        ),
        optional={
            "method": "http.request.method || http.method",
            "path": "url.path || http.target",
            "bytes_sent": "http.response.body.size || http.response_content_length",
            "client_ip": "client.address || http.client_ip || net.sock.peer.addr",
            "user_agent": "user_agent.original || http.user_agent",
        },
        passed_over=(
            NoRequest(
                "kind | span_kind | span.kind | SpanKind",
                "span that is no server's",
                "(span_kind_)?(internal|client|producer|consumer)|[1345]",
            ),
            NoRequest(
                "http.request.method || http.method || http.response.status_code"
                " || http.status_code || url.path || http.target || http.route",
                "nothing of HTTP",
                missing=True,
            ),
        ),
    ),
    Format(
        "ecs",
        "Elastic Common Schema, as Filebeat, Elastic Agent and Logstash write it",
        "https://www.elastic.co/docs/reference/ecs/ecs-field-reference",
        service=("url.domain || destination.domain",),
        url="url.full",
        timestamp=("@timestamp",),
        status=("http.response.status_code",),
        marks=("http.response.status_code",),
        optional={
            "method": "http.request.method",
            "path": "url.path | url.original",
            "bytes_sent": "http.response.body.bytes || http.response.bytes",
            "client_ip": "client.ip || source.ip || source.address",
            "user_agent": "user_agent.original",
            "referer": "http.request.referrer",
        },
        passed_over=(
            NoRequest(
                "http.response.status_code || http.request.method || url.path || url.original",
                "nothing of HTTP",
                missing=True,
            ),
        ),
    ),
    Format(
        "ocsf",
        "Open Cybersecurity Schema Framework, HTTP activity",
        "https://schema.ocsf.io/1.3.0/classes/http_activity",
        service=("http_request.url.hostname",),
        url="http_request.url.url_string | http_request.url.text",
        timestamp=("time | time_dt",),
        status=("http_response.code",),
        marks=("class_uid", "category_uid"),
        optional={
            "method": "http_request.http_method",
            "path": "http_request.url.path",
            "bytes_sent": "traffic.bytes_out || http_response.body_length",
            "duration_ms": "duration",
            "client_ip": "src_endpoint.ip",
            "user_agent": "http_request.user_agent",
            "referer": "http_request.referrer",
        },
        passed_over=(NoRequest("class_uid", "event of another class", but="4002"),),
    ),
    # `host` is the collector's machine, and in what its parser for Apache gives the client.
    Format(
        "vector",
        "Vector, with its parsers for nginx and Apache httpd",
        "https://vector.dev/docs/reference/vrl/functions/",
        service=("vhost | virtual_host | http_host | server_name | domain",),
        timestamp=("timestamp",),
        status=("status",),
        marks=("source_type",),
        optional={
            "method": "method",
            "path": "path",
            "bytes_sent": "size",
            "client_ip": "client",
            "user_agent": "agent",
            "referer": "referer | referrer",
        },
    ),
    # `host` is the second field of a line: the site where it is logged there, the client where
    # no column `remote` stands beside it.
    Format(
        "fluent",
        "Fluent Bit and Fluentd, with their parsers for nginx and Apache httpd",
        "https://docs.fluentbit.io/manual/pipeline/parsers/configuring-parser",
        service=("vhost | virtual_host | server_name | http_host | host",),
        timestamp=("time | date | @timestamp | timestamp",),
        status=("code",),
        marks=("agent", "remote"),
        optional={
            "method": "method",
            "path": "path",
            "bytes_sent": "size",
            "client_ip": "remote",
            "user_agent": "agent",
            "referer": "referer",
        },
        clients=("host",),
    ),
    # BATCH rows are parts of one request, and a copy has a second row for what it reads.
    Format(
        "s3",
        "Amazon S3, server access logs, Athena's names",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html",
        service=("endpoint | host_header | hostheader",),
        timestamp=("requestdatetime | timestamp",),
        status=("httpstatus | http_status",),
        marks=("bucketowner", "bucket_owner", "turnaroundtime", "turn_around_time"),
        optional={
            "method": r"request_uri~^\"?([A-Z]+) ",
            "path": r"request_uri~^\"?[A-Z]+ (\S+)",
            "bytes_sent": "bytessent | bytes_sent",
            "duration_ms": "totaltime | total_time",
            "client_ip": "remoteip | remote_ip",
            "user_agent": "useragent | user_agent",
            "referer": "referrer | referer",
        },
        passed_over=(
            NoRequest("operation", "operation of S3's own", r"s3\..*"),
            NoRequest("operation", "part of a request", r"batch\..*|rest\.copy\.\w+_get"),
        ),
    ),
    Format(
        "apigateway",
        "AWS API Gateway, JSON",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-access-logging.html",
        service=("domainName",),
        timestamp=("requestTimeEpoch | requestTime",),
        status=("status",),
        marks=(
            *("requestTimeEpoch", "routeKey", "apiId", "resourcePath", "integrationStatus"),
            *("integrationErrorMessage", "integrationError", "extendedRequestId"),
        ),
        optional={
            "method": "httpMethod",
            "path": "path | resourcePath",
            "bytes_sent": "responseLength",
            "duration_ms": "responseLatency",
            "client_ip": "ip | sourceIp",
            "user_agent": "userAgent",
        },
    ),
    # What was asked for is originalHost; a rewritten host is another.
    Format(
        "appgateway",
        "Azure Application Gateway, access log",
        "https://learn.microsoft.com/azure/application-gateway/application-gateway-diagnostics",
        service=("originalHost || host",),
        timestamp=("timeStamp | time | TimeGenerated",),
        status=("httpStatus",),
        marks=("originalHost", "originalRequestUriWithArgs", "serverRouted", "sslEnabled"),
        nested=("properties.",),
        optional={
            "method": "httpMethod",
            "path": "requestUri",
            "bytes_sent": "sentBytes",
            "duration_ms": "timeTaken",
            "client_ip": "clientIP",
            "user_agent": "userAgent",
        },
        milliseconds=1000,
        passed_over=(
            NoRequest("category", "row of another log", but="applicationgatewayaccesslog"),
        ),
    ),
    # server_name is the server behind it. Hosts are logged where they are captured.
    Format(
        "haproxy",
        "HAProxy, HTTP log, split into columns",
        "https://docs.haproxy.org/3.0/configuration.html",
        service=("http_host | captured_request_host | request_host | host",),
        timestamp=("accept_date | request_date",),
        status=("http_status_code | status_code | status",),
        marks=("frontend_name", "backend_name", "termination_state", "accept_date"),
        optional={
            "method": "http_verb | http_method | method",
            "path": "http_request | http_path | path",
            "bytes_sent": "bytes_read",
            "duration_ms": "time_duration | total_time",
            "client_ip": "client_ip",
        },
        clients=("host",),
    ),
    Format(
        "clickhouse",
        "ClickHouse, tables of combined logs as its documents make them",
        "https://clickhouse.com/docs/use-cases/observability/schema-design",
        service=("vhost | VirtualHost | ServerName | HttpHost | Domain | host",),
        timestamp=("Timestamp | time_local | time",),
        status=("Status",),
        marks=("RemoteAddress", "RequestType", "RequestPath", "RunTime"),
        optional={
            "method": "RequestType | request_type | RequestMethod",
            "path": "RequestPath | request_path",
            "bytes_sent": "Size",
            "client_ip": "RemoteAddress | remote_addr",
            "user_agent": "UserAgent | user_agent",
            "referer": "Referer",
        },
        clients=("host",),
    ),
    Format(
        "duckdb",
        "DuckDB, tables of combined logs as its extension httpd_log makes them",
        "https://duckdb.org/community_extensions/extensions/httpd_log",
        service=("server_name | vhost | virtual_host | host",),
        timestamp=("timestamp",),
        status=("status",),
        marks=("auth_user", "timestamp_raw", "raw_line"),
        optional={
            "method": "method",
            "path": "path",
            "bytes_sent": "bytes",
            "client_ip": "client_ip",
            "user_agent": "user_agent",
            "referer": "referer",
        },
        clients=("host",),
    ),
    # Columns of the vendor stand beside those that its collector adds.
    Format(
        "tailpipe",
        "Tailpipe, tables of access logs",
        "https://hub.tailpipe.io",
        service=("x_host_header | domain_name | host_header | vhost | server_name | host",),
        url="request_url",
        timestamp=("tp_timestamp",),
        status=("elb_status_code | http_status | sc_status | status | status_code",),
        marks=("tp_timestamp",),
        keeps_others=True,
        optional={
            "method": "request_http_method | request_method | http_method | method",
            "path": "request_uri | path",
            "bytes_sent": "body_bytes_sent | sent_bytes | bytes_sent",
            "client_ip": "tp_source_ip",
            "user_agent": "http_user_agent | user_agent",
            "referer": "http_referer | referer",
        },
        clients=("host",),
        passed_over=(
            NoRequest("operation", "operation of S3's own", r"s3\..*"),
            NoRequest("operation", "part of a request", r"batch\..*|rest\.copy\.\w+_get"),
        ),
    ),
)
BY_NAME = {format_.name: format_ for format_ in FORMATS}
