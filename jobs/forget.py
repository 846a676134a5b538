"""Files are taken back: their counts go, and they stay away until their content changes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.counts import fold, rollup, runs
from jobs.counts.fold import FoldedAway
from jobs.counts.ledger import Ledger
from jobs.logs import sources
from jobs.store import access_log_view as shown
from jobs.store.revision import USUAL, Revision, Terms, revision


class NotInLedger(Exception):
    """A path that the ledger does not know, or knows as forgotten; the message names it."""


@dataclass(frozen=True)
class Forgotten:
    """What was taken back."""

    snapshot: str
    """The name of the snapshot that was published."""
    paths: list[str]
    """The files, and the copies of what they held."""


def forget(store: Path, paths: Sequence[str], terms: Terms = USUAL) -> Forgotten:
    """Take back exactly what these files, or all files below these folders, added.

    Raises NotInLedger, FoldedAway, StoreLocked, StoreUnusable, SnapshotError, duckdb.Error or
    OSError; then nothing has changed.
    """
    with revision(store, terms) as work:
        ledger = Ledger(work)
        rollup.define_buckets(work.connection)
        forgotten: dict[int, str] = {}
        unfolded = False
        for path in paths:
            place = sources.place(path)
            named = ledger.named(place)
            unfolded = _unfold(work, ledger, named.keys()) or unfolded
            ledger.forget(named.keys())
            forgotten |= named
            if not any(f"{file}/".startswith(f"{place}/") for file in forgotten.values()):
                raise NotInLedger(f"{path} is nothing that was counted or put in quarantine")
        rollup.settle(work.connection, ledger)
        if unfolded:
            fold.tidy(work.connection)
        shown.show(work, store, ledger.listed)
        runs.record(work, runs.Outcome(files_forgotten=len(forgotten)))
    return Forgotten(work.run_id, sorted(set(forgotten.values())))


def _unfold(work: Revision, ledger: Ledger, files: Collection[int]) -> bool:
    folded = [file for file in ledger.counted(files) if file.folded]
    for file in folded:
        if file.displaced or not sources.holds(file.path, file.fingerprint):
            raise FoldedAway(
                f"{file.path} was counted too long ago to be taken back when its content is gone; "
                f"`httpcodes rebuild {file.days} --drop-missing` counts its days without it"
            )
    fold.unfold(work.connection, [file.path for file in folded])
    return bool(folded)
