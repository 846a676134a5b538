"""What the entries of dictionaries mean: SQL expressions say it, once for all files.

Files of one day have almost the same entries, and asking takes longer than counting a small file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from jobs.logs.arrays import whole

_MOST_KNOWN = 1 << 16
"""Entries that are remembered, of one expression."""


@dataclass(frozen=True)
class Meanings:
    """Answers of expressions that depend on nothing but their entries."""

    connection: duckdb.DuckDBPyConnection
    """One thread's alone; its current database is a snapshot."""
    _known: dict[tuple[str, str], tuple[pa.Array, pa.Array]] = field(default_factory=dict)

    def over(self, connection: duckdb.DuckDBPyConnection) -> "Meanings":
        """The same, for another thread: what one asks all know."""
        return replace(self, connection=connection)

    def asked(self, expression: str, entries: Mapping[str, pa.Array]) -> pa.Array:
        """An answer for each entry, in their order; `entries` are columns by their names.

        Raises duckdb.Error.
        """
        if len(entries) > 1:
            return self._asked(expression, entries)
        ((name, column),) = entries.items()
        key = expression, str(column.type)
        if found := self._known.get(key):
            position = pc.index_in(column, value_set=found[0])
            if not position.null_count:
                return found[1].take(position)
            column = column.filter(position.is_null())
        said = self._asked(expression, {name: column})
        known = [column], [said]
        if found:
            known = [found[0], column], [found[1], said]
        entry, answer = (pa.concat_arrays(some) for some in known)
        if len(entry) <= _MOST_KNOWN:
            self._known[key] = entry, answer
        return answer.take(pc.index_in(entries[name], value_set=entry))

    def _asked(self, expression: str, entries: Mapping[str, pa.Array]) -> pa.Array:
        table = pa.Table.from_arrays(list(entries.values()), names=list(entries))
        relation = self.connection.from_arrow(table)
        return whole(relation.project(f"{expression} AS said").to_arrow_table().column("said"))
