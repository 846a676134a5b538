"""Tables as sources: which files a table of Delta or Iceberg consists of now.

A source `delta:PATH` or `iceberg:PATH` is the table at that path or URL, `iceberg:CATALOG.TABLE`
one of a catalog that pyiceberg is configured for. A table's own log tells which files it is; what
else lies in its folder is its past.
"""

import os
from collections.abc import Iterable
from importlib import import_module
from typing import Any, Protocol

from jobs.logs.sources import NamedTable
from queries.failures import Failed, Misused

_LIBRARIES = {"delta": "deltalake", "iceberg": "pyiceberg"}
"""What the extras install, by the kinds of tables that they are called for."""


class TableRefused(Failed):
    """A table that can't be counted; the message says why, in a few words."""


class ExtraMissing(Misused):
    """An optional part of this program is not installed; the message names the extra."""


class Far(Protocol):
    """What readers ask of object stores."""

    def is_local(self, path: str) -> bool: ...
    def names_in(self, folder: str) -> Iterable[str]: ...
    def open(self, path: str) -> Any: ...
    def endpoint(self, path: str) -> str | None: ...


def is_table(source: str) -> bool:
    """Whether a source is a table by name."""
    kind, colon, _ = source.partition(":")
    return bool(colon) and kind in _LIBRARIES


def located(source: str) -> str:
    """The path or URL that a source names as a table; the name itself, if it is a catalog's."""
    where = source.partition(":")[2]
    return plain(where) if "/" in where or "." not in where else where


def read(source: str, far: Far) -> NamedTable:
    """The table as it is now. Raises TableRefused or ExtraMissing."""
    kind, _, where = source.partition(":")
    try:
        reader = import_module(f"jobs.logs.{kind}")
    except ImportError as error:
        raise ExtraMissing(
            f"{source} is read with {_LIBRARIES[kind]}, of the extra {kind}: "
            f"pip install 'cdn-httpcodes[{kind}]'"
        ) from error
    root, files, compactions = reader.read(where, far)
    outside = [path for path in files if not path.startswith(f"{root}/")]
    if outside:
        raise TableRefused(
            f"its file {min(outside)} lies outside of {root}, where another table may have it, too"
        )
    return NamedTable(source, root, sorted(files), compactions)


def plain(location: str) -> str:
    """A location as the ledger knows it: an absolute path, or a URL."""
    scheme, there, rest = location.partition("://")
    if there and scheme in ("s3a", "s3n"):
        location = f"s3://{rest}"
    elif scheme == "file" or location.startswith("file:"):
        location = rest if there else location.removeprefix("file:")
    return location.rstrip("/") if "://" in location else os.path.abspath(location)


def because(kind: str, error: Exception) -> TableRefused:
    """What a library says of a table that it can't read."""
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    return TableRefused(f"can't be read as {kind}: {said}")
