"""The command that drops what is kept no longer."""

import json
from typing import Annotated

import typer

from jobs import prune as pruning
from jobs.cli.exits import exit_codes
from jobs.cli.limits import DryRunOption
from jobs.cli.settings import JsonOption, settings_of
from queries.cli.drawing import show_grid
from queries.cli.exits import write_out
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell
from queries.failures import PARTLY_DONE

app = typer.Typer()


@app.command()
def prune(
    rollups_older_than: Annotated[
        int | None,
        typer.Option(metavar="DAYS", min=1, help="Drop counts of days further back, UTC."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Drop counts, ledger rows, copies of logs and snapshots that are older than what is kept.

    \b
    httpcodes prune --dry-run
    httpcodes prune --rollups-older-than 400
    """
    with exit_codes():
        settings = settings_of(store, config)
        policy = settings.policy(retry=False, replace_within=None)
        days = rollups_older_than or settings.config.rollup_days
        retention = pruning.Retention(days, policy.window, policy.terms)
        act = pruning.plan if dry_run else pruning.prune
        pruned = act(settings.store, retention)
    if as_json:
        if not write_out(json.dumps(pruned.as_json())):
            raise typer.Exit(PARTLY_DONE)
        return
    _narrate(pruned)


def _narrate(pruned: pruning.Pruned) -> None:
    kept = f"{pruned.kept_from:%Y-%m-%d} on" if pruned.kept_from else "all"
    verb = "pruned" if pruned.snapshot else "would prune"
    dropped = (
        ("rows of rollups", pruned.cells),
        ("requests in them", pruned.requests),
        ("contributions", pruned.contributions),
        ("ledger rows", pruned.files),
        ("copies of logs", pruned.raw_copies),
        ("snapshots", len(pruned.snapshots)),
    )
    rows = [(verb, what, f"{how_many:,}") for what, how_many in dropped]
    show_grid([("kept", "rollups", kept), *rows], err=True)
    ending = f"published {pruned.snapshot}" if pruned.snapshot else "dry run: nothing was written"
    tell(ending)
