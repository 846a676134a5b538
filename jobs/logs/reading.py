"""How a file is read: which column is the service, the time, the status; what is refused.

A file is read as a format only by evidence: it has a column that no other format has (or none
of any, which leaves plain names), all that the format needs is there, and nothing else could
be meant. Otherwise it is refused with a sentence that names the choices.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs.logs.choice import ROLES, Choice, map_options, split_pattern
from jobs.logs.formats import BY_NAME, FORMATS, Format, NoRequest

_NUMBER = r"U?(TINY|SMALL|BIG|HUGE)?(INT|INTEGER)|FLOAT|DOUBLE|DECIMAL.*"
_TEXT = r"VARCHAR|BLOB|ENUM.*"
_ACCEPTED = {
    "service": re.compile(_TEXT),
    "timestamp": re.compile(rf"{_TEXT}|{_NUMBER}|TIMESTAMP.*"),
    "status": re.compile(rf"{_TEXT}|{_NUMBER}"),
}
_PART_OF_A_MOMENT = re.compile(rf"{_TEXT}|DATE|TIME.*")
_WANTED = {
    "service": "text",
    "timestamp": "a timestamp, text or an epoch number",
    "status": "an integer, a whole double or text",
}
# Plain names are weak evidence: beside such a column it is not certain which one is meant.
_RIVALS = {
    "service": re.compile(r".*(host|hostname|domain|site|vhost|authority|server_name)"),
    "timestamp": re.compile(
        r"(.*_)?(time|timestamp|datetime|ts)|.*_at|"
        r"(start|end|load|event|request|received?|ingest(ion)?|created?)_?(time(stamp)?|date)"
    ),
    "status": re.compile(r"(.*_)?(status|status_code|response_code|http_code)"),
}
_NO_RIVAL = re.compile(r"(cache|session|tls|ssl|job|payment|order)_?status|.*(remote|client)_host")
_HOW_TO_NAME = "--service-name NAME (one site) or --service-from-path 'logs/{service}/*'"


class FileRefused(Exception):
    """A file that can't be read as an access log; the message is the reason, in a sentence."""


@dataclass(frozen=True)
class Column:
    """A column of a file: its path (more than one step inside structs) and DuckDB's type."""

    path: tuple[str, ...]
    type: str
    pattern: str | None = None
    """What the first group of this regular expression finds in it is meant, not the whole."""
    twice: bool = False
    """Whether it is scanned twice, to tell what is not UTF-8."""

    def __str__(self) -> str:
        pattern = "" if self.pattern is None else f"~{self.pattern}"
        return f"{'.'.join(self.path)}{pattern}"


Schema = Mapping[str, Column]
"""The columns of a file by their names; those inside structs by dotted names."""


PassedOver = tuple[tuple[Column, NoRequest], ...]
"""Columns that tell which rows are no requests of clients."""


@dataclass(frozen=True)
class Reading:
    """How one kind of file is read: the columns that mean something."""

    format: str
    service: Column | None
    url: Column | None
    """A URL whose host is the service where `service` says nothing."""
    service_name: str | None
    """The service of every row, whatever columns there are."""
    service_path: str | None
    """A pattern whose first group finds the service in a file's path."""
    timestamp: tuple[Column, ...]
    """One column, or a date and a time of day."""
    status: Column
    optional: Mapping[str, Column]
    milliseconds: float
    passed_over: PassedOver
    zone: str | None
    """The time zone of times that name none; UTC if None."""
    doubtful: bool
    """Whether the service's values decide if that column is the service at all."""
    scan: str | None = None
    """How files are scanned, if not in the usual way; see `queries.scan`."""
    has_long_names: bool = False
    """Whether services are logged that are longer than any name."""

    @property
    def is_twice(self) -> bool:
        """Whether files are scanned twice, to tell what is not UTF-8."""
        return self.status.twice

    @property
    def needed(self) -> list[Column]:
        """The columns that decide what is counted."""
        roles = (self.service, self.url, *self.timestamp, self.status)
        return [column for column in roles if column] + [column for column, _ in self.passed_over]

    @property
    def spelled_out(self) -> str:
        """The `--map` options that say what this reading says."""
        known = {"timestamp": _joined(self.timestamp), "status": str(self.status)}
        return map_options(known | ({"service": str(self.service)} if self.service else {}))


def choose(schema: Schema, choice: Choice) -> Reading:
    """Decide how a file with these columns is read. Raises FileRefused."""
    if choice.mapping:
        return _mapped(schema, choice)
    formats = [BY_NAME[choice.format]] if choice.format else FORMATS
    found = [_Candidates(schema, format_, choice) for format_ in formats]
    fitting = [candidates for candidates in found if candidates.fits]
    if not fitting:
        raise _no_format(schema, found, choice)
    # Plain names mean what a vendor's mean, if they are the same columns: the vendor is nearer.
    distinct = {str(c.roles): c for c in fitting}
    if len(distinct) > 1:
        names = " and ".join(candidates.format.name for candidates in fitting)
        raise FileRefused(f"the formats {names} both fit; say which with --format NAME")
    return fitting[-1].reading()


class _Candidates:
    """The columns of a file that may play the roles of one format."""

    def __init__(self, schema: Schema, format_: Format, choice: Choice) -> None:
        self.schema, self.format, self.choice = schema, format_, choice
        self.roles: dict[str, list[tuple[Column, ...]]] = {}
        for role in ROLES:
            found = [_find(schema, name, format_) for name in getattr(format_, role)]
            self.roles[role] = [columns for columns in found if columns]
        self.url = _find(schema, format_.url, format_)
        marks = any(_find(schema, mark, format_) for mark in format_.marks)
        self.is_marked = marks or not format_.marks or choice.format is not None
        if choice.names_service:
            self.roles["service"], self.url = [], ()

    @property
    def lacking(self) -> list[str]:
        """Roles that no column plays."""
        has_service = self.choice.names_service or self.url or self.roles["service"]
        others = [role for role in ROLES[1:] if not self.roles[role]]
        return others if has_service else ["service", *others]

    @property
    def fits(self) -> bool:
        return self.is_marked and not self.lacking

    def reading(self) -> Reading:
        certain = {r: _joined(c[0]) for r, c in self.roles.items() if len(c) == 1}
        for role in ROLES:
            names = [_joined(columns) for columns in self.roles[role]]
            names += self._rivals(role) if names else []
            if len(names) > 1:
                quoted = " and ".join(f'"{name}"' for name in names)
                known = {r: name for r, name in certain.items() if r != role}
                settle = _settle(known, self.choice)
                raise FileRefused(f"{quoted} could both be the {role}; {settle}")
        self._doubt_duration(certain)
        roles = {role: columns[0] for role, columns in self.roles.items() if columns}
        return _checked(self.schema, self.format, roles, self.choice, self.url)

    def _doubt_duration(self, certain: Mapping[str, str]) -> None:
        """Refuse a number called time where a date stands beside it."""
        (column, *others), date = self.roles["timestamp"][0], _column(self.schema, "date")
        if others or not date or _fold(str(column)) != "time":
            return
        if re.fullmatch(_NUMBER, column.type):
            is_moment = bool(_ACCEPTED["timestamp"].fullmatch(date.type))
            known = {**certain, "timestamp": str(date) if is_moment else "COLUMN"}
            raise FileRefused(
                f'"{column}" is {column.type} beside "{date}": more likely how long a request took '
                f"than the timestamp; {_settle(known, self.choice)}"
            )

    def _rivals(self, role: str) -> list[str]:
        """Columns beside plain names that may be what was meant."""
        if self.format.marks or self.choice.format:
            return []
        known = {_fold(str(column)) for found in self.roles.values() for c in found for column in c}
        return [
            name
            for name, column in self.schema.items()
            if len(column.path) == 1
            and _fold(name) not in known
            and _RIVALS[role].fullmatch(_fold(name))
            and not _NO_RIVAL.fullmatch(_fold(name))
            and _could_be(role, column)
        ]


def _could_be(role: str, column: Column) -> bool:
    # A time in fractions of something is how long a request took.
    is_duration = role == "timestamp" and column.type.startswith(("FLOAT", "DOUBLE", "DECIMAL"))
    return bool(_ACCEPTED[role].fullmatch(column.type)) and not is_duration


def _find(schema: Schema, name: str, format_: Format) -> tuple[Column, ...]:
    """The columns that a format's name stands for; none if one of them is not there."""
    for alternative in name.split(" | "):
        parts = [alternative] if "~" in alternative else alternative.split("+")
        columns = [_column(schema, part, format_.nested) for part in parts]
        if all(columns):
            return tuple(column for column in columns if column)
    return ()


def _column(schema: Schema, name: str, nested: str = "") -> Column | None:
    plain, pattern = split_pattern(name)
    for wanted in dict.fromkeys((_fold(plain), _fold(f"{nested}{plain}"))):
        matches = [column for known, column in schema.items() if _fold(known) == wanted]
        if len(matches) > 1:
            same = " and ".join(f'"{column}"' for column in matches)
            raise FileRefused(f"the columns {same} are one name; {_settle({}, Choice())}")
        if matches:
            return replace(matches[0], pattern=pattern) if pattern else matches[0]
    return None


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "_", name.lower()).strip("_")


def _no_format(schema: Schema, found: list[_Candidates], choice: Choice) -> FileRefused:
    nearest = min(found, key=lambda candidates: (len(candidates.lacking), not candidates.is_marked))
    format_ = nearest.format
    known = {r: _joined(c[0]) for r, c in nearest.roles.items() if len(c) == 1}
    settle = map_options(known, names_service=choice.names_service)
    names = {role: getattr(format_, role) for role in nearest.lacking}
    wanted = ", ".join(f"{r} ({_or(names[r])})" if names[r] else r for r in names)
    lacks = f"column for {wanted}" if wanted else f"column that tells it ({_or(format_.marks)})"
    say = "" if wanted else f"--format {format_.name} or "
    name_it = f" or, if no column is the service, {_HOW_TO_NAME}" if "service" in names else ""
    if names == {"service": ()}:
        settle, name_it = _HOW_TO_NAME, ""
    return FileRefused(
        f"no format fits: {format_.name} comes nearest and has no {lacks}; "
        f"the file has {_listed(schema)}; settle it with {say}{settle}{name_it}"
    )


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names)


def _mapped(schema: Schema, choice: Choice) -> Reading:
    mapping = dict(choice.mapping)
    columns = {role: _spelled_out(schema, role, mapping[role]) for role in mapping}
    url = columns.pop("url", ())
    spelled_out = replace(BY_NAME["generic"], name="map", clients=())
    return _checked(schema, spelled_out, columns, choice, url)


def _spelled_out(schema: Schema, role: str, name: str) -> tuple[Column, ...]:
    whole = name in schema or role != "timestamp" or "~" in name
    columns = []
    for part in [name] if whole else name.split("+"):
        column = schema.get(part) or _column(schema, part)
        if column is None:
            raise FileRefused(
                f'--map {role}={name}: there is no column "{part}"; the file has {_listed(schema)}'
            )
        columns.append(column)
    return tuple(columns)


def _checked(
    schema: Schema,
    format_: Format,
    columns: Mapping[str, tuple[Column, ...]],
    choice: Choice,
    url: tuple[Column, ...],
) -> Reading:
    for role, parts in [*columns.items(), ("service", url)]:
        for column in parts:
            _check_type(role, column, joined=len(parts) > 1)
    service = columns["service"][0] if "service" in columns else None
    optional = {name: _find(schema, names, format_) for name, names in format_.optional.items()}
    others = [(_find(schema, rule.column, format_), rule) for rule in format_.passed_over]
    return Reading(
        format=format_.name,
        service=service,
        url=url[0] if url else None,
        service_name=choice.service_name,
        service_path=choice.service_path,
        timestamp=columns["timestamp"],
        status=columns["status"][0],
        optional={name: found[0] for name, found in optional.items() if found},
        milliseconds=format_.milliseconds,
        passed_over=tuple((found[0], rule) for found, rule in others if found),
        zone=choice.zone,
        doubtful=service is not None and _fold(str(service)) in map(_fold, format_.clients),
    )


def _check_type(role: str, column: Column, *, joined: bool) -> None:
    if role == "timestamp" and column.type == "FLOAT" and not column.pattern:
        raise FileRefused(
            f'the column "{column}" is FLOAT, whose epoch seconds are 128 apart; as timestamp it '
            "would have to be a DOUBLE, an integer, a timestamp or text"
        )
    accepted = _PART_OF_A_MOMENT if joined else _ACCEPTED[role]
    if not column.pattern and not accepted.fullmatch(column.type):
        raise FileRefused(
            f'the column "{column}" is {column.type}; as {role} it would have to be '
            f"{'dates and times or text' if joined else _WANTED[role]}"
        )


def _joined(columns: tuple[Column, ...]) -> str:
    return "+".join(map(str, columns))


def _listed(schema: Schema, most: int = 12) -> str:
    names = [f'"{name}"' for name in schema]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "no columns"


def _settle(known: Mapping[str, str], choice: Choice) -> str:
    return f"settle it with {map_options(known, names_service=choice.names_service)}"
