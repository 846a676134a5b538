"""Commands that explain a snapshot to analysts: its relations and their columns."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from queries import config, snapshot
from queries.analyst import contract
from queries.cli.exits import exit_codes
from queries.cli.query import ConfigOption, StoreOption, configured

app = typer.Typer()


@app.command()
def tables(store: StoreOption = None, config_file: ConfigOption = None) -> None:
    """List the relations of the newest snapshot, and what each is."""
    show_tables(config.store_of(store, configured(config_file)))


@app.command()
def describe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A relation, as in tables.")],
    store: StoreOption = None,
    config_file: ConfigOption = None,
) -> None:
    """List the columns of a relation, their types, and what each means."""
    show_columns(config.store_of(store, configured(config_file)), name)


def show_tables(place: Path) -> None:
    """Print the relations, and what each is. Exits with a sentence if they can't be read."""
    with exit_codes(), snapshot.reading(place) as connection:
        known = contract.relations(connection)
    _print(("relation", "what it is"), known.items())


def show_columns(place: Path, name: str) -> None:
    """Print the columns of a relation. Exits with a sentence if there is none of this name."""
    with exit_codes(), snapshot.reading(place) as connection:
        columns = contract.columns(connection, name)
    _print(("column", "type", "what it means"), ((c.name, c.type, c.comment) for c in columns))


def _print(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(*header, box=None)
    for row in rows:
        table.add_row(*row)
    # A terminal wraps what is wider than it is.
    Console(highlight=False, soft_wrap=True, markup=False, width=1_000).print(table)
