"""The command that answers the documented request."""

import json
import sys
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from queries import config, utc
from queries.api.beyond import Beyond, Interval
from queries.api.http_codes import answer
from queries.cli import duration
from queries.cli.exits import exit_codes
from queries.cli.options import ConfigOption, StoreOption, configured, day_of
from queries.failures import ANSWERED_WITH_AN_ERROR, Misused

DAY = timedelta(days=1)

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
    day: Annotated[
        str | None, typer.Option(metavar="DAY", help="In place of both: a day, UTC, 2025-09-09.")
    ] = None,
    last: Annotated[
        str | None, typer.Option(metavar="SPAN", help="In place of both: until now, as 3h or 45m.")
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(metavar="hour|day", help="Beyond the document: buckets of an hour or a day."),
    ] = None,
    classes: Annotated[
        bool, typer.Option("--classes", help="Beyond it: classes in place of codes, 2xx.")
    ] = False,
    fill: Annotated[
        bool, typer.Option("--fill", help="Beyond it: every bucket of the range, with zeros.")
    ] = False,
    final_only: Annotated[
        bool, typer.Option("--final-only", help="Beyond it: only buckets that can't change.")
    ] = False,
) -> None:
    """Answer the documented request; the answer's bytes go to stdout.

    \b
    httpcodes query request.json
    httpcodes query --service www.example.com --day 2025-09-09
    httpcodes query --service www.example.com --last 3h --classes
    """
    from_options = _from_options(service, start, end, day, last)
    if (file is None) == (from_options is None):
        raise Misused("give the request as FILE or -, or as --service, --start and --end")
    place = config.store_of(store, configured(config_file))
    beyond = Beyond(_interval(interval), classes, fill, final_only)
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


def _from_options(
    service: list[str] | None,
    start: str | None,
    end: str | None,
    day: str | None,
    last: str | None,
) -> dict[str, Any] | None:
    """The request that options make, as the document has it; None without any."""
    if sum((bool(start or end), day is not None, last is not None)) > 1:
        raise Misused("give --start and --end, or --day, or --last")
    if day is not None:
        begin = datetime.combine(day_of(day, "--day"), time())
        # The last day that there is has no day after it.
        start, end = utc.written(begin), utc.written(begin + min(DAY, datetime.max - begin))
    if last is not None:
        now = utc.now()
        start, end = utc.written(now - duration.parse(last)), utc.written(now)
    asked = {"serviceNames": service, "startTime": start, "endTime": end}
    return asked if any(value is not None for value in asked.values()) else None


def _interval(text: str | None) -> Interval | None:
    try:
        return Interval(text) if text else None
    except ValueError:
        raise Misused(f"--interval {text} is not known; hour and day are") from None


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        name = "stdin" if file == "-" else file
        raise Misused(f"{name} can't be read: {error.strerror}") from error
