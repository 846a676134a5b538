"""The rows of files of one reading, counted as they are logged."""

from collections.abc import Sequence

import duckdb

from jobs.logs import expressions, parquet
from jobs.logs.reading import Reading
from queries.access_log import scan
from queries.statements import statements

_SQL = statements(__name__)


def count(
    connection: duckdb.DuckDBPyConnection, reading: Reading, paths: Sequence[str], file_index: str
) -> bool:
    """Count rows into `counted` and `passed_over`; whether all that they are counted by is text.

    If a file has other bytes there, nothing is counted of it: it has to be scanned twice. What the
    footers promise goes into `promised`. Raises duckdb.Error if a file can't be read, and if one of
    several has such bytes.
    """
    files = {"files": [scan.pattern(path) for path in paths]}
    rows, given = f"read_parquet($files, {scan.OPTIONS})", files
    if reading.is_twice:
        rows, given = scan.files(paths, scan=reading.scan), {}
    try:
        connection.execute(_filled("count", reading, file_index, rows), given)
        connection.execute(_SQL["none_passed_over"])
        if reading.passed_over:
            connection.execute(_filled("passed_over", reading, file_index, rows), given)
    except duckdb.InvalidInputException as error:
        if len(paths) > 1 or reading.is_twice or not parquet.is_no_text(error):
            raise
        return False
    connection.execute(_SQL["promised"], files | {"paths": list(paths)})
    return True


def _filled(name: str, reading: Reading, file_index: str, rows: str) -> str:
    return _SQL[name].format(
        file_index=file_index,
        service=expressions.service(reading),
        moment=expressions.moment(reading),
        moment_missing=expressions.moment_missing(reading),
        status=expressions.status(reading),
        client_requests=expressions.client_requests(reading),
        reason=expressions.passed_over(reading),
        scan=rows,
    )
