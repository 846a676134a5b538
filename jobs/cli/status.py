"""The command that says how the store stands, to people and to probes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from jobs.cli.exits import exit_codes
from jobs.cli.settings import JsonOption, settled
from jobs.logs.choice import Choice
from jobs.monitoring.status import Delivery, Status
from jobs.monitoring.status import status as look
from queries.cli import duration
from queries.cli.drawing import show_grid
from queries.cli.duration import spoken
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.quantities import counted, size
from queries.failures import FAILED

SHOWN = 5
"""Services (those furthest behind) and files in the text; --json has them all."""

app = typer.Typer()


@app.command()
def status(
    store: StoreOption = None,
    config: ConfigOption = None,
    max_age: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Exit with 1 if the last success is older, as 26h."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how the store stands: runs, watermarks, backlog, quarantine, size.

    \b
    httpcodes status
    httpcodes status --max-age 26h || alert
    """
    with exit_codes():
        most = duration.parse(max_age) if max_age else None
        settings = settled(store, config)
        sources = settings.sources([], Choice()) if settings.config.sources else []
        found = look(settings.store, sources, datetime.now(UTC).replace(tzinfo=None))
    if as_json:
        typer.echo(json.dumps(as_machine_reads(found)))
    else:
        _show(found)
    if found.trouble:
        typer.echo(f"httpcodes: {found.trouble}", err=True)
    if most and found.older_than(most):
        typer.echo(f"httpcodes: {_too_old(found, most)}", err=True)
    if found.trouble or (most and found.older_than(most)):
        raise typer.Exit(FAILED)


def as_machine_reads(found: Status) -> dict[str, Any]:
    """All of a status; moments are UTC, spans are seconds, sizes are bytes."""
    facts = found.facts
    return {
        "store": str(found.store),
        "now": _utc(found.now),
        "trouble": found.trouble,
        "running": found.running,
        "last_run": found.last_run and found.last_run.as_json(),
        "last_success": _utc(found.last_success),
        "last_success_age": _seconds(found, found.last_success),
        "snapshot": facts and facts.snapshot,
        "snapshot_age": _seconds(found, found.published_at),
        "final_until": _utc(facts.final_until if facts else None),
        "sources": [_delivery(found, each) for each in (facts.deliveries if facts else [])],
        "services": [
            {"service": name, "watermark": _utc(mark), "lag": _seconds(found, mark)}
            for name, mark in (facts.services if facts else [])
        ],
        "unusable": [
            {"path": path, "state": state, "reason": reason}
            for path, state, reason in (facts.unusable if facts else [])
        ],
        "rejected": facts.rejected if facts else {},
        "passed_over": facts.passed_over if facts else {},
        "snapshots": found.snapshots,
        "growth": found.growth,
    }


def _delivery(found: Status, each: Delivery) -> dict[str, Any]:
    mark = each.watermark
    return vars(each) | {"watermark": _utc(mark), "lag": _seconds(found, mark)}


def _show(found: Status) -> None:
    show_grid((*_runs(found), *_counts(found), *_files(found), *_sizes(found)))


Rows = list[tuple[str, str]]


def _runs(found: Status) -> Rows:
    run, published = found.last_run, found.published_at
    rows = []
    if found.facts and published:
        rows.append(("snapshot", f"{found.facts.snapshot}, {spoken(found.now - published)} old"))
    if run:
        code = "" if run.exit_code is None else f", exit code {run.exit_code}"
        when = _utc(run.finished_at) or f"began {_utc(run.started_at)}"
        rows.append(("last run", f"{run.outcome.replace('_', ' ')}{code}, {when}"))
        rows += [("", run.reason)] if run.reason else []
    last = found.last_success
    rows.append(("last success", f"{_utc(last)}, {_ago(found, last)}" if last else "none"))
    return rows + ([("at work", f"process {found.running}")] if found.running else [])


def _counts(found: Status) -> Rows:
    facts = found.facts
    if facts is None:
        return []
    rows = [("final until", _utc(facts.final_until) or "nothing yet")]
    rows.append(("services", f"{len(facts.services):,}; furthest behind:"))
    rows += [("", f"{name}  {_behind(found, mark)}") for name, mark in facts.services[:SHOWN]]
    return rows


def _files(found: Status) -> Rows:
    facts = found.facts
    if facts is None:
        return []
    rows = []
    for each in facts.deliveries:
        rows.append(("source", f"{each.source}  {_behind(found, each.watermark)}"))
        backlog = f"backlog {each.backlog_files or 0:,} of {counted(each.files or 0, 'file')}"
        rows.append(("", each.trouble or f"{backlog}, {size(each.backlog_bytes or 0)}"))
    unusable = counted(len(facts.unusable), "file") if facts.unusable else "empty"
    rows.append(("quarantine", unusable))
    rows += [("", f"{state} {path}: {why}") for path, state, why in facts.unusable[:SHOWN]]
    more = len(facts.unusable) - SHOWN
    rows += [("", f"and {more:,} more; --json names them")] if more > 0 else []
    rows += [("rejected", f"{counted(n, 'row')}, {reason}") for reason, n in facts.rejected.items()]
    rows += [
        ("passed over", f"{counted(n, 'row')}, {reason}") for reason, n in facts.passed_over.items()
    ]
    return rows


def _sizes(found: Status) -> Rows:
    sizes = list(found.snapshots.values())
    if not sizes:
        return []
    growth = _grown(found.growth)
    kept = f"{size(sum(sizes))} in {counted(len(sizes), 'snapshot')}"
    return [("size", f"{kept}, the newest {size(sizes[-1])}{growth}")]


def _grown(by: int | None) -> str:
    if by is None:
        return ""
    return f", {'-' if by < 0 else '+'}{size(abs(by))} since the one before"


def _behind(found: Status, mark: datetime | None) -> str:
    return f"{_utc(mark)}, {spoken(found.now - mark)} behind" if mark else "never heard of"


def _ago(found: Status, moment: datetime) -> str:
    return f"{spoken(found.now - moment)} ago"


def _too_old(found: Status, most: timedelta) -> str:
    last = found.last_success
    said = f"the last success was {_ago(found, last)}" if last else "no run has succeeded yet"
    return f"{said}; --max-age accepts {spoken(most)}"


def _seconds(found: Status, moment: datetime | None) -> int | None:
    # A clock that is ahead, within what is plausible, is not behind.
    return max(0, round((found.now - moment).total_seconds())) if moment else None


def _utc(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None
