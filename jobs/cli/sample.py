"""The command that writes sample logs."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.exits import exit_codes
from jobs.logs import sample as samples
from jobs.logs.options import ReadingOptions
from queries.cli.telling import tell

app = typer.Typer()


@app.command()
def sample(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to; a folder for each format.")
    ],
    rows: Annotated[
        int, typer.Option(metavar="N", min=0, help="Random requests, all together.")
    ] = 20_000,
    services: Annotated[
        int, typer.Option(metavar="N", min=samples.MIN_SERVICES, help="Services.")
    ] = 15,
    days: Annotated[int, typer.Option(metavar="N", min=1, help="Days, from 2025-09-09 on.")] = 1,
    seed: Annotated[int, typer.Option(metavar="N", help="Equal seeds give equal rows.")] = 1,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="One format; else three.")
    ] = None,
) -> None:
    """Write sample logs, with the requests behind the documented example among them.

    \b
    httpcodes sample logs
    httpcodes sample logs --rows 24000000 --services 1000 --format generic
    """
    with exit_codes():
        options = ReadingOptions.of(format_)
        wanted = [options.format] if options.format else samples.USUAL
        made = samples.Sample(rows, services, days, seed, wanted)
        samples.write(made, folder, lambda file: tell(f"{file}"))
