"""How Parquet files are scanned by DuckDB: which files, with which options."""

import re
from collections.abc import Sequence

OPTIONS = "hive_partitioning = false, binary_as_string = true"
"""Folder names that look like columns forge nothing; text without annotation is text."""

SOURCE_FILE = "httpcodes source file"
"""The name under which a scan gives a row's file: no log's own column."""


def rows(selection: str, condition: str, paths: Sequence[str]) -> str:
    """The query for a SELECT list over rows of files; the list may name SOURCE_FILE."""
    files = ", ".join("'" + pattern(path).replace("'", "''") + "'" for path in paths)
    named = f"filename = '{SOURCE_FILE}'"
    scan = f"read_parquet([{files}], {named}, {OPTIONS})"
    return f"SELECT {selection} FROM {scan} WHERE {condition}"


def pattern(path: str) -> str:
    """A glob that matches this path only: DuckDB takes every path for a glob, but no object's."""
    if is_url(path):
        return path
    return re.sub(r"([*?\[])", r"[\1]", path)


def is_url(path: str) -> bool:
    """Whether a path names an object of a store; a local path never holds `://`."""
    return "://" in path
