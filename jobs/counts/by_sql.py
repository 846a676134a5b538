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
    """Count rows into the table `counted`; whether all that they are counted by is text.

    If a file has other bytes there, nothing is counted of it: it has to be scanned twice. Raises
    duckdb.Error if a file can't be read, and if one of several has such bytes.
    """
    if reading.is_twice:
        connection.execute(_sql(reading, file_index, scan.files(paths, scan=reading.scan)))
        return True
    sql = _sql(reading, file_index, f"read_parquet($files, {scan.OPTIONS})")
    try:
        connection.execute(sql, {"files": [scan.pattern(path) for path in paths]})
    except duckdb.InvalidInputException as error:
        if len(paths) > 1 or not parquet.is_no_text(error):
            raise
        return False
    return True


def _sql(reading: Reading, file_index: str, rows: str) -> str:
    return _SQL["count"].format(
        file_index=file_index,
        service=expressions.service(reading),
        moment=expressions.moment(reading),
        moment_missing=expressions.moment_missing(reading),
        status=expressions.status(reading),
        client_requests=expressions.client_requests(reading),
        scan=rows,
    )
