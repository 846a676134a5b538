"""Commands of the reading side, and the options that all commands share."""

import json
import logging
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from queries import config
from queries.api.beyond import Beyond, Interval
from queries.api.http_codes import answer
from queries.cli.exits import exit_codes, fail
from queries.config import BadConfig, Config
from queries.failures import ANSWERED_WITH_AN_ERROR, USAGE

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", help="Folder of the store; else HTTPCODES_STORE, else ./store.", metavar="DIR"
    ),
]
_DAY = ["%Y-%m-%d"]
FirstDayOption = Annotated[
    datetime | None, typer.Option("--from", metavar="DAY", formats=_DAY, help="First day, UTC.")
]
LastDayOption = Annotated[
    datetime | None, typer.Option("--to", metavar="DAY", formats=_DAY, help="Last day, UTC.")
]
DayOption = Annotated[
    datetime | None, typer.Option("--day", metavar="DAY", formats=_DAY, help="One day, UTC.")
]
ServicesOption = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="NAME", help="A service, may be repeated; else all."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration; else ./httpcodes.toml.", metavar="FILE"),
]
_BEYOND: dict[str, Any] = {"rich_help_panel": "Beyond the document"}

app = typer.Typer()


@app.command()
def query(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE|-", help="The request as JSON; - reads stdin.")
    ] = None,
    store: StoreOption = None,
    config_file: ConfigOption = None,
    service: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A service; may be repeated.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="T", help="Start, yyyy-MM-ddTHH:mm:ssZ.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="T", help="End, exclusive, yyyy-MM-ddTHH:mm:ssZ.")
    ] = None,
    interval: Annotated[
        Interval | None, typer.Option(help="Buckets of an hour or a day (UTC).", **_BEYOND)
    ] = None,
    classes: Annotated[
        bool, typer.Option("--classes", help="Classes in place of codes: 2xx.", **_BEYOND)
    ] = False,
    fill: Annotated[
        bool, typer.Option("--fill", help="Every bucket of the range, with zeros.", **_BEYOND)
    ] = False,
    final_only: Annotated[
        bool, typer.Option("--final-only", help="Only buckets that can't change.", **_BEYOND)
    ] = False,
) -> None:
    """Answer the documented request; the answer's bytes go to stdout."""
    logging.basicConfig(format="%(message)s")
    from_options = {"serviceNames": service, "startTime": start, "endTime": end}
    if (file is None) == all(value is None for value in from_options.values()):
        raise typer.BadParameter(
            "give the request as FILE or -, or as --service, --start and --end"
        )
    place = config.store_of(store, configured(config_file))
    beyond = Beyond(interval, classes, fill, final_only)
    with exit_codes():
        given = answer(
            place,
            json.dumps(from_options) if file is None else _read(file),
            beyond=None if beyond == Beyond() else beyond,
        )
    sys.stdout.buffer.write(given.body)
    if sys.stdout.isatty():
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    if given.status != 200:
        raise typer.Exit(ANSWERED_WITH_AN_ERROR)


def chosen_days(
    day: datetime | None, first: datetime | None, last: datetime | None
) -> tuple[date | None, date | None]:
    """First and last day, both belonging to it; None is open. Raises typer.BadParameter."""
    if day and (first or last):
        raise typer.BadParameter("give --day, or --from and --to")
    if first and last and last < first:
        raise typer.BadParameter("--to is earlier than --from; it is the last day, inclusive")
    begin, end = day or first, day or last
    return begin.date() if begin else None, end.date() if end else None


def configured(file: Path | None) -> Config:
    """The configuration that applies. Exits with 2 and a sentence if it can't be followed."""
    try:
        return config.load(file)
    except BadConfig as error:
        fail(error, USAGE)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        name = "stdin" if file == "-" else file
        raise typer.BadParameter(f"{name} can't be read: {error.strerror}") from error
