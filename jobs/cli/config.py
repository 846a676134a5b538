"""The command that checks the configuration."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import typer

from jobs import nightly
from jobs.cli.exits import exit_codes
from jobs.cli.settings import Settings, settings_of
from jobs.monitoring.doctor import cannot_write, space
from queries.cli.drawing import show_grid
from queries.cli.exits import fail
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell
from queries.config import BadConfig
from queries.config_keys import KEYS, SOURCE, TABLES
from queries.failures import FAILED, PARTLY_DONE

app = typer.Typer()
config_app = typer.Typer(help="The configuration, httpcodes.toml.", no_args_is_help=True)
app.add_typer(config_app, name="config")


@config_app.command()
def check(store: StoreOption = None, config: ConfigOption = None) -> None:
    """Check the configuration, and say what applies.

    \b
    httpcodes config check
    httpcodes config check --config /etc/httpcodes.toml
    """
    with exit_codes():
        settings = settings_of(store, config)
        sources = settings.configured()
        for key, folder in settings.outputs.items():
            if folder and (barred := cannot_write(folder)):
                raise BadConfig(
                    f'"{key}" leads to {barred}, which is no folder that can be written'
                )
        found, _ = nightly.find(sources, settings.storage)
        disk = space(settings.store)
    there = f"{len(found.files):,}"
    show_grid((*_applies(settings), ("files there now", there), ("disk space", disk.says)))
    if disk.state == "fail":
        fail(f"the next run can't do its work: {disk.says}", FAILED)
    for path, reason in found.missing.items():
        tell(f"httpcodes: the source {path}: {reason}")
    if found.missing:
        raise typer.Exit(PARTLY_DONE)


def _applies(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each key by its name in httpcodes.toml, and the value that applies."""
    config = settings.config
    values = {**vars(config), "store": settings.store}
    for key in KEYS:
        if key not in {*TABLES, "sources", "endpoint"}:
            yield key, _written(key, values[key])
    in_tables = {**values, **vars(config.engine), **settings.storage.endpoints}
    for table, keys in TABLES.items():
        for key in keys:
            yield f"{table}.{key}", _written(key, in_tables.get(key))
    for number, source in enumerate(config.sources, 1):
        for key, how in SOURCE.items():
            if (value := getattr(source, key)) not in (None, how.default, {}):
                yield f"sources[{number}].{key}", _written(key, value)


def _written(key: str, value: object) -> str:
    """A value as it is written in httpcodes.toml, without quotes; nothing that may be secret."""
    match value:
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(value)
        case Mapping():
            pairs = (f"{name} = {said}" for name, said in value.items())
            return ", ".join(pairs if key == "map" else value) or "-"
    if key in ("ping_url", "pushgateway_url", "otlp_endpoint"):
        return urlsplit(str(value)).hostname or "-"
    return f"{value}B" if key == "task_bytes" else str(value)
