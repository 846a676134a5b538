"""W3C extended logs whose columns change within a file, or whose day is told by a #Date line.

What a line holds then hangs on the last `#` lines before it, so such a file is read by itself and
in order; a count of the `#` lines so far tells which apply.
"""

import re
from dataclasses import replace

import duckdb

from jobs.logs.roles import UnreadableFile
from jobs.logs.text.layout import FIELDS, Layout, check_doubled, field_names
from jobs.logs.text.lines import lines
from jobs.logs.text.relation import relation
from queries.access_log.scan import files

MOST = 10_000
"""`#` lines that a file may hold."""
_DATE = re.compile(r"#Date: *(\d{4}-\d\d-\d\d)")


def followed(connection: duckdb.DuckDBPyConnection, path: str, layout: Layout) -> Layout:
    """The layout of this one file, with what its `#` lines say.

    Raises UnreadableFile or duckdb.Error.
    """
    if layout.kind == "csv":
        raise UnreadableFile(
            "a further header line names its columns in another order: a file has to have one order"
        )
    rows = files([path], scan=lines(layout))
    markers = connection.execute(
        f"SELECT line FROM {rows} WHERE starts_with(line, '#') LIMIT {MOST + 1}"
    ).fetchall()
    if len(markers) > MOST:
        raise UnreadableFile(f"more than {MOST:,} of its lines begin with #: it can't be followed")
    tables: list[tuple[tuple[str, ...], str]] = []
    names: tuple[str, ...] = ()
    date = ""
    for (line,) in markers:
        if re.match(FIELDS, line):
            names = tuple(field_names(line))
            check_doubled(names)
        elif found := _DATE.match(line):
            date = found[1]
        tables.append((names, date))
    known = replace(layout, tables=tuple(tables), path=path)
    if layout.is_dated:
        _check_midnight(connection, path, known)
    return known


def _check_midnight(connection: duckdb.DuckDBPyConnection, path: str, layout: Layout) -> None:
    # A server that runs past midnight writes no further #Date.
    rows = files([path], scan=relation(layout, ["date", "time"]))
    ((turns,),) = connection.execute(
        'SELECT count(*) FROM (SELECT "date" AS day, lag("date") OVER () AS day_before, '
        'TRY_CAST("time" AS TIME) AS clock, lag(TRY_CAST("time" AS TIME)) OVER () AS before '
        f"FROM {rows}) WHERE day = day_before AND epoch(before) - epoch(clock) > 43200"
    ).fetchall()
    if turns:
        raise UnreadableFile(
            "its lines name no date, and run past midnight under one #Date line: "
            "let the server write the field date"
        )
