"""The command that prints what a scheduler has to be told."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.exits import exit_codes
from jobs.cli.settings import settings_of
from jobs.schedule import SCHEDULERS, Plan, Times
from jobs.schedule import schedule as written
from queries.cli import duration
from queries.cli.options import ConfigOption, StoreOption
from queries.config import FILE, BadConfig

app = typer.Typer()


@app.command()
def schedule(
    scheduler: Annotated[
        str, typer.Argument(metavar="SCHEDULER", help="systemd, cron, kubernetes or airflow.")
    ],
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Once a day, UTC; 02:30 unless said.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(metavar="SPAN", help="More often, such as 15m or 1h.")
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Print units, a crontab line, a CronJob or a DAG for the configured run.

    \b
    httpcodes schedule systemd --every 1h
    httpcodes schedule cron --at 02:30
    """
    with exit_codes():
        if scheduler not in SCHEDULERS:
            raise BadConfig(f"{scheduler} is not known; {', '.join(SCHEDULERS)} are")
        file = config or FILE
        if not file.exists():
            raise BadConfig(
                f"{file} does not exist, which tells a scheduled run what to do; "
                "`httpcodes init SOURCE` writes it"
            )
        settings = settings_of(store, config)
        told = settings.config
        plan = Plan(
            Times.of(at, duration.parse(every) if every else None),
            _absolute(file),
            # A store that was typed is not the configured one.
            told if store is None else replace(told, store=None),
            _absolute(settings.store),
        )
        text = written(scheduler, plan)
    typer.echo(text, nl=False)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
