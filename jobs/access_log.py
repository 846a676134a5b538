"""Vendors' formats: which column is the service, the time, the status; what is refused.

A format is data: a line of FORMATS. A file is read as a format only when all three columns
are there and no second column could be meant; otherwise it is refused with a sentence that
shows the `--map` that would settle it. Names of columns are compared without regard to case
and punctuation: `cs(Host)`, `cs-host` and `cs_Host` are one name.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ROLES = ("service", "timestamp", "status")

_ACCEPTED = {
    "service": re.compile(r"VARCHAR|BLOB"),
    "timestamp": re.compile(
        r"VARCHAR|BLOB|TIMESTAMP.*|U?(TINY|SMALL|BIG|HUGE)?(INT|INTEGER)"
        r"|FLOAT|DOUBLE|DECIMAL.*"
    ),
    "status": re.compile(
        r"VARCHAR|BLOB|U?(TINY|SMALL|BIG|HUGE)?(INT|INTEGER)|FLOAT|DOUBLE|DECIMAL.*"
    ),
}
_PART_OF_A_MOMENT = re.compile(r"VARCHAR|BLOB|DATE|TIME.*")
_WANTED = {
    "service": "text",
    "timestamp": "a timestamp, text or an epoch number",
    "status": "an integer, a whole double or text",
}


class FileRefused(Exception):
    """A file that can't be read as an access log; the message is the reason, in a sentence."""


class BadMapping(Exception):
    """A `--map` or `--format` that nobody could follow; the message says what is accepted."""


@dataclass(frozen=True)
class Column:
    """A column of a file: its path (more than one step inside structs) and DuckDB's type."""

    path: tuple[str, ...]
    type: str

    def __str__(self) -> str:
        return ".".join(self.path)


Schema = Mapping[str, Column]
"""The columns of a file by their names; those inside structs by dotted names."""


@dataclass(frozen=True, eq=False)
class Format:
    """Which columns of a vendor's log are which; each value lists the names it may have."""

    name: str
    service: tuple[str, ...]
    timestamp: tuple[str, ...]
    """`date+time` joins two columns."""
    status: tuple[str, ...]
    optional: Mapping[str, str] = field(default_factory=dict)
    """Columns of access_log by the names that this vendor gives them."""
    clients: tuple[str, ...] = ()
    """Service columns that elsewhere hold addresses of clients: their values are looked at."""
    milliseconds: float = 1
    """How many milliseconds a unit of duration_ms is."""


FORMATS = (
    Format(
        "generic",
        service=("host", "service", "service_name", "domain"),
        timestamp=("timestamp", "time", "ts"),
        status=("status", "status_code"),
        optional={
            "method": "method",
            "path": "path",
            "bytes_sent": "bytes_sent",
            "duration_ms": "duration_ms",
            "client_ip": "client_ip",
            "user_agent": "user_agent",
            "referer": "referer",
            "cache_status": "cache_status",
        },
        clients=("host",),
    ),
    # Standard logs v2 and their legacy names; cs(Host) is the distribution, not the site.
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
    Format(
        "cloudfront",
        service=("x-host-header",),
        timestamp=("date+time",),
        status=("sc-status",),
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
    # https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/zone/http_requests/
    Format(
        "cloudflare",
        service=("ClientRequestHost",),
        timestamp=("EdgeStartTimestamp",),
        status=("EdgeResponseStatus",),
        optional={
            "method": "ClientRequestMethod",
            "path": "ClientRequestURI",
            "bytes_sent": "EdgeResponseBytes",
            "client_ip": "ClientIP",
            "user_agent": "ClientRequestUserAgent",
            "referer": "ClientRequestReferer",
            "cache_status": "CacheCacheStatus",
        },
    ),
)
BY_NAME = {format_.name: format_ for format_ in FORMATS}


@dataclass(frozen=True)
class Reading:
    """How one kind of file is read: the columns that mean something."""

    format: str
    service: Column
    timestamp: tuple[Column, ...]
    """One column, or a date and a time of day."""
    status: Column
    optional: Mapping[str, Column]
    milliseconds: float
    doubtful: bool
    """Whether the service's values decide if that column is the service at all."""

    @property
    def spelled_out(self) -> str:
        """The `--map` options that say what this reading says."""
        timestamp = "+".join(map(str, self.timestamp))
        return _map_options(
            {"service": str(self.service), "timestamp": timestamp, "status": str(self.status)}
        )


@dataclass(frozen=True)
class Choice:
    """What the caller said of the format: nothing, its name, or the columns themselves."""

    format: str | None = None
    mapping: Mapping[str, str] | None = None

    @property
    def given(self) -> bool:
        """Whether the caller said anything."""
        return self != Choice()

    @classmethod
    def of(cls, format_name: str | None, maps: Iterable[str]) -> "Choice":
        """From `--format` and `--map` as typed. Raises BadMapping."""
        pairs = [entry.partition("=") for entry in maps]
        mapping = {role: column for role, _, column in pairs}
        if format_name is not None and format_name not in BY_NAME:
            raise BadMapping(f"unknown format {format_name!r}; known are {', '.join(BY_NAME)}")
        if not pairs:
            return cls(format=format_name)
        if format_name is not None:
            raise BadMapping("--format and --map exclude each other; give one of them")
        if len(pairs) != len(mapping) or set(mapping) != set(ROLES) or not all(mapping.values()):
            raise BadMapping(
                "--map is needed once for each of service, timestamp and status: "
                f"{_map_options({})}"
            )
        return cls(mapping=mapping)


def choose(schema: Schema, choice: Choice) -> Reading:
    """Decide how a file with these columns is read. Raises FileRefused."""
    if choice.mapping is not None:
        return _mapped(schema, choice.mapping)
    formats = [BY_NAME[choice.format]] if choice.format else FORMATS
    found = {format_: _candidates(schema, format_) for format_ in formats}
    fitting = [f for f, columns in found.items() if all(columns[role] for role in ROLES)]
    if len(fitting) > 1:
        names = " and ".join(format_.name for format_ in fitting)
        raise FileRefused(f"the formats {names} both fit; say which with --format NAME")
    if not fitting:
        raise _no_format(schema, found)
    return _detected(schema, fitting[0], found[fitting[0]])


Candidates = Mapping[str, list[tuple[Column, ...]]]


def _candidates(schema: Schema, format_: Format) -> Candidates:
    names = {role: getattr(format_, role) for role in ROLES}
    found = {role: [_find(schema, name) for name in names[role]] for role in ROLES}
    return {role: [columns for columns in found[role] if columns] for role in ROLES}


def _find(schema: Schema, name: str) -> tuple[Column, ...]:
    """The columns that a format's name stands for; none if one of them is not there."""
    columns = [_column(schema, part) for part in name.split("+")]
    return tuple(column for column in columns if column) if all(columns) else ()


def _column(schema: Schema, name: str) -> Column | None:
    matches = [column for known, column in schema.items() if _fold(known) == _fold(name)]
    if len(matches) > 1:
        same = " and ".join(f'"{column}"' for column in matches)
        raise FileRefused(f"the columns {same} are one name; {_settle({})}")
    return matches[0] if matches else None


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "_", name.lower()).strip("_")


def _no_format(schema: Schema, found: Mapping[Format, Candidates]) -> FileRefused:
    nearest = max(found, key=lambda format_: sum(bool(found[format_][role]) for role in ROLES))
    known = {r: _joined(found[nearest][r][0]) for r in ROLES if len(found[nearest][r]) == 1}
    lacking = [role for role in ROLES if not found[nearest][role]]
    wanted = ", ".join(f"{role} ({' or '.join(getattr(nearest, role))})" for role in lacking)
    return FileRefused(
        f"no format fits: {nearest.name} comes nearest and has no column for {wanted}; "
        f"the file has {_listed(schema)}; {_settle(known)}"
    )


def _detected(schema: Schema, format_: Format, found: Candidates) -> Reading:
    certain = {role: _joined(found[role][0]) for role in ROLES if len(found[role]) == 1}
    for role in ROLES:
        if len(found[role]) > 1:
            names = " and ".join(f'"{_joined(columns)}"' for columns in found[role])
            raise FileRefused(f"{names} could both be the {role}; {_settle(certain)}")
    (service,) = found["service"][0]
    doubtful = _fold(str(service)) in map(_fold, format_.clients)
    return _checked(schema, format_, {r: found[r][0] for r in ROLES}, doubtful=doubtful)


def _mapped(schema: Schema, mapping: Mapping[str, str]) -> Reading:
    columns = {role: _spelled_out(schema, role, mapping[role]) for role in ROLES}
    like_generic = BY_NAME["generic"]
    spelled_out = Format("map", (), (), (), like_generic.optional)
    return _checked(schema, spelled_out, columns, doubtful=False)


def _spelled_out(schema: Schema, role: str, name: str) -> tuple[Column, ...]:
    parts = [name] if name in schema or role != "timestamp" else name.split("+")
    columns = []
    for part in parts:
        column = schema.get(part) or _column(schema, part)
        if column is None:
            raise FileRefused(
                f'--map {role}={name}: there is no column "{part}"; the file has {_listed(schema)}'
            )
        columns.append(column)
    return tuple(columns)


def _checked(
    schema: Schema, format_: Format, columns: Mapping[str, tuple[Column, ...]], *, doubtful: bool
) -> Reading:
    for role in ROLES:
        joined = len(columns[role]) > 1
        for column in columns[role]:
            accepted = _PART_OF_A_MOMENT if joined else _ACCEPTED[role]
            if not accepted.fullmatch(column.type):
                raise FileRefused(
                    f'the column "{column}" is {column.type}; as {role} it would have to be '
                    f"{'dates and times or text' if joined else _WANTED[role]}"
                )
    optional = {name: _column(schema, vendors) for name, vendors in format_.optional.items()}
    return Reading(
        format_.name,
        columns["service"][0],
        columns["timestamp"],
        columns["status"][0],
        {name: column for name, column in optional.items() if column},
        format_.milliseconds,
        doubtful,
    )


def _joined(columns: tuple[Column, ...]) -> str:
    return "+".join(map(str, columns))


def _listed(schema: Schema, most: int = 12) -> str:
    names = [f'"{name}"' for name in schema]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "no columns"


def _settle(known: Mapping[str, str]) -> str:
    return f"settle it with {_map_options(known)}"


def _map_options(known: Mapping[str, str]) -> str:
    settled = (f"{role}={known.get(role, 'COLUMN')}" for role in ROLES)
    return " ".join(f"--map {shlex.quote(option)}" for option in settled)
