"""Random histories of deliveries and compactions against an oracle that knows every row by number.

The oracle: a row counts once if it was ever in a file that a run took, unless a later content of
its path left it out. Whatever a run refuses, it says, and takes nothing of.
"""

import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import Logs, Store

from jobs.forget import forget
from jobs.verify import verify

Row = int
MIDNIGHT = datetime(2025, 9, 9)
NIGHTS = 10


class Rows:
    """What each row says, by its number."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.said: list[tuple[datetime, str, int]] = []

    def of_hour(self, hour: int, how_many: int) -> list[Row]:
        first = len(self.said)
        for _ in range(how_many):
            moment = MIDNIGHT + timedelta(hours=hour, seconds=self.chance.randrange(3600))
            service = self.chance.choice("aaabbc") + ".example"
            status = self.chance.choices((200, 304, 404, 502), (20, 6, 3, 1))[0]
            self.said.append((moment, service, status))
        return list(range(first, first + how_many))

    def cells(self, rows: set[Row]) -> Counter[tuple[str, str, int]]:
        """Counted by hand."""
        return Counter(
            (service, f"{m:%Y-%m-%dT%H}:{m.minute // 5 * 5:02d}:00Z", status)
            for m, service, status in (self.said[row] for row in rows)
        )


class History:
    """What a producer does from night to night, and what has to be counted."""

    def __init__(self, seed: int, logs: Logs, store: Store) -> None:
        self.chance = random.Random(seed)
        self.rows = Rows(self.chance)
        self.logs, self.store = logs, store
        self.lying: dict[str, list[Row]] = {}
        self.taken: dict[str, list[Row]] = {}
        """What was last counted of each path."""
        self.counted: set[Row] = set()
        self.merges = self.refusals = self.files = 0

    def name(self) -> str:
        self.files += 1
        return f"{self.chance.choice(('', 'x/', 'y/'))}{self.files:03d}.parquet"

    def write(self, name: str, rows: list[Row]) -> None:
        self.logs.requests(name, *(self.rows.said[row] for row in rows))
        self.lying[name] = rows

    def remove(self, name: str) -> list[Row]:
        (self.logs.folder / name).unlink()
        return self.lying.pop(name)

    def deliver(self) -> None:
        """An hour or a few, each in some files; some of an hour that was delivered before."""
        self.hour = getattr(self, "hour", -1) + self.chance.choice((0, 1, 1))
        for _ in range(self.chance.randint(1, 4)):
            self.write(self.name(), self.rows.of_hour(self.hour, self.chance.randint(20, 90)))

    def some(self) -> list[str]:
        """Files that lie there, small ones or compacted ones."""
        files = sorted(self.lying)
        size = self.chance.randint(1, min(6, len(files)))
        chosen = self.chance.sample(files, size) if self.chance.random() < 0.5 else files[:size]
        # What is known has to be half of what is merged, or it does not show.
        known = [name for name in chosen if self.taken.get(name) == self.lying[name]]
        sizes = [sum(len(self.lying[name]) for name in some) for some in (known, chosen)]
        return chosen if 2 * sizes[0] >= sizes[1] else known

    def compact(self) -> None:
        """Some files into one or several, exactly or nearly, over the name of one or not."""
        merged = self.some()
        if not merged:
            return
        rows = [row for name in merged for row in self.lying[name]]
        # What no run saw before its rows lay in two files, nobody can know.
        known = [name for name in merged if self.taken.get(name) == self.lying[name]]
        left_behind = [name for name in known[1:] if self.chance.random() < 0.1]
        for name in merged:
            if name not in left_behind:
                self.remove(name)
        rows = self.changed(rows)
        if self.chance.random() < 0.5:
            rows.sort(key=lambda row: self.rows.said[row])
        how_many = self.chance.choice((1, 1, 1, 2, 3))
        names = [self.name() for _ in range(how_many)]
        if self.chance.random() < 0.2:
            names[0] = merged[0]
        for number, name in enumerate(names):
            if part := rows[len(rows) * number // how_many : len(rows) * (number + 1) // how_many]:
                self.write(name, part)

    def changed(self, rows: list[Row]) -> list[Row]:
        """Mostly nothing; or rows are lost, or others come along."""
        kind = self.chance.choice(("exact",) * 6 + ("fewer", "more", "both"))
        if kind in ("fewer", "both"):
            for _ in range(self.chance.choice((1, 3, len(rows) // 20))):
                rows.pop(self.chance.randrange(len(rows)))
        if kind in ("more", "both"):
            rows += self.rows.of_hour(self.hour, self.chance.choice((1, 3, len(rows) // 20)))
        return rows

    def correct(self) -> None:
        """A file gets other content, of the same hours."""
        name = self.chance.choice(sorted(self.lying))
        rows = self.lying[name]
        self.write(name, rows[: len(rows) * 2 // 3] + self.rows.of_hour(self.hour, 7))

    def lose(self) -> None:
        """A file is removed, and merged into none."""
        self.remove(self.chance.choice(sorted(self.lying)))

    def night(self) -> bool:
        self.deliver()
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            doing = self.chance.choice((self.compact,) * 4 + (self.correct, self.lose))
            if len(self.lying) > 1:
                doing()
        return self.run()

    def run(self) -> bool:
        """Whether all that the run took is right, and what it did not is put away."""
        summary = self.store.run(self.logs.folder)
        refused = {
            str(Path(path).relative_to(self.logs.folder)) for path in summary.outcome.refused
        }
        self.refusals += len(refused)
        self.merges += len(summary.outcome.merged)
        self.take(refused)
        is_right = self.store.counts() == self.rows.cells(self.counted)
        assert is_right or (refused and not summary.complete)
        assert verify(self.store.folder, deep=False).findings == []
        if refused:
            forget(self.store.folder, [str(self.logs.folder / name) for name in refused])
            for name in refused:
                self.counted -= set(self.taken.pop(name, ()))
                self.remove(name)
        return is_right

    def take(self, refused: set[str]) -> None:
        before = {name: set(rows) for name, rows in self.taken.items()}
        fresh = {name: rows for name, rows in self.lying.items() if name not in refused}
        self.taken |= fresh
        self.counted -= {row for name in fresh for row in before.get(name, ())}
        self.counted |= {row for rows in fresh.values() for row in rows}


@pytest.mark.parametrize("seed", range(2))
def test_no_history_counts_a_row_twice_or_loses_one_without_a_word(
    seed: int, logs: Logs, store: Store
) -> None:
    history = History(seed, logs, store)
    all(history.night() for _ in range(NIGHTS))
