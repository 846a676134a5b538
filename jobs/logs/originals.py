"""Parquet files that were made of other logs, and know of which.

Such a file says in its footer which content it was made of, and seals what stands before: a
program that writes its rows anew and carries the footer's words along breaks the seal. While it
holds, the file and its original are copies of each other, whichever comes first.
"""

import hashlib
import os
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_ORIGINAL, _SEAL = "httpcodes.original", "httpcodes.seal"
_STORED = "httpcodes.original.stored"
"""What stores say of the original's content; see `jobs.logs.objects.buckets`."""
_MAGIC = b"PAR1"
_ROWS_A_GROUP = 122_880
_CHUNK = 1 << 20


def identity(file: IO[bytes], content: str) -> str:
    """What tells the content of an open file: its original's, if it is sound and names one.

    `content` is the SHA-256 of all its bytes, in hexadecimal.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 8, 0))
    end = file.read(8)
    if size < 12 or not end.endswith(_MAGIC):
        return content
    file.seek(max(size - 8 - int.from_bytes(end[:4], "little"), 0))
    if _ORIGINAL.encode() not in file.read():
        return content
    return _named(file) or content


def may_name(footer: bytes) -> bool:
    """Whether the end of a file may say of which content it was made."""
    return footer.endswith(_MAGIC) and _ORIGINAL.encode() in footer


def stored_identity(file: IO[bytes], content: str) -> str:
    """The same of an object: what a store says of its original."""
    return _named(file, _STORED) or content


def _named(file: IO[bytes], what: str = _ORIGINAL) -> str | None:
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415 - slow to import

    file.seek(0)
    try:
        metadata = pq.read_metadata(file)
        said = metadata.metadata or {}
        original = said[what.encode()].decode()
        length, _, _ = said[_SEAL.encode()].decode().partition(" ")
        held = _seal(file, int(length), metadata.num_rows)
        return original if held == said[_SEAL.encode()].decode() else None
    except (pa.ArrowException, OSError, KeyError, ValueError):
        return None


def _seal(file: IO[bytes], length: int, rows: int) -> str:
    """What stands before the footer, in one word: more rows behind it would break it, too."""
    held = hashlib.sha256()
    file.seek(0)
    for position in range(0, length, _CHUNK):
        held.update(file.read(min(_CHUNK, length - position)))
    return f"{length} {rows} {held.hexdigest()}"


class _Sealing:
    """A file that is written, and the hash of what was written so far."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._length = 0

    def write(self, content: bytes) -> int:
        self._hash.update(content)
        self._length += len(content)
        return self._file.write(content)

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        pass

    def seal(self, rows: int) -> str:
        return f"{self._length} {rows} {self._hash.hexdigest()}"


def write(
    batches: "pa.RecordBatchReader", file: IO[bytes], original: str, stored: str | None = None
) -> int:
    """Write rows as Parquet that knows its original; how many these are. Raises OSError.

    `stored` is what a store of objects says of the original, if that is something else.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415 - slow to import

    sealing = _Sealing(file)
    rows = 0
    with pq.ParquetWriter(sealing, batches.schema, compression="zstd", store_schema=False) as made:
        for group in _groups(batches):
            made.write_table(pa.Table.from_batches(group), row_group_size=_ROWS_A_GROUP)
            rows += sum(batch.num_rows for batch in group)
        made.add_key_value_metadata(
            {_ORIGINAL: original, _STORED: stored or original, _SEAL: sealing.seal(rows)}
        )
    return rows


def _groups(batches: Iterable["pa.RecordBatch"]) -> Iterable[list["pa.RecordBatch"]]:
    """Batches of as many rows as a row group takes, whatever sizes they come in."""
    group: list[pa.RecordBatch] = []
    left = _ROWS_A_GROUP
    for batch in batches:
        start = 0
        while batch.num_rows - start >= left:
            yield [*group, batch.slice(start, left)]
            start += left
            group, left = [], _ROWS_A_GROUP
        if start < batch.num_rows:
            group.append(batch.slice(start))
            left -= batch.num_rows - start
    if group:
        yield group
