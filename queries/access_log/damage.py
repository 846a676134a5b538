"""Columns of logs that can't be read, though what was counted by can: they are NULL.

Nobody reads the other columns of a file while it is counted, so only a question meets what is
wrong with them. DuckDB names neither file nor column: the question is asked again of a day at a
time, then of a file at a time, and what fails there is read column by column.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import duckdb

from queries import snapshot
from queries.access_log import partitions
from queries.access_log.partitions import Group, Partition

Unread = Mapping[str, Sequence[str]]
"""Files by their paths, and the columns of access_log that can't be read of them."""

_COUNTED_BY = ("requested_at", "service_name", "status_code")


def is_likely(error: Exception) -> bool:
    """Whether it may be a file that made a question fail, rather than the question itself."""
    kinds = (duckdb.InvalidInputException, duckdb.IOException, duckdb.NotImplementedException)
    # What Arrow makes of an error in the middle of a result; what DuckDB has no name for.
    return type(error) is duckdb.Error or isinstance(error, (*kinds, OSError, ValueError))


def leave_out(
    connection: duckdb.DuckDBPyConnection, absent: Sequence[str], ask: Callable[[], None]
) -> Unread:
    """Hide access_log behind a temporary view in which columns that fail the question are NULL.

    `absent` are files that the view had left out before. A file is left out as well if it can't be
    read by the columns that it was counted by. Without any such column, the view stays as it was.
    """
    views = _views(connection, absent)
    unread: dict[str, list[str]] = {}
    for group, whole in views:
        _show(connection, [_select(group, whole, {})])
        if _works(ask):
            continue
        broken = _unread(connection, group, whole, ask)
        if not broken:
            # It is no file that fails it.
            break
        unread |= broken
    _show(connection, [_select(group, whole, unread) for group, whole in views])
    return unread


def _views(
    connection: duckdb.DuckDBPyConnection, absent: Sequence[str]
) -> list[tuple[Group, Partition]]:
    partitions.look(connection)
    partitions.find(connection, absent)
    by_name = {partition.name: partition for partition in partitions.every(connection)}
    groups = partitions.groups(connection)
    partitions.forget(connection)
    return [(group, by_name[name]) for group in groups for name in group.partitions]


def _unread(
    connection: duckdb.DuckDBPyConnection, group: Group, whole: Partition, ask: Callable[[], None]
) -> dict[str, list[str]]:
    unread = {}
    for path in sorted({*whole.timed, *whole.untimed}):
        alone = _of(whole, [path])
        _show(connection, [_select(group, alone, {})])
        if _works(ask):
            continue
        columns = [c for c in snapshot.ACCESS_LOG_COLUMNS if not _is_readable(connection, c)]
        if not columns:
            break
        unread[path] = columns
    return unread


def _of(partition: Partition, paths: Sequence[str]) -> Partition:
    return partition._replace(
        timed=[path for path in partition.timed if path in paths],
        untimed=[path for path in partition.untimed if path in paths],
    )


def _select(group: Group, partition: Partition, unread: Unread) -> str:
    return "\nUNION ALL\n".join(f"({select})" for select in _selects(group, partition, unread))


def _selects(group: Group, partition: Partition, unread: Unread) -> Iterator[str]:
    files = dict.fromkeys((*partition.timed, *partition.untimed))
    alone = group._replace(partitions=[partition.name])
    if sound := _of(partition, [path for path in files if path not in unread]).query:
        yield alone.query({partition.name: sound})
    for path in files:
        columns = unread.get(path, _COUNTED_BY)
        if set(columns).isdisjoint(_COUNTED_BY):
            rows = alone.query({partition.name: _of(partition, [path]).query})
            nothing = ", ".join(
                f"CAST(NULL AS {snapshot.ACCESS_LOG_COLUMNS[c]}) AS {c}" for c in columns
            )
            yield f"SELECT * REPLACE ({nothing}) FROM ({rows})"


def _show(connection: duckdb.DuckDBPyConnection, selects: Sequence[str]) -> None:
    rows = snapshot.access_log([select for select in selects if select])
    connection.execute(f"CREATE OR REPLACE TEMP VIEW access_log AS {rows}")


def _is_readable(connection: duckdb.DuckDBPyConnection, column: str) -> bool:
    # The sum of hashes needs every value, and statistics don't know it.
    return _works(lambda: connection.execute(f"SELECT sum(hash({column})) FROM access_log"))


def _works(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except duckdb.InterruptException:
        raise
    except (duckdb.Error, OSError, ValueError) as error:
        if not is_likely(error):
            raise
        return False
    return True
