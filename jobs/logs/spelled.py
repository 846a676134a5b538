r"""Values of a row with bytes that are no UTF-8, spelled so that each byte shows: caf\xe9."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jobs.logs.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa


def spelled(path: str, row: int, columns: Iterable[str], storage: Storage) -> dict[str, Any]:
    """What these columns hold in a row of a Parquet file, counted from 0.

    Those that hold no text, or can't be read, are left out. Raises OSError.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415 - slow to import

    values = {}
    with pq.ParquetFile(storage.open(path)) as file:
        group = 0
        while row >= (rows := file.metadata.row_group(group).num_rows):
            row, group = row - rows, group + 1
        for name in columns:
            try:
                read = file.read_row_group(group, columns=[name])
                value = read.column(0).slice(row, 1).combine_chunks()
                values[name] = _text(value.cast(_as_bytes(value.type)).to_pylist()[0])
            except (pa.ArrowException, LookupError, ValueError):
                continue
    return values


def _as_bytes(kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_as_bytes(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_as_bytes(kind.value_type)))
    if pa.types.is_map(kind):
        return pa.map_(_as_bytes(kind.key_type), _as_bytes(kind.item_type))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.large_binary()
    return kind


def _text(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, dict):
        return {name: _text(inner) for name, inner in value.items()}
    return [_text(inner) for inner in value] if isinstance(value, list) else value
