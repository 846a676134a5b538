"""The options that bound a run, and what a dry run shows."""

import json
from typing import Annotated

import typer

from jobs.logs.selection import Selection
from jobs.logs.selection import since as first_moment
from jobs.logs.selection import until as end_moment
from jobs.plan import Plan
from queries.cli.telling import tell
from queries.config_keys import MOST_THREADS
from queries.quantities import counted, size

MaxFilesOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Take the N files modified first; leave the rest."),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        metavar="DAY|TIME|AGE", help="Take files modified since then, UTC, or since 3d ago."
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        metavar="DAY|TIME|AGE",
        help="Take files modified until the day's end, the time, or so long ago.",
    ),
]
FailFastOption = Annotated[
    bool, typer.Option("--fail-fast", help="Fail, and publish nothing, if a file can't be used.")
]
AnywayOption = Annotated[
    bool,
    typer.Option(
        "--count-anyway",
        help="Count files also where they seem to hold what files that are gone held.",
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit with 3 if a source brought less than expected.")
]
MemoryLimitOption = Annotated[
    str | None, typer.Option(metavar="SIZE", help="How much memory DuckDB may use, as 512MB.")
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=MOST_THREADS, help="How many threads DuckDB may use."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
]


def selected(since: str | None, until: str | None, most: int | None) -> Selection:
    """The files that the options mean. Raises BadMoment."""
    return Selection(
        None if since is None else first_moment(since),
        None if until is None else end_moment(until),
        most,
    )


def show_plan(plan: Plan, *, as_json: bool) -> None:
    """A line for each file that is not unchanged, or JSON, to stdout; figures to stderr."""
    facts = plan.as_json()
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for what in ("ingest", "replace", "withdraw"):
        for path in facts[what]:
            typer.echo(f"{what:<12}{path}")
    for what in ("duplicate", "refused", "quarantined"):
        for file in facts[what]:
            typer.echo(f"{what:<12}{file['path']}: {file['reason']}")
    tell(
        f"dry run: {counted(len(plan.ingest), 'file')} to ingest, "
        f"{len(plan.replace):,} to replace, {len(plan.duplicate):,} duplicate, "
        f"{len(plan.refused):,} refused, {len(plan.quarantined):,} quarantined, "
        f"{plan.unchanged:,} unchanged, {plan.left:,} left; "
        f"{size(plan.bytes_to_read)} to read; nothing was written"
    )
