"""The command that looks at the environment of a run."""

import json

import typer
from rich.table import Table

from jobs.cli.exits import exit_codes
from jobs.cli.narration import reporter
from jobs.cli.settings import JsonOption, settled
from jobs.monitoring.doctor import Finding, examine
from queries.cli.exits import FAILED
from queries.cli.query import ConfigOption, StoreOption
from queries.config import BadConfig

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
        table = Table.grid(padding=(0, 2))
        for finding in findings:
            table.add_row(finding.state, finding.check, finding.says)
        reporter().print(table)
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
