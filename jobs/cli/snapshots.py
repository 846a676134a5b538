"""Commands about the snapshots that a store keeps."""

import json
from typing import Annotated

import typer
from rich.table import Table

from jobs.cli.exits import exit_codes
from jobs.cli.narration import reporter
from jobs.cli.settings import JsonOption, settled
from jobs.store import diff as comparing
from jobs.store import revision as keeping
from jobs.store import snapshots as listing
from queries.cli.query import ConfigOption, StoreOption

app = typer.Typer()

NameArgument = Annotated[
    str, typer.Argument(metavar="SNAPSHOT", help="As `httpcodes snapshots` lists it.")
]


@app.command()
def snapshots(
    store: StoreOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the snapshots that are kept, and what their runs brought."""
    with exit_codes():
        kept = listing.kept(settled(store, config).store)
    if as_json:
        typer.echo(json.dumps([published.as_json() for published in kept]))
        return
    table = Table("", "snapshot", "published", box=None)
    for title in ("bytes", "ingested", "replaced", "forgotten", "counted", "rejected"):
        table.add_column(title, justify="right")
    for published in kept:
        told = published.as_json()
        table.add_row(
            "*" if published.in_force else "",
            published.name,
            published.problem or told["published_at"],
            *(
                f"{told[what]:,}" if told[what] is not None else "-"
                for what in ("bytes", "files_ingested", "files_replaced", "files_forgotten",
                             "rows_counted", "rows_rejected")
            ),
        )  # fmt: skip
    reporter().print(table)


@app.command()
def rollback(
    snapshot: Annotated[
        str | None,
        typer.Argument(metavar="SNAPSHOT", help="Else the last good one before that in force."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Return to an earlier snapshot."""
    with exit_codes():
        in_force = keeping.rollback(settled(store, config).store, snapshot)
        typer.echo(f"in force: {in_force}", err=True)
    typer.echo(
        "the next run counts again what this took back and is still there; "
        "`httpcodes forget PATH...` keeps files away",
        err=True,
    )


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
    table = Table("day", "service", box=None)
    for title in ("old", "new", "difference"):
        table.add_column(title, justify="right")
    for day in changes.days:
        figures = (f"{day.old:,}", f"{day.new:,}", f"{day.new - day.old:+,}")
        table.add_row(day.day.isoformat(), day.service_name, *figures)
    if changes.days:
        reporter().print(table)
    for verb, names in (("added", changes.services_added), ("gone", changes.services_gone)):
        for name in names:
            typer.echo(f"service {verb}: {name}")
    typer.echo(f"{len(changes.days):,} days of services differ", err=True)
