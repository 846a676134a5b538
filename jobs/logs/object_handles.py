"""Objects as DuckDB reads them: a file system in the manner of fsspec over pyarrow's.

DuckDB seeks and reads in two calls, from several threads on one handle, so each thread has a
position of its own.
"""

import threading
from datetime import UTC, datetime
from typing import Any

from fsspec import AbstractFileSystem

from jobs.logs import objects


class _Handle:
    def __init__(self, url: str, file: Any) -> None:
        self._url, self._file, self._own = url, file, threading.local()

    def seek(self, offset: int, whence: int = 0) -> int:
        self._own.position = offset
        return offset

    def tell(self) -> int:
        return int(self._own.position)

    def read(self, size: int) -> bytes:
        try:
            with objects.trouble(self._url):
                content: bytes = self._file.read_at(size, self._own.position)
        except objects.ObjectError as error:
            objects.failures[self._url] = error
            raise
        self._own.position += len(content)
        return content

    def close(self) -> None:
        # Others may still read from it.
        pass


class Reader(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Objects of one scheme, by their whole URLs."""

    cachable = False

    def __init__(self, scheme: str) -> None:
        super().__init__()
        self.protocol = scheme

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
        return datetime.fromtimestamp(0, UTC)

    def open(self, path: str, mode: str = "rb", **_: Any) -> _Handle:
        return _Handle(path, self._opened(path))

    def _opened(self, path: str) -> Any:
        try:
            return objects.opened(path)
        except objects.ObjectError as error:
            objects.failures[path] = error
            raise
