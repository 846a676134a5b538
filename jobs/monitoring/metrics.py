"""A store's status as a Prometheus textfile, for the collector of node_exporter.

All is told from the status and nothing from the file before, so that the time of the last
success survives a failure, a lost file and a run that was killed.
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from jobs.monitoring.status import Facts, Status
from queries import whole_file

Sample = tuple[Mapping[str, str], float | None]
Family = tuple[str, str, list[Sample]]
"""A name, what it means, and its samples: labels and values, None for those not known."""


def write(file: Path, status: Status) -> None:
    """Replace the file as a whole. Raises OSError."""
    whole_file.replace(file, rendered(status))


def rendered(status: Status) -> str:
    """As Prometheus reads it."""
    return "".join(map(_rendered, families(status)))


def families(status: Status) -> Iterator[Family]:
    """All that there is to tell, by name."""
    run = status.last_run
    if run:
        ended = run.finished_at or status.now
        yield "last_run_timestamp_seconds", "When the last run ended.", [({}, _epoch(ended))]
        yield "last_run_exit_code", "Its exit code.", [({}, run.exit_code)]
        yield "last_run_outcome", "How it ended.", [({"outcome": run.outcome}, 1)]
        yield "last_run_duration_seconds", "How long it took.", [({}, run.seconds)]
        read = "Size of the files that it looked at."
        yield "last_run_read_bytes", read, [({}, run.bytes_read)]
    succeeded = "When a run last published; failures leave it as it is."
    yield "last_success_timestamp_seconds", succeeded, [({}, _epoch(status.last_success))]
    sizes = list(status.snapshots.values())
    yield "snapshots_bytes", "Size of all snapshots that are kept.", [({}, sum(sizes))]
    if status.facts:
        yield from _counted(status.facts)
        yield from _delivered(status.facts, status.now)
        size = status.snapshots.get(status.facts.snapshot)
        yield "snapshot_bytes", "Size of the newest snapshot.", [({}, size)]


def _counted(facts: Facts) -> Iterator[Family]:
    figures = facts.published or {}
    for what in ("files", "rows"):
        prefix = f"{what}_"
        samples: list[Sample] = [
            ({"outcome": name.removeprefix(prefix)}, value)
            for name, value in figures.items()
            if name.startswith(prefix)
        ]
        yield f"last_success_{what}", f"What the last success did with {what}.", samples
    rejected: list[Sample] = [({"reason": why}, rows) for why, rows in facts.rejected.items()]
    yield "rejected_rows", "Rows of the files in force that could not be counted.", rejected
    passed: list[Sample] = [({"reason": why}, rows) for why, rows in facts.passed_over.items()]
    no_requests = "Rows of the files in force that are no requests of clients."
    yield "passed_over_rows", no_requests, passed
    for state in ("quarantined", "refused"):
        how_many = sum(each == state for _, each, _ in facts.unusable)
        yield f"{state}_files", f"Files that are {state}.", [({}, how_many)]
    until = "Buckets that end no later can't change any more."
    yield "final_until_timestamp_seconds", until, [({}, _epoch(facts.final_until))]
    marks = [mark for _, mark in facts.services if mark]
    oldest = "Up to when the service that is furthest behind was heard of."
    first = _epoch(min(marks)) if marks else None
    yield "oldest_service_watermark_timestamp_seconds", oldest, [({}, first)]


def _delivered(facts: Facts, now: datetime) -> Iterator[Family]:
    each = [({"source": delivery.source}, delivery) for delivery in facts.deliveries]
    marks = [(labels, d.watermark) for labels, d in each]
    yield (
        "source_watermark_timestamp_seconds",
        "The latest request that a source delivered.",
        [(labels, _epoch(mark)) for labels, mark in marks],
    )
    yield (
        "source_lag_seconds",
        "How far back that lay when this was written.",
        [
            (labels, max(0, (now - mark).total_seconds()) if mark else None)
            for labels, mark in marks
        ],
    )
    hours: dict[str, int] = {delivery.source: 0 for delivery in facts.deliveries}
    for gap in facts.hints.gaps:
        hours[gap.source] = hours.get(gap.source, 0) + gap.missing + gap.short
    yield (
        "source_gap_hours",
        "Hours of the last 7 days in which a source brought less than was to be expected.",
        [({"source": source}, lacking) for source, lacking in hours.items()],
    )
    backlog = "Files that a source holds and that no run has looked at"
    yield "backlog_files", f"{backlog}.", [(labels, d.backlog_files) for labels, d in each]
    yield (
        "backlog_bytes",
        f"{backlog}: their size.",
        [(labels, d.backlog_bytes) for labels, d in each],
    )


def _rendered(family: Family) -> str:
    name, meaning, samples = family
    known = [
        f"httpcodes_{name}{_labels(labels)} {value}\n"
        for labels, value in samples
        if value is not None
    ]
    head = f"# HELP httpcodes_{name} {meaning}\n# TYPE httpcodes_{name} gauge\n"
    return head + "".join(known) if known else ""


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _epoch(moment: datetime | None) -> float | None:
    return moment.replace(tzinfo=UTC).timestamp() if moment else None
