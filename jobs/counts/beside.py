"""Rows that are no requests of clients only beside others: it is decided file by file."""

from collections.abc import Iterable, Sequence

import duckdb

from jobs.logs import expressions
from jobs.logs.reading import PassedOver, Reading
from queries.access_log import scan
from queries.statements import statements

_SQL = statements(__name__)


def is_needed(reading: Reading) -> bool:
    """Whether files of one reading may differ in which of their rows are passed over."""
    return any(rule.beside for _, rule in reading.passed_over)


def passed_over(
    connection: duckdb.DuckDBPyConnection, reading: Reading, file_index: str, files: Sequence[str]
) -> list[PassedOver]:
    """What is passed over in each of these files. Raises duckdb.Error if one can't be read."""
    rules: list[PassedOver] = [()] * len(files)
    for column, rule in reading.passed_over:
        found: Iterable[int] = range(len(files))
        if rule.beside:
            holds = expressions.holds(column, rule.beside)
            way = {"file_index": file_index, "options": scan.OPTIONS, "holds": holds}
            rows = connection.execute(_SQL["beside"].format(**way), {"files": files}).fetchall()
            found = [index for (index,) in rows]
        for index in found:
            rules[index] += ((column, rule),)
    return rules
