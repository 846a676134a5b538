"""Files that were merged into others: their rows have a new name, and count once.

A plain folder says nothing of compaction: small files are gone, and new ones hold their rows. It
shows in the counts alone. New files that hold cell by cell what some that are gone held, and
rejected and passed over the same, within the same seconds, take their place, if at least PROOF
different counts agree (a service, a status code, a number); the counts stay as they are. A new
file that seems to hold what is gone, and not exactly or not provably, is refused: the operator
knows. What is gone and makes up less than half of a new file shows only where it agrees.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.counts.ledger import Ledger
from jobs.counts.runs import Outcome
from jobs.counts.sums import PROOF, Files, Sums
from jobs.store.revision import Revision
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class _Doubt:
    """New files that can't be counted, and why."""

    new: Sequence[int]
    reason: str


@dataclass
class Merging:
    """Watches over one run for files that were merged: made before it counts, concluded after."""

    work: Revision
    ledger: Ledger
    wanted: Collection[str]
    """What the run was told to look at."""
    waiting: Sequence[str]
    """Paths of what it may count."""
    apart: tuple[str, ...] = ()
    """How paths begin of what is not looked for: the logs of tables tell what went from there."""
    occupied: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.occupied = self.ledger.occupied(self.waiting)
        self.work.connection.execute(_SQL["refused"])

    def conclude(self, outcome: Outcome, *, count_anyway: bool) -> None:
        """Merge what is proven, and refuse what is in doubt, among what this run counted."""
        connection = self.work.connection
        connection.begin()
        connection.execute(self._sql("fresh"))
        doubts = [] if count_anyway else self._corrected()
        connection.execute(self._sql("earlier"))
        if not count_anyway and self._anything_left():
            doubts += self._folded_away()
            table = _Table(self.work, self._sql("lines"))
            taken = [number for doubt in doubts for number in doubt.new]
            for new, old in table.proven(table.numbered(taken)):
                self._merge(table, new, old, outcome)
            doubts += table.doubts()
        for doubt in doubts:
            self._refuse(doubt, outcome)
        self.ledger.release()
        connection.commit()

    def refuse(self, new: Sequence[int], reason: str, outcome: Outcome) -> None:
        """Take back what this run counted of these files, and say why."""
        if new:
            self.work.connection.begin()
            self.work.connection.execute(self._sql("fresh"))
            self._refuse(_Doubt(new, reason), outcome)
            self.work.connection.commit()

    def _sql(self, name: str) -> str:
        """A statement about what the ledger notes of this run."""
        ledger = self.ledger
        return _SQL[name].format(
            added=ledger.added,
            withdrawn=ledger.withdrawn,
            present=ledger.present,
            incoming=ledger.incoming,
        )

    def _anything_left(self) -> bool:
        """Whether files are gone that new ones may hold; only then is anything compared."""
        connection, storage = self.work.connection, self.ledger.storage
        gone = connection.execute(_SQL["gone"]).fetchall()
        if storage.below((path for _, path, _ in gone), self.wanted):
            connection.execute(self._sql("fresh_cells"))
            connection.execute(_SQL["meeting"])
            gone = connection.execute(_SQL["gone"]).fetchall()
        below = storage.below((path for _, path, _ in gone), self.wanted)
        below = {path for path in below if not path.startswith(self.apart)}
        left = {n for n, path, moved in gone if path in below and (moved or storage.is_gone(path))}
        connection.execute(_SQL["stay"], {"file_ids": [n for n, _, _ in gone if n not in left]})
        return bool(left)

    def _corrected(self) -> list[_Doubt]:
        rows = self.work.connection.execute(_SQL["corrected"]).fetchall()
        return [
            _Doubt(
                [number],
                f"what its path held before was merged into {holder}, and counts there; "
                f"`httpcodes forget {holder}` takes that back, {_ANYWAY}",
            )
            for number, merged in rows
            if (holder := self.ledger.holder(merged))
        ]

    def _folded_away(self) -> list[_Doubt]:
        rows = self.work.connection.execute(self._sql("folded_away")).fetchall()
        return [
            _Doubt(
                [number],
                f"it may hold what {_named([path], files)} held, gone now and counted too long ago "
                f"to be compared; `httpcodes rebuild --from {first:%Y-%m-%d} --to {last:%Y-%m-%d} "
                f"--drop-missing` lets it count in their place, {_ANYWAY}",
            )
            for number, files, path, first, last in rows
        ]

    def _merge(self, table: "_Table", new: Files, old: Files, outcome: Outcome) -> None:
        connection = self.work.connection
        reason = f"its rows lie in {_named(table.paths(new))} now"
        into = {"into": table.ids(new), "reason": reason}
        connection.execute(_SQL["choose"], {"file_ids": table.ids(old)})
        connection.execute(self._sql("merge"))
        connection.execute(_SQL["mark_merged"], into)
        outcome.merged |= dict.fromkeys(table.paths(old), reason)

    def _refuse(self, doubt: _Doubt, outcome: Outcome) -> None:
        connection = self.work.connection
        connection.execute(_SQL["choose"], {"file_ids": list(doubt.new)})
        for number, path in connection.execute(self._sql("chosen_paths")).fetchall():
            self._take_back(number, path, outcome)
            copies = connection.execute(_SQL["copies"], {"file_id": number}).fetchall()
            outcome.files_duplicate -= len(copies)
            refused = [path, *(copy for (copy,) in copies)]
            outcome.refused |= dict.fromkeys(refused, doubt.reason)
        connection.execute(self._sql("refuse"))
        connection.execute(_SQL["mark_refused"], {"reason": doubt.reason})

    def _take_back(self, number: int, path: str, outcome: Outcome) -> None:
        """Say that the file was not counted after all."""
        which = {"file_id": number}
        figures = self.work.connection.execute(_SQL["rows"], which).fetchall()
        ((read, counted, rejected, passed_over),) = figures
        outcome.rows_read -= read
        outcome.rows_counted -= counted
        outcome.rows_rejected -= rejected
        outcome.rows_passed_over -= passed_over
        if path in self.occupied:
            outcome.files_replaced -= 1
        else:
            outcome.files_ingested -= 1
        for reasons in ("rejected", "passed_over"):
            known: dict[str, int] = getattr(outcome, reasons)
            for reason, rows in self.work.connection.execute(_SQL[reasons], which).fetchall():
                known[reason] -= rows
                if not known[reason]:
                    del known[reason]


_ANYWAY = "`httpcodes run --count-anyway` counts it beside them"


class _Table:
    """The new files and the earlier ones that they may hold, with what each counted."""

    def __init__(self, work: Revision, lines_sql: str) -> None:
        self._connection = work.connection
        files = self._connection.execute(_SQL["files"]).fetchall()
        self._connection.execute(lines_sql)
        lines = self._connection.execute(_SQL["held"]).fetchnumpy()
        self._ids = np.array([file[0] for file in files])
        self._paths = [file[1] for file in files]
        roles = np.array([file[2] for file in files])
        # Where something was refused, doubt does not end by itself.
        self._strict = np.array([file[3] for file in files], bool)
        self.new: Files = roles == "new"
        self.gone: Files = roles == "gone"
        self.going: Files = roles == "going"
        self.staying: Files = roles == "staying"
        self._sums = _sums(self._ids, self._paths, files, lines)
        self._unproven: list[_Doubt] = []

    def ids(self, files: Files) -> list[int]:
        return [int(number) for number in self._ids[files]]

    def paths(self, files: Files) -> list[str]:
        return [self._paths[index] for index in np.flatnonzero(files)]

    def numbered(self, ids: Collection[int]) -> Files:
        return np.isin(self._ids, list(ids))

    def proven(self, refused: Files) -> list[tuple[Files, Files]]:
        """New files, and what is gone whose place they take; what is not so clear is doubted."""
        self.new &= ~refused
        proven = []
        for others in (self.going, self.going | self.staying):
            for new, old in self._sums.groups(self.new, self.gone | others):
                made = self._sums.made(new & self.new, old & (self.gone | others))
                if made is None or not (made[1] & self.gone).any():
                    continue
                if reason := self._open(*made):
                    self._doubt(made[0], reason)
                else:
                    proven.append(made)
                    self.new &= ~made[0]
                    self.gone &= ~made[1]
        return proven

    def doubts(self) -> list[_Doubt]:
        """What is in doubt of all that is not proven."""
        for new, gone in list(self._sums.groups(self.new, self.gone)):
            some = new & self.new
            own = self.going & np.isin(self._paths, self.paths(some))
            held = self._sums.nearly(some, self.gone, own) if some.any() else None
            if held is not None:
                # Where one is in doubt, what is gone may lie in others in part.
                doubtful = self._sums.touching(self.new, gone)
                reason = f"holds nearly what {self._difference(some, held, own)}"
                self._doubt(doubtful, reason)
        again = self._sums.touching(self.new & self._strict, self.gone)
        for number in np.flatnonzero(again):
            one = np.arange(len(again)) == number
            held = self._sums.touching(self.gone, one)
            reason = (
                f"may hold what {_named(self.paths(held))} held, gone now, as files of these times "
                "did that were refused before"
            )
            self._doubt(one, reason)
        return self._unproven

    def _open(self, new: Files, old: Files) -> str | None:
        """Why files that hold the same do not settle it; None: they do."""
        held = _named(self.paths(old))
        own = np.isin(self._paths, self.paths(new))
        different = self._sums.evidence(self._sums.total(new))
        if (old & self.staying).any():
            return f"holds what {held} hold, of which some are still there and count"
        if (old & self.going & ~own).any():
            return f"holds what {held} held, one of which has other content now"
        if different < PROOF:
            return (
                f"holds what {held} held, gone now, in too few different counts to prove that it "
                f"takes their place ({different}; {PROOF} would)"
            )
        return None

    def _difference(self, new: Files, held: Files, own: Files) -> str:
        counts = self._sums.counts
        have, had = (np.where(counts, self._sums.total(files), 0) for files in (new, held | own))
        more, fewer = (int(np.maximum(each, 0).sum()) for each in (have - had, had - have))
        where = ""
        if more or fewer:
            which = {"cell": int(np.abs(have - had).argmax())}
            ((name,),) = self._connection.execute(_SQL["name_cell"], which).fetchall()
            where = f", most of them in {name}"
        return (
            f"{_named(self.paths(held))} held, gone now: {more:,} requests more and "
            f"{fewer:,} fewer{where}"
        )

    def _doubt(self, new: Files, reason: str) -> None:
        if new.any():
            way = "`httpcodes forget` of those lets it count in their place"
            self._unproven.append(_Doubt(self.ids(new), f"{reason}; {way}, {_ANYWAY}"))
            self.new &= ~new


def _sums(
    ids: NDArray[np.int64],
    paths: Sequence[str],
    files: Sequence[tuple[Any, ...]],
    lines: dict[str, NDArray[Any]],
) -> Sums:
    cell = lines["cell"].astype(np.int64)
    cells = int(cell.max(initial=-1)) + 1
    kind, bucket = np.zeros(cells, np.int64), np.zeros(cells, np.int64)
    counts = np.zeros(cells, bool)
    kind[cell], bucket[cell], counts[cell] = lines["kind"], lines["bucket"], lines["counts"]
    folders = np.unique([path.rpartition("/")[0] for path in paths], return_inverse=True)[1]
    # What has no time lies within any.
    ends = np.iinfo(np.int64)
    first = np.array([ends.max if file[4] is None else file[4] for file in files], np.int64)
    last = np.array([ends.min if file[5] is None else file[5] for file in files], np.int64)
    file = np.searchsorted(ids, lines["file_id"])
    return Sums(
        file, cell, lines["requests"].astype(np.int64), kind, bucket, counts, first, last, folders
    )


def _named(paths: Sequence[str], how_many: int | None = None) -> str:
    others = (how_many or len(paths)) - 1
    more = f" and {others:,} other{'s' if others > 1 else ''}" if others else ""
    return f"{min(paths)}{more}"
