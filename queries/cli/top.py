"""The command that shows who fails most: the table that one would otherwise write SQL for."""

import re
import shutil
import sys
from datetime import date, datetime, time, timedelta
from typing import Annotated

import typer

from queries import config, snapshot
from queries.analyst.output import Capped, Format, write
from queries.cli.exits import exit_codes
from queries.cli.options import (
    ConfigOption,
    DayOption,
    ServicesOption,
    StoreOption,
    configured,
    day_of,
)
from queries.cli.telling import tell
from queries.report.figures import NothingToReport
from queries.report.sentences import span
from queries.report.top import FAILURES, Span, lately, top

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_NUMBERS = 48
"""Columns that the numbers beside a name need."""

app = typer.Typer()


@app.command("top")
def show_top(
    store: StoreOption = None,
    config_file: ConfigOption = None,
    last: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN", help="How far back from the newest data: 90m, 3h, 2d; else 3h."
        ),
    ] = None,
    day: DayOption = None,
    service: ServicesOption = None,
    code: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="503 or 5xx, may be repeated; else all that fail."),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Rows, at the most.")] = 20,
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"{', '.join(Format)}; else a table, or CSV into a pipe.",
        ),
    ] = None,
) -> None:
    """Show which services gave which codes most often, lately or on a day.

    \b
    httpcodes top --last 24h
    httpcodes top --day 2025-09-09 --code 404
    """
    if last and day:
        raise typer.BadParameter("give --last or --day")
    back = _span("3h" if last is None else last)
    codes = [_codes(each) for each in code] if code else FAILURES
    terminal = sys.stdout.isatty()
    as_ = format_ or (Format.TABLE if terminal else Format.CSV)
    if terminal and as_ is Format.PARQUET:
        raise typer.BadParameter("a terminal shows no Parquet; lead it into a file")
    width = max(20, shutil.get_terminal_size().columns - _NUMBERS) if terminal else None
    place = config.store_of(store, configured(config_file))
    with exit_codes(), snapshot.reading(place) as connection:
        shown = _day(day_of(day, "--day")) if day else lately(connection, back)
        chosen = tuple(service) if service else None
        rows = Capped(top(connection, shown, chosen, codes, width), limit)
        write(rows, as_, sys.stdout.buffer, terminal=terminal)
    more = f"\nmore than {limit:,} rows; --limit N shows more" if rows.cut else ""
    tell(f"{span(*shown)} UTC, before: as long before that{more}")


def _day(day: date) -> Span:
    start = datetime.combine(day, time())
    try:
        return Span(start, start + timedelta(days=1))
    except OverflowError:
        raise NothingToReport(f"there are no requests on {day:%Y-%m-%d} (UTC)") from None


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no span of time; 90m, 3h or 2d would be accepted")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _codes(text: str) -> tuple[int, int]:
    if re.fullmatch("[0-9]{3}", text):
        return int(text), int(text)
    if re.fullmatch("[1-9]xx", text):
        first = int(text[0]) * 100
        return first, first + 99
    raise typer.BadParameter(f"{text!r} is no status code; 503 or 5xx would be accepted")
