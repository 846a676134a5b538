"""How a file is read: which column is the service, the time, the status; what is refused.

A file is read as a format only by evidence: it has a column that no other format has (or none
of any, which leaves plain names), all that the format needs is there, and nothing else could
be meant. Otherwise it is refused with a sentence that names the choices.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from jobs.logs.choice import ROLES, Choice
from jobs.logs.columns import Column, Schema, find, fold, is_empty, spelled_out
from jobs.logs.columns import column as column_named
from jobs.logs.formats import BY_NAME, FORMATS, Format, NoRequest
from jobs.logs.proposals import (
    ACCEPTED,
    NO_RIVAL,
    NUMBER,
    RIVALS,
    TEXT,
    Doubt,
    collector,
    command,
    could_be,
    has_client,
    is_other,
    likely,
    listed,
    settle,
    tells_requests,
)
from queries.failures import Failed

_PART_OF_A_MOMENT = re.compile(rf"{TEXT}|DATE|TIME.*")
_WANTED = {
    "service": "text",
    "timestamp": "a timestamp, text or an epoch number",
    "status": "an integer, a whole double or text",
}


class FileRefused(Failed):
    """A file that can't be read as an access log; the message is the reason, in a sentence."""


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
    doubt: Doubt | None
    """Where the service's values decide if that column is the service at all."""
    scan: str | None = None
    """How files are scanned, if not in the usual way; see `queries.access_log.scan`."""
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
        names = [candidates.format.name for candidates in fitting]
        one = command(choice, f"--format {names[-1]}")
        raise FileRefused(f"the formats {' and '.join(names)} both fit; settle it with {one}")
    return fitting[-1].reading()


class _Candidates:
    """The columns of a file that may play the roles of one format."""

    def __init__(self, schema: Schema, format_: Format, choice: Choice) -> None:
        self.schema, self.format, self.choice = schema, format_, choice
        self.roles: dict[str, list[tuple[Column, ...]]] = {}
        for role in ROLES:
            found = [find(schema, name, format_.nested) for name in getattr(format_, role)]
            there = [columns for columns in found if columns]
            # What holds nothing plays no role beside what does.
            self.roles[role] = [c for c in there if not is_empty(c)] or there[:1]
        self.url = find(schema, format_.url, format_.nested)
        marks = any(find(schema, mark, format_.nested) for mark in format_.marks)
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
        names = {role: self._names(role) for role in ROLES}
        if open_ := {role: found for role, found in names.items() if len(found) > 1}:
            could = " and ".join(
                f"{' and '.join(map(_quoted, found))} could both be the {role}"
                for role, found in open_.items()
            )
            known = {role: best for role in names if (best := self._best(role, names[role]))}
            raise FileRefused(f"{could}; {settle(known, self.choice)}")
        self._doubt_duration({role: found[0] for role, found in names.items() if found})
        roles = {role: columns[0] for role, columns in self.roles.items() if columns}
        return _checked(self.schema, self.format, roles, self.choice, self.url)

    def _doubt_duration(self, known: Mapping[str, str]) -> None:
        """Refuse a number called time where a date stands beside it."""
        (found, *others), date = self.roles["timestamp"][0], column_named(self.schema, "date")
        if others or not date or fold(str(found)) != "time":
            return
        if re.fullmatch(NUMBER, found.type):
            is_moment = bool(ACCEPTED["timestamp"].fullmatch(date.type))
            meant = {**known, "timestamp": str(date) if is_moment else "COLUMN"}
            raise FileRefused(
                f'"{found}" is {found.type} beside "{date}": more likely how long a request took '
                f"than the timestamp; {settle(meant, self.choice)}"
            )

    def _best(self, role: str, names: list[str]) -> str | None:
        likely = (name for name in names if not is_other(self.schema, role, fold(name)))
        return next(likely, None if role == "service" else names[0])

    def _names(self, role: str) -> list[str]:
        names = [_joined(columns) for columns in self.roles[role]]
        return names + self._rivals(role) if names else []

    def _rivals(self, role: str) -> list[str]:
        """Columns beside plain names that may be what was meant."""
        if self.format.marks or self.choice.format:
            return []
        known = {fold(str(part)) for found in self.roles.values() for c in found for part in c}
        return [
            name
            for name, rival in self.schema.items()
            if len(rival.path) == 1
            and fold(name) not in known
            and RIVALS[role].fullmatch(fold(name))
            and not NO_RIVAL.fullmatch(fold(name))
            and _is_rival(role, rival)
        ]


def _is_rival(role: str, rival: Column) -> bool:
    # A time in fractions of something is how long a request took.
    is_duration = role == "timestamp" and rival.type.startswith(("FLOAT", "DOUBLE", "DECIMAL"))
    return could_be(role, rival) and not rival.is_empty and not is_duration


def _no_format(schema: Schema, found: list[_Candidates], choice: Choice) -> FileRefused:
    nearest = min(found, key=lambda candidates: (len(candidates.lacking), not candidates.is_marked))
    format_ = nearest.format
    names = {role: getattr(format_, role) for role in nearest.lacking}
    wanted = ", ".join(f"{r} ({_or(names[r])})" if names[r] else r for r in names)
    lacks = f"column for {wanted}" if wanted else f"column that tells it ({_or(format_.marks)})"
    has = listed(schema, [name for role in ROLES for name in likely(schema, role)])
    return FileRefused(
        f"no format fits: {format_.name} comes nearest and has no {lacks}; "
        f"the file has {has}; {_remedy(nearest)}"
    )


def _remedy(nearest: _Candidates) -> str:
    """What would settle it, tried before it is said."""
    schema, choice = nearest.schema, nearest.choice
    known = {}
    for role in ROLES[1:] if choice.names_service else ROLES:
        own = [_joined(c) for c in nearest.roles[role] if all(_serves(role, part) for part in c)]
        unlikely = role == "service" and set(map(fold, own)) & set(nearest.format.clients)
        guessed = likely(schema, role)
        if best := guessed[:1] if unlikely else own[:1] or guessed[:1]:
            known[role] = best[0]
    if not nearest.lacking:
        return f"settle it with {command(choice, f'--format {nearest.format.name}')}"
    names_none = "service" not in known and not choice.names_service
    if names_none and _reads(schema, replace(choice, service_name="a.example")):
        known = {}
    return settle(known, choice, doubted=True)


def _serves(role: str, part: Column) -> bool:
    return could_be(role, part) and not part.twins


def _reads(schema: Schema, choice: Choice) -> bool:
    try:
        choose(schema, choice)
    except FileRefused:
        return False
    return True


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names)


def _mapped(schema: Schema, choice: Choice) -> Reading:
    mapping = dict(choice.mapping)
    columns = {role: _spelled_out(schema, role, mapping[role], choice) for role in mapping}
    url = columns.pop("url", ())
    spelled = replace(BY_NAME["generic"], name="map", clients=())
    return _checked(schema, spelled, columns, choice, url)


def _spelled_out(schema: Schema, role: str, name: str, choice: Choice) -> tuple[Column, ...]:
    whole = name in schema or role != "timestamp" or "~" in name
    columns = []
    for part in [name] if whole else name.split("+"):
        found = spelled_out(schema, part)
        if found is None:
            has = listed(schema, likely(schema, "service" if role == "url" else role))
            raise FileRefused(
                f'--map {role}={name}: there is no column "{part}"; the file has {has}'
            )
        columns.append(found)
    return tuple(columns)


def _checked(
    schema: Schema,
    format_: Format,
    columns: Mapping[str, tuple[Column, ...]],
    choice: Choice,
    url: tuple[Column, ...],
) -> Reading:
    others = [(find(schema, rule.column, format_.nested), rule) for rule in format_.passed_over]
    known = {role: _joined(parts) for role, parts in columns.items()}
    deciding = [*columns.values(), url, *(found for found, _ in others)]
    _check_twins([part for found in deciding for part in found], known, choice)
    for role, parts in [*columns.items(), ("service", url)]:
        for part in parts:
            _check_type(role, part, joined=len(parts) > 1)
    service = columns["service"][0] if columns.get("service") else None
    if service and service.is_empty and url:
        service = None
    optional = {n: find(schema, names, format_.nested) for n, names in format_.optional.items()}
    known.pop("service", None)
    return Reading(
        format=format_.name,
        service=service,
        url=url[0] if url else None,
        service_name=choice.service_name,
        service_path=choice.service_path,
        timestamp=columns["timestamp"],
        status=columns["status"][0],
        # Of twins it is not known which is meant, and no count hangs on them.
        optional={name: c[0] for name, c in optional.items() if c and not c[0].twins},
        milliseconds=format_.milliseconds,
        passed_over=tuple((found[0], rule) for found, rule in others if found),
        zone=choice.zone,
        doubt=_doubt(schema, format_, service, settle(known, choice)),
    )


def _doubt(schema: Schema, format_: Format, service: Column | None, remedy: str) -> Doubt | None:
    """What is to be doubted of the service. Raises FileRefused if it is known to be another."""
    if service is None or fold(str(service)) not in map(fold, format_.clients):
        return None
    doubt = Doubt(str(service), not has_client(schema), tells_requests(schema), remedy)
    if beside := collector(schema):
        raise FileRefused(
            doubt.sentence(f'the machine of a collector of logs, as "{beside}" beside it tells')
        )
    return doubt


def _check_twins(columns: Iterable[Column], known: Mapping[str, str], choice: Choice) -> None:
    for part in columns:
        if not part.twins:
            continue
        same = " and ".join(map(_quoted, part.twins))
        if len({name.lower() for name in part.twins}) < len(part.twins):
            raise FileRefused(
                f"the columns {same} are one name to SQL; "
                "write the file again with another name for one of them, or map other columns"
            )
        raise FileRefused(f"the columns {same} are one name; {settle(known, choice)}")


def _check_type(role: str, part: Column, *, joined: bool) -> None:
    if role == "timestamp" and part.type == "FLOAT" and not part.pattern:
        raise FileRefused(
            f'the column "{part}" is FLOAT, whose epoch seconds are 128 apart; as timestamp it '
            "would have to be a DOUBLE, an integer, a timestamp or text"
        )
    accepted = _PART_OF_A_MOMENT if joined else ACCEPTED[role]
    if not part.pattern and not accepted.fullmatch(part.type):
        raise FileRefused(
            f'the column "{part}" is {part.type}; as {role} it would have to be '
            f"{'dates and times or text' if joined else _WANTED[role]}"
        )


def _joined(columns: tuple[Column, ...]) -> str:
    return "+".join(map(str, columns))


def _quoted(name: str) -> str:
    return f'"{name}"'
