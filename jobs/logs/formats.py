"""Vendors' formats as data: which column is the service, the time, the status.

A new format is one more `Format` in FORMATS, and a SELECT of its name in sample.sql.

Names of columns are compared without regard to case and punctuation: `cs(Host)`, `cs-host` and
`cs_Host` are one name. A dot reaches into a struct or is part of the name. `a | b` is the first
that is there, `date+time` joins two columns, and `line~PATTERN` is what the first group of a
regular expression finds in a column of text.
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
    nested: str = ""
    """A struct that the columns may also lie in."""
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
_LINE = r'line~\] "(?:[^"\\]|\\.)*" '

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
        passed_over=(NoRequest("isMidgress", "traffic between servers of Akamai", "1|2"),),
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
        nested="properties.",
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
        timestamp=(r'line~\[([^\[\]]+)\] "',),
        status=(_LINE + r"(\d{3}) ",),
        marks=("line",),
        optional={
            "method": r'line~\] "([A-Z]+) ',
            "path": r'line~\] "[A-Z]+ (\S+)',
            "bytes_sent": _LINE + r"\d{3} (\d+)",
            "client_ip": r"line~^\[?([^\s\]]+)",
            "user_agent": _LINE + r'\d{3} \S+ "[^"]*" "([^"]*)"',
            "referer": _LINE + r'\d{3} \S+ "([^"]*)"',
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
    # Status is the response's, not the span's; a span without a response has none.
    Format(
        "opentelemetry",
        "OpenTelemetry HTTP server spans",
        "https://opentelemetry.io/docs/specs/semconv/http/http-spans/",
        service=("server.address",),
        timestamp=("start_time_unix_nano | startTimeUnixNano | start_time",),
        status=("http.response.status_code",),
        marks=("span_id", "spanId"),
        nested="attributes.",
        optional={
            "method": "http.request.method",
            "path": "url.path",
            "bytes_sent": "http.response.body.size",
            "client_ip": "client.address",
            "user_agent": "user_agent.original",
        },
        passed_over=(
            NoRequest(
                "kind | span_kind | span.kind | SpanKind",
                "span that is no server's",
                "(span_kind_)?(internal|client|producer|consumer)|[1345]",
            ),
        ),
    ),
)
BY_NAME = {format_.name: format_ for format_ in FORMATS}
