"""Parquet files as DuckDB reads them: their names, their columns, what is wrong with them."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import duckdb
from duckdb.sqltypes import DuckDBPyType

from jobs.logs import objects
from jobs.logs.reading import Column, Schema
from queries.access_log.scan import OPTIONS, pattern

# What DuckDB says of damaged files, in an operator's words.
_DAMAGE = {
    "No magic bytes": "it does not end as Parquet files do; it was cut short or is something else",
    "too small to be": "it is too small to be a Parquet file",
    "Footer length error": "its footer is damaged",
    "TProtocolException": "its metadata is damaged",
    "Out of buffer": "its pages are damaged or cut short",
    "encrypt": "it is encrypted",
}


class ExtraMissing(Exception):
    """An optional part of this program is not installed; the message names the extra."""


def attach(connection: duckdb.DuckDBPyConnection, paths: Iterable[str]) -> None:
    """Let DuckDB read those of the paths that are URLs of objects. Raises ExtraMissing."""
    if not any(map(objects.is_object, paths)):
        return
    try:
        from jobs.logs.object_handles import Reader  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing(
            "reading from an object store needs the extra s3: pip install 'cdn-httpcodes[s3]'"
        ) from error
    known = connection.list_filesystems()
    for scheme in objects.SCHEMES:
        if scheme not in known:
            connection.register_filesystem(Reader(scheme))
    # It would hand out bytes of an object that has changed since.
    connection.execute("SET enable_external_file_cache = false")


def schema(connection: duckdb.DuckDBPyConnection, path: str) -> Schema:
    """The columns of a file. Raises duckdb.Error if it can't be read."""
    scan = connection.sql(
        f"SELECT * FROM read_parquet($file, {OPTIONS})", params={"file": pattern(path)}
    )
    columns: dict[str, Column] = {}
    for name, kind in zip(scan.columns, scan.types, strict=True):
        _flatten(columns, (name,), kind)
    return columns


def damage(error: Exception) -> str:
    """Why a file can't be read, in a sentence."""
    first_line = str(error).partition("\n")[0].strip()
    for sign, meaning in _DAMAGE.items():
        if sign in first_line:
            return f"cannot be read as Parquet: {meaning}"
    return f"cannot be read as Parquet: {first_line.partition(' Error: ')[2] or first_line}"


def is_no_text(error: duckdb.Error) -> bool:
    """Whether a scan failed for bytes that are not UTF-8."""
    return "Invalid string encoding" in str(error)


def encrypted(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> set[str]:
    """Files of which some columns may be encrypted, though what columns there are is not."""
    try:
        rows = connection.execute(
            "SELECT file_name FROM parquet_file_metadata($files)"
            " WHERE encryption_algorithm IS NOT NULL",
            {"files": [pattern(path) for path in paths]},
        ).fetchall()
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        # The name of a key may be no text; what else is wrong with a file, its count will tell.
        if len(paths) == 1:
            return set(paths)
        return set().union(*(encrypted(connection, [path]) for path in paths))
    return {path for (path,) in rows}


def page_damage(path: str, columns: Sequence[Column]) -> str | None:
    """What is wrong with the pages of these columns, if the file has checksums that tell.

    A column with a pattern is looked at as a whole.

    DuckDB checks none, and bytes that changed under Zstandard or no compression mostly come out
    as other values rather than as an error.
    """
    if not _has_page_checksums(path):
        return None
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415 - slow to import

    try:
        source = objects.opened(path) if objects.is_object(path) else path
        with pq.ParquetFile(source, page_checksum_verification=True) as file:
            leaves = [file.schema.column(index).path for index in range(len(file.schema))]
            for _ in file.iter_batches(columns=_leaves_of(columns, leaves)):
                pass
    except (pa.ArrowException, OSError, ValueError) as error:
        # What else goes wrong is for DuckDB to judge.
        if "CRC checksum verification failed" in str(error):
            return "a page does not match its checksum: the file was damaged after it was written"
    return None


def _leaves_of(columns: Sequence[Column], leaves: Sequence[str]) -> list[str]:
    """The leaves of a Parquet schema that hold these columns, by their own paths."""
    found: set[str] = set()
    for column in columns:
        # What lies in a map or a list has further steps in between: all of its column is looked at.
        for place in (".".join(column.path), column.path[0]):
            below = [leaf for leaf in leaves if f"{leaf}.".startswith(f"{place}.")]
            if below:
                break
        found.update(below or leaves)
    return sorted(found)


def _has_page_checksums(path: str) -> bool:
    # The first page stands for all: its header is behind the magic bytes, in Thrift's compact
    # protocol: type, two sizes, then the checksum or no further number.
    # https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
    try:
        if objects.is_object(path):
            start = objects.opened(path).read_at(64, 0)
        else:
            with Path(path).open("rb") as file:
                start = file.read(64)
    except OSError:
        return False
    return re.match(rb"PAR1(\x15[\x80-\xff]*[\x00-\x7f]){4}", start) is not None


def _flatten(columns: dict[str, Column], path: tuple[str, ...], kind: DuckDBPyType) -> None:
    column = Column(path, str(kind))
    columns.setdefault(str(column), column)
    if kind.id == "struct":
        for name, inner in kind.children:
            # The stubs allow for enums and arrays too, whose children are no types.
            _flatten(columns, (*path, name), cast(DuckDBPyType, inner))
