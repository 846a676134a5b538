"""Which new files are made of which earlier ones: sums that agree, cell by cell.

Who compacts says nothing of it, so the counts have to tell. Nothing is tried out one by one: what
can't belong is peeled off until nothing goes any more, and what is then too much on one side is
left out if it is exactly the sum of some files. That is tried for all files that have cells in
common, for those in one folder, and for each new file alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PROOF = 12
"""How many different counts (a service, a status code, a number) have to agree as a proof."""
MISFITS = 8
"""How many cells would have to misfit, were it chance that they all fit: one in 3,000 then do."""
LOST = 20
"""One request in so many may be lost without ending the doubt."""
_ROUNDS = 50

Files = NDArray[np.bool_]
"""Which of the files, by their index."""
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sums:
    """Lines of counts: so many requests of a file in a cell. Files, cells and kinds are numbers."""

    file: Ints
    cell: Ints
    requests: Ints
    kind: Ints
    """By cell: its service and status code."""
    bucket: Ints
    """By cell."""
    counts: NDArray[np.bool_]
    """By cell: whether it counts; else it holds rows rejected or passed over, for one reason."""
    first: Ints
    """By file: the second of the first moment, and of the last one below."""
    last: Ints
    folder: Ints
    """By file."""

    def made(self, new: Files, old: Files) -> tuple[Files, Files] | None:
        """Those of the new files that together hold exactly what some old ones held, and these."""
        for _ in range(_ROUNDS):
            kept_old = old & self._reaching_within(new)
            kept_old &= self._fitting(self.total(new))
            kept_new = new & self._fitting(self.total(kept_old))
            peeled = (kept_new != new).any() or (kept_old != old).any()
            new, old = kept_new, kept_old
            if not peeled or not new.any() or not old.any():
                break
        surplus = self.total(old) - self.total(new)
        if (surplus >= 0).all():
            old = old & ~self._rest(old, surplus)
        elif (surplus <= 0).all():
            new = new & ~self._rest(new, -surplus)
        is_equal = new.any() and old.any() and (self.total(new) == self.total(old)).all()
        return (new, old) if is_equal and self._reach(new) == self._reach(old) else None

    def groups(self, new: Files, old: Files) -> Iterator[tuple[Files, Files]]:
        """What to try: files with cells in common, those in one folder, each new file alone."""
        new = self.touching(new, old)
        labels = self._labels(new, old)
        # What counts nothing may belong to any.
        together = [
            (labels == label) | (old & ~self._counting()) for label in np.unique(labels[new])
        ]
        for some in together:
            yield new & some, old & some
        for some in together:
            folders = np.unique(self.folder[new & some])
            for folder in folders if len(folders) > 1 else ():
                yield new & some & (self.folder == folder), old & some
        for some in together:
            numbers = np.flatnonzero(new & some)
            for number in numbers if len(numbers) > 1 else ():
                yield self._only(number), old & some

    def nearly(self, new: Files, gone: Files, own: Files) -> Files | None:
        """Gone files that the new ones seem to hold, though not exactly.

        `own` is what lay at the new files' paths before, and goes by itself. It seems so if what
        is gone lies in the new files or these in that, and not by chance; or if half of the cells
        agree.
        """
        mine = self.total(own & self._fitting(self.total(new)))
        have = np.where(self.counts, self.total(new) - mine, 0)
        inside = gone & self._reaching_within(new) & self._counting()
        whole = inside & self._nearly_fitting(have)
        largest = whole & (self._sizes() == self._sizes()[whole].max(initial=0))
        for some in (whole, largest):
            if some.any() and self._lies_in(self._counted(some), have):
                return some
        if self._alike(have, self._counted(inside)):
            return inside
        gone = gone & self._counting()
        for some in (gone, self._holding(have, gone)):
            around = some.any() and self._reaching_within(some)[new].all()
            if around and self._lies_in(have, self._counted(some)):
                return some
        return None

    def total(self, files: Files) -> Ints:
        """The requests of some files together, by cell."""
        weights = np.where(files[self.file], self.requests, 0)
        return np.bincount(self.cell, weights, len(self.kind)).astype(np.int64)

    def evidence(self, total: Ints) -> int:
        """How many different counts these are."""
        some = self.counts & (total > 0)
        return len(np.unique(np.stack([self.kind[some], total[some]]), axis=1).T)

    def touching(self, files: Files, others: Files) -> Files:
        """Those of the files that count for a cell for which the others count."""
        cells = self._counted(others) > 0
        touching = np.zeros(len(self.first), bool)
        touching[self.file[cells[self.cell]]] = True
        return files & touching

    def _holding(self, have: Ints, files: Files) -> Files:
        """The smallest of the files that hold all of that alone, if any does."""
        enough = (have[self.cell] > 0) & (self.requests >= have[self.cell])
        holding = files & (np.bincount(self.file[enough], minlength=len(files)) == (have > 0).sum())
        sizes = np.where(holding, self._sizes(), np.iinfo(np.int64).max)
        smallest: Files = holding & (sizes == sizes.min())
        return smallest

    def _lies_in(self, small: Ints, large: Ints) -> bool:
        """Whether it does, and not by chance: it is half of it, or would not fit a bucket off."""
        if not small.any() or LOST * np.maximum(small - large, 0).sum() > small.sum():
            return False
        own = int((small > large).sum())
        is_half = bool(2 * small.sum() >= large.sum())
        return is_half or self._misfits(small, large) - own >= MISFITS

    def _misfits(self, small: Ints, large: Ints) -> int:
        """How many cells would not fit if one of the two were some minutes off, at the least."""
        key = self.kind * (1 << 40) + self.bucket
        order = np.argsort(key)
        buckets = self.bucket[large > 0]
        held = np.flatnonzero(small)
        misfits = []
        for shift in (-2, -1, 1, 2):
            moved = self.bucket[held] + shift
            some = held[(moved >= buckets.min()) & (moved <= buckets.max())]
            near = np.searchsorted(key, key[some] + shift, sorter=order)
            there = order[np.minimum(near, len(order) - 1)]
            beside = np.where(key[there] == key[some] + shift, large[there], 0)
            misfits.append(int((small[some] > beside).sum()))
        return min(misfits)

    def _alike(self, have: Ints, held: Ints) -> bool:
        same = (have == held) & (held > 0)
        half = bool(2 * same.sum() >= min((have > 0).sum(), (held > 0).sum()))
        return half and self.evidence(np.where(same, held, 0)) >= PROOF

    def _sizes(self) -> Ints:
        weights = self.requests * self.counts[self.cell]
        return np.bincount(self.file, weights, len(self.first)).astype(np.int64)

    def _counted(self, files: Files) -> Ints:
        return np.where(self.counts, self.total(files), 0)

    def _counting(self) -> Files:
        """Files that have a cell."""
        counting = np.zeros(len(self.first), bool)
        counting[self.file[self.counts[self.cell]]] = True
        return counting

    def _fitting(self, limit: Ints) -> Files:
        """Files of which no line is more than what its cell may hold."""
        fitting = np.ones(len(self.first), bool)
        fitting[self.file[self.requests > limit[self.cell]]] = False
        return fitting

    def _nearly_fitting(self, limit: Ints) -> Files:
        """Files of which all but a few requests fit."""
        excess = np.maximum(self.requests - limit[self.cell], 0) * self.counts[self.cell]
        fitting: Files = LOST * np.bincount(self.file, excess, len(self.first)) <= self._sizes()
        return fitting

    def _rest(self, files: Files, surplus: Ints) -> Files:
        """Files whose sum is what is too much; none, if it isn't."""
        rest = files & self._fitting(surplus)
        return rest if (self.total(rest) == surplus).all() else np.zeros_like(rest)

    def _reach(self, files: Files) -> tuple[int, int]:
        return int(self.first[files].min()), int(self.last[files].max())

    def _reaching_within(self, files: Files) -> Files:
        if not files.any():
            return files
        first, last = self._reach(files)
        within: Files = (self.first >= first) & (self.last <= last)
        return within

    def _only(self, number: np.intp) -> Files:
        files = np.zeros(len(self.first), bool)
        files[number] = True
        return files

    def _labels(self, new: Files, old: Files) -> Ints:
        """By file, a number that all have in common that are linked by cells of old ones."""
        lines = (new | old)[self.file] & (self._counted(old) > 0)[self.cell]
        file, cell = self.file[lines], self.cell[lines]
        labels = np.arange(len(self.first))
        while True:
            lowest = np.full(len(self.kind), len(labels))
            np.minimum.at(lowest, cell, labels[file])
            before = labels.copy()
            np.minimum.at(labels, file, lowest[cell])
            if (labels == before).all():
                return labels
