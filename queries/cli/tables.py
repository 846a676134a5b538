"""The command that lists the relations of a snapshot."""

from pathlib import Path

import typer

from queries import config, snapshot
from queries.analyst import contract
from queries.cli.drawing import drawn_table
from queries.cli.exits import exit_codes
from queries.cli.options import ConfigOption, StoreOption, configured

app = typer.Typer()


@app.command()
def tables(store: StoreOption = None, config_file: ConfigOption = None) -> None:
    """List the relations of the newest snapshot, and what each is.

    \b
    httpcodes tables
    """
    typer.echo(drawn_relations(config.store_of(store, configured(config_file))), nl=False)


def drawn_relations(store: Path) -> str:
    """The relations, and what each is, as a table. Exits with a sentence if they can't be read."""
    with exit_codes(), snapshot.reading(store) as connection:
        known = contract.relations(connection)
    return drawn_table(("relation", "what it is"), known.items())
