"""A store of an earlier schema version becomes one of today's, on a run's copy.

The run publishes it like any other change, and the old snapshot stays for a way back.
"""

import duckdb

from jobs.store import answers
from queries.snapshot import SCHEMA_VERSION, define_moments
from queries.statements import statements

STEPS = {1: "from_1", 2: "from_2", 3: "from_3"}
"""By the version that a step begins with: its statements in upgrade.sql."""

_SQL = statements(__name__)


def upgrade(connection: duckdb.DuckDBPyConnection) -> bool:
    """Bring the current database, a whole snapshot, to the schema version of this program.

    Whether it had another.
    """
    ((version,),) = connection.execute("SELECT schema_version FROM internal.snapshot").fetchall()
    for step in range(version, SCHEMA_VERSION):
        connection.begin()
        connection.execute(_SQL[STEPS[step]])
        if step == 3:
            define_moments(connection)
            # Version 1 had no answers.
            if version == 1:
                answers.remake(connection, "changes")
            else:
                answers.digest(connection)
        connection.execute("UPDATE internal.snapshot SET schema_version = ?", [step + 1])
        connection.commit()
    return bool(version < SCHEMA_VERSION)
