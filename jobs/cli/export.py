"""The command that exports counts for the API layer, and the last step of a run."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli.exits import exit_codes
from jobs.cli.narration import narrate, narrator
from jobs.cli.settings import settings_of
from jobs.export.documents import Exported, Selection, export, export_published
from jobs.export.one_file import FORMATS, export_file
from queries.cli.drawing import show_grid
from queries.cli.exits import spare
from queries.cli.options import (
    ConfigOption,
    DayOption,
    FirstDayOption,
    LastDayOption,
    ServicesOption,
    StoreOption,
    chosen_days,
)
from queries.failures import Misused
from queries.quantities import counted, size

ExportOption = Annotated[
    Path | None,
    typer.Option("--export", metavar="OUT", help="Export to this folder as the last step."),
]

app = typer.Typer()


@app.command("export")
def export_(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder; with --format, a file.")],
    store: StoreOption = None,
    config: ConfigOption = None,
    day: DayOption = None,
    first: FirstDayOption = None,
    last: LastDayOption = None,
    service: ServicesOption = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help=f"One file: {', '.join(FORMATS)}."),
    ] = None,
) -> None:
    """Write the documented answer of each service and UTC day as a file, and an index.

    \b
    httpcodes export /srv/answers
    httpcodes export counts.csv --format csv --from 2025-09-01 --to 2025-09-30
    """
    if format_ is not None and format_ not in FORMATS:
        raise Misused(f"unknown format {format_!r}; known are {', '.join(FORMATS)}")
    first_day, last_day = chosen_days(day, first, last)
    services = tuple(service) if service else None
    chosen = Selection(first_day or date.min, last_day or date.max, services)
    narration = narrator()
    with exit_codes():
        store_path = settings_of(store, config).store
        spare(store_path, out)
        if format_ is None:
            narrate_exported(export(store_path, out, chosen), out, narration)
        else:
            done = export_file(store_path, out, format_, chosen)
            line = f"exported {done.snapshot} to {out}: {size(done.bytes)} in {done.seconds:.1f} s"
            narrate(narration, line)


def last_step(store: Path, out: Path, published: str, console: Console) -> None:
    """Export what a run has published. Raises ExportFailed."""
    narrate_exported(export_published(store, out, published), out, console)


def narrate_exported(done: Exported, out: Path, console: Console) -> None:
    """Say what an export did."""
    files = [file for day in done.written.values() for file in day.values()]
    written = sum(file["bytes"] for file in files)
    if not console.quiet:
        days = f"{len(done.written):,} ({counted(len(files), 'file')}, {size(written)})"
        unchanged, removed = f"{len(done.unchanged):,}", f"{len(done.removed):,}"
        show_grid(
            (("days written", days), ("days unchanged", unchanged), ("days removed", removed)),
            err=True,
        )
    line = f"exported {done.snapshot} to {out} in {done.seconds:.1f} s"
    narrate(console, line)
