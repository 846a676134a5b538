"""Files are taken back: their counts go, and they stay away until their content changes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs import rollup, runs
from jobs.ingest import show_access_log
from jobs.ledger import Ledger
from jobs.store import revision


class NotInLedger(Exception):
    """A path that the ledger does not know, or knows as forgotten; the message names it."""


@dataclass(frozen=True)
class Forgotten:
    """What was taken back."""

    snapshot: str
    """The name of the snapshot that was published."""
    paths: list[str]
    """The files, and the copies of what they held."""


def forget(store: Path, paths: Sequence[str]) -> Forgotten:
    """Take back exactly what these files, or all files below these folders, added.

    Raises NotInLedger, StoreLocked, StoreUnusable, SnapshotError, duckdb.Error or OSError; then
    nothing has changed.
    """
    with revision(store) as work:
        ledger = Ledger(work)
        forgotten: set[str] = set()
        for path in paths:
            place = os.path.abspath(path)
            forgotten.update(ledger.forget(place))
            if not any(f"{file}/".startswith(f"{place}/") for file in forgotten):
                raise NotInLedger(f"{path} is nothing that was counted or put in quarantine")
        rollup.settle(work.connection)
        show_access_log(work.connection)
        runs.record(work, runs.Outcome(files_forgotten=len(forgotten)))
    return Forgotten(work.run_id, sorted(forgotten))
