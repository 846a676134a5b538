"""The command that says how a file would be read."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated

import typer

from jobs import inspect as inspecting
from jobs.cli.exits import exit_codes
from jobs.cli.settings import (
    EndpointOption,
    FormatOption,
    KindOption,
    MapOption,
    PathPatternOption,
    PatternOption,
    ServiceNameOption,
    ZoneOption,
    settings_of,
)
from jobs.logs.options import ReadingOptions
from queries import utc
from queries.cli.drawing import show_grid, show_table
from queries.failures import PARTLY_DONE
from queries.quantities import counted

app = typer.Typer()


@app.command()
def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of a log.")],
    format_: FormatOption = None,
    map_: MapOption = None,
    service_name: ServiceNameOption = None,
    service_from_path: PathPatternOption = None,
    zone: ZoneOption = None,
    kind: KindOption = None,
    pattern: PatternOption = None,
    endpoint: EndpointOption = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Rows and services, at the most.")
    ] = 5,
) -> None:
    """Say how a file would be read and why, and what would be counted; writes nothing.

    \b
    httpcodes inspect logs/2025-09-09.parquet
    httpcodes inspect logs/2025-09-09.parquet --map service=site --zone Europe/Berlin
    """
    with exit_codes():
        settings = settings_of(None, None, endpoint)
        terms = settings.terms
        way = (format_, map_ or [], service_name, service_from_path, zone, kind, pattern)
        options = ReadingOptions.of(*way, settings.config.patterns)
        reached = [word for each in endpoint or () for word in ("--endpoint", each)]
        said = ("httpcodes", "inspect", file, *reached, *options.said)
        seen = inspecting.inspect(file, replace(options, said=said), limit, terms)
    _tell(seen)
    if seen.rejected:
        raise typer.Exit(PARTLY_DONE)


def _tell(seen: inspecting.Inspection) -> None:
    means = {str(column): name for name, column in seen.reading.optional.items()}
    show_grid(_figures(seen))
    show_table(("moment", "service", "status", "bucket"), map(_texts, seen.rows))
    columns = seen.schema.items()
    known = [(name, column.type, means.get(name, "")) for name, column in columns]
    show_table(("column", "type", "is"), known)


def _figures(seen: inspecting.Inspection) -> Iterator[tuple[str, str]]:
    reading = seen.reading
    service = reading.service_name or reading.service_path or reading.service or ""
    if reading.url:
        service = f"{service}{' else ' if service else ''}the host inside {reading.url}"
    yield "format", str(reading.format)
    yield "service", str(service)
    yield "timestamp", " + ".join(map(str, reading.timestamp))
    yield "status", str(reading.status)
    yield "rows", f"{seen.rows_read:,}"
    yield "counted", f"{seen.rows_counted:,}"
    for reason, rows in seen.rejected:
        yield "rejected", f"{rows:,} {reason}"
    for reason, rows in seen.passed_over:
        yield "passed over", f"{rows:,} {reason}"
    if seen.first_request:
        ends = (seen.first_request, seen.last_request)
        yield "first, last", ", ".join(utc.written(end, "microseconds") for end in ends if end)
    for name, requests in seen.services:
        yield "", f"{counted(requests, 'request')} of {name}"


def _texts(row: Iterable[object]) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in row)
