"""The command that explains a relation of a snapshot: its columns."""

from pathlib import Path
from typing import Annotated

import typer

from queries import config, snapshot
from queries.analyst import contract
from queries.cli.drawing import drawn_table
from queries.cli.exits import exit_codes
from queries.cli.options import ConfigOption, StoreOption, configured

app = typer.Typer()


@app.command()
def describe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A relation, as in tables.")],
    store: StoreOption = None,
    config_file: ConfigOption = None,
) -> None:
    """List the columns of a relation, their types, and what each means.

    \b
    httpcodes describe rollup_5m
    """
    typer.echo(drawn_columns(config.store_of(store, configured(config_file)), name), nl=False)


def drawn_columns(store: Path, name: str) -> str:
    """The columns of a relation as a table. Exits with a sentence if none has this name."""
    with exit_codes(), snapshot.reading(store) as connection:
        columns = contract.columns(connection, name)
    rows = [(c.name, c.type, c.comment) for c in columns]
    return drawn_table(("column", "type", "what it means"), rows)
