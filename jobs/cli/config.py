"""The command that checks the configuration."""

from datetime import timedelta
from urllib.parse import urlsplit

import typer

from jobs import nightly
from jobs.cli.exits import exit_codes
from jobs.cli.settings import settled
from jobs.monitoring.doctor import cannot_write
from queries.cli.options import ConfigOption, StoreOption
from queries.config import BadConfig
from queries.failures import PARTLY_DONE

app = typer.Typer()
config_app = typer.Typer(help="The configuration, httpcodes.toml.", no_args_is_help=True)
app.add_typer(config_app, name="config")


@config_app.command()
def check(store: StoreOption = None, config: ConfigOption = None) -> None:
    """Check the configuration, and say what applies."""
    with exit_codes():
        settings = settled(store, config)
        sources = settings.configured()
        for key, folder in settings.outputs.items():
            if folder and (place := cannot_write(folder)):
                raise BadConfig(f'"{key}" leads to {place}, which is no folder that can be written')
        found, _ = nightly.find(sources)
    policy = settings.policy(retry=False, replace_within=None)
    typer.echo(f"store            {settings.store}")
    for source in sources:
        typer.echo(f"source           {' '.join(source.where)}")
    typer.echo(f"files there now  {len(found.files):,}")
    typer.echo(f"settle time      {policy.terms.settle // timedelta(hours=1)} hours")
    typer.echo(f"replace within   {policy.window.days} days")
    typer.echo(f"plausible from   {policy.terms.plausible_from:%Y-%m-%d}")
    ahead = policy.terms.plausible_ahead // timedelta(hours=1)
    typer.echo(f"plausible ahead  {ahead} hours")
    typer.echo(f"snapshots kept   {policy.terms.kept_snapshots}")
    typer.echo(f"daily snapshots  {policy.terms.kept_days} days")
    rollup_days = settings.config.rollup_days
    typer.echo(f"rollups kept     {f'{rollup_days:,} days' if rollup_days else 'all'}")
    typer.echo(f"logs kept        {policy.terms.raw_days} days")
    typer.echo(f"exported to      {settings.config.export or '-'}")
    typer.echo(f"services         {'registered' if policy.terms.registered_only else 'seen'}")
    typer.echo(f"endpoint         {settings.config.endpoint or '-'}")
    typer.echo(f"memory, threads  {policy.terms.memory or '-'}, {policy.terms.threads or '-'}")
    told = settings.config
    typer.echo(f"metrics file     {told.metrics_file or '-'}")
    typer.echo(f"log format       {told.log_format or 'text'}")
    typer.echo(f"ping             {urlsplit(told.ping_url or '').hostname or '-'}")
    for path, reason in found.missing.items():
        typer.echo(f"httpcodes: the source {path}: {reason}", err=True)
    if found.missing:
        raise typer.Exit(PARTLY_DONE)
