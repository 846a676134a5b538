"""The command that takes files back."""

from typing import Annotated

import typer

from jobs import forget as forgetting
from jobs.cli.exits import exit_codes
from jobs.cli.settings import (
    settings_of,
)
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell

app = typer.Typer()


@app.command()
def forget(
    path: Annotated[list[str], typer.Argument(metavar="PATH...", help="A file or a folder.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Take back what files added; they stay away until their content changes.

    \b
    httpcodes forget logs/2025-09-09.parquet
    """
    with exit_codes():
        settings = settings_of(store, config)
        forgotten = forgetting.forget(settings.store, path, settings.terms)
    for file in forgotten.paths:
        tell(f"forgotten {file}")
    tell(f"published {forgotten.snapshot}")
