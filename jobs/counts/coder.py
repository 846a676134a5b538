"""Large files counted by their codes, several at a time, while what others gave is taken."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import cached_property

import duckdb
import numpy as np
import pyarrow as pa

from jobs.counts import codes
from jobs.counts.codes import Groups
from jobs.counts.contents import Content
from jobs.counts.counted import PASSED_OVER, ROWS, Counted
from jobs.logs.reading import Reading
from jobs.logs.scans import quoted
from queries.access_log.scan import is_url

LEAST_BYTES = 256 << 10
"""Smaller files are counted faster many at a time."""
_MOST_THREADS = 4


class Coder:
    """Counts files by their codes; their moments have to lie in what is plausible.

    `until` is the end of what is plausible, exclusive; naive, UTC.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        plausible_from: datetime,
        plausible_until: datetime,
        threads: int | None,
    ) -> None:
        self._connection = connection
        self._plausible = _microseconds(plausible_from), _microseconds(plausible_until)
        self._threads = min(threads or os.cpu_count() or 1, _MOST_THREADS)

    def split(
        self, reading: Reading, contents: Sequence[Content]
    ) -> tuple[list[Content], list[Content]]:
        """The files to be counted here, and the others."""
        if not codes.serves(reading):
            return [], list(contents)
        large: list[Content] = []
        others: list[Content] = []
        for content in contents:
            is_large = content.file.size >= LEAST_BYTES and not is_url(content.file.path)
            (large if is_large else others).append(content)
        return large, others

    def count(
        self, kind: str, reading: Reading, contents: Sequence[Content]
    ) -> Iterator[Counted | Content]:
        """Count these files; those that turn out to be for SQL come as they are."""
        if not contents:
            return
        with ThreadPoolExecutor(self._threads, "count") as pool:
            waiting = {pool.submit(self._groups, reading, c.file.path): c for c in contents}
            try:
                while waiting:
                    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                    results = [(waiting.pop(future), future.result()) for future in done]
                    yield from (content for content, groups in results if groups is None)
                    if found := [(content, groups) for content, groups in results if groups]:
                        yield _counted(kind, reading, found)
            finally:
                pool.shutdown(cancel_futures=True)

    def _groups(self, reading: Reading, path: str) -> Groups | None:
        with self._connection.cursor() as cursor:
            cursor.execute(f"USE {self._database}")
            return codes.count(cursor, path, reading, self._plausible)

    @cached_property
    def _database(self) -> str:
        ((name,),) = self._connection.execute("SELECT current_database()").fetchall()
        return quoted(name)


def _counted(kind: str, reading: Reading, found: Sequence[tuple[Content, Groups]]) -> Counted:
    """What some files gave, as one; moments stand in the first row of each."""
    tables = []
    for file, (_, groups) in enumerate(found):
        rows = groups.rows
        numbers = codes.column_of(np.full(rows.num_rows, file, np.int32))
        ends = [_only_first(moment, rows.num_rows) for moment in (groups.first, groups.last)]
        columns = [numbers, *rows.columns, *ends]
        tables.append(pa.Table.from_arrays(columns, names=ROWS.names))
    contents = {file: content for file, (content, _) in enumerate(found)}
    rows = pa.concat_tables(tables)
    return Counted(kind, reading, contents, rows, pa.Table.from_batches([], PASSED_OVER))


def _only_first(value: int, size: int) -> pa.Array:
    return pa.concat_arrays([codes.column_of(np.array([value])), pa.nulls(size - 1, pa.int64())])


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
