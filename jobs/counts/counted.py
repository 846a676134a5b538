"""Counted: what a batch of files gave, before anybody decides what it means for the store.

Whatever counts makes one, in this process or elsewhere; all that follows takes one and asks not
where it came from.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from jobs.counts.contents import Content
from jobs.logs.reading import Reading
from queries.statements import statements

ROWS = pa.schema(
    [
        ("file", pa.int32()),
        ("service", pa.string()),
        ("bucket", pa.int64()),
        ("status_code", pa.int16()),
        ("status_missing", pa.bool_()),
        ("rows", pa.int64()),
        ("first_moment", pa.int64()),
        ("last_moment", pa.int64()),
    ]
)
"""Rows of logs by what they say.

file            which of the files, from 0
service         text as logged, at most 513 characters; it may be a dictionary of such texts. Null
                where the path names it
bucket          which 300 s since 1970 UTC; or timeless(), unreadable(), or broken() of a line
status_code     0 to 999; null if there is none
status_missing  whether that is because the log says nothing
rows            how many
first_moment    microseconds since 1970 UTC, of a time that could be read. Over a file's rows the
last_moment     least and the greatest hold; a single row may leave them open (null)
"""

PASSED_OVER = pa.schema([("file", pa.int32()), ("reason", pa.string()), ("rows", pa.int64())])
"""Rows that are no requests of clients, by what they are; with ROWS they are all of a file."""


@dataclass(frozen=True)
class Counted:
    """Some files of one kind that were read in the same way, and their rows."""

    kind: str
    """A digest of the files' columns."""
    reading: Reading
    contents: Mapping[int, Content]
    """The files by their numbers; rows of other numbers count nowhere."""
    rows: pa.Table
    """As ROWS."""
    passed_over: pa.Table
    """As PASSED_OVER."""


@dataclass(frozen=True)
class Unusable:
    """A file that can't be counted, by its own fault: a verdict, which holds until it changes."""

    content: Content
    reason: str


@dataclass(frozen=True)
class PutOff:
    """A file that could not be read this time, by no fault of its own; the next run tries again."""

    content: Content
    reason: str
    everywhere: bool = False
    """Whether every other file would meet with the same trouble."""


@dataclass(frozen=True)
class UnderWay:
    """How far a file is that is counted in parts; what it gave comes when all of them are done."""

    content: Content
    bytes_done: int
    rows_read: int


def define_words(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the session the macros missing(value), timeless(), unreadable() and broken()."""
    connection.execute(statements(__name__)["macros"])
