"""The command that draws: a page for a day or range, or one chart."""

from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from queries import config, whole_file
from queries.cli.exits import exit_codes, fail, spare
from queries.cli.options import (
    ConfigOption,
    DayOption,
    FirstDayOption,
    LastDayOption,
    ServicesOption,
    StoreOption,
    chosen_days,
    configured,
)
from queries.cli.telling import tell
from queries.failures import FAILED, USAGE
from queries.report.figures import Report
from queries.report.figures import report as counted
from queries.report.page import page
from queries.report.site import publish

# Here again: the room that draws them needs the extra.
CHARTS = ("classes", "heatmap", "heatmap-4xx", "changes", "lateness")

app = typer.Typer()


@app.command()
def report(
    store: StoreOption = None,
    config_file: ConfigOption = None,
    day: DayOption = None,
    first: FirstDayOption = None,
    last: LastDayOption = None,
    service: ServicesOption = None,
    chart: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"One chart and no page: {', '.join(CHARTS)}."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An .html; a chart is .svg or .png. Else report-DAY."),
    ] = None,
    site: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A page for each day and service in a folder; without days, the latest 7.",
        ),
    ] = None,
) -> None:
    """Draw a day or range as an HTML page; or one chart as SVG or PNG, with the extra `report`.

    \b
    httpcodes report --day 2025-09-09 --out day.html
    httpcodes report --site /srv/www/httpcodes
    """
    if chart is not None and chart not in CHARTS:
        raise typer.BadParameter(f"unknown chart {chart!r}; known are {', '.join(CHARTS)}")
    if site and (chart or out):
        raise typer.BadParameter("--site writes a folder; it goes without --chart and --out")
    format_ = _format(out, chart)
    first_day, last_day = chosen_days(day, first, last)
    if chart is not None and find_spec("matplotlib") is None:
        fail("report --chart needs matplotlib: pip install 'cdn-httpcodes[report]'", USAGE)
    place = config.store_of(store, configured(config_file))
    chosen = tuple(service) if service else None
    if site:
        _publish(place, site, (first_day, last_day), chosen)
        return
    with exit_codes():
        found = counted(place, first_day, last_day, chosen)
        drawn = _drawn(found, chart, format_)
    file = out or Path(_usual_name(found, chart, format_))
    spare(place, file)
    _write(file, drawn)
    tell(f"wrote {file}: {found.period} (UTC), {len(drawn):,} bytes")


def _publish(
    store: Path,
    out: Path,
    bounds: tuple[date | None, date | None],
    services: tuple[str, ...] | None,
) -> None:
    with exit_codes():
        done = publish(store, out, bounds, services)
    written, unchanged = len(done.written), len(done.unchanged)
    days = f"{written:,} {'day' if written == 1 else 'days'} written, {done.bytes:,} bytes"
    tell(f"{out}: {days}; {unchanged:,} unchanged")


def _format(out: Path | None, chart: str | None) -> str:
    accepted = ("svg", "png") if chart else ("html",)
    format_ = out.suffix.lower().removeprefix(".") if out else accepted[0]
    if format_ not in accepted:
        wanted = "a chart is an .svg or a .png" if chart else "a report is an .html"
        hint = "" if chart else "; --chart draws one chart, as .svg or .png"
        raise typer.BadParameter(f"{out}: {wanted}{hint}")
    return format_


def _drawn(report: Report, chart: str | None, format_: str) -> bytes:
    if chart is None:
        return page(report)
    from queries.report import pictures  # noqa: PLC0415 - an extra
    from queries.report.charts import NothingToDraw  # noqa: PLC0415 - an extra

    try:
        return pictures.picture(report, chart, format_)
    except NothingToDraw as nothing:
        fail(nothing, USAGE)


def _usual_name(report: Report, chart: str | None, format_: str) -> str:
    days = str(report.period).replace(" ", "-")
    return f"report-{days}{f'-{chart}' if chart else ''}.{format_}"


def _write(file: Path, drawn: bytes) -> None:
    try:
        whole_file.replace(file, drawn)
    except OSError as error:
        fail(f"{file} can't be written: {error.strerror}", FAILED)
