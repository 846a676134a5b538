"""Files are taken back: their counts go, and they stay away until their content changes."""

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.counts import fold, rollup, runs
from jobs.counts.fold import FoldedAway
from jobs.counts.ledger import Ledger
from jobs.counts.trouble import nothing_changed
from jobs.store import access_log_view
from jobs.store.revision import USUAL, Revision, Terms, revision
from queries.failures import Misused


class NotInLedger(Misused):
    """A path of which nothing counts by itself; the message says why."""


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
    with nothing_changed(), revision(store, terms) as work:
        ledger = Ledger(work)
        rollup.define_buckets(work.connection)
        forgotten: dict[int, str] = {}
        unfolded = False
        for path in paths:
            place = ledger.storage.absolute(path)
            named = ledger.named(place)
            unfolded = _unfold(work, ledger, named.keys()) or unfolded
            ledger.forget(named.keys())
            forgotten |= named
            known = [*forgotten.values(), *ledger.merged(place)]
            if not any(f"{file}/".startswith(f"{place}/") for file in known):
                raise NotInLedger(f"{path} is nothing that was counted or put in quarantine")
        for path in paths:
            _refuse_merged(ledger.merged(ledger.storage.absolute(path)))
        rollup.apply(work.connection, ledger, work.sidecars)
        if unfolded:
            fold.tidy(work.connection)
        access_log_view.show(work, store, ledger.listed)
        runs.record(work, runs.Outcome(files_forgotten=len(forgotten)))
    return Forgotten(work.run_id, sorted(set(forgotten.values())))


def _refuse_merged(merged: dict[str, str]) -> None:
    for path, holder in merged.items():
        raise NotInLedger(
            f"the rows of {path} lie in {holder} by now; "
            f"`httpcodes forget {shlex.quote(holder)}` takes back all of these"
        )


def _unfold(work: Revision, ledger: Ledger, files: Collection[int]) -> bool:
    folded = [file for file in ledger.counted(files) if file.folded]
    for file in folded:
        if file.displaced or not ledger.storage.holds(file.path, file.fingerprint):
            raise FoldedAway(
                f"{file.path} was counted too long ago to be taken back when its content is gone; "
                f"`httpcodes rebuild {file.days} --drop-missing` counts its days without it"
            )
    fold.unfold(work, [file.path for file in folded])
    return bool(folded)
