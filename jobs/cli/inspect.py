"""The command that says how a file would be read."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

import typer

from jobs import inspect as inspecting
from jobs.cli.exits import exit_codes
from jobs.cli.settings import (
    EndpointOption,
    FormatOption,
    MapOption,
    PathPatternOption,
    ServiceNameOption,
    ZoneOption,
    settled,
)
from jobs.logs.choice import Choice
from queries.cli.drawing import show_table
from queries.cli.quantities import counted
from queries.failures import PARTLY_DONE

app = typer.Typer()


@app.command()
def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A Parquet file.")],
    format_: FormatOption = None,
    map_: MapOption = None,
    service_name: ServiceNameOption = None,
    service_from_path: PathPatternOption = None,
    zone: ZoneOption = None,
    endpoint: EndpointOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows and services, at the most.")] = 5,
) -> None:
    """Say how a file would be read and why, and what would be counted; writes nothing.

    \b
    httpcodes inspect logs/2025-09-09.parquet
    httpcodes inspect logs/2025-09-09.parquet --map service=site --zone Europe/Berlin
    """
    with exit_codes():
        choice = Choice.of(format_, map_ or [], service_name, service_from_path, zone)
        settled(None, None, endpoint)
        reached = ("--endpoint", endpoint) if endpoint else ()
        said = ("httpcodes", "inspect", file, *reached, *choice.said)
        seen = inspecting.inspect(file, replace(choice, said=said), limit)
    _tell(seen)
    if seen.rejected:
        raise typer.Exit(PARTLY_DONE)


def _tell(seen: inspecting.Inspection) -> None:
    reading = seen.reading
    service = reading.service_name or reading.service_path or reading.service or ""
    if reading.url:
        service = f"{service}{' else ' if service else ''}the host inside {reading.url}"
    typer.echo(f"format          {reading.format}")
    typer.echo(f"service         {service}")
    typer.echo(f"timestamp       {' + '.join(map(str, reading.timestamp))}")
    typer.echo(f"status          {reading.status}")
    typer.echo(f"rows            {seen.rows_read:,}")
    typer.echo(f"counted         {seen.rows_counted:,}")
    for reason, rows in seen.rejected:
        typer.echo(f"rejected        {rows:,} {reason}")
    for reason, rows in seen.passed_over:
        typer.echo(f"passed over     {rows:,} {reason}")
    typer.echo(f"first, last     {seen.first_request}, {seen.last_request} UTC")
    for name, requests in seen.services:
        typer.echo(f"                {counted(requests, 'request')} of {name}")
    show_table(("moment", "service", "status", "bucket"), map(_texts, seen.rows))
    means = {str(column): name for name, column in reading.optional.items()}
    columns = seen.schema.items()
    known = [(name, column.type, means.get(name, "")) for name, column in columns]
    show_table(("column", "type", "is"), known)


def _texts(row: Iterable[object]) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in row)
