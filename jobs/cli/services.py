"""Commands about the registry of services."""

import json
from pathlib import Path
from typing import Annotated

import typer

from jobs import services as registry
from jobs.cli.exits import exit_codes
from jobs.cli.settings import JsonOption, settings_of
from queries import utc
from queries.cli.drawing import show_table
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell

app = typer.Typer()
services_app = typer.Typer(
    help='Services; with `services = "registered"` in httpcodes.toml only registered ones count.',
    no_args_is_help=True,
)
app.add_typer(services_app, name="services")

NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME...", help="Services.")]


@services_app.command()
def add(name: NamesArgument, store: StoreOption = None, config: ConfigOption = None) -> None:
    """Register services.

    \b
    httpcodes services add www.example.com api.example.com
    """
    with exit_codes():
        settings = settings_of(store, config)
        for added in registry.add(settings.store, name, settings.terms):
            tell(f"registered {added}")


@services_app.command()
def remove(name: NamesArgument, store: StoreOption = None, config: ConfigOption = None) -> None:
    """Register services no longer; what was counted of them stays.

    \b
    httpcodes services remove www.example.com
    """
    with exit_codes():
        settings = settings_of(store, config)
        for removed in registry.remove(settings.store, name, settings.terms):
            tell(f"registered no longer {removed}")


@services_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Text, a name on each line.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Register the services that a file lists.

    \b
    httpcodes services import services.txt
    """
    with exit_codes():
        settings = settings_of(store, config)
        for added in registry.add(settings.store, registry.read(file), settings.terms):
            tell(f"registered {added}")


@services_app.command("list")
def list_(
    store: StoreOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the services that are known, with their first and last bucket and requests.

    \b
    httpcodes services list
    """
    with exit_codes():
        known = registry.known(settings_of(store, config).store)
    if as_json:
        typer.echo(json.dumps([vars(service) for service in known], default=utc.written))
        return
    titles = ("service", "registered", "first seen", "last seen", "requests")
    show_table(titles, map(_row, known), ("requests",))


def _row(service: registry.Service) -> tuple[str, ...]:
    seen = (service.first_seen, service.last_seen)
    return (
        service.service_name,
        "yes" if service.registered else "no",
        *("" if moment is None else utc.written(moment, "minutes") for moment in seen),
        f"{service.requests:,}",
    )
