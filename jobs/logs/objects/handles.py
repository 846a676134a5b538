"""Objects as DuckDB reads them: a file system in the manner of fsspec.

DuckDB seeks and reads in two calls, from several threads on one handle: where a thread has sought
to holds for its next read alone. Compressed files it reads from their start to their end, without
seeking, and from whichever thread is at hand: such a read goes on where the last one ended.
"""

import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

from fsspec import AbstractFileSystem


class _Origin(Protocol):
    """Where the bytes come from."""

    def open(self, path: str) -> Any: ...
    def noting_failure(self, path: str) -> AbstractContextManager[None]: ...


class _Handle:
    def __init__(self, url: str, file: Any, origin: _Origin) -> None:
        self._url, self._file, self._origin = url, file, origin
        self._sought = threading.local()
        self._end = 0
        """Of the last read."""

    def seek(self, offset: int, whence: int = 0) -> int:
        self._sought.position = offset
        return offset

    def tell(self) -> int:
        return int(getattr(self._sought, "position", self._end))

    def read(self, size: int) -> bytes:
        start = self.tell()
        vars(self._sought).pop("position", None)
        with self._origin.noting_failure(self._url):
            content: bytes = self._file.read_at(size, start)
        self._end = start + len(content)
        return content

    def close(self) -> None:
        # Others may still read from it.
        pass


class Reader(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Objects of one scheme, by their whole URLs."""

    cachable = False

    def __init__(self, scheme: str, origin: _Origin) -> None:
        super().__init__()
        self.protocol = scheme
        self._origin = origin

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def unstrip_protocol(self, path: str) -> str:
        return path

    def glob(self, path: str, **_: Any) -> list[str]:
        # A key may hold what elsewhere is a wildcard.
        return [path]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": self._opened(path).size(), "type": "file"}

    def modified(self, path: str) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC)

    def open(self, path: str, mode: str = "rb", **_: Any) -> _Handle:
        return _Handle(path, self._opened(path), self._origin)

    def _opened(self, path: str) -> Any:
        with self._origin.noting_failure(path):
            return self._origin.open(path)
