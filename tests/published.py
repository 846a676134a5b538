"""Snapshots as earlier programs published them, their shape, and what somebody does to one by hand."""

import lzma
from pathlib import Path

import duckdb
from conftest import PROJECT, Counts, Store

A, B = "a.example", "b.example"
NOON = "2025-09-09T12:00:00Z"
NAME = "20261123T115932Z-0000"
# The same for every version: two folded files, one of them over midnight; one with a copy and a
# rejected row; one in quarantine.
COUNTS: Counts = {
    (A, "2025-09-08T12:00:00Z", 200): 1,
    (B, "2025-09-08T12:05:00Z", 404): 1,
    (A, "2025-09-08T23:55:00Z", 200): 1,
    (A, "2025-09-09T00:00:00Z", 503): 1,
    (A, NOON, 200): 2,
}
SHAPES = (
    "SELECT schema_name, table_name, column_name, data_type, is_nullable, column_index, comment FROM duckdb_columns() WHERE NOT internal AND database_name = current_database()",
    "SELECT schema_name, table_name, comment FROM duckdb_tables() WHERE NOT internal AND database_name = current_database()",
    "SELECT schema_name, view_name, sql, comment FROM duckdb_views() WHERE NOT internal AND database_name = current_database()",
    "SELECT schema_name, function_name, macro_definition FROM duckdb_functions() WHERE NOT internal AND database_name = current_database()",
)  # fmt: skip


def lay_out(store: Store, version: int) -> Store:
    """A store with one snapshot, of an earlier schema version."""
    kept = PROJECT / "tests" / "snapshots" / f"version-{version}.duckdb.xz"
    file = store.folder / "snapshots" / f"{NAME}.duckdb"
    file.parent.mkdir(parents=True)
    file.write_bytes(lzma.decompress(kept.read_bytes()))
    file.chmod(0o444)
    (store.folder / "httpcodes.duckdb").symlink_to(Path("snapshots", file.name))
    return store


def shape(store: Store) -> list[list[str]]:
    return [sorted(map(str, store.sql(query))) for query in SHAPES]


def tamper(store: Store, sql: str) -> None:
    """Change the published snapshot, which nobody should."""
    file = (store.folder / "httpcodes.duckdb").resolve()
    file.chmod(0o644)
    with duckdb.connect(file) as connection:
        connection.execute(sql)
