"""How a file is read: which column is the service, the time, the status; what is refused.

A file is read as a format only by evidence: it has a column that no other format has (or none
of any, which leaves plain names), all that the format needs is there, and nothing else could
be meant. Otherwise it is refused with a sentence that names the choices.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jobs.logs.columns import Column, Schema, find, fold, is_empty, spelled_out
from jobs.logs.columns import column as column_named
from jobs.logs.formats import BY_NAME, FORMATS, Format, NoRequest
from jobs.logs.options import ROLES, ReadingOptions
from jobs.logs.proposals import (
    ACCEPTED,
    NO_RIVAL,
    NUMBER,
    RIVALS,
    Doubt,
    collector,
    command,
    could_be,
    has_client,
    is_other,
    likely,
    listed,
    remedy,
    tells_requests,
)
from jobs.logs.roles import UnreadableFile, check_twins, check_type, quoted

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
    of_lines: bool = False
    """Whether the files are text, whose lines may be no rows, or broken."""
    marks: Mapping[str, Column] = field(default_factory=dict)
    """What tells rows apart and counts nothing; see options.MARKS."""

    @property
    def is_twice(self) -> bool:
        """Whether files are scanned twice, to tell what is not UTF-8."""
        return self.status.twice

    @property
    def needed(self) -> list[Column]:
        """The columns that decide what is counted."""
        roles = (self.service, self.url, *self.timestamp, self.status)
        rules = (column for column, _ in self.passed_over)
        return [one for column in (*roles, *rules) if column for one in column.all]


def choose(schema: Schema, options: ReadingOptions) -> Reading:
    """Decide how a file with these columns is read. Raises UnreadableFile."""
    marks = {role: _mark(schema, role, name) for role, name in options.marks}
    return replace(_chosen(schema, options), marks=marks)


def _mark(schema: Schema, role: str, name: str) -> Column:
    if (found := spelled_out(schema, name)) is None:
        raise UnreadableFile(f'--map {role}={name}: there is no column "{name}"')
    return found


def _chosen(schema: Schema, options: ReadingOptions) -> Reading:
    if options.mapping:
        return _mapped(schema, options)
    formats = [BY_NAME[options.format]] if options.format else FORMATS
    found = [_Candidates(schema, format_, options) for format_ in formats]
    fitting = [candidates for candidates in found if candidates.fits]
    if not fitting:
        raise _no_format(schema, found, options)
    for is_nearer in (_is_no_line, _keeps_others, _is_no_plain_name):
        fitting = [c for c in fitting if is_nearer(c)] or fitting
    # Plain names mean what a vendor's mean, if they are the same columns: the vendor is nearer.
    distinct = {str(c.roles): c for c in fitting}
    if len(distinct) > 1:
        names = [candidates.format.name for candidates in fitting]
        one = command(options, f"--format {names[-1]}")
        raise UnreadableFile(f"the formats {' and '.join(names)} both fit; settle it with {one}")
    return fitting[-1].reading()


class _Candidates:
    """The columns of a file that may play the roles of one format."""

    def __init__(self, schema: Schema, format_: Format, options: ReadingOptions) -> None:
        self.schema, self.format, self.options = schema, format_, options
        self.roles: dict[str, list[tuple[Column, ...]]] = {}
        for role in ROLES:
            found = [find(schema, name, format_.nested) for name in getattr(format_, role)]
            there = [tuple(_serving(role, c) for c in columns) for columns in found if columns]
            # What holds nothing plays no role beside what does.
            self.roles[role] = [c for c in there if not is_empty(c)] or there[:1]
        self.url = find(schema, format_.url, format_.nested)
        marks = any(find(schema, mark, format_.nested) for mark in format_.marks)
        self.is_marked = marks or not format_.marks or options.format is not None
        if options.names_service:
            self.roles["service"], self.url = [], ()

    @property
    def lacking(self) -> list[str]:
        """Roles that no column plays."""
        has_service = self.options.names_service or self.url or self.roles["service"]
        others = [role for role in ROLES[1:] if not self.roles[role]]
        return others if has_service else ["service", *others]

    @property
    def fits(self) -> bool:
        return self.is_marked and not self.lacking

    def reading(self) -> Reading:
        names = {role: self._names(role) for role in ROLES}
        if open_ := {role: found for role, found in names.items() if len(found) > 1}:
            could = " and ".join(
                f"{' and '.join(map(quoted, found))} could both be the {role}"
                for role, found in open_.items()
            )
            known = {role: best for role in names if (best := self._best(role, names[role]))}
            raise UnreadableFile(f"{could}; {remedy(known, self.options)}")
        self._doubt_duration({role: found[0] for role, found in names.items() if found})
        roles = {role: columns[0] for role, columns in self.roles.items() if columns}
        return _checked(self.schema, self.format, roles, self.options, self.url)

    def _doubt_duration(self, known: Mapping[str, str]) -> None:
        """Refuse a number called time where a date stands beside it."""
        (found, *others), date = self.roles["timestamp"][0], column_named(self.schema, "date")
        if others or not date or fold(str(found)) != "time":
            return
        if re.fullmatch(NUMBER, found.type):
            is_moment = bool(ACCEPTED["timestamp"].fullmatch(date.type))
            meant = {**known, "timestamp": str(date) if is_moment else "COLUMN"}
            raise UnreadableFile(
                f'"{found}" is {found.type} beside "{date}": more likely how long a request took '
                f"than the timestamp; {remedy(meant, self.options)}"
            )

    def _best(self, role: str, names: list[str]) -> str | None:
        likely = (name for name in names if not is_other(self.schema, role, fold(name)))
        return next(likely, None if role == "service" else names[0])

    def _names(self, role: str) -> list[str]:
        names = [_joined(columns) for columns in self.roles[role]]
        return names + self._rivals(role) if names else []

    def _rivals(self, role: str) -> list[str]:
        """Columns beside plain names that may be what was meant."""
        if self.format.marks or self.options.format:
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


def _serving(role: str, column: Column) -> Column:
    """The column, without those beside it that can't play the role."""
    able = [one for one in column.all if could_be(role, one)]
    if len(able) in (0, len(column.all)):
        return column
    return replace(able[0], others=tuple(able[1:]))


def _is_no_line(candidates: _Candidates) -> bool:
    """Whether it is more than the lines that something was read out of."""
    return not candidates.format.lines


def _keeps_others(candidates: _Candidates) -> bool:
    """Whether what else fits are columns that its collector kept."""
    return candidates.format.keeps_others


def _is_no_plain_name(candidates: _Candidates) -> bool:
    """Whether it is more than plain names, of which a collector of logs adds its own."""
    return bool(candidates.format.marks) or not collector(candidates.schema)


def _is_rival(role: str, rival: Column) -> bool:
    # A time in fractions of something is how long a request took.
    is_duration = role == "timestamp" and rival.type.startswith(("FLOAT", "DOUBLE", "DECIMAL"))
    return could_be(role, rival) and not rival.is_empty and not is_duration


def _no_format(
    schema: Schema, candidates: list[_Candidates], options: ReadingOptions
) -> UnreadableFile:
    nearest = min(candidates, key=lambda each: (len(each.lacking), not each.is_marked))
    format_ = nearest.format
    names = {role: getattr(format_, role) for role in nearest.lacking}
    wanted = ", ".join(f"{r} ({_or(names[r])})" if names[r] else r for r in names)
    lacks = f"column for {wanted}" if wanted else f"column that tells it ({_or(format_.marks)})"
    has = listed(schema, [name for role in ROLES for name in likely(schema, role)])
    return UnreadableFile(
        f"no format fits: {format_.name} comes nearest and has no {lacks}; "
        f"the file has {has}; {_remedy(nearest)}"
    )


def _remedy(nearest: _Candidates) -> str:
    """What would settle it, tried before it is said."""
    schema, options = nearest.schema, nearest.options
    known = {}
    is_doubted = False
    for role in ROLES[1:] if options.names_service else ROLES:
        own = [_joined(c) for c in nearest.roles[role] if all(_serves(role, part) for part in c)]
        unlikely = role == "service" and set(map(fold, own)) & set(nearest.format.clients)
        is_doubted |= bool(unlikely)
        guessed = likely(schema, role)
        if best := guessed[:1] if unlikely else own[:1] or guessed[:1]:
            known[role] = best[0]
    if not nearest.lacking and not is_doubted:
        return f"settle it with {command(options, f'--format {nearest.format.name}')}"
    names_none = "service" not in known and not options.names_service
    if names_none and _reads(schema, replace(options, service_name="a.example")):
        known = {}
    return remedy(known, options, doubted=True)


def _serves(role: str, part: Column) -> bool:
    return could_be(role, part) and not part.twins


def _reads(schema: Schema, options: ReadingOptions) -> bool:
    try:
        choose(schema, options)
    except UnreadableFile:
        return False
    return True


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names)


def _mapped(schema: Schema, options: ReadingOptions) -> Reading:
    mapping = dict(options.mapping)
    columns = {role: _spelled_out(schema, role, mapping[role], options) for role in mapping}
    url = columns.pop("url", ())
    spelled = replace(BY_NAME["generic"], name="map", clients=())
    return _checked(schema, spelled, columns, options, url)


def _spelled_out(
    schema: Schema, role: str, name: str, options: ReadingOptions
) -> tuple[Column, ...]:
    whole = name in schema or role != "timestamp" or "~" in name
    columns = []
    for part in [name] if whole else name.split("+"):
        found = spelled_out(schema, part)
        if found is None:
            has = listed(schema, likely(schema, "service" if role == "url" else role))
            raise UnreadableFile(
                f'--map {role}={name}: there is no column "{part}"; the file has {has}'
            )
        columns.append(found)
    return tuple(columns)


def _checked(
    schema: Schema,
    format_: Format,
    columns: Mapping[str, tuple[Column, ...]],
    options: ReadingOptions,
    url: tuple[Column, ...],
) -> Reading:
    others = [(find(schema, rule.column, format_.nested), rule) for rule in format_.passed_over]
    known = {role: _joined(parts) for role, parts in columns.items()}
    deciding = [*columns.values(), url, *(found for found, _ in others)]
    check_twins([part for found in deciding for part in found], known, options)
    for role, parts in [*columns.items(), ("service", url)]:
        for part in (one for each in parts for one in each.all):
            check_type(role, part, joined=len(parts) > 1)
    service = columns["service"][0] if columns.get("service") else None
    if service and service.is_empty and url:
        service = None
    optional = {n: find(schema, names, format_.nested) for n, names in format_.optional.items()}
    known.pop("service", None)
    return Reading(
        format=format_.name,
        service=service,
        url=url[0] if url else None,
        service_name=options.service_name,
        service_path=options.service_path,
        timestamp=columns["timestamp"],
        status=columns["status"][0],
        # Of twins it is not known which is meant, and no count hangs on them.
        optional={name: c[0] for name, c in optional.items() if c and not c[0].twins},
        milliseconds=format_.milliseconds,
        passed_over=tuple((found[0], rule) for found, rule in others if found),
        zone=options.zone,
        doubt=_doubt(schema, format_, service, remedy(known, options)),
    )


def _doubt(schema: Schema, format_: Format, service: Column | None, remedy: str) -> Doubt | None:
    """What is to be doubted of the service. Raises UnreadableFile if it is known to be another."""
    if service is None or fold(str(service)) not in map(fold, format_.clients):
        return None
    doubt = Doubt(str(service), not has_client(schema), tells_requests(schema), remedy)
    if beside := collector(schema):
        raise UnreadableFile(
            doubt.sentence(f'the machine of a collector of logs, as "{beside}" beside it tells')
        )
    return doubt


def _joined(columns: tuple[Column, ...]) -> str:
    return "+".join(map(str, columns))
