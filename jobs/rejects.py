"""Rows that could not be counted, as they stand in their files."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from jobs.logs.spelled import spelled
from jobs.store.revision import USUAL, Terms
from queries import snapshot
from queries.access_log import scan, text
from queries.quoting import quoted
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Rejects:
    """Rows of one file that could not be counted."""

    path: str
    rows_rejected: int
    """All of them."""
    shown: list[tuple[dict[str, Any], list[str]]]
    """Some of them, with what could not be read: timestamp, service, status, or the whole line."""
    gone: bool
    """Whether the file is no longer there, so that none can be shown."""


def rejects(store: Path, path: str | None, most: int, terms: Terms = USUAL) -> Iterator[Rejects]:
    """The rejected rows of a file in force, of all below a folder, or of all; `most` of each.

    Raises SnapshotError, duckdb.Error or OSError if the snapshot or a file can't be read.
    """
    place = None if path is None else terms.storage.absolute(path)
    with snapshot.reading(store) as connection:
        connection.execute(_SQL["readings"])
        files = connection.execute(_SQL["files"], {"path": place}).fetchall()
        terms.storage.attach(connection, (file for file, *_ in files))
        for file, rows, *known in files:
            if terms.storage.look(file) is None:
                yield Rejects(file, rows, [], gone=True)
            else:
                yield Rejects(file, rows, _shown(connection, file, known, most, terms), gone=False)


def _shown(
    connection: duckdb.DuckDBPyConnection,
    file: str,
    known: Sequence[Any],
    most: int,
    terms: Terms,
) -> list[tuple[dict[str, Any], list[str]]]:
    selection, condition, way, *values = known
    terms_of_file = dict(
        zip(("registered_only", "ingested_at", "first", "last"), values, strict=True)
    )
    if way is None and not _is_shadowed(connection, file):
        way = scan.NUMBERED

    def ask(rows: str) -> list[Any]:
        sql = _SQL["rows"].format(
            selection=selection, condition=condition, broken=text.broken(way), rows=rows
        )
        return connection.execute(sql, {"most": most, **terms_of_file}).fetchall()

    rows = scan.files([file], scan=way)
    try:
        found = ask(rows)
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        unread = [c for c in _columns(connection, rows) if not _is_readable(connection, rows, c)]
        if not unread:
            raise
        without = ", ".join(f"CAST(NULL AS VARCHAR) AS {quoted(column)}" for column in unread)
        found = ask(f"(SELECT * REPLACE ({without}) FROM {rows})")
    return [(_as_it_stands(line, file, terms), lacks) for line, lacks in found]


def _is_shadowed(connection: duckdb.DuckDBPyConnection, file: str) -> bool:
    """Whether a column is called as DuckDB calls the numbers of rows."""
    columns = _columns(connection, scan.files([file]))
    return any(column.lower() in ("file_row_number", scan.ROW) for column in columns)


def _columns(connection: duckdb.DuckDBPyConnection, rows: str) -> list[str]:
    return connection.sql(f"FROM {rows}").columns


def _is_readable(connection: duckdb.DuckDBPyConnection, rows: str, column: str) -> bool:
    try:
        connection.execute(f"SELECT sum(hash({quoted(column)})) FROM {rows}").fetchall()
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return False
    return True


def _as_it_stands(line: str, file: str, terms: Terms) -> dict[str, Any]:
    # What is no number is none of JSON's either; it stays readable as a text.
    row: dict[str, Any] = json.loads(line, parse_constant=str)
    if text.LINE in row:
        return {"line": row[text.LINE]}
    number = row.get(scan.ROW)
    own = {name: value for name, value in row.items() if not name.startswith(scan.RESERVED)}
    # DuckDB puts question marks for bytes that are not UTF-8.
    asked = [name for name, value in own.items() if "?" in json.dumps(value)]
    if number is None or not asked:
        return own
    exact = spelled(file, number, asked, terms.storage)
    return own | {name: value for name, value in exact.items() if json.dumps(value) != "null"}
