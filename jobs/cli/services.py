"""Commands about the registry of services."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from jobs import services as registry
from jobs.cli.exits import exit_codes
from jobs.cli.narration import reporter
from jobs.cli.settings import JsonOption, settled
from queries.cli.query import ConfigOption, StoreOption

app = typer.Typer()
services_app = typer.Typer(
    help='Services; with `services = "registered"` in httpcodes.toml only registered ones count.',
    no_args_is_help=True,
)
app.add_typer(services_app, name="services")

NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME...", help="Services.")]


@services_app.command()
def add(name: NamesArgument, store: StoreOption = None, config: ConfigOption = None) -> None:
    """Register services."""
    with exit_codes():
        settings = settled(store, config)
        for added in registry.add(settings.store, name, settings.terms):
            typer.echo(f"registered {added}", err=True)


@services_app.command()
def remove(name: NamesArgument, store: StoreOption = None, config: ConfigOption = None) -> None:
    """Register services no longer; what was counted of them stays."""
    with exit_codes():
        settings = settled(store, config)
        for removed in registry.remove(settings.store, name, settings.terms):
            typer.echo(f"registered no longer {removed}", err=True)


@services_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Text, a name on each line.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Register the services that a file lists."""
    with exit_codes():
        settings = settled(store, config)
        for added in registry.add(settings.store, registry.read(file), settings.terms):
            typer.echo(f"registered {added}", err=True)


@services_app.command("list")
def list_(
    store: StoreOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the services that are known, with their first and last bucket and requests."""
    with exit_codes():
        known = registry.known(settled(store, config).store)
    if as_json:
        typer.echo(json.dumps([vars(service) for service in known], default=_utc))
        return
    table = Table("service", "registered", "first seen", "last seen", "requests", box=None)
    for service in known:
        table.add_row(
            service.service_name,
            "yes" if service.registered else "no",
            *(
                "" if t is None else f"{t:%Y-%m-%dT%H:%MZ}"
                for t in (service.first_seen, service.last_seen)
            ),
            f"{service.requests:,}",
        )
    reporter().print(table)


def _utc(moment: object) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
