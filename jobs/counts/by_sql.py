"""Files of one reading counted by SQL: whatever their columns are, many files at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from jobs.counts import beside
from jobs.counts.counted import PASSED_OVER, ROWS
from jobs.logs import expressions, parquet
from jobs.logs.reading import Reading
from jobs.logs.storage import Storage
from queries.access_log import scan, text
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Scanned:
    """What a scan of files gave."""

    rows: pa.Table
    """As counted.ROWS."""
    passed_over: pa.Table
    """As counted.PASSED_OVER."""
    promised: Mapping[int, int]
    """How many rows the footer of each file says."""

    def met(self) -> dict[int, int]:
        """How many rows of each file there were."""
        met = dict.fromkeys(self.promised, 0)
        for table in (self.rows, self.passed_over):
            sums = table.select(["file", "rows"]).group_by("file").aggregate([("rows", "sum")])
            for file, rows in zip(
                sums["file"].to_pylist(), sums["rows_sum"].to_pylist(), strict=True
            ):
                met[file] += rows
        return met


def count(
    connection: duckdb.DuckDBPyConnection,
    reading: Reading,
    paths: Sequence[str],
    file_index: str,
    storage: Storage,
) -> Scanned | None:
    """Count the rows of these files; None if a file has bytes that are no text where it counts.

    Such a file has to be scanned twice, by itself. The session has to have the macros of `counted`
    and `rollup`. Raises duckdb.Error if a file can't be read, and if one of several has such bytes.
    """
    files = {"files": [scan.pattern(path) for path in paths]}
    rows, given = f"read_parquet($files, {scan.OPTIONS})", files
    if reading.is_twice:
        rows, given = scan.files(paths, scan=reading.scan), {}
    try:
        counted, passed_over = _asked_for(connection, reading, file_index, rows, given)
    except duckdb.InvalidInputException as error:
        if len(paths) > 1 or reading.is_twice or not parquet.is_no_text(error):
            raise
        return None
    said = parquet.promised(connection, paths, storage)
    promised = {number: said[path] for number, path in enumerate(paths)}
    return Scanned(counted, passed_over, promised)


def count_some(
    connection: duckdb.DuckDBPyConnection, reading: Reading, path: str, some: range
) -> Scanned | None:
    """Count these rows of a file, by their numbers; None if they hold bytes that are no text.

    Of row groups that hold none of them, nothing is read.
    """
    files = {"files": [scan.pattern(path)]}
    rows = (
        f"(SELECT * EXCLUDE (file_row_number) FROM read_parquet($files, {scan.OPTIONS},"
        f" file_row_number = true) WHERE file_row_number BETWEEN {some.start} AND {some.stop - 1})"
    )
    try:
        counted, passed_over = _asked_for(connection, reading, "0", rows, files)
    except duckdb.InvalidInputException as error:
        if not parquet.is_no_text(error):
            raise
        return None
    return Scanned(counted, passed_over, {0: len(some)})


def count_lines(
    connection: duckdb.DuckDBPyConnection, reading: Reading, paths: Sequence[str]
) -> tuple[pa.Table, pa.Table]:
    """Count the lines of these text files: as counted.ROWS, and as counted.PASSED_OVER.

    The session has to have the macros of `counted` and `rollup`. Raises duckdb.Error if a file
    can't be read.
    """
    sql = _filled("count_lines", reading, beside.OF_LINES, scan.files(paths, scan=reading.scan))
    found = connection.sql(sql, params={"paths": list(paths)}).to_arrow_table()
    is_row = pc.is_null(found["reason"])
    rows = found.filter(is_row).drop_columns(["reason"]).cast(ROWS)
    others = (
        found.filter(pc.invert(is_row)).group_by(["file", "reason"]).aggregate([("rows", "sum")])
    )
    return rows, others.rename_columns(PASSED_OVER.names).cast(PASSED_OVER)


def _asked_for(
    connection: duckdb.DuckDBPyConnection,
    reading: Reading,
    file_index: str,
    rows: str,
    given: Mapping[str, Any],
) -> tuple[pa.Table, pa.Table]:
    counted = _asked(connection, _filled("count", reading, file_index, rows), given, ROWS)
    passed_over = pa.Table.from_batches([], PASSED_OVER)
    if reading.passed_over:
        sql = _filled("passed_over", reading, file_index, rows)
        passed_over = _asked(connection, sql, given, PASSED_OVER)
    return counted, passed_over


def _asked(
    connection: duckdb.DuckDBPyConnection, sql: str, given: Mapping[str, Any], schema: pa.Schema
) -> pa.Table:
    return connection.sql(sql, params=dict(given)).to_arrow_table().cast(schema)


def _filled(name: str, reading: Reading, file_index: str, rows: str) -> str:
    return _SQL[name].format(
        file_index=file_index,
        service=expressions.service(reading),
        moment=expressions.moment(reading),
        moment_missing=expressions.moment_missing(reading),
        status=expressions.status(reading),
        status_code=expressions.status_code(reading, "status"),
        client_requests=expressions.client_requests(reading),
        reason=expressions.passed_over(reading),
        scan=rows,
        source_file=scan.SOURCE_FILE,
        aside=text.ASIDE,
        broken=text.BROKEN,
    )
