"""What a run did, in figures: one row of `runs`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.store.revision import Revision
from queries import utc

POLICIES = {"service not registered", "older than what is kept"}
"""Reasons of rows that are not counted because the operator wants it so."""


@dataclass
class Outcome:
    """What a run did, in figures."""

    files_ingested: int = 0
    files_unchanged: int = 0
    files_replaced: int = 0
    files_duplicate: int = 0
    files_forgotten: int = 0
    merged: dict[str, str] = field(default_factory=dict)
    """What holds the rows of files that are gone, as a sentence by path."""
    withdrawn: dict[str, str] = field(default_factory=dict)
    """Why files that counted don't any more, by path: tables hold them no more, or logs grew."""
    refused: dict[str, str] = field(default_factory=dict)
    """Reasons by path, of files that can't be counted for what counts already."""
    rows_read: int = 0
    rows_counted: int = 0
    rows_rejected: int = 0
    rows_passed_over: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    """Rows by the reason for which they were not counted."""
    passed_over: dict[str, int] = field(default_factory=dict)
    """Rows that are no requests of clients, by what they are."""
    quarantined: dict[str, str] = field(default_factory=dict)
    """Reasons by path."""
    not_kept: dict[str, str] = field(default_factory=dict)
    """Reasons by path, of files in force that no copy could be made of."""
    bytes_done: int = 0
    """Of the files that were looked at, for the progress display."""
    bytes_under_way: int = 0
    """Of those that are looked at, for it, too."""
    rows_under_way: int = 0
    """Read in files of which only parts are done."""


def listed(reasons: Mapping[str, str]) -> list[dict[str, str]]:
    """Reasons by path, as JSON has them."""
    return [{"path": path, "reason": reason} for path, reason in sorted(reasons.items())]


def record(work: Revision, done: Outcome) -> None:
    """Write the run's row, and how far back the buckets are final from now on."""
    finished_at = utc.now()
    work.connection.execute(
        "UPDATE internal.snapshot SET as_of = ?, settle_seconds = ?",
        [work.started_at, int(work.terms.settle.total_seconds())],
    )
    work.connection.execute(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            work.run_id,
            work.started_at,
            finished_at,
            done.files_ingested,
            done.files_unchanged,
            done.files_replaced,
            done.files_duplicate,
            done.files_forgotten,
            len(done.refused),
            len(done.quarantined),
            done.rows_read,
            done.rows_counted,
            done.rows_rejected,
            done.rows_passed_over,
            len(done.merged),
        ],
    )
