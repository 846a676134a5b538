"""An empty snapshot, laid out once a process: two hundred statements take longer than most runs.

Every later store begins with a copy of that file, which holds what the statements made.
"""

import tempfile
from functools import cache
from pathlib import Path

import duckdb

from jobs.store.work_file import attach
from queries import snapshot

_lay_out = snapshot.create
_CURRENT = "SELECT database_name, path FROM duckdb_databases() WHERE database_name = current_database()"  # fmt: skip


@cache
def empty() -> bytes:
    """The file of an empty snapshot."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        file = Path(folder, "empty.duckdb")
        attach(connection, file, "work")
        connection.execute("USE work")
        _lay_out(connection)
        connection.execute("CHECKPOINT work; USE memory; DETACH work")
        return file.read_bytes()


def once() -> None:
    """From now on, in this process and in those forked from it, copy the file."""
    snapshot.create = _copy


def _copy(connection: duckdb.DuckDBPyConnection) -> None:
    ((name, file),) = connection.execute(_CURRENT).fetchall()
    if file is None:
        _lay_out(connection)
        return
    connection.execute(f"USE memory; DETACH {name}")
    Path(file).write_bytes(empty())
    attach(connection, Path(file), name)
    connection.execute(f"USE {name}")
