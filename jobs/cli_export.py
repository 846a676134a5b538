"""The command that exports counts for the API layer, and the last step of a run."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_exits import exit_codes
from jobs.cli_narration import narrator
from jobs.cli_settings import settled
from jobs.export import Exported, Selection, export, export_published
from jobs.export_file import FORMATS, export_file
from queries.cli import ConfigOption, StoreOption

ExportOption = Annotated[
    Path | None,
    typer.Option("--export", metavar="OUT", help="Export to this folder as the last step."),
]
_DAY = ["%Y-%m-%d"]

app = typer.Typer()


@app.command("export")
def export_(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder; with --format, a file.")],
    store: StoreOption = None,
    config: ConfigOption = None,
    day: Annotated[
        datetime | None, typer.Option(metavar="DAY", formats=_DAY, help="One day, UTC.")
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
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help=f"One file: {', '.join(FORMATS)}."),
    ] = None,
) -> None:
    """Write the documented answer of each service and UTC day as a file, and an index."""
    if format_ is not None and format_ not in FORMATS:
        raise typer.BadParameter(f"unknown format {format_!r}; known are {', '.join(FORMATS)}")
    chosen = Selection(*_days(day, first, last), tuple(service) if service else None)
    narration = narrator()
    with exit_codes():
        place = settled(store, config).store
        if format_ is None:
            narrate_exported(export(place, out, chosen), out, narration)
        else:
            done = export_file(place, out, format_, chosen)
            line = (
                f"exported {done.snapshot} to {out}: {done.bytes:,} bytes in {done.seconds:.1f} s"
            )
            narration.print(line, markup=False)


def _days(day: datetime | None, first: datetime | None, last: datetime | None) -> tuple[date, date]:
    if day and (first or last):
        raise typer.BadParameter("give --day, or --from and --to")
    begin, end = (first or datetime.min, last or datetime.max)
    if day:
        begin = end = day
    if end < begin:
        raise typer.BadParameter("--to is earlier than --from; it is the last day, inclusive")
    return begin.date(), end.date()


def last_step(store: Path, out: Path, published: str, console: Console) -> None:
    """Export what a run has published. Raises ExportFailed."""
    narrate_exported(export_published(store, out, published), out, console)


def narrate_exported(done: Exported, out: Path, console: Console) -> None:
    """Say what an export did."""
    files = [file for day in done.written.values() for file in day.values()]
    size = sum(file["bytes"] for file in files)
    console.print(f"days written    {len(done.written):,}  ({len(files):,} files, {size:,} bytes)")
    console.print(f"days unchanged  {len(done.unchanged):,}")
    console.print(f"days removed    {len(done.removed):,}")
    line = f"exported {done.snapshot} to {out} in {done.seconds:.1f} s"
    console.print(line, markup=False)
