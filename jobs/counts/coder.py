"""Large files counted by their codes, several at a time, while what others gave is taken."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.counts import codes
from jobs.counts.contents import Content
from jobs.counts.counted import PASSED_OVER, ROWS, Counted, UnderWay
from jobs.counts.groups import Groups, together
from jobs.counts.meanings import Meanings
from jobs.logs.arrays import column_of
from jobs.logs.reading import Reading
from jobs.logs.storage import Storage
from queries.quoting import quoted

LEAST_BYTES = 256 << 10
"""Smaller files are counted faster many at a time."""
_LARGE_BYTES = 32 << 20
"""Larger ones are counted in parts."""
_LEAST_ROWS = 1_000_000
"""In a part, as far as memory allows."""
_SHARE_OF_MEMORY = 8
"""One part in so many of the limit is for what is decoded."""
_MOST_THREADS = 4
_TOGETHER = 400_000
"""So many rows at least are handed on at a time, as far as there are: each time costs."""


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
        storage: Storage,
    ) -> None:
        self._connection = connection
        self._storage = storage
        self._plausible = _microseconds(plausible_from), _microseconds(plausible_until)
        self._meanings = Meanings(connection)
        self._threads = min(threads or os.cpu_count() or 1, _MOST_THREADS)
        if "jemalloc" in pa.supported_memory_backends():
            # The usual pool gives memory back after each file and takes it for the next, which is
            # a third of the time that decoding takes.
            pa.set_memory_pool(pa.jemalloc_memory_pool())

    def split(
        self, reading: Reading, contents: Sequence[Content]
    ) -> tuple[list[Content], list[Content]]:
        """The files to be counted here, and the others."""
        if not codes.serves(reading):
            return [], list(contents)
        large: list[Content] = []
        others: list[Content] = []
        for content in contents:
            is_here = self._storage.is_local(content.file.path)
            is_large = content.file.size >= LEAST_BYTES
            (large if is_large and is_here else others).append(content)
        return large, others

    def count(
        self, kind: str, reading: Reading, contents: Sequence[Content]
    ) -> Iterator[Counted | Content | UnderWay]:
        """Count these files; those that turn out to be for SQL come as they are."""
        if not contents:
            return
        with ThreadPoolExecutor(self._threads, "count") as pool:
            tasks: dict[Future[Groups | None], Content] = {}
            parts: dict[str, list[Future[Groups | None]]] = {}
            for content in contents:
                path = content.file.path
                portions = self._portions(content)
                parts[path] = [pool.submit(self._groups, reading, path, some) for some in portions]
                tasks |= dict.fromkeys(parts[path], content)
            try:
                yield from self._gathered(kind, reading, tasks, parts)
            finally:
                pool.shutdown(cancel_futures=True)

    def count_part(
        self, kind: str, reading: Reading, content: Content, row_groups: list[int]
    ) -> Counted | None:
        """Some row groups of one file, wherever it lies; None if they are for SQL."""
        source = self._storage.open(content.file.path)
        groups = self._groups(reading, source, row_groups)
        return _counted(kind, reading, [(content, groups)]) if groups else None

    def _gathered(
        self,
        kind: str,
        reading: Reading,
        tasks: dict[Future[Groups | None], Content],
        portions: Mapping[str, Sequence[Future[Groups | None]]],
    ) -> Iterator[Counted | Content | UnderWay]:
        """What these tasks give, file by file, as they are done."""
        found: list[tuple[Content, Groups]] = []
        while tasks:
            done, _ = wait(tasks, return_when=FIRST_COMPLETED)
            for content in {tasks[task].file.path: tasks.pop(task) for task in done}.values():
                own = portions[content.file.path]
                yield _under_way(content, own)
                if not all(task.done() for task in own):
                    continue
                groups = [some for task in own if (some := task.result())]
                for task in own:
                    tasks.pop(task, None)
                if len(groups) == len(own):
                    found.append((content, together(groups)))
                else:
                    yield content
            if sum(groups.rows.num_rows for _, groups in found) >= _TOGETHER:
                yield _counted(kind, reading, found)
                found = []
        if found:
            yield _counted(kind, reading, found)

    def _portions(self, content: Content) -> Sequence[list[int] | None]:
        """The row groups of a large file, some for each task; None stands for all."""
        if content.file.size < _LARGE_BYTES:
            return [None]
        try:
            metadata = pq.read_metadata(content.file.path)
        except (pa.ArrowException, OSError):
            # What is wrong with it is for a scan to meet and to judge.
            return [None]
        even = metadata.num_rows // (2 * self._threads)
        rows = min(max(even, _LEAST_ROWS), self._most_rows)
        return codes.portions(metadata, rows) or [None]

    def _groups(self, reading: Reading, source: Any, some: list[int] | None) -> Groups | None:
        part = codes.Part(some, self._most_rows)
        with self._connection.cursor() as cursor:
            cursor.execute(f"USE {self._database}")
            return codes.count(self._meanings.over(cursor), source, reading, self._plausible, part)

    @cached_property
    def _most_rows(self) -> int:
        """How many rows a task may decode at a time, within the limit of memory."""
        ((limit,),) = self._connection.execute(
            "SELECT parse_formatted_bytes(current_setting('memory_limit'))"
        ).fetchall()
        share = limit // _SHARE_OF_MEMORY // self._threads
        return int(min(max(share // codes.BYTES_A_ROW, 1), codes.MOST_ROWS))

    @cached_property
    def _database(self) -> str:
        ((name,),) = self._connection.execute("SELECT current_database()").fetchall()
        return quoted(name)


def _under_way(content: Content, parts: Sequence[Future[Groups | None]]) -> UnderWay:
    done = [groups for part in parts if part.done() and (groups := part.result())]
    # One share of the bytes is left for all that follows.
    size = content.file.size * len(done) // (len(parts) + 1)
    rows = sum(pc.sum(groups.rows["rows"]).as_py() or 0 for groups in done)
    return UnderWay(content, size, rows)


def _counted(kind: str, reading: Reading, counted: Sequence[tuple[Content, Groups]]) -> Counted:
    """What some files gave, as one; moments stand in the first row of each."""
    tables = []
    for file, (_, groups) in enumerate(counted):
        rows = groups.rows
        numbers = column_of(np.full(rows.num_rows, file, np.int32))
        ends = [_only_first(moment, rows.num_rows) for moment in (groups.first, groups.last)]
        columns = [numbers, *rows.columns, *ends]
        tables.append(pa.Table.from_arrays(columns, names=ROWS.names))
    contents = {file: content for file, (content, _) in enumerate(counted)}
    rows = pa.concat_tables(tables)
    return Counted(kind, reading, contents, rows, pa.Table.from_batches([], PASSED_OVER))


def _only_first(value: int, size: int) -> pa.Array:
    return pa.concat_arrays([column_of(np.array([value])), pa.nulls(size - 1, pa.int64())])


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
