"""The rows of known files, counted again in the way in which they were read when they came."""

from collections.abc import Collection

import duckdb

from jobs.logs import parquet
from queries import snapshot
from queries.access_log import scan
from queries.statements import statements

_SQL = statements(__name__)


def recount(connection: duckdb.DuckDBPyConnection, paths: Collection[str]) -> str:
    """Count files in force by path, service, bucket and status anew.

    Returns the relation of path, service_name, bucket_start, status_code and requests. The
    session has to have the macros of rollup.define_buckets. Raises duckdb.Error if a file
    can't be read.
    """
    parquet.attach(connection, paths)
    readings = connection.execute(_SQL["readings"], {"paths": list(paths)}).fetchall()
    rows = snapshot.access_log([scan.rows(*reading) for reading in readings])
    connection.execute(_SQL["recounted"].replace("{rows}", rows))
    return "recounted"
