"""How files are scanned whose names or texts are out of the ordinary.

Bytes that are not UTF-8 fail a usual scan, so sound files pay nothing for the others. DuckDB puts
question marks in their place, or leaves them out, and does not say where: the columns that rows are
counted by are scanned in both ways, and what comes out differently was no text.
"""

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from jobs.logs.columns import Column, Schema
from jobs.logs.reading import Reading
from jobs.logs.roles import UnreadableFile
from queries.access_log import scan
from queries.quoting import literal, quoted

UNREPLACED = f"{scan.RESERVED}unreplaced"
"""A struct of the columns that are scanned twice, without the bytes that are not UTF-8."""

_FILE = f"{scan.RESERVED}file"
_NUMBERS = {"file_index", "file_row_number"}


def beside_own_names(schema: Schema, reading: Reading) -> Reading:
    """The reading, where columns of the file have names that only we give.

    Raises UnreadableFile if rows would be counted by one of them.
    """
    if not any(map(_is_reserved, schema)):
        return reading
    for column in reading.needed:
        if _is_reserved(column.path[0]):
            raise UnreadableFile(
                f'the column "{column}" has a name that httpcodes gives itself; '
                f'a column that is counted by has to be called other than "{scan.RESERVED}…"'
            )
    named = _free_name(schema)
    rows = (
        f"{_select(named)} FROM {scan.read(named, text)} AS scanned" for text in (None, "replace")
    )
    return replace(reading, scan=scan.of_any_version(*rows))


def without_encrypted(
    connection: duckdb.DuckDBPyConnection, path: str, reading: Reading
) -> Reading:
    """The reading of a file without the optional columns that can't be read of it."""
    optional = {
        name: column
        for name, column in reading.optional.items()
        if _is_readable(connection, path, column)
    }
    return replace(reading, optional=optional)


def twice(schema: Schema, reading: Reading) -> Reading:
    """The reading of files with bytes that are not UTF-8 in columns that rows are counted by.

    Raises UnreadableFile if the rows of two scans can't be paired.
    """
    if shadowing := _NUMBERS.intersection(map(str.lower, schema)):
        raise UnreadableFile(
            f'it holds text that is not UTF-8 beside a column "{min(shadowing)}", a name that '
            "DuckDB gives the numbers of rows; with another name it could be read"
        )
    columns = sorted({column.path[0] for column in reading.needed})
    return replace(
        reading,
        service=_twice(reading.service),
        url=_twice(reading.url),
        timestamp=tuple(replace(column, twice=True) for column in reading.timestamp),
        status=replace(reading.status, twice=True),
        scan=_scan_twice(_free_name(schema), columns),
    )


def _is_readable(connection: duckdb.DuckDBPyConnection, path: str, column: Column) -> bool:
    named = ".".join(map(quoted, column.path))
    try:
        connection.execute(f"SELECT {named} FROM {scan.files([path])} LIMIT 1").fetchall()
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return False
    return True


def _is_reserved(name: str) -> bool:
    return name.lower().startswith(scan.RESERVED)


def _twice(column: Column | None) -> Column | None:
    return column and replace(column, twice=True)


def _free_name(schema: Schema) -> str:
    name = scan.SOURCE_FILE
    while name in map(str.lower, schema):
        name += "_"
    return name


def _select(named: str) -> str:
    """The columns of the log but for those with our names, and the file."""
    own = f"COLUMNS(lambda name: NOT starts_with(lower(name), '{scan.RESERVED}'))"
    return f'SELECT {own}, scanned."{named}" AS "{scan.SOURCE_FILE}"'


def _scan_twice(named: str, columns: Sequence[str]) -> str:
    packed = ", ".join(f"{literal(name)}: {quoted(name)}" for name in columns)
    select = _select(named)
    return scan.of_any_version(
        f'{select}, {{{packed}}} AS "{UNREPLACED}" FROM {scan.read(named)} AS scanned',
        f'{select}, others."{UNREPLACED}", "{scan.ROW}"'
        f" FROM {scan.read(named, 'replace')} AS scanned JOIN ("
        f'SELECT {{{packed}}} AS "{UNREPLACED}",'
        f' file_index AS "{_FILE}", file_row_number AS "{scan.ROW}"'
        f" FROM {scan.read(named, 'ignore')}"
        f') AS others ON scanned.file_index = "{_FILE}" AND scanned.file_row_number = "{scan.ROW}"',
    )
