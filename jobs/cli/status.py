"""The command that says how the store stands, to people and to probes."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from jobs.cli.exits import exit_codes
from jobs.cli.narration import BROKEN, CARE, FINE, alike
from jobs.cli.settings import JsonOption, settings_of
from jobs.counts.runs import POLICIES
from jobs.logs.options import ReadingOptions
from jobs.monitoring.status import Delivery, Status
from jobs.monitoring.status import status as look
from jobs.store.hints import Hints
from queries import utc
from queries.cli import duration
from queries.cli.drawing import show_grid
from queries.cli.duration import spoken
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell
from queries.failures import FAILED
from queries.quantities import counted, size

SHOWN = 5
"""Services (those furthest behind) and causes in the text; --json has them all."""

app = typer.Typer()


@app.command()
def status(
    store: StoreOption = None,
    config: ConfigOption = None,
    max_age: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Exit with 1 if the last success is older, as 26h."),
    ] = None,
    max_gap: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Exit with 1 if a source lacks more in a row, as 3h."),
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
        longest = duration.parse(max_gap) if max_gap else None
        settings = settings_of(store, config)
        sources = settings.sources([], ReadingOptions()) if settings.config.sources else []
        found = look(settings.store, sources, utc.now(), settings.storage)
    if as_json:
        typer.echo(json.dumps(as_machine_reads(found)))
    else:
        _show(found)
    if found.trouble:
        tell(f"httpcodes: {found.trouble}")
    if most and found.older_than(most):
        tell(f"httpcodes: {_too_old(found, most)}")
    lacking = found.lacking(longest) if longest else []
    for gap in lacking:
        tell(f"httpcodes: {gap.sentence}; --max-gap {max_gap} accepts less")
    if found.trouble or lacking or (most and found.older_than(most)):
        raise typer.Exit(FAILED)


def as_machine_reads(status: Status) -> dict[str, Any]:
    """All of a status; moments are UTC, spans are seconds, sizes are bytes."""
    facts = status.facts
    return {
        "store": str(status.store),
        "now": utc.written_if(status.now),
        "trouble": status.trouble,
        "running": status.running,
        "last_run": status.last_run and status.last_run.as_json(),
        "last_success": utc.written_if(status.last_success),
        "last_success_age": _seconds(status, status.last_success),
        "snapshot": facts and facts.snapshot,
        "snapshot_age": _seconds(status, status.published_at),
        "final_until": utc.written_if(facts.final_until if facts else None),
        "sources": [_delivery(status, each) for each in (facts.deliveries if facts else [])],
        "services": [
            {"service": name, "watermark": utc.written_if(mark), "lag": _seconds(status, mark)}
            for name, mark in (facts.services if facts else [])
        ],
        "unusable": [
            {"path": path, "state": state, "reason": reason}
            for path, state, reason in (facts.unusable if facts else [])
        ],
        "rejected": facts.rejected if facts else {},
        "passed_over": facts.passed_over if facts else {},
        **(facts.hints if facts else Hints()).as_json(),
        "snapshots": status.snapshots,
        "growth": status.growth,
    }


def _delivery(status: Status, each: Delivery) -> dict[str, Any]:
    mark = each.watermark
    return vars(each) | {"watermark": utc.written_if(mark), "lag": _seconds(status, mark)}


def _show(status: Status) -> None:
    show_grid(
        (*_attention(status), *_runs(status), *_counts(status), *_files(status), *_sizes(status))
    )


Rows = list[tuple[str, str]]


def _attention(status: Status) -> list[tuple[str, Text]]:
    """What needs somebody; of a store that can't be read, stderr tells."""
    lines = [Text(line, BROKEN) for line in _broken(status)]
    facts = status.facts
    lines += [Text(sentence, CARE) for sentence in (facts.hints.sentences if facts else [])]
    lines += [
        Text(f"rejected {counted(rows, 'row')}: {reason}", CARE)
        for reason, rows in (status.facts.rejected if status.facts else {}).items()
        if reason not in POLICIES
    ]
    if not lines and status.facts:
        lines = [Text("none needed", FINE)]
    return [("attention" if number == 0 else "", line) for number, line in enumerate(lines)]


def _broken(status: Status) -> list[str]:
    run, facts = status.last_run, status.facts
    lines = []
    if run and run.outcome in ("failed", "killed", "interrupted"):
        reason = f": {run.reason}" if run.reason else ""
        lines.append(f"the last run {_OUTCOMES[run.outcome]}{reason}")
    for each in facts.deliveries if facts else []:
        lines += [each.trouble] if each.trouble else []
    unusable = alike(
        (f"{state} {path}", why) for path, state, why in (facts.unusable if facts else [])
    )
    lines += unusable[:SHOWN]
    more = len(unusable) - SHOWN
    return lines + (
        [f"and {counted(more, 'more cause')}; --json names all files"] if more > 0 else []
    )


_OUTCOMES = {"failed": "failed", "killed": "was killed", "interrupted": "was interrupted"}


def _runs(status: Status) -> Rows:
    run, published = status.last_run, status.published_at
    rows = []
    if status.facts and published:
        rows.append(("snapshot", f"{status.facts.snapshot}, {spoken(status.now - published)} old"))
    if run:
        code = "" if run.exit_code is None else f", exit code {run.exit_code}"
        when = utc.written_if(run.finished_at) or f"began {utc.written_if(run.started_at)}"
        rows.append(("last run", f"{run.outcome.replace('_', ' ')}{code}, {when}"))
    last = status.last_success
    rows.append(
        ("last success", f"{utc.written_if(last)}, {_ago(status, last)}" if last else "none")
    )
    return rows + ([("at work", f"process {status.running}")] if status.running else [])


def _counts(status: Status) -> Rows:
    facts = status.facts
    if facts is None:
        return []
    rows = [("final until", utc.written_if(facts.final_until) or "nothing yet")]
    rows.append(("services", f"{len(facts.services):,}; furthest behind:"))
    rows += [("", f"{name}  {_behind(status, mark)}") for name, mark in facts.services[:SHOWN]]
    return rows


def _files(status: Status) -> Rows:
    facts = status.facts
    if facts is None:
        return []
    rows = []
    for each in facts.deliveries:
        rows.append(("source", f"{each.source}  {_behind(status, each.watermark)}"))
        backlog = f"backlog {each.backlog_files or 0:,} of {counted(each.files or 0, 'file')}"
        if each.trouble is None:
            rows.append(("", f"{backlog}, {size(each.backlog_bytes or 0)}"))
    unusable = counted(len(facts.unusable), "file") if facts.unusable else "empty"
    rows.append(("quarantine", unusable))
    rows += [("rejected", f"{counted(n, 'row')}, {reason}") for reason, n in facts.rejected.items()]
    rows += [
        ("passed over", f"{counted(n, 'row')}, {reason}") for reason, n in facts.passed_over.items()
    ]
    return rows


def _sizes(status: Status) -> Rows:
    sizes = list(status.snapshots.values())
    if not sizes:
        return []
    growth = _grown(status.growth)
    kept = f"{size(sum(sizes))} in {counted(len(sizes), 'snapshot')}"
    return [("size", f"{kept}, the newest {size(sizes[-1])}{growth}")]


def _grown(by: int | None) -> str:
    if by is None:
        return ""
    return f", {'-' if by < 0 else '+'}{size(abs(by))} since the one before"


def _behind(status: Status, mark: datetime | None) -> str:
    return (
        f"{utc.written_if(mark)}, {spoken(status.now - mark)} behind" if mark else "never heard of"
    )


def _ago(status: Status, moment: datetime) -> str:
    return f"{spoken(status.now - moment)} ago"


def _too_old(status: Status, most: timedelta) -> str:
    last = status.last_success
    said = f"the last success was {_ago(status, last)}" if last else "no run has succeeded yet"
    return f"{said}; --max-age accepts {spoken(most)}"


def _seconds(status: Status, moment: datetime | None) -> int | None:
    # A clock that is ahead, within what is plausible, is not behind.
    return max(0, round((status.now - moment).total_seconds())) if moment else None
