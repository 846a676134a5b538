"""Analysts' SQL, fenced: it reads the newest snapshot, and nothing else.

Three fences stand behind one another. Only statements whose syntax tree reads pass: DuckDB 2 lets
COPY and INSERT stand inside WITH, and read_duckdb opens an attached file again. The instance is one
of its own, in memory, with the snapshot attached read-only, so that DuckDB's locks hold for nobody
else. And a timer interrupts.

DuckDB's memory limit covers what it sorts, groups and collects, but neither values within one
expression, such as repeat('x', 2e9), nor the rows that it hands out, and some functions pass over
an interrupt: who fences strangers does so in a process of its own, as `httpcodes sql` does.
"""

import json
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from queries import sidecars, snapshot
from queries.access_log import damage, partitions, scan
from queries.failures import Failed, Misused
from queries.statements import statements

MEMORY = "1200MB"
"""What DuckDB may use; its values outside of that, and the program, need as much again."""

_SQL = statements(__name__)
_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(ANALYZE\s+)?", re.IGNORECASE)
_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_ACCEPTED = "only what reads is let through, such as SELECT"
_TABLE_FUNCTIONS = {
    "range", "generate_series", "unnest", "repeat", "json_each", "json_tree", "summary",
    "duckdb_columns", "duckdb_tables", "duckdb_views", "duckdb_schemas", "duckdb_functions",
    "duckdb_types", "duckdb_keywords", "pragma_table_info", "histogram", "histogram_values",
}  # fmt: skip


class Refused(Misused):
    """SQL that does more than read; the message names what was refused."""


class TimedOut(Failed):
    """SQL that ran longer than it may."""


class Analyst:
    """A fenced connection to one snapshot."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        spill: Path,
        left_out: list[str],
        *,
        logs: bool,
    ) -> None:
        self._connection, self._logs = connection, logs
        self.left_out = left_out
        """Files in force whose rows access_log does not show: gone, or not as they were counted."""
        self.spill = spill
        """The folder that holds what does not fit into memory; it goes when the fence does."""

    def ask(
        self, sql: str, values: Mapping[str, str] | None = None, seconds: float = 60
    ) -> Iterator[tuple[list[str], list[tuple[Any, ...]]]]:
        """The columns and rows of each statement in turn.

        Raises Refused before anything runs, TimedOut when all of it takes longer than this, and
        duckdb.Error.
        """
        asked = self.checked(sql)
        expired = threading.Event()
        timer = threading.Timer(seconds, self._expire, [expired])
        timer.daemon = True
        timer.start()
        try:
            for statement in asked:
                named = _named(statement, values or {})
                result = self._connection.execute(statement, named)
                yield [column for column, *_ in result.description or ()], result.fetchall()
        except duckdb.InterruptException as error:
            if not expired.is_set():
                raise
            raise TimedOut(f"stopped after {seconds:g} seconds") from error
        finally:
            timer.cancel()

    def checked(self, sql: str) -> list[duckdb.Statement]:
        """The statements of the text, each of which only reads.

        Raises Refused, or duckdb.Error for what is no SQL.
        """
        asked = self._connection.extract_statements(sql)
        for statement in asked:
            self._check(statement)
        return asked

    def result(
        self, statement: duckdb.Statement, values: Mapping[str, str]
    ) -> duckdb.DuckDBPyRelation:
        """The rows of a checked statement, which takes of the values those that it names.

        Raises duckdb.Error; so does reading the rows, but as Arrow an OSError or a ValueError.
        """
        return self._connection.sql(statement, params=_named(statement, values))

    def without_damage(
        self, statement: duckdb.Statement, values: Mapping[str, str], error: Exception
    ) -> damage.Unread:
        """From now on, show as NULL what can't be read of the logs and made the statement fail.

        What that is; if it is nothing, the same statement fails again.
        """
        if not (self._logs and damage.is_likely(error)):
            return {}

        def ask() -> None:
            # What was shown is bound anew with each relation.
            for _ in self.result(statement, values).to_arrow_reader():
                pass

        return damage.leave_out(self._connection, self.left_out, ask)

    def interrupt(self) -> None:
        """Stop what runs, from another thread."""
        self._connection.interrupt()

    def _expire(self, expired: threading.Event) -> None:
        expired.set()
        self.interrupt()

    def _check(self, statement: duckdb.Statement) -> None:
        query = statement.query
        if statement.type == duckdb.StatementType.EXPLAIN and (explained := _EXPLAIN.match(query)):
            # Of one statement, there is one to explain.
            (statement,) = self._connection.extract_statements(query[explained.end() :])
        if statement.type != duckdb.StatementType.SELECT:
            raise Refused(f"{statement.type.name} is refused; {_ACCEPTED}")
        ((tree,),) = self._connection.execute(_SQL["parsed"], {"sql": statement.query}).fetchall()
        parsed = json.loads(tree)
        if parsed["error"]:
            raise Refused(f"{parsed['error_message']}; {_ACCEPTED}")
        _check_tree(parsed)


def _named(statement: duckdb.Statement, values: Mapping[str, str]) -> dict[str, str]:
    return {name: values[name] for name in values if name in statement.named_parameters}


def _check_tree(tree: Any) -> None:
    """Raise Refused if any part of a syntax tree does more than read relations."""
    if isinstance(tree, list):
        for part in tree:
            _check_tree(part)
    if not isinstance(tree, dict):
        return
    kind = str(tree.get("type"))
    if kind.endswith("_NODE") and kind not in _NODES:
        raise Refused(f"{kind.partition('_')[0]} is refused; {_ACCEPTED}")
    if kind == "TABLE_FUNCTION":
        name = tree["function"].get("function_name")
        if name not in _TABLE_FUNCTIONS:
            known = ", ".join(sorted(_TABLE_FUNCTIONS))
            raise Refused(f"the table function {name} is refused; there is {known}")
    if kind == "BASE_TABLE" and re.search(r"[./:\\]", tree["table_name"]):
        raise Refused(f"{tree['table_name']} is refused: SQL names no files; see access_log")
    for part in tree.values():
        _check_tree(part)


@contextmanager
def fenced(
    store: str | os.PathLike[str], memory: str = MEMORY, *, logs: bool = True
) -> Iterator[Analyst]:
    """The store's newest snapshot as it is now, for SQL from others; access_log only with `logs`.

    Raises snapshot.SnapshotError, or duckdb.Error and OSError if it can't be opened.
    """
    with tempfile.TemporaryDirectory(prefix="httpcodes-") as spill:
        fence: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "temp_directory": spill,
            "allow_persistent_secrets": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        with duckdb.connect(":memory:", config=fence) as connection:
            snapshot.attach(connection, Path(store))
            connection.execute("SET enable_progress_bar = false")
            sidecars.locate(connection, Path(store))
            files, left_out = partitions.leave_out(connection) if logs else ([], [])
            files += sidecars.files(connection, Path(store))
            _allow(connection, files)
            connection.execute(_SQL["locks"])
            yield Analyst(connection, Path(spill), left_out, logs=logs)


def _allow(connection: duckdb.DuckDBPyConnection, files: list[str]) -> None:
    """Note which files may be read."""
    # DuckDB asks for the name of a file and for the glob that it was named by.
    allowed = files + [glob for path in files if (glob := scan.pattern(path)) != path]
    connection.execute("SET VARIABLE allowed = CAST($files AS VARCHAR[])", {"files": allowed})
