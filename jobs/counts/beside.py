"""Rows that are no requests of clients only beside others: it is decided file by file."""

from collections.abc import Iterable, Sequence

import duckdb

from jobs.logs import expressions
from jobs.logs.reading import PassedOver, Reading
from queries.access_log import scan
from queries.statements import statements

_SQL = statements(__name__)
_PARQUET = f"read_parquet($files, {scan.OPTIONS})"

OF_LINES = f'list_position($paths, "{scan.SOURCE_FILE}") - 1'
"""The number of a file in a scan of text."""


def is_needed(reading: Reading) -> bool:
    """Whether files of one reading may differ in which of their rows are passed over."""
    return any(rule.beside for _, rule in reading.passed_over)


def passed_over(
    connection: duckdb.DuckDBPyConnection, reading: Reading, file_index: str, paths: Sequence[str]
) -> list[PassedOver]:
    """What is passed over in each of these files. Raises duckdb.Error if one can't be read."""
    rules: list[PassedOver] = [()] * len(paths)
    rows = scan.files(paths, scan=reading.scan) if reading.of_lines else _PARQUET
    given = (
        {"paths": list(paths)}
        if reading.of_lines
        else {"files": [scan.pattern(path) for path in paths]}
    )
    for column, rule in reading.passed_over:
        found: Iterable[int] = range(len(paths))
        if rule.beside:
            holds = expressions.holds(column, rule.beside)
            way = {"file_index": file_index, "rows": rows, "holds": holds}
            indexes = connection.execute(_SQL["beside"].format(**way), given).fetchall()
            found = [index for (index,) in indexes]
        for index in found:
            rules[index] += ((column, rule),)
    return rules
