"""How Parquet files are scanned by DuckDB: which files, with which options."""

from collections.abc import Sequence

from queries.access_log import raw_copy
from queries.quoting import glob_of, literal

OPTIONS = "hive_partitioning = false, binary_as_string = true"
"""Folder names that look like columns forge nothing; text without annotation is text."""

SOURCE_FILE = "httpcodes source file"
"""The name under which a scan gives a row's file: no log's own column."""
ROW = "httpcodes row"
"""The name under which some scans give a row's number in its file, from 0."""
RESERVED = "httpcodes "
"""How names begin that only we give to columns."""


def read(named: str, text: str | None = None) -> str:
    """A scan of {files} that gives a row's file under this name.

    Text that is not UTF-8 fails it, or takes the turn that DuckDB 2 knows by the name `text`.
    """
    validation = f", utf8_validation = '{text}'" if text else ""
    return f"read_parquet({{files}}, filename = '{named}', {OPTIONS}{validation})"


def of_any_version(strict: str, lenient: str) -> str:
    """A table function that is one of two queries: DuckDB 1 knows only strict scans."""
    old, new = literal(strict), literal(lenient)
    return f"query(CASE WHEN starts_with(version(), 'v1.') THEN {old} ELSE {new} END)"


def rows(selection: str, condition: str, paths: Sequence[str], scan: str | None = None) -> str:
    """The query for a SELECT list over rows of files; the list may name SOURCE_FILE."""
    return f"SELECT {selection} FROM {files(paths, scan=scan)} WHERE {condition}"


def files(paths: Sequence[str], copies: str | None = None, scan: str | None = None) -> str:
    """The rows of files as a FROM clause, with SOURCE_FILE.

    `copies` is the folder that some of the files are copies in, whose originals they name; `scan`
    is how {files} are read, if not in the usual way.
    """
    listed = ", ".join(literal(pattern(path)) for path in paths)
    # Inside the text of a query.
    within = literal(f"[{listed}]")[1:-1]
    found = (scan or _USUAL).replace("{files}", within)
    if not copies:
        return found
    original = raw_copy.original(f'"{SOURCE_FILE}"', copies)
    return f'(SELECT * REPLACE ({original} AS "{SOURCE_FILE}") FROM {found})'


_USUAL = of_any_version(f"FROM {read(SOURCE_FILE)}", f"FROM {read(SOURCE_FILE, 'replace')}")


def _numbered(text: str | None = None) -> str:
    return f'SELECT *, file_row_number AS "{ROW}" FROM {read(SOURCE_FILE, text)}'


NUMBERED = of_any_version(_numbered(), _numbered("replace"))
"""The usual scan, with ROW; of files without a column that DuckDB calls as it does the number."""


def pattern(path: str) -> str:
    """A glob that matches this path only: DuckDB takes every path for a glob, but no object's."""
    return path if is_url(path) else glob_of(path)


def is_url(path: str) -> bool:
    """Whether a path names an object of a store; a local path never holds `://`."""
    return "://" in path
