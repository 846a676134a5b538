"""The scheduled run: find files, count the new ones, change the buckets that they touch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from jobs.counts import fold, names, rollup, runs
from jobs.counts.contents import Content
from jobs.counts.ingest import Ingest
from jobs.counts.ledger import Ledger
from jobs.counts.merged import Merging
from jobs.counts.runs import Outcome
from jobs.counts.trouble import nothing_changed
from jobs.logs import sources
from jobs.logs.choice import Choice, Source
from jobs.logs.selection import EVERYTHING, Selection
from jobs.logs.sources import SourceFile
from jobs.store import access_log_view as shown
from jobs.store.revision import USUAL, Revision, Terms, revision
from queries.failures import Failed


class FailedFast(Failed):
    """A file that could not be used, where that is to fail the run; the message names it."""


@dataclass(frozen=True)
class Policy:
    """What a run does with the files that it finds."""

    retry: bool = False
    """Whether to look at files in quarantine again."""
    window: timedelta = fold.WINDOW
    """For how long after it was counted a file may be replaced."""
    terms: Terms = USUAL
    selection: Selection = EVERYTHING
    """Which of the files that wait it takes; the others stay for a later run."""
    fail_fast: bool = False
    """Whether the first file that can't be used fails the run."""
    count_anyway: bool = False
    """Whether files count also where they seem to hold what files that are gone held."""


@dataclass(frozen=True)
class Progress:
    """A run under way, as often as it has something to say."""

    bytes_to_do: int
    outcome: Outcome


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    snapshot: str
    """The name of the snapshot that it published."""
    outcome: Outcome
    left: int = 0
    """Files that wait, and that it did not take."""
    missing: dict[str, str] = field(default_factory=dict)
    """Sources that are not there, or hold nothing to count, with the reason."""
    seconds: float = 0

    @property
    def complete(self) -> bool:
        """Whether every file and row could be used, but for those that are not meant to be."""
        done = self.outcome
        unusable = done.rejected.keys() - runs.POLICIES
        return not (done.quarantined or done.refused or done.not_kept or unusable)

    @property
    def changed(self) -> bool:
        """Whether the files in force are not those of the run before."""
        done = self.outcome
        return bool(done.files_ingested or done.files_replaced)

    def as_json(self) -> dict[str, Any]:
        """The machine's summary, as the command prints it."""
        done = self.outcome
        return {
            "snapshot": self.snapshot,
            "files": {
                "ingested": done.files_ingested,
                "unchanged": done.files_unchanged,
                "replaced": done.files_replaced,
                "duplicate": done.files_duplicate,
                "merged": len(done.merged),
                "refused": len(done.refused),
                "quarantined": len(done.quarantined),
            },
            "rows": {
                "read": done.rows_read,
                "counted": done.rows_counted,
                "rejected": done.rows_rejected,
                "passed_over": done.rows_passed_over,
            },
            "rejected": dict(sorted(done.rejected.items())),
            "passed_over": dict(sorted(done.passed_over.items())),
            "merged": runs.listed(done.merged),
            "refused": runs.listed(done.refused),
            "quarantined": runs.listed(done.quarantined),
            "not_kept": runs.listed(done.not_kept),
            "left": self.left,
            "seconds": round(self.seconds, 3),
        }


def run(
    store: Path,
    wanted: Sequence[Source],
    on_progress: Callable[[Progress], None],
    policy: Policy,
    on_start: Callable[[str], None] = lambda run_id: None,
) -> Summary:
    """Bring the store up to the files that the sources hold, and publish a snapshot.

    `on_start` is told the run's id once the store is held.

    Raises SourceNotFound, FailedFast, StoreLocked, StoreUnusable, SnapshotError, duckdb.Error or
    OSError; then nothing has changed.
    """
    began = time.monotonic()
    found, choices = find(wanted)
    with nothing_changed(), revision(store, policy.terms) as work:
        on_start(work.run_id)
        ledger = Ledger(work, retry=policy.retry)
        ledger.see(list(found.files.values()), choices.__getitem__)
        ledger.drop_gone()

        def on_batch(done: Outcome) -> None:
            on_progress(Progress(to_do, done))
            _fail_fast(policy, done.quarantined | done.refused)

        rollup.define_buckets(work.connection)
        ingest = Ingest(work, ledger, choices.__getitem__, on_batch)
        waiting, corrections = _arrange(work, ledger, ingest, found.files)
        taken = policy.selection.of(waiting)
        to_do = ingest.outcome.bytes_done + sum(file.size for file in taken)
        merging = Merging(work, ledger, _places(wanted), [file.path for file in waiting])
        ingest.take(taken, corrections)
        if not ledger.unchanged() + ingest.outcome.files_unchanged:
            ingest.check_machine(len(taken))
        left = {file.path for file in waiting} - {file.path for file in taken}
        # Of what was counted, copies need no reading.
        copies = [content for path, content in corrections.items() if path in left]
        left -= {c.file.path for c in copies} - ingest.settle(copies).keys()
        merging.settle(ingest.outcome, count_anyway=policy.count_anyway)
        _fail_fast(policy, ingest.outcome.quarantined | ingest.outcome.refused | found.refused)
        outcome = ingest.outcome
        rotated = names.keep_rotated(work, ledger)
        outcome.files_replaced -= rotated
        outcome.files_ingested += rotated
        rollup.settle(work.connection, ledger)
        outcome.not_kept = shown.show(work, store, ledger.listed)
        outcome.files_unchanged += ledger.unchanged()
        outcome.quarantined |= ledger.still("quarantined") | found.refused
        outcome.refused |= ledger.still("refused")
        fold.fold(work, policy.window)
        runs.record(work, outcome)
        summary = Summary(work.run_id, outcome, len(left), found.missing)
        if not summary.changed:
            work.take_the_place()
    return replace(summary, seconds=time.monotonic() - began)


def _arrange(
    work: Revision, ledger: Ledger, ingest: Ingest, files: Mapping[str, SourceFile]
) -> tuple[list[SourceFile], dict[str, Content]]:
    """Let names move, before anything is counted.

    The files that wait to be counted, and what those of them hold that had to be looked at.
    """
    doubtful = [files[path] for path in ledger.doubtful()]
    met = ingest.look(doubtful)
    names.arrange(work, ledger, met)
    new = ingest.settle(met)
    settled = {file.path for file in doubtful} - new.keys()
    return [files[path] for path in ledger.unsettled() if path not in settled], new


def _places(wanted: Sequence[Source]) -> list[str]:
    return [place for source in wanted for place in source.where]


def _fail_fast(policy: Policy, unusable: dict[str, str]) -> None:
    if policy.fail_fast and unusable:
        path, reason = min(unusable.items())
        raise FailedFast(f"{path}: {reason}; nothing was published")


def find(wanted: Sequence[Source]) -> tuple[sources.Found, dict[str, Choice]]:
    """The files that the sources hold, and how to read each; the first source counts.

    Raises SourceNotFound for one that was typed and does not exist.
    """
    everything = sources.Found({}, {})
    choices: dict[str, Choice] = {}
    for source in wanted:
        found = sources.find(source.where, may_be_missing=source.configured)
        everything.files.update(found.files)
        passed_over = found.missing if source.optional else {}
        everything.refused.update(
            {path: why for path, why in found.refused.items() if path not in passed_over}
        )
        everything.missing.update({} if source.optional else found.missing)
        choices = dict.fromkeys(found.files, source.asked) | choices
    return everything, choices
