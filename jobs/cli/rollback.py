"""The command that returns to an earlier snapshot."""

from typing import Annotated

import typer

from jobs.cli.exits import exit_codes
from jobs.cli.settings import settings_of
from jobs.store import revision as keeping
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell

app = typer.Typer()


@app.command()
def rollback(
    snapshot: Annotated[
        str | None,
        typer.Argument(metavar="SNAPSHOT", help="Else the last good one before that in force."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Return to an earlier snapshot.

    \b
    httpcodes rollback
    httpcodes rollback 20261123T020001Z-3fa9
    """
    with exit_codes():
        in_force = keeping.rollback(settings_of(store, config).store, snapshot)
        tell(f"in force: {in_force}")
    tell(
        "the next run counts again what this took back and is still there; "
        "`httpcodes forget PATH...` keeps files away"
    )
