"""Groups: what a file, or a part of one, holds by service, bucket and status."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.logs.arrays import column_of, numbers_of, whole

MOST_CELLS = 16_000_000
"""In a dense histogram."""

_NONE = 1_000


@dataclass(frozen=True)
class Groups:
    """What one file holds: a row for each service, bucket and status, as logged."""

    rows: pa.Table
    """The columns of counted.ROWS from service to rows."""
    first: int
    """The earliest moment of a row, microseconds since 1970 UTC."""
    last: int
    """The latest."""


def together(groups: Sequence[Groups]) -> Groups:
    """Parts of one file as one."""
    if len(groups) == 1:
        return groups[0]
    rows = pa.concat_tables([part.rows for part in groups])
    first, last = min(part.first for part in groups), max(part.last for part in groups)
    return Groups(_summed(rows), first, last)


def _summed(rows: pa.Table) -> pa.Table:
    """The same sums, in which each service, bucket and status stands once, if that is not much."""
    services = rows["service"].unify_dictionaries()
    texts = services.chunk(0).dictionary
    service = _numbers(pa.chunked_array([c.indices for c in services.chunks]), len(texts))
    bucket = numbers_of(whole(rows["bucket"]))
    # A code that is none is missing or can't be read.
    status = _numbers(rows["status_code"], _NONE)
    status[(status == _NONE) & _flags(rows["status_missing"])] += 1
    first_bucket = int(bucket.min())
    buckets = int(bucket.max()) - first_bucket + 1
    used_status = np.flatnonzero(np.bincount(status, minlength=_NONE + 2))
    position = np.zeros(_NONE + 2, np.int64)
    position[used_status] = np.arange(len(used_status))
    shape = (len(texts) + 1, buckets, len(used_status))
    if np.prod(shape, dtype=object) > MOST_CELLS:
        return rows
    key = np.ravel_multi_index((service, bucket - first_bucket, position[status]), shape)
    sums = np.zeros(np.prod(shape), np.int64)
    np.add.at(sums, key, numbers_of(whole(rows["rows"])))
    used = np.flatnonzero(sums)
    service_at, bucket_at, status_at = np.unravel_index(used, shape)
    code = used_status[status_at]
    columns = {
        "service": pa.DictionaryArray.from_arrays(
            _or_null(service_at.astype(np.int32), service_at == len(texts)), texts
        ),
        "bucket": column_of(bucket_at + first_bucket),
        "status_code": _or_null(code.astype(np.int16), code >= _NONE),
        "status_missing": pa.Array.from_buffers(
            pa.bool_(),
            len(code),
            [None, pa.py_buffer(np.packbits(code > _NONE, bitorder="little"))],
        ),
        "rows": column_of(sums[used]),
    }
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _numbers(column: pa.ChunkedArray, instead: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The numbers of a column, and another one where there is none."""
    known = whole(column)
    absent = np.zeros(len(known), bool)
    if known.null_count:
        absent = ~_flags(pa.chunked_array([known.is_valid()]))
    values = numbers_of(known).astype(np.int64)
    values[absent] = instead
    return values


def _flags(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return numbers_of(whole(column.cast(pa.uint8()))).astype(bool)


def _or_null(values: np.ndarray[Any, Any], absent: np.ndarray[Any, Any]) -> pa.Array:
    """Numbers as a column, null where they are absent."""
    column = column_of(values)
    valid = pa.py_buffer(np.packbits(~absent, bitorder="little"))
    return pa.Array.from_buffers(column.type, len(values), [valid, column.buffers()[1]])
