"""What a caller says of how to read files: a format, the columns, the service, the zone."""

import glob
import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import duckdb

from jobs.logs.expectation import BY_HISTORY, Expectation
from jobs.logs.formats import BY_NAME
from jobs.logs.hours import as_glob
from jobs.logs.text.patterns import BUILT_IN, columns
from queries.config_keys import KINDS
from queries.failures import Misused
from queries.service_name import canonical

ROLES = ("service", "timestamp", "status")
MARKS = ("sequence", "server", "request_id")
"""What tells rows apart and counts nothing: a number of the server that wrote them, and an id."""


class BadMapping(Misused):
    """A way to read files that nobody could follow; the message says what is accepted."""


@dataclass(frozen=True)
class ReadingOptions:
    """What the caller said of how to read files, if anything."""

    format: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    """Roles and columns."""
    marks: tuple[tuple[str, str], ...] = ()
    """What tells rows apart, and its columns."""
    service_name: str | None = None
    service_path: str | None = None
    """A pattern whose first group finds the service in a path."""
    zone: str | None = None
    kind: str | None = None
    """`parquet`, a kind of text, or `auto`; None: what is called Parquet is, all else is told."""
    pattern: str | None = None
    """Of lines: a regular expression whose groups are columns."""
    said: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The command's words that a better command would repeat."""

    @property
    def given(self) -> bool:
        """Whether the caller said anything."""
        return self != ReadingOptions()

    @property
    def names_service(self) -> bool:
        """Whether no column has to be the service."""
        return bool(self.service_name or self.service_path)

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 (an option each)
        cls,
        format_name: str | None = None,
        maps: Iterable[str] = (),
        service_name: str | None = None,
        service_from_path: str | None = None,
        zone: str | None = None,
        kind: str | None = None,
        pattern: str | None = None,
        patterns: Mapping[str, str] = MappingProxyType({}),
    ) -> "ReadingOptions":
        """From options as typed, with the patterns that the configuration names. Raises
        BadMapping."""
        said = [(role, column) for role, _, column in (entry.partition("=") for entry in maps)]
        options = cls(
            format_name,
            tuple(entry for entry in said if entry[0] not in MARKS),
            tuple(entry for entry in said if entry[0] in MARKS),
            service_name,
            None if service_from_path is None else _path_pattern(service_from_path),
            zone,
            "lines" if pattern and not kind else kind,
            None if pattern is None else _line_pattern(pattern, patterns),
            tuple(_as_typed(service_name, service_from_path, zone, kind, pattern)),
        )
        _check(options)
        return options

    def service_of(self, path: str) -> str | None:
        """The service that the pattern finds in a path, as it stands there."""
        found = re.search(self.service_path, path) if self.service_path else None
        return found[1] if found else None

    def named_service(self, path: str) -> str:
        """The service that the file gets from its path or from what was said; empty: from rows."""
        named = self.service_name or self.service_of(path)
        return canonical(named) or named if named else ""

    @property
    def as_text(self) -> str:
        """Equal texts say the same."""
        return json.dumps(vars(self), sort_keys=True)


@dataclass(frozen=True)
class Source:
    """Where files are, and how to read them."""

    where: tuple[str, ...]
    """Files, folders, globs, URLs of object stores."""
    options: ReadingOptions = ReadingOptions()
    typed: tuple[str, ...] = ()
    """Other options of the command."""
    configured: bool = False
    """Whether the configuration names it: where it is missing, the others are counted."""
    optional: bool = False
    """Whether it may be missing, or hold nothing, without a word."""
    expectation: Expectation = BY_HISTORY
    serials: str | None = None
    """How the names of its files end, with `{serial}` for a number that leaves none out."""

    @property
    def name(self) -> str:
        """As status, metrics and deliveries call it."""
        return " ".join(self.where)

    @property
    def places(self) -> list[str]:
        """Where, as the ledger knows paths: absolute, or URLs."""
        places = map(as_glob, self.where)
        return [where if "://" in where else os.path.abspath(where) for where in places]

    @property
    def sought(self) -> tuple[str, ...]:
        """Where files are looked for: of a kind that is no Parquet, a folder is all below it."""
        if self.options.kind in (None, "parquet"):
            return self.where
        return tuple(map(_all_below, self.where))

    @property
    def asked(self) -> ReadingOptions:
        """Its options, with the run that reads this source alone."""
        run = ("httpcodes", "run", *self.where, *self.typed)
        return replace(self.options, said=(*run, *self.options.said))


def _all_below(where: str) -> str:
    if re.match("[a-z0-9]+://", where):
        # An object by this name, too; which it is only the store knows.
        is_name = not glob.has_magic(where) and "{" not in where
        return f"{where.rstrip('/')}/**" if is_name else where
    return f"{glob.escape(where)}/**" if os.path.isdir(where) else where


def _as_typed(*given: str | None) -> Iterable[str]:
    names = ("--service-name", "--service-from-path", "--zone", "--kind", "--pattern")
    for option, value in zip(names, given, strict=True):
        if value is not None:
            yield from (option, value)


def _check(options: ReadingOptions) -> None:
    if options.format is not None and options.format not in BY_NAME:
        raise BadMapping(f"unknown format {options.format!r}; known are {', '.join(BY_NAME)}")
    if options.service_name is not None and options.service_path is not None:
        raise BadMapping("--service-name and --service-from-path exclude each other")
    if options.service_name is not None and canonical(options.service_name) is None:
        raise BadMapping(f"{options.service_name!r} can't be the name of a service")
    if options.zone is not None:
        _check_zone(options.zone)
    if options.pattern is not None and options.kind != "lines":
        raise BadMapping(f"a pattern takes lines apart; with kind {options.kind!r} there are none")
    if options.kind is not None and options.kind not in KINDS:
        raise BadMapping(f"unknown kind {options.kind!r}; known are {', '.join(KINDS)}")
    if options.mapping:
        _check_mapping(options)
    _check_marks(options)


def _check_zone(zone: str) -> None:
    # DuckDB brings its own zones along; the system may have none.
    if not _answers("SELECT name FROM pg_timezone_names() WHERE name = ?", zone):
        raise BadMapping(f"unknown time zone {zone!r}; a name such as Europe/Berlin is accepted")


def _check_mapping(options: ReadingOptions) -> None:
    if options.format is not None:
        raise BadMapping("--format and --map exclude each other; give one of them")
    roles = [role for role, _ in options.mapping]
    wanted = set(ROLES) - ({"service"} if options.names_service else set())
    # A URL stands in for the service.
    said = {"service" if role == "url" else role for role in roles}
    if options.names_service and "service" in said:
        way = "--service-name" if options.service_name else "--service-from-path"
        raise BadMapping(f"--map service= (or url=) and {way} exclude each other; give one of them")
    if said != wanted or len(roles) != len(said) or not all(c for _, c in options.mapping):
        raise BadMapping(
            f"--map is needed once for each of {'' if options.names_service else 'service, '}"
            f"timestamp and status: {map_options({}, names_service=options.names_service)}"
        )
    _check_columns(options.mapping)


def _check_marks(options: ReadingOptions) -> None:
    roles = [role for role, _ in options.marks]
    if len(set(roles)) < len(roles) or not all(column for _, column in options.marks):
        raise BadMapping(f"--map takes one column for each of {', '.join(MARKS)}")
    if "server" in roles and "sequence" not in roles:
        raise BadMapping("--map server= says whose numbers --map sequence= has, which is not there")
    _check_columns(options.marks)


def _check_columns(columns: Iterable[tuple[str, str]]) -> None:
    for _, column in columns:
        _, pattern = split_pattern(column)
        if pattern is not None:
            _check_engine(pattern)


def _check_engine(pattern: str) -> None:
    # Python knows more than the engine that will search with it.
    try:
        _answers("SELECT regexp_extract('', ?, 1)", pattern)
    except duckdb.Error as error:
        why = str(error).partition("\n")[0].rpartition("Error: ")[2]
        raise BadMapping(
            f"{pattern!r} can't be searched for: {why}; what RE2 knows is accepted, "
            "without lookaround and back-references"
        ) from error


def _answers(question: str, value: str) -> list[tuple[str]]:
    # On a connection of its own: the module's belongs to whoever imports this.
    with duckdb.connect() as connection:
        return connection.execute(question, [value]).fetchall()


def _path_pattern(given: str) -> str:
    """A regular expression from `logs/{service}/*`: * is anything within a step of the path."""
    steps = re.escape(given).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    if steps.count(r"\{service\}") != 1:
        raise BadMapping(
            f"--service-from-path {given!r} has to hold {{service}} once, "
            "as in 'logs/{service}/*'"
        )
    start = "^" if given.startswith("/") else "(?:^|/)"
    return start + steps.replace(r"\{service\}", "([^/]+?)") + "(?:$|/)"


def _line_pattern(name: str, configured: Mapping[str, str]) -> str:
    """The pattern of lines that has this name."""
    known = {**BUILT_IN, **configured}
    if name not in known:
        raise BadMapping(
            f"unknown pattern {name!r}; known are {', '.join(known)}, and what the configuration "
            "names under [patterns]"
        )
    columns(known[name])
    _check_engine(known[name])
    return known[name]


def split_pattern(name: str) -> tuple[str, str | None]:
    """A column's name, and the regular expression behind `~`. Raises BadMapping."""
    plain, tilde, pattern = name.partition("~")
    if not tilde:
        return plain, None
    try:
        if re.compile(pattern).groups:
            return plain, pattern
    except re.error:
        pass
    raise BadMapping(
        f"{pattern!r} has to be a regular expression with a group, as in 'time=([0-9]+)'"
    )


def map_options(known: Mapping[str, str], *, names_service: bool = False) -> str:
    """The `--map` options that would settle it, as far as is known."""
    roles = ROLES[1:] if names_service else ROLES
    maps = (f"{role}={known.get(role, 'COLUMN')}" for role in roles)
    return " ".join(f"--map {shlex.quote(option)}" for option in maps)
