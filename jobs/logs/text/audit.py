"""One pass over the bytes of a text file: how many lines there are, and whether they are whole.

DuckDB checks no checksum of gzip, and takes the end of a Zstandard file for that of its text. So
the bytes are looked at beside it: what it reads has to be what is found here.
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.logs.roles import UnreadableFile
from jobs.logs.storage import Storage

SIGNS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""How compressed files begin."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CHUNK = 1 << 20
_FEED, _RETURN = 10, 13


class Damaged(UnreadableFile):
    """A compressed stream that is cut short or does not match its checksum; says so."""


@dataclass(frozen=True)
class Audit:
    """What one pass over a file's bytes found."""

    lines: int
    """Not counting empty ones. A line ends at a line feed or a carriage return."""
    finished: bool
    """Whether the last line has an end."""


def compression(path: str, storage: Storage) -> str:
    """`none`, `gzip` or `zstd`, as the first bytes say. Raises OSError."""
    start = b"".join(_raw(path, storage, 4, most=4))
    return next((name for sign, name in SIGNS.items() if start.startswith(sign)), "none")


def start(path: str, storage: Storage, size: int) -> bytes:
    """The first bytes of a file's text, without a byte order mark. Raises OSError or Damaged."""
    kind = compression(path, storage)
    text = b"".join(_text(path, storage, kind, size, most=size))
    return text.removeprefix(BYTE_ORDER_MARK)


def beginnings(path: str, storage: Storage, sizes: Collection[int]) -> dict[int, set[str]]:
    """SHA-256 of what a file, and the text that it holds, begin with, by how many bytes of it.

    Raises OSError or Damaged.
    """
    found: dict[int, set[str]] = {size: set() for size in sizes}
    for kind in {"none", compression(path, storage)}:
        seen, digest, most = 0, hashlib.sha256(), max(sizes)
        left = iter(sorted(found))
        size = next(left)
        for piece in _text(path, storage, kind, _CHUNK, most=most):
            start = 0
            while size <= seen + len(piece):
                digest.update(piece[start : size - seen])
                found[size].add(digest.hexdigest())
                start, size = size - seen, next(left, most + 1)
            digest.update(piece[start:])
            seen += len(piece)
    return found


def audit(path: str, storage: Storage) -> Audit:
    """Look at all bytes of a file. Raises OSError or Damaged."""
    lines, after_end, mark = 0, True, BYTE_ORDER_MARK
    for chunk in _text(path, storage, compression(path, storage), _CHUNK):
        text = np.frombuffer(chunk.removeprefix(mark), np.uint8)
        mark = b""
        if not len(text):
            continue
        ends = (text == _FEED) | (text == _RETURN)
        lines += int(np.count_nonzero(ends[1:] > ends[:-1])) + int(ends[0] and not after_end)
        after_end = bool(ends[-1])
    return Audit(lines + (not after_end), after_end)


def _text(
    path: str, storage: Storage, kind: str, size: int, most: int | None = None
) -> Iterator[bytes]:
    """The text in pieces of a size, up to so many bytes."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    if kind == "none":
        yield from _raw(path, storage, size, most)
        return
    left = most
    try:
        with pa.CompressedInputStream(_opened(path, storage), kind) as stream:
            while left is None or left > 0:
                piece = stream.read(size if left is None else min(size, left))
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece
    except OSError as error:
        # The system numbers what it refuses, and the store says what it does.
        if error.errno:
            raise
        cut = "Truncated" in str(error)
        raise Damaged(
            f"its {kind} stream {'is cut short' if cut else 'is damaged'}: nothing of it counts"
        ) from error


def _raw(path: str, storage: Storage, size: int, most: int | None = None) -> Iterator[bytes]:
    left = most
    with _opened(path, storage) as file:
        while piece := file.read(size if left is None else min(size, left)):
            left = None if left is None else left - len(piece)
            yield piece
            if left == 0:
                return


def _opened(path: str, storage: Storage) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    file = storage.open(path)
    return file if storage.is_local(path) else pa.PythonFile(_Reading(file), "r")


class _Reading:
    """An object from its start to its end; the object itself stays open."""

    closed = False

    def __init__(self, file: Any) -> None:
        self._file, self._place, self._size = file, 0, file.size()

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._place
        piece: bytes = self._file.read_at(left if size < 0 else min(size, left), self._place)
        self._place += len(piece)
        return piece

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True
