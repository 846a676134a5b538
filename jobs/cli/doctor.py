"""The command that looks at the environment of a run."""

import json

import typer

from jobs.cli.exits import exit_codes
from jobs.cli.settings import EngineOption, JsonOption, settings_of
from jobs.engine import sight
from jobs.monitoring.doctor import Finding, examine
from queries.cli.drawing import show_grid
from queries.cli.options import ConfigOption, StoreOption
from queries.config import BadConfig
from queries.failures import FAILED

app = typer.Typer()


@app.command()
def doctor(
    store: StoreOption = None,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check versions, disk space, permissions, configuration, sources and engine.

    \b
    httpcodes doctor
    httpcodes doctor --config /etc/httpcodes.toml || alert
    """
    with exit_codes():
        findings = _findings(store, config, engine)
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in findings]))
    else:
        show_grid((finding.state, finding.check, finding.says) for finding in findings)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(FAILED)


def _findings(store: StoreOption, config: ConfigOption, engine: str | None) -> list[Finding]:
    try:
        settings = settings_of(store, config)
        sources = settings.configured()
        told, storage = settings.config.engine, settings.storage
        of_engine = sight.examine(engine, told, settings.store, sources, storage)
    except BadConfig as error:
        return [Finding("configuration", "fail", str(error))]
    good = Finding("configuration", "ok", f"the store is {settings.store}")
    found = examine(settings.store, settings.terms, sources, settings.outputs)
    return [good, *found, *of_engine]
