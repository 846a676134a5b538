"""Parquet files as DuckDB reads them: their names, their columns, what is wrong with them."""

import re
from typing import cast

import duckdb
from duckdb.sqltypes import DuckDBPyType

from jobs.access_log import Column, Schema

OPTIONS = "hive_partitioning = false, binary_as_string = true"
"""Folder names that look like columns forge nothing; text without annotation is text."""

# What DuckDB says of damaged files, in an operator's words.
_DAMAGE = {
    "No magic bytes": "it does not end as Parquet files do; it was cut short or is something else",
    "too small to be": "it is too small to be a Parquet file",
    "Footer length error": "its footer is damaged",
    "TProtocolException": "its metadata is damaged",
    "Out of buffer": "its pages are damaged or cut short",
    "encrypt": "it is encrypted",
    "failed to allocate": "it asks for more memory than the run may use; it may be damaged",
}


def pattern(path: str) -> str:
    """A glob that matches this path only: DuckDB takes every path for a glob."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def schema(connection: duckdb.DuckDBPyConnection, path: str) -> Schema:
    """The columns of a file. Raises duckdb.Error if it can't be read."""
    scan = connection.sql(
        f"SELECT * FROM read_parquet($file, {OPTIONS})", params={"file": pattern(path)}
    )
    columns: dict[str, Column] = {}
    for name, kind in zip(scan.columns, scan.types, strict=True):
        _flatten(columns, (name,), kind)
    return columns


def damage(error: duckdb.Error) -> str:
    """Why a file can't be read, in a sentence."""
    first_line = str(error).partition("\n")[0].strip()
    for sign, meaning in _DAMAGE.items():
        if sign in first_line:
            return f"cannot be read as Parquet: {meaning}"
    return f"cannot be read as Parquet: {first_line.partition(' Error: ')[2] or first_line}"


def _flatten(columns: dict[str, Column], path: tuple[str, ...], kind: DuckDBPyType) -> None:
    column = Column(path, str(kind))
    columns.setdefault(str(column), column)
    if kind.id == "struct":
        for name, inner in kind.children:
            # The stubs allow for enums and arrays too, whose children are no types.
            _flatten(columns, (*path, name), cast(DuckDBPyType, inner))
