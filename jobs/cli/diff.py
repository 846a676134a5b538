"""The command that compares two snapshots."""

import json
from typing import Annotated

import typer

from jobs import diff as comparing
from jobs.cli.exits import exit_codes
from jobs.cli.settings import JsonOption, settings_of
from queries.cli.drawing import show_table
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell
from queries.quantities import counted

app = typer.Typer()

_SIDES = "A snapshot as `httpcodes snapshots` lists it, another store, or an export."
OldArgument = Annotated[str, typer.Argument(metavar="OLD", help=_SIDES)]
NewArgument = Annotated[
    str | None, typer.Argument(metavar="NEW", help="The same; else the newest snapshot.")
]


@app.command()
def diff(
    old: OldArgument,
    new: NewArgument = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name what differs between snapshots, stores or exports: services, days, buckets.

    \b
    httpcodes diff 20261122T020001Z-81c0        and the newest
    httpcodes diff /srv/other-store --json
    httpcodes diff /srv/www/index.json
    """
    with exit_codes():
        changes = comparing.diff(settings_of(store, config).store, old, new)
    if as_json:
        typer.echo(json.dumps(changes.as_json()))
        return
    figures = ("old", "new", "difference")
    rows = [
        (day.day.isoformat(), day.service_name, _buckets(day),
         *(_figure(n) for n in (day.old, day.new)), _figure(day.difference, "+"))
        for day in changes.days
    ]  # fmt: skip
    if rows:
        show_table(("day", "service", "buckets", *figures), rows, figures)
    for verb, names in (("added", changes.services_added), ("gone", changes.services_gone)):
        for name in names:
            typer.echo(f"service {verb}: {name}")
    differ = len(changes.days)
    tell(f"{counted(differ, 'day')} of services differ{'s' if differ == 1 else ''}")


def _buckets(day: comparing.Day) -> str:
    """The first that differs, and how many others do."""
    if day.buckets is None:
        return "?"
    others = len(day.buckets) - 1
    return day.buckets[0][11:16] + (f" and {counted(others, 'other')}" if others else "")


def _figure(number: int | None, sign: str = "") -> str:
    return "?" if number is None else f"{number:{sign},}"
