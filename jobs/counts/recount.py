"""The rows of known files, counted again in the way in which they were read when they came."""

from collections.abc import Collection, Sequence

import duckdb
import pyarrow as pa

from jobs.logs.storage import Storage
from queries.access_log import scan
from queries.statements import statements

COUNTED = pa.schema(
    [
        ("path", pa.string()),
        ("service", pa.string()),
        ("bucket", pa.int64()),
        ("status_code", pa.int16()),
        ("requests", pa.int64()),
    ]
)
"""Rows of files by services as they are logged, and numbers of buckets."""

_SQL = statements(__name__)


def recount(
    connection: duckdb.DuckDBPyConnection,
    paths: Collection[str],
    storage: Storage,
    elsewhere: pa.Table | None = None,
) -> str:
    """Count files in force by path, service, bucket and status anew.

    `elsewhere` is what others counted of them, as COUNTED: then nothing is read here. Returns the
    relation of path, service_name, bucket_start, status_code and requests. The session has to
    have the macros of rollup.define_buckets. Raises duckdb.Error if a file can't be read.
    """
    if elsewhere is not None:
        connection.register("counted_elsewhere", elsewhere)
        connection.execute(_SQL["recounted"].replace("{counted}", "FROM counted_elsewhere"))
        connection.unregister("counted_elsewhere")
        return "recounted"
    storage.attach(connection, paths)
    readings = connection.execute(_SQL["readings"], {"paths": list(paths)}).fetchall()
    counted = as_logged([scan.rows(*reading) for reading in readings])
    connection.execute(_SQL["recounted"].replace("{counted}", counted))
    return "recounted"


def as_logged(selects: Sequence[str]) -> str:
    """The query that counts the rows of these SELECTs, of all columns of access_log; as COUNTED."""
    if not selects:
        return _SQL["nothing"]
    return _SQL["counted"].replace("{rows}", "\nUNION ALL\n".join(selects))
