"""The command that draws: a page for a day or range, or one chart."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import duckdb
import typer

from queries import config
from queries.cli import ConfigOption, StoreOption, configured
from queries.report import NothingToReport, Report
from queries.report import report as counted
from queries.snapshot import SnapshotError

FAILED, USAGE, INTERRUPTED = 1, 2, 130
# Here again: the room that draws them needs the extra.
CHARTS = ("classes", "heatmap", "changes", "lateness")
_DAY = ["%Y-%m-%d"]

app = typer.Typer()


@app.command()
def report(
    store: StoreOption = None,
    config_file: ConfigOption = None,
    day: Annotated[
        datetime | None,
        typer.Option(metavar="DAY", formats=_DAY, help="One day, UTC; else the last with data."),
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", metavar="DAY", formats=_DAY, help="First day, UTC."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", metavar="DAY", formats=_DAY, help="Last day, UTC.")
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A service, may be repeated; else all."),
    ] = None,
    chart: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"One chart and no page: {', '.join(CHARTS)}."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An .html; a chart is .svg or .png. Else report-DAY."),
    ] = None,
) -> None:
    """Draw a day or range as an HTML page, or one chart as SVG or PNG; needs the extra `report`."""
    if chart is not None and chart not in CHARTS:
        raise typer.BadParameter(f"unknown chart {chart!r}; known are {', '.join(CHARTS)}")
    format_ = _format(out, chart)
    first_day, last_day = _days(day, first, last)
    if find_spec("matplotlib") is None:
        _fail("report needs matplotlib: pip install 'httpcodes[report]'", USAGE)
    place = config.store_of(store, configured(config_file))
    with _exit_codes():
        found = counted(place, first_day, last_day, tuple(service) if service else None)
        drawn = _drawn(found, chart, format_)
    file = out or Path(_usual_name(found, chart, format_))
    _write(file, drawn)
    typer.echo(f"wrote {file}: {found.period} (UTC), {len(drawn):,} bytes", err=True)


@contextmanager
def _exit_codes() -> Iterator[None]:
    """One sentence and one exit code for each way to fail."""
    try:
        yield
    except NothingToReport as nothing:
        _fail(nothing, USAGE)
    except (SnapshotError, duckdb.Error, OSError) as error:
        _fail(error, FAILED)
    except RuntimeError as error:
        # What DuckDB makes of a KeyboardInterrupt.
        if str(error) != "Query interrupted":
            raise
        raise typer.Exit(INTERRUPTED) from None


def _format(out: Path | None, chart: str | None) -> str:
    accepted = ("svg", "png") if chart else ("html",)
    format_ = out.suffix.lower().removeprefix(".") if out else accepted[0]
    if format_ not in accepted:
        wanted = "a chart is an .svg or a .png" if chart else "a report is an .html"
        hint = "" if chart else "; --chart draws one chart, as .svg or .png"
        raise typer.BadParameter(f"{out}: {wanted}{hint}")
    return format_


def _days(
    day: datetime | None, first: datetime | None, last: datetime | None
) -> tuple[date | None, date | None]:
    if day and (first or last):
        raise typer.BadParameter("give --day, or --from and --to")
    if first and last and last < first:
        raise typer.BadParameter("--to is earlier than --from; it is the last day, inclusive")
    begin, end = day or first, day or last
    return begin.date() if begin else None, end.date() if end else None


def _drawn(found: Report, chart: str | None, format_: str) -> bytes:
    from queries import page, pictures  # noqa: PLC0415 - an extra
    from queries.charts import NothingToDraw  # noqa: PLC0415

    if chart is None:
        return page.page(found)
    try:
        return pictures.picture(found, chart, format_)
    except NothingToDraw as nothing:
        _fail(nothing, USAGE)


def _usual_name(found: Report, chart: str | None, format_: str) -> str:
    days = str(found.period).replace(" ", "-")
    return f"report-{days}{f'-{chart}' if chart else ''}.{format_}"


def _write(file: Path, drawn: bytes) -> None:
    """Whole or not at all, so that a page that is served is never half a page."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(drawn)
        part.replace(file)
    except OSError as error:
        _fail(f"{file} can't be written: {error.strerror}", FAILED)
    finally:
        part.unlink(missing_ok=True)


def _fail(why: object, code: int) -> NoReturn:
    sentence = str(why).partition("\n")[0]
    typer.echo(f"httpcodes: {sentence}", err=True)
    raise typer.Exit(code)
