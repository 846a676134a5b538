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
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.counts.groups import MOST_CELLS, Groups, together
from jobs.counts.meanings import Meanings
from jobs.counts.rollup import BUCKET_US
from jobs.logs import expressions
from jobs.logs.arrays import column_of, numbers_of, whole
from jobs.logs.columns import Column
from jobs.logs.reading import Reading

MOST_ROWS = 2_000_000
"""That are decoded at a time, if not less are asked for."""
BYTES_A_ROW = 32
"""That decoding takes, about."""

_MOST_TEXTS = 200_000
# Texts that are in a dictionary take a few bits a row, others their length.
_MOST_BYTES_A_TEXT = 6
_UNITS = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}

_NO_STATUS = 1_000

Codes = np.ndarray[Any, np.dtype[np.int32]]
Numbers = np.ndarray[Any, np.dtype[np.intp]]
_Coded = tuple[Codes, Mapping[str, pa.Array]]


class _Unserved(Exception):
    """Something that SQL has to decide."""


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
    return alone and itself and not column.twins and not column.others


def _is_integer(column: Column) -> bool:
    return column.type.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")


def _is_moment(reading: Reading) -> bool:
    first, *others = reading.timestamp
    if all(column.type == "VARCHAR" for column in reading.timestamp):
        return True
    has_zone = first.type == "TIMESTAMP WITH TIME ZONE"
    is_timestamp = first.type.startswith("TIMESTAMP") and (has_zone or reading.zone is None)
    return not others and (is_timestamp or first.type == "BIGINT")


class Part(NamedTuple):
    """What of a file is counted, and how."""

    row_groups: Sequence[int] | None = None
    """None: all of them."""
    most_rows: int = MOST_ROWS
    """That are decoded at a time."""


EVERYTHING = Part()


def count(
    meanings: Meanings,
    source: Any,
    reading: Reading,
    plausible: tuple[int, int],
    part: Part = EVERYTHING,
) -> Groups | None:
    """Count a file (a path, or what pyarrow reads from), or None if it is SQL's to count.

    The moments of all rows have to lie within `plausible`, microseconds since 1970 UTC, the end
    exclusive.
    """
    if not serves(reading):
        return None
    try:
        with pq.ParquetFile(
            source, read_dictionary=_texts(reading), page_checksum_verification=True
        ) as file:
            _check_sizes(file.metadata, reading)
            tables = _tables(file, reading, part)
            whole_file = together([_part(meanings, table, reading) for table in tables])
    except duckdb.InterruptException:
        raise
    except (_Unserved, pa.ArrowException, duckdb.Error, OSError, MemoryError):
        # What is wrong with a file, or with the machine, is for a scan to meet and to judge.
        return None
    if not plausible[0] <= whole_file.first <= whole_file.last < plausible[1]:
        return None
    return whole_file


def _texts(reading: Reading) -> list[str]:
    columns = [reading.service, *reading.timestamp, reading.status]
    return [column.path[0] for column in columns if column and column.type == "VARCHAR"]


def _check_sizes(metadata: pq.FileMetaData, reading: Reading) -> None:
    sizes = dict.fromkeys(_texts(reading), 0)
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema in sizes:
                sizes[column.path_in_schema] += column.total_uncompressed_size
            # As nanoseconds in 64 bits, moments of far years would come out as others.
            if column.physical_type == "INT96":
                raise _Unserved
    # Of all groups together: in a short last one the dictionary outweighs the rows.
    if max(sizes.values(), default=0) > _MOST_BYTES_A_TEXT * metadata.num_rows:
        raise _Unserved


def portions(metadata: pq.FileMetaData, most_rows: int) -> list[list[int]]:
    """The row groups of a file, in order, as many together as have so many rows; at least one."""
    portions: list[list[int]] = []
    rows = most_rows
    for group in range(metadata.num_row_groups):
        more = metadata.row_group(group).num_rows
        if rows + more > most_rows:
            portions.append([])
            rows = 0
        portions[-1].append(group)
        rows += more
    return portions


def _tables(file: pq.ParquetFile, reading: Reading, part: Part) -> Iterator[pa.Table]:
    columns = [reading.service, *reading.timestamp, reading.status]
    names = list(dict.fromkeys(column.path[0] for column in columns if column))
    if file.metadata.num_rows == 0:
        raise _Unserved
    groups, most = part
    for some in portions(file.metadata, most) if groups is None else [groups]:
        if sum(file.metadata.row_group(group).num_rows for group in some) <= most:
            yield file.read_row_groups(some, columns=names, use_threads=False)
            continue
        for batch in file.iter_batches(most, some, names, use_threads=False):
            yield pa.Table.from_batches([batch])


def _part(meanings: Meanings, table: pa.Table, reading: Reading) -> Groups:
    services, service = _service(meanings, table, reading)
    statuses, status = _status(meanings, table, reading)
    status_codes, missing = _meaning(meanings, statuses, reading)
    first, last, bucket = _buckets(meanings, table, reading)
    first_bucket = first // BUCKET_US
    buckets = last // BUCKET_US - first_bucket + 1
    cells = len(services) * buckets * len(statuses)
    if cells > MOST_CELLS:
        raise _Unserved
    bucket *= len(statuses)
    bucket += status
    # What can be multiplied once an entry is not multiplied once a row.
    bucket += (np.arange(len(services)) * (buckets * len(statuses))).take(service)
    histogram = np.bincount(bucket, minlength=cells)
    used = np.flatnonzero(histogram)
    above, status_at = np.divmod(used, len(statuses))
    service_at, bucket_at = np.divmod(above, buckets)
    rows = {
        "service": _named(service_at, services),
        "bucket": column_of(bucket_at + first_bucket),
        "status_code": status_codes.take(column_of(status_at)),
        "status_missing": missing.take(column_of(status_at)),
        "rows": column_of(histogram[used]),
    }
    return Groups(pa.Table.from_arrays(list(rows.values()), names=list(rows)), first, last)


def _named(numbers: np.ndarray[Any, Any], services: pa.Array) -> pa.DictionaryArray:
    places = column_of(numbers.astype(np.int32))
    if services.null_count:
        # No dictionary that holds a null can be joined with another.
        return services.take(places).dictionary_encode()
    return pa.DictionaryArray.from_arrays(places, services)


def _service(meanings: Meanings, table: pa.Table, reading: Reading) -> tuple[pa.Array, Codes]:
    """The services as logged, and each row's number among them."""
    if reading.service is None:
        named = meanings.asked(
            expressions.service(reading), {"one": column_of(np.zeros(1, np.int32))}
        )
        return named, np.zeros(1, np.int32)
    codes, texts = _codes(table, reading.service)
    return meanings.asked(expressions.service(reading), texts), codes


def _status(meanings: Meanings, table: pa.Table, reading: Reading) -> tuple[pa.Array, Codes]:
    """The statuses as logged, and each row's number among them."""
    if reading.status.type == "VARCHAR":
        codes, texts = _codes(table, reading.status)
        return meanings.asked(expressions.status(reading), texts), codes
    column = whole(table.column(reading.status.path[0]))
    ends = pc.min_max(column).as_py()
    if ends["min"] is None or ends["min"] < 0 or ends["max"] >= _NO_STATUS:
        raise _Unserved
    known = column.cast(pa.int32()).fill_null(_NO_STATUS) if column.null_count else column
    values = numbers_of(known)
    used, number = _compact(values, _NO_STATUS + 1)
    logged = column_of(used[used < _NO_STATUS].astype(np.int16))
    none = pa.nulls(len(used) - len(logged), logged.type)
    return pa.concat_arrays([logged, none]), number


def _meaning(meanings: Meanings, statuses: pa.Array, reading: Reading) -> tuple[pa.Array, pa.Array]:
    """The status code of each status, and whether it says nothing."""
    code = expressions.status_code(reading, "status")
    both = f"{{code: {code}, missing: coalesce(CAST(status AS VARCHAR), '') IN ('', '-')}}"
    return tuple(meanings.asked(both, {"status": statuses}).flatten())


def _buckets(meanings: Meanings, table: pa.Table, reading: Reading) -> tuple[int, int, Numbers]:
    """The first and last moment, and each row's bucket, counted from the first one's."""
    if reading.timestamp[0].type == "VARCHAR":
        return _text_buckets(meanings, table, reading)
    column = table.column(reading.timestamp[0].path[0])
    if column.null_count or not len(column):
        raise _Unserved
    # Piece by piece, as it was decoded: that is faster than to make one of them.
    pieces = [numbers_of(piece.view(pa.int64())) for piece in column.chunks if len(piece)]
    ends = min(int(some.min()) for some in pieces), max(int(some.max()) for some in pieces)
    factor, divisor = _unit(meanings, column.type, ends, reading)
    first, last = (end * factor // divisor for end in ends)
    step = BUCKET_US * divisor // factor
    # As bincount wants them; others it copies.
    bucket = np.empty(len(column), np.intp)
    begin = 0
    for values in pieces:
        some = bucket[begin : begin + len(values)]
        np.subtract(values, ends[0] // step * step, out=some)
        np.floor_divide(some, step, out=some)
        begin += len(values)
    return first, last, bucket


def _unit(
    meanings: Meanings, kind: pa.DataType, ends: tuple[int, int], reading: Reading
) -> tuple[int, int]:
    """What a number is multiplied with and divided by to give microseconds."""
    if pa.types.is_timestamp(kind):
        return _UNITS[kind.unit]
    # The SQL expression tells it by the magnitude; between two plausible moments of one unit lies
    # none of another.
    entries = {reading.timestamp[0].path[0]: pa.array(ends, pa.int64())}
    moments = meanings.asked(expressions.moment(reading), entries).to_pylist()
    for factor, divisor in _UNITS.values():
        if moments == [end * factor // divisor for end in ends]:
            return factor, divisor
    raise _Unserved


def _text_buckets(
    meanings: Meanings, table: pa.Table, reading: Reading
) -> tuple[int, int, Numbers]:
    # Of moments only those that rows have are asked for.
    codes, texts = _pairs([_codes(table, column) for column in reading.timestamp])
    moments = meanings.asked(expressions.moment(reading), texts)
    if moments.null_count:
        raise _Unserved
    at = numbers_of(moments)
    first, last = int(at.min()), int(at.max())
    if last - first > MOST_CELLS * BUCKET_US:
        raise _Unserved
    return first, last, (at // BUCKET_US - first // BUCKET_US).astype(np.intp)[codes]


def _pairs(coded: Sequence[_Coded]) -> _Coded:
    """The texts, or the pairs of texts, that rows have, and each row's number among them."""
    columns = [item for _, texts in coded for item in texts.items()]
    sizes = [len(column) for _, column in columns]
    most = math.prod(sizes)
    if most > MOST_CELLS:
        raise _Unserved
    codes, *others = (codes for codes, _ in coded)
    for more, size in zip(others, sizes[1:], strict=True):
        codes = codes * np.int32(size) + more
    used, number = _compact(codes, most)
    at = map(column_of, np.unravel_index(used, sizes))
    return number, {name: column.take(i) for (name, column), i in zip(columns, at, strict=True)}


def _compact(values: Codes, most: int) -> tuple[np.ndarray[Any, Any], Codes]:
    """The different values, ascending, and each row's number among them; all are below `most`."""
    seen = np.zeros(most, bool)
    seen[values] = True
    used = np.flatnonzero(seen)
    number = np.zeros(most, np.int32)
    number[used] = np.arange(len(used), dtype=np.int32)
    return used, number.take(values)


def _codes(table: pa.Table, column: Column) -> _Coded:
    """Each row's number in a dictionary, and the dictionary, by the column's name."""
    chunked = table.column(column.path[0])
    coded = whole(chunked.unify_dictionaries())
    texts = coded.dictionary
    # DuckDB takes it from here for text, so it has to be that.
    is_text = pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)
    if len(texts) > _MOST_TEXTS or not is_text:
        raise _Unserved
    texts.validate(full=True)
    indices = coded.indices
    if coded.null_count:
        texts = pa.concat_arrays([texts, pa.nulls(1, texts.type)])
        indices = indices.fill_null(len(texts) - 1)
    return numbers_of(indices), {column.path[0]: texts}
