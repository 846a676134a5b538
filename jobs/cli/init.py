"""The command that writes a first configuration."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.exits import exit_codes
from jobs.cli.settings import EndpointOption, endpoints
from jobs.init import configuration, look
from jobs.logs.storage import Storage
from jobs.store.revision import USUAL
from queries.cli.exits import say
from queries.cli.options import StoreOption
from queries.cli.telling import tell
from queries.config import FILE, Config, load, store_of
from queries.failures import PARTLY_DONE, Misused
from queries.quantities import counted

app = typer.Typer()


@app.command()
def init(
    source: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="Files, folders or globs that hold logs."),
    ],
    config: Annotated[
        Path, typer.Option("--config", metavar="FILE", help="What to write; it must not exist.")
    ] = FILE,
    store: StoreOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Write a commented httpcodes.toml for the logs that it is shown.

    \b
    httpcodes init /var/log/cdn --store /srv/httpcodes
    httpcodes schedule cron        then prints the line for a crontab
    """
    with exit_codes():
        if os.path.lexists(config):
            raise Misused(f"{config} is there already; --config FILE names another")
        reached = Storage(endpoints(endpoint))
        samples = [look(where, replace(USUAL, storage=reached)) for where in source]
        store_path = os.path.abspath(store_of(store, Config()))
        text = configuration(store_path, reached.endpoints, samples)
        # Never over what somebody wrote meanwhile.
        with config.open("x", encoding="utf-8") as file:
            file.write(text)
        load(config)
    to_settle = [sentence for each in samples for sentence in each.open]
    for sentence in to_settle:
        say(f"to settle in {config}: {sentence}")
    files = sum(each.files for each in samples)
    after = "once that is settled, " if to_settle else ""
    tell(
        f"{config} is written for {counted(files, 'file')}; {after}`httpcodes run` counts "
        f"{'it' if files == 1 else 'them'}"
    )
    tell("`httpcodes schedule cron` (or systemd, kubernetes, airflow) makes it nightly")
    if to_settle:
        raise typer.Exit(PARTLY_DONE)
