"""A reading that was found by names and fits no row: what the file may be instead, in a sentence.

Such a file is not counted as one full of broken rows: nobody would read it again.
"""

import re
from dataclasses import dataclass

import duckdb

from jobs.logs.choice import ROLES, map_options
from jobs.logs.columns import Column
from jobs.logs.reading import Reading
from queries.access_log import scan


@dataclass(frozen=True)
class Lines:
    """Lines of a log that no format reads, and the patterns that do."""

    about: str
    looks: str
    """A pattern of their beginning."""
    timestamp: str
    status: str


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
    connection: duckdb.DuckDBPyConnection, path: str, reading: Reading, role: str, rows: int
) -> str:
    """Why a file of so many rows is not taken, none of which has what a role needs."""
    columns = _columns(reading, role)
    names = " and ".join(dict.fromkeys(f'"{".".join(column.path)}"' for column in columns))
    fits_none = f"none of its {rows:,} rows has a {role} that can be read in {names}"
    names_service = bool(reading.service_name or reading.service_path)
    found = None
    if columns and columns[0].pattern:
        first = _first_text(connection, path, columns[0])
        if first.lstrip().startswith("{"):
            return f"read as {reading.format}, {fits_none}: they hold JSON; it has to be columns"
        found = next((lines for lines in LINES if re.match(lines.looks, first)), None)
    if found:
        name = ".".join(columns[0].path)
        patterns = {"timestamp": f"{name}~{found.timestamp}", "status": f"{name}~{found.status}"}
        options = map_options(patterns, names_service=names_service)
        return f"{fits_none}: they look like lines of {found.about}; read them with {options}"
    known = {each: "+".join(map(str, _columns(reading, each))) for each in ROLES if each != role}
    options = map_options({k: v for k, v in known.items() if v}, names_service=names_service)
    return (
        f"read as {reading.format}, {fits_none}: name the right columns with {options}, "
        f"or say --format {reading.format} if they are right and the rows are to be rejected"
    )


def _columns(reading: Reading, role: str) -> tuple[Column, ...]:
    service = tuple(column for column in (reading.service, reading.url) if column)
    return {"service": service, "timestamp": reading.timestamp, "status": (reading.status,)}[role]


def _first_text(connection: duckdb.DuckDBPyConnection, path: str, column: Column) -> str:
    name = ".".join('"' + step.replace('"', '""') + '"' for step in column.path)
    text = f"CAST({name} AS VARCHAR)"
    try:
        rows = connection.execute(
            f"SELECT left({text}, 1000) FROM read_parquet($file, {scan.OPTIONS})"
            f" WHERE trim({text}) <> '' LIMIT 1",
            {"file": scan.pattern(path)},
        ).fetchall()
    except duckdb.Error:
        # It was read a moment ago; whatever it is now, there is nothing to propose.
        return ""
    return str(rows[0][0]) if rows else ""
