"""The scheduled run: find files, count the new ones, change the buckets that they touch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from jobs.counts import fold, names, rollup, runs
from jobs.counts.contents import Content
from jobs.counts.counting import Engine, here
from jobs.counts.followed import Following
from jobs.counts.grown import Growing
from jobs.counts.ingest import Ingest
from jobs.counts.ledger import Ledger
from jobs.counts.merged import Merging
from jobs.counts.runs import Outcome
from jobs.counts.trouble import nothing_changed
from jobs.logs.options import ReadingOptions, Source
from jobs.logs.selection import EVERYTHING, Selection
from jobs.logs.sources import Listing, SourceFile
from jobs.logs.storage import Storage
from jobs.store import access_log_view, copies, deliveries, hints, overlaps, sequences
from jobs.store.hints import Hints
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
    engine: Engine = here
    """Who counts."""

    @property
    def storage(self) -> Storage:
        """Where log files lie, as far as this run lists them."""
        return self.terms.storage.within(self.selection.reach(self.terms.settle))


@dataclass(frozen=True)
class Progress:
    """A run or a rebuild under way, as often as it has something to say."""

    bytes_to_do: int
    outcome: Outcome
    bytes_scanned: Callable[[], int] = lambda: 0
    """Of files whose results are still to come."""
    ending: ClassVar = "publishing"
    """What is at work once all bytes are done."""

    @property
    def bytes_done(self) -> int:
        return self.outcome.bytes_done + self.outcome.bytes_under_way + self.bytes_scanned()

    @property
    def files(self) -> int:
        return self.outcome.files_ingested + self.outcome.files_replaced

    @property
    def rows(self) -> int:
        return self.outcome.rows_read + self.outcome.rows_under_way


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
    hints: Hints = field(default_factory=Hints)
    """What seems to be missing of the last days, or to be there twice since this run."""
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
        return bool(done.files_ingested or done.files_replaced or done.withdrawn)

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
                "withdrawn": len(done.withdrawn),
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
            "withdrawn": runs.listed(done.withdrawn),
            "refused": runs.listed(done.refused),
            "quarantined": runs.listed(done.quarantined),
            "not_kept": runs.listed(done.not_kept),
            **self.hints.as_json(),
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
    found, options_by_path = find(wanted, policy.storage)
    with nothing_changed(), revision(store, policy.terms) as work:
        on_start(work.run_id)
        ledger = Ledger(work, retry=policy.retry)
        ledger.see(list(found.files.values()), options_by_path.__getitem__)
        ledger.drop_gone()

        def on_batch(done: Outcome) -> None:
            on_progress(Progress(to_do, done, ingest.bytes_scanned))
            _fail_fast(policy, done.quarantined | done.refused)

        rollup.define_buckets(work.connection)
        ingest = Ingest(work, ledger, options_by_path.__getitem__, on_batch, policy.engine)
        waiting, corrections = _arrange(work, ledger, ingest, found.files)
        taken = policy.selection.of(waiting)
        to_do = ingest.outcome.bytes_done + sum(file.size for file in taken)
        on_progress(Progress(to_do, ingest.outcome, ingest.bytes_scanned))
        apart = tuple(f"{table.root}/" for table in found.tables)
        merging = Merging(work, ledger, _places(wanted), [file.path for file in waiting], apart)
        ingest.take(taken, corrections)
        if not ledger.unchanged() + ingest.outcome.files_unchanged:
            ingest.check_machine(len(taken))
        left = {file.path for file in waiting} - {file.path for file in taken}
        # Of what was counted, twins need no reading.
        twins = [content for path, content in corrections.items() if path in left]
        left -= {c.file.path for c in twins} - ingest.recognise(twins).keys()
        growing = Growing(work, ledger, merging, ingest.outcome)
        if not policy.count_anyway:
            growing.conclude()
        merging.conclude(ingest.outcome, count_anyway=policy.count_anyway)
        growing.confirm()
        _fail_fast(policy, ingest.outcome.quarantined | ingest.outcome.refused | found.unlisted)
        outcome = ingest.outcome
        rotated = names.keep_rotated(work, ledger)
        outcome.files_replaced -= rotated
        outcome.files_ingested += rotated
        following = Following(work, ledger, merging, outcome)
        following.conclude(found.tables, count_anyway=policy.count_anyway)
        rollup.apply(work.connection, ledger, work.sidecars)
        outcome.not_kept = access_log_view.show(work, store, ledger.listed)
        outcome.files_unchanged += ledger.unchanged()
        outcome.quarantined |= ledger.still("quarantined") | found.unlisted
        outcome.refused |= ledger.still("refused")
        fold.fold(work, policy.window)
        sequences.measure(work)
        overlaps.measure(work, ledger.listed)
        copies.measure(work)
        summary = _recorded(work, wanted, Summary(work.run_id, outcome, len(left), found.missing))
        if not summary.changed:
            work.take_the_place()
    return replace(summary, seconds=time.monotonic() - began)


def _recorded(work: Revision, wanted: Sequence[Source], summary: Summary) -> Summary:
    """Write down what was done, and see what seems to be missing or to be there twice."""
    deliveries.note(work, wanted)
    runs.record(work, summary.outcome)
    return replace(summary, hints=hints.look(work.connection, wanted, work.run_id))


def _arrange(
    work: Revision, ledger: Ledger, ingest: Ingest, files: Mapping[str, SourceFile]
) -> tuple[list[SourceFile], dict[str, Content]]:
    """Let names move, before anything is counted.

    The files that wait to be counted, and what those of them hold that had to be looked at.
    """
    doubtful = [files[path] for path in ledger.doubtful()]
    met = ingest.look(doubtful)
    names.arrange(work, ledger, met)
    new = ingest.recognise(met)
    recognised = {file.path for file in doubtful} - new.keys()
    return [files[path] for path in ledger.undecided() if path not in recognised], new


def _places(wanted: Sequence[Source]) -> list[str]:
    return [path for source in wanted for path in source.where]


def _fail_fast(policy: Policy, unusable: dict[str, str]) -> None:
    if policy.fail_fast and unusable:
        path, reason = min(unusable.items())
        raise FailedFast(f"{path}: {reason}; nothing was published")


def find(wanted: Sequence[Source], storage: Storage) -> tuple[Listing, dict[str, ReadingOptions]]:
    """The files that the sources hold, and how to read each; the first source counts.

    Raises SourceNotFound for one that was typed and does not exist.
    """
    everything = Listing({}, {})
    options_by_path: dict[str, ReadingOptions] = {}
    for source in wanted:
        found = storage.find(source.sought, may_be_missing=source.configured)
        everything.files.update(found.files)
        passed_over = found.missing if source.optional else {}
        everything.unlisted.update(
            {path: why for path, why in found.unlisted.items() if path not in passed_over}
        )
        everything.tables.extend(found.tables)
        everything.missing.update({} if source.optional else found.missing)
        options_by_path = dict.fromkeys(found.files, source.asked) | options_by_path
    for table in everything.tables:
        everything.unlisted.pop(table.root, None)
    return everything, options_by_path
