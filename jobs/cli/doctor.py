"""The command that looks at the environment of a run."""

import json

import typer

from jobs.cli.exits import exit_codes
from jobs.cli.settings import JsonOption, settled
from jobs.monitoring.doctor import Finding, examine
from queries.cli.drawing import show_grid
from queries.cli.options import ConfigOption, StoreOption
from queries.config import BadConfig
from queries.failures import FAILED

app = typer.Typer()


@app.command()
def doctor(
    store: StoreOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Check versions, disk space, permissions, configuration and sources."""
    with exit_codes():
        findings = _findings(store, config)
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in findings]))
    else:
        show_grid((finding.state, finding.check, finding.says) for finding in findings)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(FAILED)


def _findings(store: StoreOption, config: ConfigOption) -> list[Finding]:
    try:
        settings = settled(store, config)
        sources = settings.configured()
    except BadConfig as error:
        return [Finding("configuration", "fail", str(error))]
    good = Finding("configuration", "ok", f"the store is {settings.store}")
    return [good, *examine(settings.store, settings.terms, sources, settings.outputs)]
