"""The command that compares two snapshots."""

import json
from typing import Annotated

import typer

from jobs.cli.exits import exit_codes
from jobs.cli.settings import JsonOption, settled
from jobs.store import diff as comparing
from queries.cli.drawing import show_table
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.quantities import counted

app = typer.Typer()

NameArgument = Annotated[
    str, typer.Argument(metavar="SNAPSHOT", help="As `httpcodes snapshots` lists it.")
]


@app.command()
def diff(
    old: NameArgument,
    new: NameArgument,
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name what changed between two snapshots: services, days, counts."""
    with exit_codes():
        changes = comparing.diff(settled(store, config).store, old, new)
    if as_json:
        typer.echo(json.dumps(changes.as_json()))
        return
    figures = ("old", "new", "difference")
    rows = [
        (day.day.isoformat(), day.service_name,
         f"{day.old:,}", f"{day.new:,}", f"{day.new - day.old:+,}")
        for day in changes.days
    ]  # fmt: skip
    if rows:
        show_table(("day", "service", *figures), rows, figures)
    for verb, names in (("added", changes.services_added), ("gone", changes.services_gone)):
        for name in names:
            typer.echo(f"service {verb}: {name}")
    differ = len(changes.days)
    typer.echo(f"{counted(differ, 'day')} of services differ{'s' if differ == 1 else ''}", err=True)
