"""Days are counted afresh from the sources that exist; what is gone is kept.

Within the replacement window that is simple: what a file added is known, and is taken back. A
folded file that is unchanged is unfolded first. One that has changed can only leave if all
that its buckets hold beyond the known contributions is its own; so it stays where a folded
file that is gone has counts in the same buckets, or where its requests reach beyond the days.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any

from jobs.counts import fold, names, rollup, runs
from jobs.counts.contents import InForce
from jobs.counts.counting import Engine, here
from jobs.counts.ingest import Ingest
from jobs.counts.ledger import Ledger
from jobs.counts.runs import Outcome
from jobs.counts.trouble import nothing_changed
from jobs.logs.options import ReadingOptions
from jobs.logs.sources import SourceFile
from jobs.nightly import Progress
from jobs.store import access_log_view, copies, overlaps, sequences
from jobs.store.revision import USUAL, Revision, Terms, revision


@dataclass(frozen=True)
class Days:
    """UTC days, both inclusive."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The first moment, naive, UTC."""
        return datetime.combine(self.first, clock())

    @property
    def end(self) -> datetime:
        """The last microsecond, naive, UTC."""
        return datetime.combine(self.last, clock.max)

    def hold(self, file: InForce) -> bool:
        """Whether all rows of the file lie in these days."""
        reach = (file.first_request, file.last_request)
        return all(moment is not None and self.start <= moment <= self.end for moment in reach)


@dataclass
class Rebuilt:
    """What a rebuild did."""

    snapshot: str
    """The name of the snapshot that it published."""
    outcome: Outcome
    missing: dict[str, int]
    """Files that were not found, with their rows in the counts."""
    dropped: set[str]
    """Those of them whose rows are in the counts no more."""
    kept: dict[str, str]
    """Files that are there and could not be counted afresh, with the reason."""
    seconds: float = 0

    @property
    def complete(self) -> bool:
        """Whether the days now are what their sources give."""
        unusable = self.outcome.rejected.keys() - runs.POLICIES
        return not (
            self.missing.keys() - self.dropped or self.kept or self.outcome.not_kept or unusable
        )

    def as_json(self) -> dict[str, Any]:
        """The machine's summary, as the command prints it."""
        done = self.outcome
        return {
            "snapshot": self.snapshot,
            "files": {
                "rebuilt": done.files_ingested + done.files_replaced,
                "missing": len(self.missing),
                "kept": len(self.kept),
            },
            "rows": {
                "read": done.rows_read,
                "counted": done.rows_counted,
                "rejected": done.rows_rejected,
                "passed_over": done.rows_passed_over,
            },
            "rejected": dict(sorted(done.rejected.items())),
            "passed_over": dict(sorted(done.passed_over.items())),
            "missing": [
                {"path": path, "rows": rows, "dropped": path in self.dropped}
                for path, rows in sorted(self.missing.items())
            ],
            "kept": runs.listed(self.kept),
            "not_kept": runs.listed(self.outcome.not_kept),
            "seconds": round(self.seconds, 3),
        }


def rebuild(  # noqa: PLR0913 (what the sources hold goes with how they are read)
    store: Path,
    days: Days,
    options_of: Callable[[str], ReadingOptions],
    terms: Terms = USUAL,
    *,
    drop_missing: bool = False,
    listed: Sequence[SourceFile] = (),
    on_progress: Callable[[Progress], None] = lambda _: None,
    engine: Engine = here,
) -> Rebuilt:
    """Count every known file with a row in these days afresh, and publish a snapshot.

    `options_of` a path says how to read it; `listed` is what the sources hold, where names may
    have moved to. Files that are gone keep their counts, unless `drop_missing`.
    Raises FoldedAway, StoreLocked, StoreUnusable, SnapshotError, duckdb.Error or OSError; then
    nothing has changed.
    """
    began = time.monotonic()
    how = _How(options_of, on_progress, engine)
    unusable: dict[str, str] = {}
    while True:
        try:
            with nothing_changed(), revision(store, terms) as work:
                ledger = Ledger(work, retry=True, afresh=True)
                vacated = names.follow(work, ledger, _there(ledger, days, listed), options_of)
                known = _Known(ledger, days, unusable, vacated, drop_missing=drop_missing)
                done = _rebuild(work, days, known, how)
                done.outcome.not_kept = access_log_view.show(work, store, ledger.listed)
                sequences.measure(work)
                overlaps.measure(work, ledger.listed)
                copies.measure(work)
                runs.record(work, done.outcome)
        except _Unusable as broken:
            unusable |= broken.reasons
        else:
            done.seconds = time.monotonic() - began
            return done


class _Unusable(Exception):
    """New content of folded files can't be used, so the old has to stay: begin again."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__(str(reasons))
        self.reasons = reasons


def _there(ledger: Ledger, days: Days, listed: Sequence[SourceFile]) -> list[SourceFile]:
    """The files among which known content may have moved: all that a name can lead to.

    Objects are not renamed, and asking for each takes a while: only those of the days are.
    """
    files = {file.path: file for file in listed}
    paths = {path for path in ledger.paths() if ledger.storage.is_local(path)}
    paths |= {file.path for file in ledger.between(days.start, days.end)}
    for path in sorted(paths - files.keys()):
        with suppress(OSError):
            if (file := ledger.storage.look(path)) and file.regular:
                files[path] = file
    return list(files.values())


@dataclass(frozen=True)
class _How:
    options_of: Callable[[str], ReadingOptions]
    on_progress: Callable[[Progress], None]
    engine: Engine

    def ingest(self, work: Revision, ledger: Ledger, to_do: int) -> Ingest:
        """What counts files of so many bytes, and tells of it."""

        def tell(done: Outcome) -> None:
            self.on_progress(Progress(to_do, done, ingest.bytes_scanned))

        ingest = Ingest(work, ledger, self.options_of, tell, self.engine)
        tell(ingest.outcome)
        return ingest


class _Known:
    """The files in force with rows in the days, by what lies at their paths now."""

    def __init__(
        self,
        ledger: Ledger,
        days: Days,
        unusable: dict[str, str],
        vacated: set[str],
        *,
        drop_missing: bool,
    ) -> None:
        self.ledger = ledger
        self.drop_missing = drop_missing
        self.files: dict[int, InForce] = {}
        self.missing: set[int] = set()
        self.unchanged: set[int] = set()
        self.changed: set[int] = set()
        self.kept = dict(unusable)
        self.staying: set[int] = set()
        """Files that can't leave, whatever is known of their paths."""
        reached = ledger.between(days.start, days.end)
        left = vacated | {file.path for file in reached if file.displaced}
        self.left = left - {file.path for file in ledger.in_force(list(left))}
        """Paths at which nothing counts, because what did lies elsewhere or was moved over."""
        for file in reached:
            self._look_at(file)

    def folded(self, files: Collection[int]) -> set[int]:
        return {file for file in files if self.files[file].folded}

    def paths(self, files: Collection[int]) -> set[str]:
        return {self.files[file].path for file in files}

    def keep(self, file: int, reason: str) -> None:
        self.kept[self.files[file].path] = reason
        self.staying.add(file)

    def _look_at(self, file: InForce) -> None:
        path = file.path
        self.files[file.file_id] = file
        try:
            now = None if file.displaced else self.ledger.storage.look(path)
            if path in self.kept and not file.displaced:
                self.staying.add(file.file_id)
            elif now is None:
                self._is_missing(file)
            elif not now.regular:
                self.keep(file.file_id, "is not a regular file")
            elif self.ledger.storage.fingerprint(path) == file.fingerprint:
                self.unchanged.add(file.file_id)
            else:
                self.changed.add(file.file_id)
        except OSError as error:
            self.keep(file.file_id, f"cannot be read: {error.strerror}")

    def _is_missing(self, file: InForce) -> None:
        twins = self.ledger.copies(file) if self.drop_missing else []
        if heirs := [copy for copy in twins if self.ledger.storage.holds(copy, file.fingerprint)]:
            self._look_at(self.ledger.pass_on(file, heirs[0]))
        else:
            self.missing.add(file.file_id)


def _rebuild(
    work: Revision,
    days: Days,
    known: _Known,
    how: _How,
) -> Rebuilt:
    ledger = known.ledger
    rollup.define_buckets(work.connection)
    fold.unfold(work, known.paths(known.folded(known.unchanged)))
    dropped = known.missing if known.drop_missing else set()
    leaving = _take_leave(work, days, known, known.folded(known.changed | dropped))
    dropped = dropped - known.staying
    ledger.withdraw(leaving - dropped, "the content of its path changed")
    ledger.withdraw(dropped, "gone when its days were rebuilt")

    changing = known.paths((known.unchanged | known.changed) - known.staying)
    again = changing | (known.left - known.kept.keys())
    files = [file for path in sorted(again) if (file := ledger.storage.look(path))]
    to_do = sum(file.size for file in files)
    ingest = how.ingest(work, ledger, to_do)
    ingest.take(files)
    ingest.check_machine(len(again))
    ledger.drop_copies()
    outcome = ingest.outcome
    for path, reason in outcome.quarantined.items():
        if path in known.paths(leaving) | known.left:
            raise _Unusable({path: reason})
    rollup.apply(work.connection, ledger, work.sidecars)
    fold.tidy(work.connection)
    missing: Counter[str] = Counter()
    for number in known.missing:
        missing[known.files[number].path] += known.files[number].rows_counted
    kept = known.kept | outcome.quarantined
    return Rebuilt(work.run_id, outcome, missing, known.paths(dropped), kept)


def _take_leave(work: Revision, days: Days, known: _Known, wanted: set[int]) -> set[int]:
    """Give folded files contributions to leave with; which of those wanted can leave."""
    for file in wanted:
        if not days.hold(known.files[file]):
            reach = known.files[file].days
            known.keep(file, f"its earlier rows reach beyond these days: {reach}")
    leaving = wanted - known.staying
    staying = known.folded(known.missing | known.changed | known.staying) - leaving
    for file in fold.inseparable(work.connection, leaving, staying):
        known.keep(file, "its earlier counts can't be told from those of files that stay")
    leaving -= known.staying
    fold.attribute(work.connection, leaving)
    return leaving
