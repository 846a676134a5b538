"""How Parquet files are scanned by DuckDB: which files, with which options."""

import re
from collections.abc import Sequence

from queries.access_log import raw_copy

OPTIONS = "hive_partitioning = false, binary_as_string = true"
"""Folder names that look like columns forge nothing; text without annotation is text."""

SOURCE_FILE = "httpcodes source file"
"""The name under which a scan gives a row's file: no log's own column."""
_COPY = "httpcodes copy"
_MAGIC = re.compile(r"([*?\[])")


def rows(selection: str, condition: str, paths: Sequence[str]) -> str:
    """The query for a SELECT list over rows of files; the list may name SOURCE_FILE."""
    return f"SELECT {selection} FROM {files(paths)} WHERE {condition}"


def files(paths: Sequence[str], copies: str | None = None) -> str:
    """The rows of files as a FROM clause, with SOURCE_FILE.

    `copies` is the folder that some of the files are copies in, whose originals they name.
    """
    listed = ", ".join("'" + pattern(path).replace("'", "''") + "'" for path in paths)
    named = _COPY if copies else SOURCE_FILE
    scan = f"read_parquet([{listed}], filename = '{named}', {OPTIONS})"
    if not copies:
        return scan
    original = raw_copy.original(f'"{_COPY}"', copies)
    return f'(SELECT * EXCLUDE ("{_COPY}"), {original} AS "{SOURCE_FILE}" FROM {scan})'


def pattern(path: str) -> str:
    """A glob that matches this path only: DuckDB takes every path for a glob, but no object's."""
    return path if is_url(path) else _MAGIC.sub(r"[\1]", path)


def is_url(path: str) -> bool:
    """Whether a path names an object of a store; a local path never holds `://`."""
    return "://" in path
