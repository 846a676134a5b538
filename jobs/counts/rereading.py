"""Known files read again, wherever that is: what lies at their paths now, and what it counts to."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from jobs.counts.recount import COUNTED, as_logged
from jobs.logs import parquet
from jobs.logs.storage import Storage
from jobs.logs.text.audit import audit
from queries.access_log import scan
from queries.access_log.text import BROKEN
from queries.statements import statements

REREAD = pa.schema([("head", pa.string()), *COUNTED])
"""Heads, one a file: JSON in `head`, and its path. Then rows, as COUNTED."""

_SQL = statements(__name__)


@dataclass(frozen=True)
class Known:
    """A file in force, and the way in which it was read."""

    path: str
    fingerprint: str
    selection: str
    condition: str
    scan: str | None
    is_text: bool
    by_line: bool
    """Of text: whether each line is a row, or none."""


@dataclass
class Reread:
    """What was found at paths."""

    fingerprints: dict[str, str] = field(default_factory=dict)
    """Of what lies there now; or that it is unreadable, and why."""
    promised: dict[str, int] = field(default_factory=dict)
    """How many rows a footer says that there are, or lines of text."""
    counted: pa.Table = field(default_factory=COUNTED.empty_table)


Rereader = Callable[[Storage, Sequence[Known]], Reread]


def known(connection: duckdb.DuckDBPyConnection, paths: Collection[str]) -> list[Known]:
    """How the files in force at these paths were read."""
    asked = {"paths": list(paths), "broken": BROKEN}
    return [Known(*row) for row in connection.execute(_SQL["known"], asked).fetchall()]


def reread(
    connection: duckdb.DuckDBPyConnection, storage: Storage, files: Sequence[Known]
) -> Iterator[pa.RecordBatch]:
    """Read files again, one by one; batches as REREAD.

    The session's current database has to be a snapshot. Raises duckdb.Error if a file that is
    what it was can't be read.
    """
    storage.attach(connection, (file.path for file in files))
    for file in files:
        try:
            found = storage.fingerprint(file.path)
        except OSError as error:
            found = f"unreadable: {error.strerror}"
        said: dict[str, str | int | None] = {"fingerprint": found, "promised": None}
        if found == file.fingerprint:
            said["promised"] = _promised(connection, storage, file)
            rows = scan.rows(file.selection, file.condition, [file.path], file.scan)
            counted = connection.sql(as_logged([rows])).to_arrow_table().cast(COUNTED)
            heads = pa.nulls(counted.num_rows, pa.string())
            yield from counted.add_column(0, REREAD.field(0), heads).to_batches()
        yield pa.RecordBatch.from_pylist([{"head": json.dumps(said), "path": file.path}], REREAD)


def of(table: pa.Table) -> Reread:
    """What a table as REREAD says."""
    is_head = pc.is_valid(table["head"])
    found = Reread(counted=table.filter(pc.invert(is_head)).select(COUNTED.names))
    for row in table.filter(is_head).select(["path", "head"]).to_pylist():
        said = json.loads(row["head"])
        found.fingerprints[row["path"]] = said["fingerprint"]
        if said["promised"] is not None:
            found.promised[row["path"]] = said["promised"]
    return found


def _promised(connection: duckdb.DuckDBPyConnection, storage: Storage, file: Known) -> int | None:
    if not file.is_text:
        return parquet.promised(connection, [file.path], storage)[file.path]
    return audit(file.path, storage).lines if file.by_line else None
