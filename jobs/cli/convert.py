"""The command that makes Parquet of text logs."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from jobs import convert as converting
from jobs.cli.exits import exit_codes
from jobs.cli.narration import narrate, narrator
from jobs.cli.progress import progress
from jobs.cli.settings import EndpointOption, KindOption, PatternOption, settings_of
from jobs.logs.options import ReadingOptions, Source
from queries.cli.options import ConfigOption
from queries.failures import PARTLY_DONE
from queries.quantities import counted

app = typer.Typer()


@app.command()
def convert(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A file, a folder or a glob of text logs.")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="The folder to write Parquet files into.")
    ],
    config: ConfigOption = None,
    kind: KindOption = None,
    pattern: PatternOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Make a Parquet file of each text log, with the vendor's columns.

    Lines that can't be taken apart are printed as they stand, as JSON lines.

    \b
    httpcodes convert /var/log/nginx /srv/logs
    httpcodes convert '/var/log/cdn/*.gz' /srv/logs --kind ndjson
    """
    with exit_codes():
        settings = settings_of(None, config, endpoint)
        options = ReadingOptions.of(
            kind=kind or "auto", pattern=pattern, patterns=settings.config.patterns
        )
        wanted = Source((source,), options)
        partly = False
        narration = narrator()
        with progress(narration) as on_progress:
            for one in converting.convert(wanted, out, settings.storage, _tell, on_progress):
                partly |= one.out is None or one.broken > 0
                narrate(narration, _line(one))
    if partly:
        raise typer.Exit(PARTLY_DONE)


def _tell(path: str, line: str) -> None:
    # typer.echo would write past the line that moves, and behind it.
    sys.stdout.write(json.dumps({"path": path, "line": line}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _line(one: converting.Converted) -> str:
    if one.out is None:
        return f"refused {one.path}: {one.reason}"
    others = "".join(f", {counted(n, what)}" for what, n in (one.aside or {}).items())
    broken = f", {counted(one.broken, 'broken line')}" if one.broken else ""
    state = "converted" if one.is_new else "unchanged"
    lines = f"{counted(one.lines, 'line')}: {counted(one.rows, 'row')}{others}{broken}"
    return f"{state} {one.path} -> {one.out}: {lines}"
