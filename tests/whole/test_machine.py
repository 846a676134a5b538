"""Deliver, replace, copy, rename, damage, mend, remove, forget, fold, rebuild and prune in random
order.

Real files, real runs; the published snapshot is compared after every run with a model that
knows only this: a content counts once if it was delivered at a path and neither replaced
there nor forgotten, for what of it is younger than what is kept. Content that nobody counted
replaces what its path held; content that counts already, or was forgotten at another path, does
not: what the path held then counts as if its file were gone.
"""

import shutil
import tempfile
from collections import Counter
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from conftest import Logs, Store
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from jobs.counts.fold import WINDOW, FoldedAway
from jobs.forget import forget
from jobs.logs.options import ReadingOptions
from jobs.logs.storage import Storage
from jobs.prune import Retention, prune
from jobs.rebuild import Days, rebuild
from jobs.store import sidecars
from jobs.store.revision import USUAL, rollback
from jobs.verify import verify
from queries.snapshot import newest

Cell = tuple[str, str, int]

DAYS = Days(date(2025, 9, 9), date(2025, 9, 10))
PATHS = st.sampled_from([f"{letter}.parquet" for letter in "abc"])
# Few contents, so that the same one turns up at several paths.
CONTENTS = st.integers(0, 3)


def cells(content: int) -> Counter[Cell]:
    """What a content counts: cells that other contents share, and one of its own; on two days, but
    for one content."""
    shared = ("a.example", f"2025-09-09T12:{5 * (content % 3):02d}:00Z", 200)
    later = {("b.example", "2025-09-10T00:00:00Z", 404): 1} if content else {}
    return Counter({shared: 2, ("b.example", "2025-09-09T23:55:00Z", 500 + content): 1, **later})


# The same walks on every machine; another number gives others.
@seed(2)
class Deliveries(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.logs, self.store = Logs(self.folder / "logs"), Store(self.folder / "store")
        self.lying: dict[str, int | None] = {}
        """What lies at each path now; None: something broken."""
        self.counted: dict[str, int] = {}
        """What was last counted for each path, by itself or through a copy."""
        self.left: list[tuple[str, int]] = []
        """What other known content was moved over, by the path."""
        self.forgotten_at: set[tuple[str, int]] = set()
        self.forgotten: set[int] = set()
        self.kept_from = ""

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def write(self, path: str, content: int) -> None:
        rows = [
            (bucket.replace(":00Z", f":{second:02d}Z"), service, status)
            for (service, bucket, status), requests in cells(content).items()
            for second in range(requests)
        ]
        self.logs.requests(path, *rows)
        self.lying[path] = content

    @rule(path=PATHS, content=CONTENTS)
    def deliver(self, path: str, content: int) -> None:
        self.write(path, content)

    @precondition(lambda self: None in self.lying.values())
    @rule(path=PATHS, content=CONTENTS)
    def mend(self, path: str, content: int) -> None:
        if self.lying.get(path, 0) is None:
            self.write(path, content)

    @precondition(lambda self: self.lying)
    @rule(path=PATHS, other=PATHS)
    def copy(self, path: str, other: str) -> None:
        if path in self.lying and path != other:
            shutil.copy(self.logs.folder / path, self.logs.folder / other)
            self.lying[other] = self.lying[path]

    @precondition(lambda self: self.lying)
    @rule(path=PATHS, other=PATHS)
    def rename(self, path: str, other: str) -> None:
        if path in self.lying and path != other:
            (self.logs.folder / path).replace(self.logs.folder / other)
            self.lying[other] = self.lying.pop(path)

    @precondition(lambda self: len(self.lying) > 1)
    @rule(names=st.permutations("abc"))
    def circle(self, names: list[str]) -> None:
        """Swap two files, or let all go in a circle, or one step on."""
        files = [f"{name}.parquet" for name in "abc"]
        moves = {old: f"{new}.parquet" for old, new in zip(files, names, strict=True)}
        before = {path: content for path, content in self.lying.items() if path in moves}
        for path in before:
            (self.logs.folder / path).rename(self.logs.folder / f"{path}.moving")
        for path in before:
            (self.logs.folder / f"{path}.moving").rename(self.logs.folder / moves[path])
        self.lying = {moves[path]: content for path, content in before.items()}

    @precondition(lambda self: self.lying)
    @rule(path=PATHS)
    def damage(self, path: str) -> None:
        if path in self.lying:
            (self.logs.folder / path).write_bytes(b"PAR1 and no more")
            self.lying[path] = None

    @precondition(lambda self: self.lying)
    @rule(path=PATHS)
    def remove(self, path: str) -> None:
        if path in self.lying:
            (self.logs.folder / path).unlink()
            del self.lying[path]

    @precondition(lambda self: self.counted and not self.left)
    @rule(path=PATHS)
    def forget(self, path: str) -> None:
        if path not in self.counted:
            return
        content = self.counted[path]
        try:
            forget(self.store.folder, [str(self.logs.folder / path)])
        except FoldedAway:
            in_force = self.in_force()
            (holder,) = (p for p, c in self.counted.items() if c == content and in_force.get(p))
            assert self.lying.get(holder) != content
        else:
            self.forgotten.add(content)
            self.forgotten_at |= {(p, c) for p, c in self.counted.items() if c == content}
            self.counted = {p: c for p, c in self.counted.items() if c != content}
        self.compare()

    @rule(window=st.sampled_from([WINDOW, timedelta(0)]))
    def run(self, window: timedelta) -> None:
        summary = self.store.run(self.logs.folder, window=window)
        refused = {Path(path).name for path in summary.outcome.refused}
        self.take_down(refused)
        lies = {*self.lying.items()}
        self.left = [each for each in dict.fromkeys(self.left) if each not in lies]
        self.compare()

    def take_down(self, refused: set[str], *, only_known: bool = False) -> None:
        """What lies at the paths counts there; of new content there may be a later look."""
        before = dict(self.counted)
        counts = {*before.values(), *(content for _, content in self.left)}
        for path, content in self.lying.items():
            if path in refused:
                assert content not in counts
            elif content is not None and content != before.get(path):
                is_back = (path, content) in self.forgotten_at
                if only_known and (is_back or content not in counts | self.forgotten):
                    continue
                if path in before and not is_back and content in counts | self.forgotten:
                    self.move_over(path, before)
                self.counted.pop(path, None)
                if content in self.forgotten:
                    self.forgotten_at.add((path, content))
                else:
                    self.counted[path] = content

    def move_over(self, path: str, before: dict[str, int]) -> None:
        """Where it lies at a new path, it was moved there; else it stays as of a file that is gone."""
        content = before[path]
        if all(before.get(p) == c for p, c in self.lying.items() if c == content):
            self.left.append((path, content))

    @precondition(lambda self: self.counted)
    @rule(drop_missing=st.booleans())
    def rebuild(self, drop_missing: bool) -> None:
        in_force = self.in_force()
        self.take_down(set(), only_known=True)
        listed = Storage().find([str(self.logs.folder)]).files.values() if self.lying else ()
        done = rebuild(
            self.store.folder,
            DAYS,
            lambda _: ReadingOptions(),
            drop_missing=drop_missing,
            listed=list(listed),
        )
        assert verify(self.store.folder, deep=False).findings == []
        kept, missing = ({Path(path).name for path in paths} for paths in (done.kept, done.missing))
        for path in kept & self.lying.keys():
            changed = self.lying[path] != self.counted.get(path)
            assert changed and (self.lying[path] is None or in_force[path])
        assert not missing & self.lying.keys() - {path for path, _ in self.left}
        self.drop({Path(path).name for path in done.dropped})
        if drop_missing:
            # Copies that are there took the place of files that are gone.
            there = {c for p, c in self.counted.items() if self.lying.get(p) == c}
            self.counted = {
                p: c for p, c in self.counted.items() if p in self.lying or c not in there
            }
        # What the rebuild did not look at, the next run does.
        self.run(WINDOW)

    def drop(self, paths: set[str]) -> None:
        """What was counted at these paths, and lies nowhere, goes."""
        there = set(self.lying.values())
        gone = {c for p, c in self.left if p in paths and c not in there}
        gone |= {c for p, c in self.counted.items() if p in paths and c != self.lying.get(p)}
        self.left = [(p, c) for p, c in self.left if c not in gone]
        self.counted = {
            p: c for p, c in self.counted.items() if c not in gone or self.lying.get(p) == c
        }

    @precondition(lambda self: self.counted)
    @rule(day=st.sampled_from([date(2025, 9, 10), date(2025, 9, 11)]))
    def prune(self, day: date) -> None:
        days = (datetime.now(UTC).date() - day).days
        prune(self.store.folder, Retention(days, WINDOW, USUAL))
        self.kept_from = max(self.kept_from, str(day))
        # What the ledger has forgotten, nothing can be asked about.
        known = {path for (path,) in self.store.sql("SELECT path FROM source_files")}
        gone = {p for p in self.counted if str(self.logs.folder / p) not in known}
        assert all(cell[1] < self.kept_from for p in gone for cell in cells(self.counted[p]))
        assert not gone & self.lying.keys()
        for path in gone:
            del self.counted[path]
        self.left = [
            (path, content)
            for path, content in self.left
            if any(cell[1] >= self.kept_from for cell in cells(content))
        ]
        self.compare()

    def in_force(self) -> dict[str, bool]:
        """The files in force, and whether they are folded."""
        rows = self.store.sql("SELECT path, folded FROM source_files WHERE state = 'ingested'")
        return {Path(path).name: folded for path, folded in rows}

    @precondition(lambda self: self.counted)
    @rule()
    def run_again(self) -> None:
        assert not self.store.run(self.logs.folder / "*.none").changed
        self.compare()

    def compare(self) -> None:
        expected: Counter[Cell] = Counter()
        for content in {*self.counted.values(), *(content for _, content in self.left)}:
            expected += Counter(
                {cell: n for cell, n in cells(content).items() if cell[1] >= self.kept_from}
            )
        assert self.store.counts() == expected
        assert verify(self.store.folder, deep=False).findings == []


class Parted(Deliveries):
    """The same where all that files share lies in sidecars beside the snapshot, with ways back."""

    @initialize()
    def start(self) -> None:
        super().start()
        self.usual = {name: getattr(sidecars, name) for name in ("LEAST", "SMALL", "MOST")}
        sidecars.LEAST, sidecars.SMALL, sidecars.MOST = 1, 6, 3
        self.past: dict[str, dict[str, object]] = {}
        """What was counted, by the snapshot."""

    def teardown(self) -> None:
        for name, value in self.usual.items():
            setattr(sidecars, name, value)
        super().teardown()

    def compare(self) -> None:
        super().compare()
        now = ("counted", "left", "forgotten_at", "forgotten", "kept_from")
        self.past[newest(self.store.folder).stem] = deepcopy({n: getattr(self, n) for n in now})

    @precondition(lambda self: self.past)
    @rule(back=st.integers(1, 3))
    def go_back(self, back: int) -> None:
        there = [name for name in self.store.snapshots() if Path(name).stem in self.past]
        if there:
            name = Path(there[-min(back, len(there))]).stem
            rollback(self.store.folder, name)
            for what, was in deepcopy(self.past[name]).items():
                setattr(self, what, was)
            self.compare()


ROUNDS = settings(
    max_examples=3,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = ROUNDS
TestParted = Parted.TestCase
TestParted.settings = ROUNDS
