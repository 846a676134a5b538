"""What the view access_log shows: the rows of the files in force, where they lie.

It is a union of parts; a new file defines one of them anew.
"""

import duckdb

from queries import parts
from queries.snapshot import define_access_log
from queries.statements import statements

_SQL = statements("jobs", "shown.sql")


def show(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring the view up to the files in force that still are as they were counted."""
    absent = parts.touched(connection.execute(_SQL["unseen"]).fetchall())
    while True:
        parts.find(connection, absent)
        try:
            _define(connection)
        except duckdb.Error:
            # A file may have gone or changed since it was last looked at.
            more = parts.touched(connection.execute(_SQL["shown"]).fetchall())
            if not more:
                raise
            absent += more
        else:
            return


def _define(connection: duckdb.DuckDBPyConnection) -> None:
    for part in parts.outdated(connection):
        connection.execute(f"CREATE OR REPLACE VIEW internal.{part.name} AS {part.query}")
    dropped = connection.execute(_SQL["dropped"]).fetchall()
    added = connection.execute(_SQL["added"]).fetchall()
    connection.execute(_SQL["note"])
    if added or dropped:
        selects = [f"FROM internal.{name}" for name in parts.names(connection)]
        define_access_log(connection, selects)
    for (name,) in dropped:
        connection.execute(f"DROP VIEW internal.{name}")
