"""Files counted by their dictionary codes: no string is hashed, no row is looked at twice.

Parquet mostly holds a service and a status as a number into a dictionary. Such a row becomes one
index into a dense histogram of (service, bucket, status). What a text means is asked of the SQL
expressions, once an entry of a dictionary; moments in numbers are integer arithmetic. Whatever
is unusual (a moment that is missing or not plausible, a status that is none, text that is no
UTF-8, too many different texts) is not decided here: then the file is not served, and counting
it is SQL's.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.counts.rollup import BUCKET_US
from jobs.logs import expressions
from jobs.logs.columns import Column
from jobs.logs.reading import Reading

_MOST_ROWS = 4_000_000
"""That are decoded at a time; a row takes about 24 bytes."""

_MOST_CELLS = 16_000_000
_MOST_TEXTS = 200_000
# Texts that are in a dictionary take a few bits a row, others their length.
_MOST_BYTES_A_TEXT = 6
_UNITS = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}

_NO_STATUS = 1_000

Codes = np.ndarray[Any, np.dtype[np.int32]]
_Coded = tuple[Codes, Mapping[str, pa.Array]]


class _Unserved(Exception):
    """Something that SQL has to decide."""


class _Asked:
    """What SQL expressions say of the entries of dictionaries."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __call__(self, expression: str, entries: Mapping[str, pa.Array]) -> pa.Array:
        """An answer for each entry, in their order; `entries` are columns by their names."""
        table = pa.Table.from_arrays(list(entries.values()), names=list(entries))
        relation = self._connection.from_arrow(table)
        answers = relation.project(f"{expression} AS said").to_arrow_table()
        return _one(answers.column("said"))


@dataclass(frozen=True)
class Groups:
    """What one file holds: a row for each service, bucket and status, as logged."""

    rows: pa.Table
    """The columns of counted.ROWS from service to rows."""
    first: int
    """The earliest moment of a row, microseconds since 1970 UTC."""
    last: int
    """The latest."""


def serves(reading: Reading) -> bool:
    """Whether files of this kind may be counted here, as far as their columns tell."""
    texts = [c for c in (reading.service, reading.status) if c is not None and c.type == "VARCHAR"]
    roles = [*texts, *reading.timestamp, reading.status]
    return (
        reading.url is None
        and reading.scan is None
        and not reading.passed_over
        and all(_is_plain(column) for column in roles)
        and (reading.service is None or reading.service.type == "VARCHAR")
        and (_is_integer(reading.status) or reading.status.type == "VARCHAR")
        and _is_moment(reading)
    )


def _is_plain(column: Column) -> bool:
    """Whether it is a column of its own, under the name that the file gives it."""
    alone = len(column.path) == 1 and "." not in column.path[0]
    itself = column.pattern is None and column.key is None and column.name is None
    return alone and itself and not column.twins


def _is_integer(column: Column) -> bool:
    return column.type.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")


def _is_moment(reading: Reading) -> bool:
    first, *others = reading.timestamp
    if all(column.type == "VARCHAR" for column in reading.timestamp):
        return True
    has_zone = first.type == "TIMESTAMP WITH TIME ZONE"
    is_timestamp = first.type.startswith("TIMESTAMP") and (has_zone or reading.zone is None)
    return not others and (is_timestamp or first.type == "BIGINT")


def count(
    connection: duckdb.DuckDBPyConnection,
    source: Any,
    reading: Reading,
    plausible: tuple[int, int],
) -> Groups | None:
    """Count a file (a path, or what pyarrow reads from), or None if it is SQL's to count.

    The moments of all rows have to lie within `plausible`, microseconds since 1970 UTC, the end
    exclusive. The connection is this thread's alone; its current database is a snapshot.
    """
    if not serves(reading):
        return None
    try:
        with pq.ParquetFile(
            source, read_dictionary=_texts(reading), page_checksum_verification=True
        ) as file:
            _check_sizes(file.metadata, reading)
            asked = _Asked(connection)
            parts = [_part(asked, table, reading) for table in _tables(file, reading)]
    except duckdb.InterruptException:
        raise
    except (_Unserved, pa.ArrowException, duckdb.Error, OSError, MemoryError):
        # What is wrong with a file, or with the machine, is for a scan to meet and to judge.
        return None
    first, last = min(part.first for part in parts), max(part.last for part in parts)
    if not plausible[0] <= first <= last < plausible[1]:
        return None
    return Groups(pa.concat_tables(part.rows for part in parts), first, last)


def _texts(reading: Reading) -> list[str]:
    columns = [reading.service, *reading.timestamp, reading.status]
    return [column.path[0] for column in columns if column and column.type == "VARCHAR"]


def _check_sizes(metadata: pq.FileMetaData, reading: Reading) -> None:
    wanted = set(_texts(reading))
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            per_row = column.total_uncompressed_size / max(group.num_rows, 1)
            if column.path_in_schema in wanted and per_row > _MOST_BYTES_A_TEXT:
                raise _Unserved
            # As nanoseconds in 64 bits, moments of far years would come out as others.
            if column.physical_type == "INT96":
                raise _Unserved


def _tables(file: pq.ParquetFile, reading: Reading) -> Iterator[pa.Table]:
    columns = [reading.service, *reading.timestamp, reading.status]
    names = list(dict.fromkeys(column.path[0] for column in columns if column))
    if file.metadata.num_rows == 0:
        raise _Unserved
    some: list[int] = []
    rows = 0
    for group in range(file.metadata.num_row_groups):
        more = file.metadata.row_group(group).num_rows
        if some and rows + more > _MOST_ROWS:
            yield file.read_row_groups(some, columns=names, use_threads=False)
            some, rows = [], 0
        some.append(group)
        rows += more
    yield file.read_row_groups(some, columns=names, use_threads=False)


def _part(asked: _Asked, table: pa.Table, reading: Reading) -> Groups:
    services, service = _service(asked, table, reading)
    statuses, status = _status(asked, table, reading)
    status_codes, missing = _meaning(asked, statuses, reading)
    first, last, bucket = _buckets(asked, table, reading)
    first_bucket = first // BUCKET_US
    buckets = last // BUCKET_US - first_bucket + 1
    cells = len(services) * buckets * len(statuses)
    if cells > _MOST_CELLS:
        raise _Unserved
    bucket *= len(statuses)
    bucket += status
    # What can be multiplied once an entry is not multiplied once a row.
    bucket += (np.arange(len(services), dtype=np.int32) * (buckets * len(statuses)))[service]
    histogram = np.bincount(bucket, minlength=cells)
    used = np.flatnonzero(histogram)
    above, status_at = np.divmod(used, len(statuses))
    service_at, bucket_at = np.divmod(above, buckets)
    rows = {
        "service": pa.DictionaryArray.from_arrays(column_of(service_at.astype(np.int32)), services),
        "bucket": column_of(bucket_at + first_bucket),
        "status_code": status_codes.take(column_of(status_at)),
        "status_missing": missing.take(column_of(status_at)),
        "rows": column_of(histogram[used]),
    }
    return Groups(pa.Table.from_arrays(list(rows.values()), names=list(rows)), first, last)


def _service(asked: _Asked, table: pa.Table, reading: Reading) -> tuple[pa.Array, Codes]:
    """The services as logged, and each row's number among them."""
    if reading.service is None:
        named = asked(expressions.service(reading), {"one": column_of(np.zeros(1, np.int32))})
        return named, np.zeros(1, np.int32)
    codes, texts = _codes(table, reading.service)
    return asked(expressions.service(reading), texts), codes


def _status(asked: _Asked, table: pa.Table, reading: Reading) -> tuple[pa.Array, Codes]:
    """The statuses as logged, and each row's number among them."""
    if reading.status.type == "VARCHAR":
        codes, texts = _codes(table, reading.status)
        return asked(expressions.status(reading), texts), codes
    column = _one(table.column(reading.status.path[0]))
    ends = pc.min_max(column).as_py()
    if ends["min"] is None or ends["min"] < 0 or ends["max"] >= _NO_STATUS:
        raise _Unserved
    whole = column.cast(pa.int32()).fill_null(_NO_STATUS) if column.null_count else column
    values = _numbers(whole)
    used, number = _compact(values, _NO_STATUS + 1)
    logged = column_of(used[used < _NO_STATUS].astype(np.int16))
    none = pa.nulls(len(used) - len(logged), logged.type)
    return pa.concat_arrays([logged, none]), number


def _meaning(asked: _Asked, statuses: pa.Array, reading: Reading) -> tuple[pa.Array, pa.Array]:
    """The status code of each status, and whether it says nothing."""
    entries = {"status": statuses}
    codes = asked(expressions.status_code(reading, "status"), entries)
    return codes, asked("coalesce(CAST(status AS VARCHAR), '') IN ('', '-')", entries)


def _buckets(asked: _Asked, table: pa.Table, reading: Reading) -> tuple[int, int, Codes]:
    """The first and last moment, and each row's bucket, counted from the first one's."""
    if reading.timestamp[0].type == "VARCHAR":
        return _text_buckets(asked, table, reading)
    column = _one(table.column(reading.timestamp[0].path[0]))
    if column.null_count:
        raise _Unserved
    values = _numbers(column.view(pa.int64()))
    ends = int(values.min()), int(values.max())
    factor, divisor = _unit(asked, column.type, ends, reading)
    first, last = (end * factor // divisor for end in ends)
    step = BUCKET_US * divisor // factor
    bucket = np.empty(len(values), np.int32)
    np.floor_divide(values - ends[0] // step * step, step, out=bucket, casting="unsafe")
    return first, last, bucket


def _unit(
    asked: _Asked, kind: pa.DataType, ends: tuple[int, int], reading: Reading
) -> tuple[int, int]:
    """What a number is multiplied with and divided by to give microseconds."""
    if pa.types.is_timestamp(kind):
        return _UNITS[kind.unit]
    # The SQL expression tells it by the magnitude; between two plausible moments of one unit lies
    # none of another.
    entries = {reading.timestamp[0].path[0]: pa.array(ends, pa.int64())}
    moments = asked(expressions.moment(reading), entries).to_pylist()
    for factor, divisor in _UNITS.values():
        if moments == [end * factor // divisor for end in ends]:
            return factor, divisor
    raise _Unserved


def _text_buckets(asked: _Asked, table: pa.Table, reading: Reading) -> tuple[int, int, Codes]:
    # Of moments only those that rows have are asked for.
    codes, texts = _pairs([_codes(table, column) for column in reading.timestamp])
    moments = asked(expressions.moment(reading), texts)
    if moments.null_count:
        raise _Unserved
    at = _numbers(moments)
    first, last = int(at.min()), int(at.max())
    if last - first > _MOST_CELLS * BUCKET_US:
        raise _Unserved
    return first, last, (at // BUCKET_US - first // BUCKET_US).astype(np.int32)[codes]


def _pairs(coded: Sequence[_Coded]) -> _Coded:
    """The texts, or the pairs of texts, that rows have, and each row's number among them."""
    columns = [item for _, texts in coded for item in texts.items()]
    sizes = [len(column) for _, column in columns]
    most = math.prod(sizes)
    if most > _MOST_CELLS:
        raise _Unserved
    codes, *others = (codes for codes, _ in coded)
    for more, size in zip(others, sizes[1:], strict=True):
        codes = codes * np.int32(size) + more
    used, number = _compact(codes, most)
    at = map(column_of, np.unravel_index(used, sizes))
    return number, {name: column.take(i) for (name, column), i in zip(columns, at, strict=True)}


def _compact(values: Codes, most: int) -> tuple[np.ndarray[Any, Any], Codes]:
    """The different values, ascending, and each row's number among them; all are below `most`."""
    used = np.flatnonzero(np.bincount(values, minlength=most))
    number = np.zeros(most, np.int32)
    number[used] = np.arange(len(used), dtype=np.int32)
    return used, number[values]


def _codes(table: pa.Table, column: Column) -> _Coded:
    """Each row's number in a dictionary, and the dictionary, by the column's name."""
    chunked = table.column(column.path[0])
    whole = _one(chunked.unify_dictionaries())
    texts = whole.dictionary
    if len(texts) > _MOST_TEXTS:
        raise _Unserved
    # DuckDB takes it from here for text, so it has to be that.
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise _Unserved
    texts.validate(full=True)
    indices = whole.indices
    if whole.null_count:
        texts = pa.concat_arrays([texts, pa.nulls(1, texts.type)])
        indices = indices.fill_null(len(texts) - 1)
    return _numbers(indices), {column.path[0]: texts}


def _one(chunked: pa.ChunkedArray) -> pa.Array:
    joined = chunked.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def column_of(values: np.ndarray[Any, Any]) -> pa.Array:
    """Numbers as a column, not copied."""
    # pa.array() and to_numpy() would import pandas where that is installed, which takes as long as
    # a file.
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def _numbers(column: pa.Array) -> np.ndarray[Any, Any]:
    """The numbers of a column without nulls, not copied."""
    values = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())
    return values[column.offset : column.offset + len(column)]
