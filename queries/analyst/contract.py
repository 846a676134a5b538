"""What a snapshot says of itself: its relations and columns, from the comments in it."""

import difflib
from dataclasses import dataclass

import duckdb

from queries.failures import Misused
from queries.statements import statements

_SQL = statements(__name__)


class UnknownRelation(Misused):
    """No relation is called that; the message names those that are close, or all."""


@dataclass(frozen=True)
class Column:
    """A column of a relation."""

    name: str
    type: str
    """As DuckDB writes it."""
    comment: str


def relations(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Each relation of the contract with its comment, by name."""
    return dict(connection.execute(_SQL["relations"]).fetchall())


def names(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """What relations and their columns are called."""
    known = relations(connection)
    return {*known, *(column.name for name in known for column in columns(connection, name))}


def columns(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Column]:
    """The columns of a relation, in order. Raises UnknownRelation."""
    rows = connection.execute(_SQL["columns"], {"relation": relation}).fetchall()
    if not rows:
        known = list(relations(connection))
        close = difflib.get_close_matches(relation.lower(), known) or known
        raise UnknownRelation(f'no relation is called "{relation}"; there is {", ".join(close)}')
    return [Column(*row) for row in rows]
