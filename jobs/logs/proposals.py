"""What a refusal proposes: one whole command, with the columns that are most likely meant.

A proposal was tried before it is made: nobody is sent from one refusal into the next.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from jobs.logs.columns import Column, Schema, fold
from jobs.logs.options import ReadingOptions, map_options

NUMBER = r"U?(TINY|SMALL|BIG|HUGE)?(INT|INTEGER)|FLOAT|DOUBLE|DECIMAL.*"
TEXT = r'VARCHAR|BLOB|ENUM.*|"NULL"'
ACCEPTED = {
    "service": re.compile(TEXT),
    "timestamp": re.compile(rf"{TEXT}|{NUMBER}|TIMESTAMP.*"),
    "status": re.compile(rf"{TEXT}|{NUMBER}"),
}
_NAME_IT = "--service-name NAME (one site) or --service-from-path 'logs/{service}/*'"

# What pipelines call these columns, the likeliest first; of a dotted name the end decides.
_LIKELY = {
    "service": (
        r"(.*\.)?(x_host_header|vhost|virtual_host|http_host|request_host|req_host|server_name)",
        r"(.*\.)?(url\.domain|server\.address|http\.host|domain_name|domain|authority|site)",
        r"(.*[_.])?(host|hostname|domain|domain_name|authority|site|service|service_name)",
    ),
    "timestamp": (
        r"(.*\.)?(timestamp|time|ts|datetime|date_time|event_time|request_time_utc)",
        r"(.*\.)?(start_time|time_local|time_iso8601|time_received|requested_at|eventtime)",
        r"(.*[_.])?(date|timestamp|time|at|when)",
    ),
    "status": (
        r"(.*\.)?(status|status_code|sc_status|http_status|http_status_code|statuscode)",
        r"(.*\.)?(response_code|response_status|response_status_code|http_code|code|response)",
        r"(.*[_.])?(status|status_code|response_code|code)",
    ),
}
# Keys of the maps that OpenTelemetry's exporters and others write.
_KEYS = {"service": ("server.address", "url.domain"), "status": ("http.response.status_code",)}
_UNLIKELY = re.compile(
    r"(cache|session|tls|ssl|job|payment|order|upstream|origin|target|backend|authorize"
    r"|integration)_?(status|response)(_code)?|.*(country|zip|postal|exit|region)_?code"
    r"|.*(duration|elapsed|taken|latency|_ms)|request_time|response_time|load_time"
)
CLIENT = re.compile(
    r"(.*[_.])?((client|remote|peer|src|source|visitor|viewer|user|downstream_remote|cli|c|orig)_?"
    r"(ip|addr|address|host|hostname)(_?address)?|client|visitor|x_forwarded_for|forwarded_for"
    r"|ip|ip_address|remote|id\.orig_h)"
)
_REQUEST = re.compile(
    r"(http_)?(request|method|verb|endpoint|path|uri|url|protocol|request_(method|uri|url|line))"
)
_COLLECTOR = re.compile(
    r"source_?type|sourcemodule(name|type)|splunk_server|_raw|ddsource|ddtags|@version"
    r"|fluent(d|bit)?_tag|logtag|(kubernetes|k8s|docker)([._].*)?|(container|pod)_(name|id)"
    r"|agent\.(type|ephemeral_id)|ecs\.version|input\.type|log[._]file[._]path"
    r"|@?log_?(group|stream)(_?name)?|(short|full)_message"
    r"|app_?name|program_?name|facility|procid|syslog_?(tag|facility|identifier)"
    r"|_(hostname|machine_id|systemd_unit)"
)


# Plain names are weak evidence: beside such a column it is not certain which one is meant.
RIVALS = {
    "service": re.compile(r".*(host|hostname|domain|site|vhost|authority|server_name)"),
    "timestamp": re.compile(
        r"(.*_)?(time|timestamp|datetime|ts)|.*_at|"
        r"(start|end|load|event|request|received?|ingest(ion)?|created?)_?(time(stamp)?|date)"
    ),
    "status": re.compile(r"(.*_)?(status|status_code|response_code|http_code)"),
}
NO_RIVAL = re.compile(r"(cache|session|tls|ssl|job|payment|order)_?status|.*(remote|client)_host")


@dataclass(frozen=True)
class Doubt:
    """What is said if the values of the service's column look like something else."""

    column: str
    clientless: bool
    """Whether no other column holds the client."""
    detailed: bool
    """Whether other columns tell what was requested."""
    remedy: str

    def sentence(self, held: str) -> str:
        """Why the file is refused."""
        return (
            f'the column "{self.column}" holds {held}: if it is the service all the same, say '
            f"--map service={self.column} in place of --service-name NAME; {self.remedy}"
        )


def could_be(role: str, column: Column) -> bool:
    """Whether a column of this type may play the role."""
    return column.pattern is not None or bool(ACCEPTED[role].fullmatch(column.type))


def has_client(schema: Schema) -> bool:
    """Whether a column of its own holds the client."""
    return any(CLIENT.fullmatch(fold(name)) for name in schema)


def tells_requests(schema: Schema) -> bool:
    """Whether columns tell what was requested, as those of a web server's log do."""
    return any(_REQUEST.fullmatch(fold(name)) for name in schema)


def collector(schema: Schema) -> str | None:
    """The column that a collector of logs adds; `host` beside it is the collector's machine."""
    return next((name for name in schema if _COLLECTOR.fullmatch(name.lower())), None)


def likely(schema: Schema, role: str) -> list[str]:
    """Names of columns that may be meant, the likeliest first."""
    found = {}
    for name, column in _with_keys(schema, role):
        folded = fold(name)
        ranks = (n for n, known in enumerate(_LIKELY[role]) if re.fullmatch(known, folded))
        rank = next(ranks, None)
        serves = could_be(role, column) and not column.is_empty and not column.twins
        if rank is not None and serves and not is_other(schema, role, folded):
            found[name] = (rank, folded.count("."))
    return sorted(found, key=lambda name: found[name])


def listed(schema: Schema, first: Iterable[str] = (), most: int = 12) -> str:
    """The columns of a file; of many, those named first are at the front."""
    names = list(schema)
    if len(names) <= most:
        return ", ".join(f'"{name}"' for name in names) or "no columns"
    names = list(dict.fromkeys(name for name in [*first, *names] if name in schema))
    return ", ".join(f'"{name}"' for name in names[:most]) + f" and {len(names) - most} more"


def remedy(known: Mapping[str, str], options: ReadingOptions, *, doubted: bool = False) -> str:
    """What would decide how a file is read: a command, or its options, at the sentence's end.

    Without a known service it is to be named; `doubted`: also where there is a likely column.
    """
    maps = map_options(known, names_service=options.names_service or "service" not in known)
    if options.names_service:
        return f"settle it with {command(options, maps)}"
    if "service" in known:
        instead = f"if no column is the service, it is named by {_NAME_IT}; " if doubted else ""
        return f"{instead}settle it with {command(options, maps)}"
    named = f"--service-name NAME {maps}" if known else "--service-name NAME"
    return f"the service is named by {_NAME_IT}; settle it with {command(options, named)}"


def command(options: ReadingOptions, maps: str) -> str:
    """The command as it was typed, with these options in place of what it said of columns."""
    return f"{shlex.join(options.said)} {maps}" if options.said else maps


def _with_keys(schema: Schema, role: str) -> Iterable[tuple[str, Column]]:
    yield from schema.items()
    for name, column in schema.items():
        if column.type.startswith("MAP(VARCHAR, VARCHAR)"):
            for key in _KEYS.get(role, ()):
                yield f"{name}.{key}", replace(column, type="VARCHAR", key=key)


def is_other(schema: Schema, role: str, name: str) -> bool:
    """Whether a column so named is more likely to be something else."""
    if role != "service":
        return bool(_UNLIKELY.fullmatch(name))
    last = name.rpartition(".")[2]
    machine = last in ("host", "hostname") or name.endswith("host.name")
    doubt = collector(schema) or (tells_requests(schema) and not has_client(schema))
    return bool(CLIENT.fullmatch(name)) or (machine and bool(doubt))
