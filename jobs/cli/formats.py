"""Commands about formats: which are known, how a file would be read, samples of each."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from jobs import inspect as inspecting
from jobs.cli.exits import exit_codes
from jobs.cli.narration import reporter
from jobs.cli.settings import (
    EndpointOption,
    FormatOption,
    MapOption,
    PathPatternOption,
    ServiceNameOption,
    ZoneOption,
    settled,
)
from jobs.logs import sample as samples
from jobs.logs.choice import ROLES, BadMapping, Choice
from jobs.logs.formats import BY_NAME, FORMATS, Format
from queries.failures import PARTLY_DONE

app = typer.Typer()


@app.command()
def formats(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this one.")] = None,
) -> None:
    """List the formats of logs that are known, or show one."""
    with exit_codes():
        if name is None:
            for format_ in FORMATS:
                typer.echo(f"{format_.name:<14} {format_.about}")
        elif name in BY_NAME:
            _show(BY_NAME[name])
        else:
            raise BadMapping(f"unknown format {name!r}; known are {', '.join(BY_NAME)}")


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
    """Say how a file would be read and why, and what would be counted; writes nothing."""
    with exit_codes():
        choice = Choice.of(format_, map_ or [], service_name, service_from_path, zone)
        settled(None, None, endpoint)
        reached = ("--endpoint", endpoint) if endpoint else ()
        said = ("httpcodes", "inspect", file, *reached, *choice.said)
        seen = inspecting.inspect(file, replace(choice, said=said), limit)
    _tell(seen)
    if seen.rejected:
        raise typer.Exit(PARTLY_DONE)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where to; a folder for each format.")],
    rows: Annotated[int, typer.Option(min=0, help="Random requests, all together.")] = 20_000,
    services: Annotated[int, typer.Option(min=samples.MIN_SERVICES, help="Services.")] = 15,
    days: Annotated[int, typer.Option(min=1, help="Days, from 2025-09-09 on.")] = 1,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal rows.")] = 1,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="One format; else three.")
    ] = None,
) -> None:
    """Write sample logs, with the requests behind the documented example among them."""
    with exit_codes():
        choice = Choice.of(format_)
        wanted = [choice.format] if choice.format else samples.USUAL
        made = samples.Sample(rows, services, days, seed, wanted)
        samples.write(made, folder, lambda file: typer.echo(file, err=True))


def _show(format_: Format) -> None:
    typer.echo(f"{format_.name}: {format_.about}")
    typer.echo(f"names from      {format_.source}")
    if format_.marks:
        typer.echo(f"told by         {' or '.join(format_.marks)}")
    for role in ROLES:
        names = " or ".join(getattr(format_, role))
        if role == "service" and format_.url:
            names += f"{' else ' if names else ''}the host inside {format_.url}"
        typer.echo(f"{role:<15} {names or 'none: --service-name or --service-from-path'}")
    for rule in format_.passed_over:
        what = rule.holds or f"there and not {rule.but}"
        where = f", in files where others are {rule.beside}" if rule.beside else ""
        typer.echo(f"passed over     rows whose {rule.column} is {what}{where}")
    for name, column in format_.optional.items():
        unit = f", x {format_.milliseconds:g}" if name == "duration_ms" else ""
        typer.echo(f"{name:<15} {column}{unit}")


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
        typer.echo(f"                {requests:,} requests of {name}")
    _print_table(("moment", "service", "status", "bucket"), seen.rows)
    means = {str(column): name for name, column in reading.optional.items()}
    _print_table(
        ("column", "type", "is"),
        [(name, column.type, means.get(name, "")) for name, column in seen.schema.items()],
    )


def _print_table(titles: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    reporter().print(table)
