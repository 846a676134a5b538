"""Whether a file is Parquet or text, and what its columns are either way."""

import duckdb

from jobs.logs import parquet
from jobs.logs.columns import Schema
from jobs.logs.options import ReadingOptions
from jobs.logs.reading import Reading, choose
from jobs.logs.storage import Storage
from jobs.logs.text import layout, relation
from jobs.logs.text.lines import Way


def is_text(path: str, options: ReadingOptions, storage: Storage) -> bool:
    """Whether a file is to be read as text: as the caller says, else as its first bytes do.

    A file that is called Parquet is, unless the caller says otherwise. Raises OSError.
    """
    if options.kind not in (None, "parquet", "auto"):
        return True
    is_called_parquet = options.kind is None and path.lower().endswith(".parquet")
    if options.kind == "parquet" or is_called_parquet:
        return False
    return not parquet.has_sign(path, storage)


def look(path: str, options: ReadingOptions, storage: Storage) -> layout.Layout:
    """How a text file is laid out. Raises UnreadableFile or OSError."""
    return layout.look(path, storage, options.kind, options.pattern)


def schema(
    connection: duckdb.DuckDBPyConnection, path: str, options: ReadingOptions, storage: Storage
) -> Schema:
    """The columns of a file. Raises UnreadableFile, duckdb.Error or OSError if it can't be read."""
    if is_text(path, options, storage):
        return look(path, options, storage).schema
    return parquet.schema(connection, path)


def read_lines(file_layout: layout.Layout, options: ReadingOptions, way: Way) -> Reading:
    """How files of a layout are read. Raises UnreadableFile."""
    if file_layout.kind == "empty":
        return relation.nothing(file_layout, options)
    return relation.as_text(choose(file_layout.schema, options), file_layout, way)
