"""Rows that could not be counted, as they stand in their files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.logs import parquet, sources
from queries import snapshot
from queries.access_log import scan
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Rejects:
    """Rows of one file that could not be counted."""

    path: str
    rows_rejected: int
    """All of them."""
    shown: list[tuple[dict[str, Any], list[str]]]
    """Some of them, with what could not be read: timestamp, service, status."""
    gone: bool
    """Whether the file is no longer there, so that none can be shown."""


def rejects(store: Path, path: str | None, most: int) -> Iterator[Rejects]:
    """The rejected rows of a file in force, of all below a folder, or of all; `most` of each.

    Raises SnapshotError, duckdb.Error or OSError if the snapshot or a file can't be read.
    """
    place = None if path is None else sources.place(path)
    with snapshot.reading(store) as connection:
        connection.execute(_SQL["readings"])
        files = connection.execute(_SQL["files"], {"path": place}).fetchall()
        parquet.attach(connection, (file for file, *_ in files))
        for (
            file,
            selection,
            condition,
            way,
            registered_only,
            ingested_at,
            first,
            last,
            rows,
        ) in files:
            if sources.look(file) is None:
                yield Rejects(file, rows, [], gone=True)
                continue
            sql = _SQL["rows"].format(
                selection=selection, condition=condition, rows=scan.files([file], scan=way)
            )
            found = connection.execute(
                sql,
                {
                    "most": most,
                    "registered_only": registered_only,
                    "ingested_at": ingested_at,
                    "first": first,
                    "last": last,
                },
            ).fetchall()
            shown = [(_as_it_stands(line), lacks) for line, lacks in found]
            yield Rejects(file, rows, shown, gone=False)


def _as_it_stands(line: str) -> dict[str, Any]:
    # What is no number is none of JSON's either; it stays readable as a text.
    row: dict[str, Any] = json.loads(line, parse_constant=str)
    return {name: value for name, value in row.items() if not name.startswith(scan.RESERVED)}
