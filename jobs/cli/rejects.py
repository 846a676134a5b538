"""The command that shows what could not be counted."""

import json
from typing import Annotated

import typer

from jobs import rejects as rejecting
from jobs.cli.exits import exit_codes
from jobs.cli.settings import (
    settings_of,
)
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell
from queries.quantities import counted

app = typer.Typer()


@app.command()
def rejects(
    path: Annotated[
        str | None, typer.Argument(metavar="PATH", help="A file or a folder; else all files.")
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Rows of each file, at the most.")
    ] = 10,
) -> None:
    """Show rows that could not be counted as they stand in the file, one JSON line each.

    \b
    httpcodes rejects
    httpcodes rejects logs/2025-09-09.parquet --limit 100
    """
    with exit_codes():
        settings = settings_of(store, config)
        for file in rejecting.rejects(settings.store, path, limit, settings.terms):
            note = "; the file is gone" if file.gone else ""
            tell(f"{file.path}: {counted(file.rows_rejected, 'row')} rejected{note}")
            for row, unreadable in file.shown:
                line = {"path": file.path, "unreadable": unreadable, "row": row}
                typer.echo(json.dumps(line, ensure_ascii=False))
