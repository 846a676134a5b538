"""Columns between numpy and pyarrow, not copied.

`pa.array()`, `pa.scalar()` and `to_numpy()`, and values of Python's own where pyarrow wants its
scalars, would import pandas where that is installed, which takes as long as a file.
"""

from typing import Any

import numpy as np
import pyarrow as pa


def column_of(values: np.ndarray[Any, Any]) -> pa.Array:
    """Numbers as a column."""
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def numbers_of(column: pa.Array) -> np.ndarray[Any, Any]:
    """The numbers of a column without nulls."""
    values = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())
    return values[column.offset : column.offset + len(column)]


def text_of(value: str) -> pa.Scalar:
    """A text as pyarrow's functions take it."""
    data = value.encode()
    ends = pa.py_buffer(np.array([0, len(data)], np.int32))
    return pa.StringArray.from_buffers(1, ends, pa.py_buffer(data))[0]


def whole(chunked: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    joined = chunked.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def order_of(*columns: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Where rows stand in the order of these columns of integers, the first of them above all."""
    return np.lexsort([_narrowed(values) for values in reversed(columns)])


def _narrowed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers in the same order, which numpy sorts in linear time if they lie near each other."""
    if not len(values):
        return values
    least = values.min()
    is_near = int(values.max()) - int(least) <= np.iinfo(np.uint16).max
    return (values - least).astype(np.uint16) if is_near else values
