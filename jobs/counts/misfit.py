"""A reading that was found by names and fits no row: what the file may be instead, in a sentence.

Such a file is not counted as one full of broken rows: nobody would read it again.
"""

import re
from dataclasses import dataclass

import duckdb

from jobs.logs.columns import Column
from jobs.logs.options import ROLES, map_options
from jobs.logs.reading import Reading
from jobs.logs.text import json_keys
from queries import utc
from queries.access_log import scan
from queries.quoting import quoted

_EPOCHS = {"2001-01-01": 978_307_200, "1980-01-06": 315_964_800}
"""Days from which others count seconds (Apple, GPS), in seconds since 1970 UTC."""
_WRITTEN_WITHIN_SECONDS = 30 * 86_400
"""For how long after its last request a log is written, at most."""
_AHEAD_SECONDS = 86_400


@dataclass(frozen=True)
class Lines:
    """Lines of a log that no format reads, and the patterns that do."""

    about: str
    looks: str
    """A pattern of their beginning."""
    timestamp: str
    status: str


@dataclass(frozen=True)
class Misfit:
    """A file of so many rows, none of which has what a role needs."""

    role: str
    rows: int
    can_be: str
    """None can be "read"; or some of it was, but can't be "believed"."""


LINES = (
    Lines(
        "an AWS Application Load Balancer",
        r"(?:https?|h2|grpcs|wss?) \d{4}-\S+ \S+ \S+ ",
        r"^\S+ (\S+)",
        r"^(?:\S+ ){8}(\S+)",
    ),
    Lines(
        "an AWS Classic Load Balancer",
        r"\d{4}-\d\d-\d\dT\S+ \S+ \S+:\d+ \S+ [-\d.]+ ",
        r"^(\S+)",
        r"^(?:\S+ ){7}(\S+)",
    ),
    Lines("Amazon S3", r"[0-9a-f]{64} \S+ \[", r"\[([^\]]+)\]", r'" (\d{3}) '),
    Lines(
        "Squid",
        r"\d{9,}\.\d{3} +\d+ \S+ [A-Z_]+/\d{3} ",
        r"^(\S+)",
        r"^\S+ +\d+ \S+ [A-Z_]+/(\d{3})",
    ),
)


def looked_for_in_text(reading: Reading) -> list[str]:
    """The roles for which something is looked for inside the text of a column."""
    return [role for role in ROLES if any(column.pattern for column in _columns(reading, role))]


def texts(reading: Reading) -> list[str]:
    """The roles whose columns are text, which may be anything."""
    return [role for role in ROLES if any(c.type == "VARCHAR" for c in _columns(reading, role))]


def sentence(
    connection: duckdb.DuckDBPyConnection, path: str, reading: Reading, misfit: Misfit
) -> str:
    """Why such a file is not taken."""
    role, rows = misfit.role, misfit.rows
    if role == "line" and reading.format == "empty":
        return f"none of its {rows:,} lines holds anything but blanks"
    if role == "line":
        none = f"none of its {rows:,} lines could be taken apart: it is no log of {reading.format}"
        twice = ", or each names a column twice" if json_keys.SIGN in str(reading.scan) else ""
        return f"{none}{twice}"
    columns = _columns(reading, role)
    names = " and ".join(dict.fromkeys(f'"{".".join(column.path)}"' for column in columns))
    fits_none = f"none of its {rows:,} rows has a {role} that can be {misfit.can_be} in {names}"
    names_service = bool(reading.service_name or reading.service_path)
    lines = None
    if columns and columns[0].pattern:
        first = _first_text(connection, path, columns[0], reading.scan)
        if first.lstrip().startswith("{"):
            return f"read as {reading.format}, {fits_none}: they hold JSON; it has to be columns"
        lines = next((each for each in LINES if re.match(each.looks, first)), None)
    if lines:
        name = ".".join(columns[0].path)
        patterns = {"timestamp": f"{name}~{lines.timestamp}", "status": f"{name}~{lines.status}"}
        options = map_options(patterns, names_service=names_service)
        return f"{fits_none}: they look like lines of {lines.about}; read them with {options}"
    return (
        f"read as {reading.format}, {fits_none}: name the right columns with "
        f"{_options(reading, but=role)}, "
        f"or say --format {reading.format} if they are right and the rows are to be rejected"
    )


def epoch(newest_us: int, modified_us: int) -> str | None:
    """From which other day than 1970-01-01 the moments of a file count, by when it was written.

    Both are microseconds since 1970 UTC, as if they counted from there.
    """
    for day, seconds in _EPOCHS.items():
        until_written = modified_us / 1_000_000 - (newest_us / 1_000_000 + seconds)
        if -_AHEAD_SECONDS < until_written < _WRITTEN_WITHIN_SECONDS:
            return day
    return None


def miscounted(
    connection: duckdb.DuckDBPyConnection, path: str, reading: Reading, newest_us: int, day: str
) -> str | None:
    """Why a file is not taken whose numbers count from another day; None: they are no numbers."""
    column = reading.timestamp[0]
    first = _first_text(connection, path, column, reading.scan).strip()
    spells_a_date = r"(19|20)\d{10}(\d{2}(\d{3})?)?"
    is_number = re.fullmatch(r"\d{1,19}(\.\d+)?", first)
    if len(reading.timestamp) > 1 or not is_number or re.fullmatch(spells_a_date, first):
        return None
    return (
        f'read as {reading.format}, its numbers in "{column}" end in '
        f"{utc.after_1970(newest_us / 1_000_000):%Y} if they count from 1970-01-01, "
        f"and when it was written if they count from {day}: they have to be written as times; if "
        f"it is as old as that, say so with {_options(reading)}"
    )


def _options(reading: Reading, but: str | None = None) -> str:
    known = {role: "+".join(map(str, _columns(reading, role))) for role in ROLES if role != but}
    names_service = bool(reading.service_name or reading.service_path)
    return map_options({k: v for k, v in known.items() if v}, names_service=names_service)


def _columns(reading: Reading, role: str) -> tuple[Column, ...]:
    service = tuple(column for column in (reading.service, reading.url) if column)
    return {"service": service, "timestamp": reading.timestamp, "status": (reading.status,)}[role]


def _first_text(
    connection: duckdb.DuckDBPyConnection, path: str, column: Column, way: str | None
) -> str:
    name = ".".join(map(quoted, column.path))
    text = f"CAST({name} AS VARCHAR)"
    try:
        rows = connection.execute(
            f"SELECT left({text}, 1000) FROM {scan.files([path], scan=way)}"
            f" WHERE trim({text}) <> '' LIMIT 1"
        ).fetchall()
    except duckdb.Error:
        # It was read a moment ago; whatever it is now, there is nothing to propose.
        return ""
    return str(rows[0][0]) if rows else ""
