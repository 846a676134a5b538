"""Parquet files as DuckDB reads them: their names, their columns, what is wrong with them."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import duckdb
from duckdb.sqltypes import DuckDBPyType

from jobs.logs.columns import Column, Schema
from jobs.logs.storage import Storage
from queries.access_log.scan import OPTIONS, pattern

# What DuckDB says of damaged files, in an operator's words.
_DAMAGE = {
    "No magic bytes": "it does not end as Parquet files do; it was cut short or is something else",
    "too small to be": "it is too small to be a Parquet file",
    "Footer length error": "its footer is damaged",
    "TProtocolException": "its metadata is damaged",
    "Out of buffer": "its pages are damaged or cut short",
    "encrypt": "it is encrypted",
    "Could not convert Timestamp": "a timestamp lies outside of the years -290307 to 294246; "
    "write the file again without it",
}
_OTHER_KINDS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"BZh": "bzip2",
    b"PK\x03\x04": "a ZIP archive",
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
    b"ARROW1": "an Arrow file",
}


def schema(connection: duckdb.DuckDBPyConnection, path: str) -> Schema:
    """The columns of a file. Raises duckdb.Error if it can't be read."""
    file = {"file": pattern(path)}
    scan = connection.sql(f"SELECT * FROM read_parquet($file, {OPTIONS})", params=file)
    known = list(zip(scan.columns, scan.types, strict=True))
    elements = _as_known(known)
    if _is_renamed(elements):
        rows = connection.execute(
            "SELECT name, coalesce(num_children, 0) FROM parquet_schema($file)", file
        ).fetchall()
        ((_, elements),) = _tree(iter(rows), 1)
    columns: dict[str, Column] = {}
    _flatten(columns, known, elements)
    return columns


def damage(error: Exception, path: str, storage: Storage) -> str:
    """Why a file can't be read, in a sentence."""
    if kind := _other_kind(path, storage):
        return f"cannot be read as Parquet: it is {kind}"
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


def promised(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[str], storage: Storage
) -> dict[str, int]:
    """How many rows the footers of these files say, by path."""
    try:
        rows = connection.execute(
            "SELECT file_name, num_rows FROM parquet_file_metadata($files)",
            {"files": [pattern(path) for path in paths]},
        ).fetchall()
    except duckdb.InvalidInputException:
        # The name of a key may be no text, on which DuckDB stumbles.
        import pyarrow.parquet as pq  # noqa: PLC0415 - slow to import

        if len(paths) == 1:
            return {paths[0]: pq.read_metadata(storage.open(paths[0])).num_rows}
        return {
            path: n for one in paths for path, n in promised(connection, [one], storage).items()
        }
    return dict(rows)


def _other_kind(path: str, storage: Storage) -> str | None:
    """What the first bytes say that a file is, if it is no Parquet."""
    try:
        start = _start(path, storage)
    except OSError:
        return None
    if start.startswith((b"PAR1", b"PARE")) or not start:
        return None
    for sign, kind in _OTHER_KINDS.items():
        if start.startswith(sign):
            return kind
    return "text" if re.fullmatch(rb"[\t\n\r\x20-\x7e\x80-\xff]+", start) else None


def has_sign(path: str, storage: Storage) -> bool:
    """Whether a file begins as Parquet does. Raises OSError."""
    return _start(path, storage).startswith((b"PAR1", b"PARE"))


def page_damage(
    path: str,
    columns: Sequence[Column],
    storage: Storage,
    row_groups: Sequence[int] | None = None,
) -> str | None:
    """What is wrong with the pages of these columns, if the file has checksums that tell.

    All of the file's are looked at, or those of some row groups.

    A column with a pattern is looked at as a whole. Raises OSError or MemoryError if it is the
    machine that failed: then nothing is known.

    DuckDB checks none, and bytes that changed under Zstandard or no compression mostly come out
    as other values rather than as an error.
    """
    if not _has_page_checksums(path, storage):
        return None
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415 - slow to import

    try:
        with pq.ParquetFile(storage.open(path), page_checksum_verification=True) as file:
            leaves = [file.schema.column(index).path for index in range(len(file.schema))]
            wanted = _leaves_of(columns, leaves)
            for _ in file.iter_batches(row_groups=row_groups, columns=wanted):
                pass
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        # Damage comes as an OSError too, but the system numbers what it refuses.
        if isinstance(error, OSError) and error.errno:
            raise
        # What else goes wrong is for DuckDB to judge.
        if "CRC checksum verification failed" in str(error):
            return "a page does not match its checksum: the file was damaged after it was written"
    return None


def _leaves_of(columns: Sequence[Column], leaves: Sequence[str]) -> list[str]:
    """The leaves of a Parquet schema that hold these columns, by their own paths."""
    found: set[str] = set()
    for column in columns:
        # What lies in a map or a list has further steps in between: all of its column is looked at.
        for path in (".".join(column.path), column.path[0]):
            below = [leaf for leaf in leaves if f"{leaf}.".startswith(f"{path}.")]
            if below:
                break
        found.update(below or leaves)
    return sorted(found)


def _has_page_checksums(path: str, storage: Storage) -> bool:
    # The first page stands for all: its header is behind the magic bytes, in Thrift's compact
    # protocol: type, two sizes, then the checksum or no further number.
    # https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
    return re.match(rb"PAR1(\x15[\x80-\xff]*[\x00-\x7f]){4}", _start(path, storage)) is not None


def _start(path: str, storage: Storage) -> bytes:
    start: bytes = storage.open(path).read_at(64, 0)
    return start


class _Element(NamedTuple):
    """What the file itself calls a column, and those inside it."""

    name: str
    children: "list[_Element]"


def _as_known(known: Sequence[tuple[str, DuckDBPyType]]) -> list[_Element]:
    """The columns as DuckDB calls them."""
    return [
        _Element(name, _as_known(_inside(kind)) if kind.id == "struct" else [])
        for name, kind in known
    ]


def _is_renamed(elements: Sequence[_Element]) -> bool:
    """Whether a name may be one that DuckDB gave to the second of two that are one to it."""
    names = {element.name.lower() for element in elements}
    return any(
        re.sub(r"_\d+$", "", name) in names for name in names if re.search(r"._\d+$", name)
    ) or any(_is_renamed(element.children) for element in elements)


def _inside(struct: DuckDBPyType) -> Sequence[tuple[str, DuckDBPyType]]:
    # The stubs allow for enums and arrays too, whose children are no types.
    return cast(Sequence[tuple[str, DuckDBPyType]], struct.children)


def _tree(rows: Iterator[tuple[str, int]], count: int) -> list[_Element]:
    """The next so many elements of a schema, of which each is followed by its children."""
    elements = []
    for _ in range(count):
        name, children = next(rows)
        elements.append(_Element(name, _tree(rows, children)))
    return elements


def _flatten(
    columns: dict[str, Column],
    known: Sequence[tuple[str, DuckDBPyType]],
    elements: Sequence[_Element],
    above: Column | None = None,
) -> None:
    """Add columns by the names that the file has, in which case tells them apart.

    DuckDB renames all but the first of those that differ in case only: that one stands for all.
    """
    path, prefix = (above.path, f"{above}.") if above else ((), "")
    seen: set[str] = set()
    for (step, kind), element in zip(known, elements, strict=True):
        folded = element.name.lower()
        if folded in seen:
            continue
        seen.add(folded)
        alike = [f"{prefix}{other.name}" for other in elements if other.name.lower() == folded]
        column = Column(
            (*path, step),
            str(kind),
            name=alike[0] if step != element.name or (above and above.name) else None,
            twins=tuple(alike) if len(alike) > 1 else above.twins if above else (),
        )
        columns.setdefault(str(column), column)
        if kind.id == "struct":
            _flatten(columns, _inside(kind), element.children, column)
