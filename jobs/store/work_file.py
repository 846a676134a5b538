"""The DuckDB file that a run changes: how it is attached, and how it is made smaller."""

from pathlib import Path

import duckdb

from queries.quoting import literal


def attach(connection: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    """Attach a file, or a new one, as a database of this name."""
    # Storage version: what DuckDB 1.4 and 1.5 open too. No WAL: a dead run's copy is thrown
    # away, so there is nothing that it could recover.
    connection.execute(
        f"ATTACH {literal(file)} AS {name} (STORAGE_VERSION 'v1.2.0', RECOVERY_MODE no_wal_writes)"
    )


def compacted(connection: duckdb.DuckDBPyConnection, working: Path) -> Path:
    """The database `work` in a file of its own, if much of its file is of no use."""
    if not _is_loose(connection):
        return working
    smaller = working.with_suffix(".compact")
    attach(connection, smaller, "compact")
    connection.execute("COPY FROM DATABASE work TO compact")
    connection.execute("CHECKPOINT compact")
    connection.execute("DETACH compact")
    return smaller


def _is_loose(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a quarter of the blocks is free, or a quarter of a table's rows is deleted.

    Deleted rows take room for as long as some around them stay.
    """
    ((blocks, free),) = connection.execute(
        "SELECT total_blocks, free_blocks FROM pragma_database_size() WHERE database_name = 'work'"
    ).fetchall()
    tables = connection.execute(
        "SELECT format('{}.{}', schema_name, table_name), estimated_size FROM duckdb_tables()"
        " WHERE database_name = 'work' AND estimated_size >= 1000"
    ).fetchall()
    left = {
        name: connection.execute(f"SELECT count(*) FROM work.{name}").fetchall()[0][0]
        for name, _ in tables
    }
    return bool(free * 4 >= blocks) or any(left[name] * 4 <= rows * 3 for name, rows in tables)
