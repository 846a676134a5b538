"""The documented answer is made when counts change, an hour of a service at a time.

A request asks for the same few hours again and again, and making JSON of their cells takes ten
times as long as reading it.
"""

import duckdb

from queries.statements import statements

_SQL = statements(__name__)


def remake(connection: duckdb.DuckDBPyConnection, changed: str) -> None:
    """Bring the answers up to the cells, for the hours of the rows of this relation.

    It has service_id and bucket_start.
    """
    connection.execute(_SQL["outdated"].format(changed=changed))
    # By day, so that a rebuild of years takes no more memory than a night.
    for (day,) in connection.execute(_SQL["days"]).fetchall():
        connection.execute(_SQL["make"], {"day": day})
