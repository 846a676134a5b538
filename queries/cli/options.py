"""Options that commands of both sides share, and what is made of them."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from queries import config, utc
from queries.cli.exits import fail
from queries.config import BadConfig, Config
from queries.failures import USAGE, Misused

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        help="Folder of the store; else as in httpcodes.toml, else HTTPCODES_STORE, else ./store.",
        metavar="DIR",
    ),
]
FirstDayOption = Annotated[
    str | None, typer.Option("--from", metavar="DAY", help="First day, UTC.")
]
LastDayOption = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, UTC.")]
DayOption = Annotated[str | None, typer.Option("--day", metavar="DAY", help="One day, UTC.")]
ServicesOption = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="NAME", help="A service, may be repeated; else all."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration; else ./httpcodes.toml.", metavar="FILE"),
]


def day_of(text: str, where: str) -> date:
    """A day as it is typed. Raises Misused."""
    try:
        return utc.day(text)
    except ValueError:
        raise Misused(f"{where} {text} is no day; it would be written 2025-09-09") from None


def chosen_days(
    day: str | None, first: str | None, last: str | None
) -> tuple[date | None, date | None]:
    """First and last day, both belonging to it; None is open. Raises Misused."""
    if day and (first or last):
        raise Misused("give --day, or --from and --to")
    if day:
        return (only := day_of(day, "--day")), only
    begin = day_of(first, "--from") if first else None
    end = day_of(last, "--to") if last else None
    if begin and end and end < begin:
        raise Misused("--to is earlier than --from; it is the last day, inclusive")
    return begin, end


def configured(file: Path | None) -> Config:
    """The configuration that applies. Exits with 2 and a sentence if it can't be followed."""
    try:
        return config.load(file)
    except BadConfig as error:
        fail(error, USAGE)
