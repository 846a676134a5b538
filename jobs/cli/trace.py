"""The command that says where a count comes from."""

import json
from typing import Annotated

import typer

from jobs import trace as tracing
from jobs.cli.exits import exit_codes
from jobs.cli.settings import JsonOption, settings_of
from jobs.trace import Contribution, Trace
from queries import utc
from queries.cli.drawing import show_table
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell
from queries.failures import FAILED
from queries.quantities import counted

app = typer.Typer()


@app.command()
def trace(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="A service's name.")],
    moment: Annotated[
        str, typer.Argument(metavar="MOMENT", help="Any in the bucket, as 2025-09-09T12:35:00Z.")
    ],
    code: Annotated[
        int | None, typer.Argument(metavar="CODE", min=0, max=999, help="Else all codes.")
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which files made a count, which runs counted them, and how it changed since.

    \b
    httpcodes trace www.example.com 2025-09-09T12:35:00Z
    httpcodes trace www.example.com 2025-09-09T12:35:00Z 503 --json
    """
    with exit_codes():
        settings = settings_of(store, config)
        found = tracing.trace(settings.store, service, moment, code, settings.terms)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        _show(found)
    if found.contradicts:
        tell(f"httpcodes: {_contradiction(found)}")
        raise typer.Exit(FAILED)


def _show(trace: Trace) -> None:
    which = "" if trace.code is None else f" {trace.code:03d}"
    typer.echo(
        f"{trace.service_name} {utc.written(trace.bucket_start)}{which}: "
        f"{counted(trace.requests, 'request')}{_codes(trace.published, trace.code)}"
    )
    if not trace.kept:
        typer.echo("older than what is kept")
    first = min((contribution.run_id for contribution in trace.contributions), default="")
    rows = [_row(contribution, trace, first) for contribution in trace.contributions]
    if rows:
        show_table(("file", "requests", "run", "", "rejected of all its rows"), rows, ("requests",))
    for path, why in trace.untold.items():
        typer.echo(f"not given {path}: {why}")
    if trace.untold and not trace.contradicts:
        rest = sum(trace.rest.values())
        typer.echo(f"of files that are not given: {counted(rest, 'request')}")
    for path, state, reason, run_id in trace.earlier:
        typer.echo(f"{state} {path}, of run {run_id}{f': {reason}' if reason else ''}")
    if len(trace.history) > 1:
        steps = (f"{requests:,} in {name}" for name, requests in trace.history)
        typer.echo(f"was {', then '.join(steps)}")


def _row(contribution: Contribution, trace: Trace, first: str) -> tuple[str, ...]:
    late = "" if contribution.run_id == first else "late"
    how = ", ".join(filter(None, (late, "counted again" if contribution.again else "")))
    rejected = ", ".join(f"{rows:,} {reason}" for reason, rows in contribution.rejected.items())
    added = f"{contribution.requests:,}{_codes(contribution.codes, trace.code)}"
    return contribution.path, added, contribution.run_id, how, rejected


def _codes(codes: dict[int, int], asked: int | None) -> str:
    if asked is not None or not codes:
        return ""
    return f" ({', '.join(f'{code:03d}: {requests:,}' for code, requests in codes.items())})"


def _contradiction(trace: Trace) -> str:
    given = sum(contribution.requests for contribution in trace.contributions)
    return (
        f"the files gave {given:,} and {trace.requests:,} are published; "
        "`httpcodes verify --deep` says more"
    )
