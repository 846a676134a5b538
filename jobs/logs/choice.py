"""What a caller says of how to read files: a format, the columns, the service, the zone."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import duckdb

from jobs.logs.formats import BY_NAME
from queries.failures import Misused
from queries.service_name import canonical

ROLES = ("service", "timestamp", "status")


class BadMapping(Misused):
    """A way to read files that nobody could follow; the message says what is accepted."""


@dataclass(frozen=True)
class Choice:
    """What the caller said of how to read files, if anything."""

    format: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    """Roles and columns."""
    service_name: str | None = None
    service_path: str | None = None
    """A pattern whose first group finds the service in a path."""
    zone: str | None = None
    said: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The command's words that a better command would repeat."""

    @property
    def given(self) -> bool:
        """Whether the caller said anything."""
        return self != Choice()

    @property
    def names_service(self) -> bool:
        """Whether no column has to be the service."""
        return bool(self.service_name or self.service_path)

    @classmethod
    def of(
        cls,
        format_name: str | None = None,
        maps: Iterable[str] = (),
        service_name: str | None = None,
        service_from_path: str | None = None,
        zone: str | None = None,
    ) -> "Choice":
        """From options as typed. Raises BadMapping."""
        choice = cls(
            format_name,
            tuple((role, column) for role, _, column in (entry.partition("=") for entry in maps)),
            service_name,
            None if service_from_path is None else _path_pattern(service_from_path),
            zone,
            tuple(_options(service_name, service_from_path, zone)),
        )
        _check(choice)
        return choice

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
    choice: Choice = Choice()
    typed: tuple[str, ...] = ()
    """Other options of the command."""
    configured: bool = False
    """Whether the configuration names it: where it is missing, the others are counted."""
    optional: bool = False
    """Whether it may be missing, or hold nothing, without a word."""

    @property
    def asked(self) -> Choice:
        """The choice, with the run that reads this source alone."""
        run = ("httpcodes", "run", *self.where, *self.typed)
        return replace(self.choice, said=(*run, *self.choice.said))


def _options(
    service_name: str | None, service_from_path: str | None, zone: str | None
) -> Iterable[str]:
    options = ("--service-name", "--service-from-path", "--zone")
    for option, value in zip(options, (service_name, service_from_path, zone), strict=True):
        if value is not None:
            yield from (option, value)


def _check(choice: Choice) -> None:
    if choice.format is not None and choice.format not in BY_NAME:
        raise BadMapping(f"unknown format {choice.format!r}; known are {', '.join(BY_NAME)}")
    if choice.service_name is not None and choice.service_path is not None:
        raise BadMapping("--service-name and --service-from-path exclude each other")
    if choice.service_name is not None and canonical(choice.service_name) is None:
        raise BadMapping(f"{choice.service_name!r} can't be the name of a service")
    if choice.zone is not None:
        _check_zone(choice.zone)
    if choice.mapping:
        _check_mapping(choice)


def _check_zone(zone: str) -> None:
    # DuckDB brings its own zones along; the system may have none.
    known = duckdb.execute("SELECT any_value(name) FROM pg_timezone_names() WHERE name = ?", [zone])
    if known.fetchall() == [(None,)]:
        raise BadMapping(f"unknown time zone {zone!r}; a name such as Europe/Berlin is accepted")


def _check_mapping(choice: Choice) -> None:
    if choice.format is not None:
        raise BadMapping("--format and --map exclude each other; give one of them")
    roles = [role for role, _ in choice.mapping]
    wanted = set(ROLES) - ({"service"} if choice.names_service else set())
    # A URL stands in for the service.
    said = {"service" if role == "url" else role for role in roles}
    if choice.names_service and "service" in said:
        way = "--service-name" if choice.service_name else "--service-from-path"
        raise BadMapping(f"--map service= (or url=) and {way} exclude each other; give one of them")
    if said != wanted or len(roles) != len(said) or not all(c for _, c in choice.mapping):
        raise BadMapping(
            f"--map is needed once for each of {'' if choice.names_service else 'service, '}"
            f"timestamp and status: {map_options({}, names_service=choice.names_service)}"
        )
    for _, column in choice.mapping:
        _, pattern = split_pattern(column)
        if pattern is not None:
            _check_engine(pattern)


def _check_engine(pattern: str) -> None:
    # Python knows more than the engine that will search with it.
    try:
        duckdb.execute("SELECT regexp_extract('', ?, 1)", [pattern])
    except duckdb.Error as error:
        why = str(error).partition("\n")[0].rpartition("Error: ")[2]
        raise BadMapping(
            f"{pattern!r} can't be searched for: {why}; what RE2 knows is accepted, "
            "without lookaround and back-references"
        ) from error


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
    settled = (f"{role}={known.get(role, 'COLUMN')}" for role in roles)
    return " ".join(f"--map {shlex.quote(option)}" for option in settled)
