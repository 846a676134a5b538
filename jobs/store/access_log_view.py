"""What the view access_log shows: the rows of the files in force, where they or their copies lie.

It is a union of groups of partitions; a new file defines a partition anew.
"""

from pathlib import Path

import duckdb

from jobs.store import raw_copies
from jobs.store.revision import Revision
from queries.access_log import partitions, scan
from queries.snapshot import define_access_log
from queries.statements import statements

_SQL = statements(__name__)


def show(work: Revision, store: Path, listed: str) -> dict[str, str]:
    """Bring the view up to the files in force that still are as they were counted.

    `listed` names the relation of files that the sources were seen to hold: path, size, version.
    Copies are made first, if they are kept; why some could not be made, by path.
    """
    not_kept = raw_copies.keep(work, store)
    connection = work.connection
    partitions.look(connection)
    absent = partitions.touched(connection.execute(_asked("unseen", listed=listed)).fetchall())
    while True:
        partitions.find(connection, absent)
        try:
            _define(connection)
        except duckdb.Error:
            # A file may have gone or changed since it was last looked at.
            logged = connection.execute(_asked("logged")).fetchall()
            more = partitions.touched(logged) or _unreadable(connection)
            if not more:
                raise
            absent += more
        else:
            return not_kept


def _asked(name: str, **more: str) -> str:
    return _SQL[name].format_map(partitions.RELATIONS | more)


def _unreadable(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Files that were written over, with their times set back."""
    unreadable = []
    for path, way in connection.execute(_asked("ways")).fetchall():
        try:
            connection.execute(f"SELECT * FROM {scan.files([path], scan=way)} LIMIT 0")
        except duckdb.Error:
            unreadable.append(path)
    return unreadable


def _define(connection: duckdb.DuckDBPyConnection) -> None:
    for partition in partitions.outdated(connection):
        connection.execute(f"CREATE OR REPLACE VIEW internal.{partition.name} AS {partition.query}")
    groups = partitions.groups(connection)
    for group in groups:
        if group.outdated:
            connection.execute(f"CREATE OR REPLACE VIEW internal.{group.name} AS {group.query({})}")
    dropped = connection.execute(_asked("dropped")).fetchall()
    ((regrouped,),) = connection.execute(_asked("regrouped")).fetchall()
    connection.execute(_asked("note"))
    if regrouped:
        define_access_log(connection, [f"FROM internal.{group.name}" for group in groups])
    for (name,) in dropped:
        connection.execute(f"DROP VIEW internal.{name}")
