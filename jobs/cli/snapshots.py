"""The command that lists the snapshots that a store keeps."""

import json

import typer

from jobs.cli.exits import exit_codes
from jobs.cli.settings import JsonOption, settings_of
from jobs.store import snapshots as listing
from jobs.store.snapshots import Published
from queries.cli.drawing import show_table
from queries.cli.options import ConfigOption, StoreOption

app = typer.Typer()


@app.command()
def snapshots(
    store: StoreOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the snapshots that are kept, and what their runs brought.

    \b
    httpcodes snapshots
    """
    with exit_codes():
        kept = listing.kept(settings_of(store, config).store)
    if as_json:
        typer.echo(json.dumps([published.as_json() for published in kept]))
        return
    figures = ("bytes", "ingested", "replaced", "forgotten", "counted", "rejected")
    show_table(("in force", "snapshot", "published", *figures), map(_row, kept), figures)


def _row(published: Published) -> tuple[str, ...]:
    told = published.as_json()
    figures = ("bytes", "files_ingested", "files_replaced", "files_forgotten",
               "rows_counted", "rows_rejected")  # fmt: skip
    return (
        "*" if published.in_force else "",
        published.name,
        published.problem or told["published_at"],
        *(f"{told[what]:,}" if told[what] is not None else "-" for what in figures),
    )
