"""Deliver, replace, copy, rename, damage, mend, remove, forget, fold, rebuild and prune in random
order.

Real files, real runs; the published snapshot is compared after every run with a model that
knows only this: a content counts once if it was delivered at a path and neither replaced
there nor forgotten, for what of it is younger than what is kept.
"""

import shutil
import tempfile
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from conftest import Logs, Store
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from jobs.counts.fold import WINDOW, FoldedAway
from jobs.forget import forget
from jobs.logs.choice import Choice
from jobs.prune import Retention, prune
from jobs.rebuild import Days, rebuild
from jobs.store.revision import USUAL
from jobs.verify import verify

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

    @precondition(lambda self: self.counted)
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
            self.counted = {p: c for p, c in self.counted.items() if c != content}
        self.compare()

    @rule(window=st.sampled_from([WINDOW, timedelta(0)]))
    def run(self, window: timedelta) -> None:
        summary = self.store.run(self.logs.folder, window=window)
        refused = {Path(path).name for path in summary.outcome.refused}
        for path, content in self.lying.items():
            if path in refused:
                assert content != self.counted[path]
            elif content is not None:
                self.counted[path] = content
                if content in self.forgotten:
                    del self.counted[path]
        self.compare()

    @precondition(lambda self: self.counted)
    @rule(drop_missing=st.booleans())
    def rebuild(self, drop_missing: bool) -> None:
        in_force = self.in_force()
        done = rebuild(self.store.folder, DAYS, lambda _: Choice(), drop_missing=drop_missing)
        assert verify(self.store.folder, deep=False).findings == []
        kept, missing = ({Path(path).name for path in paths} for paths in (done.kept, done.missing))
        for path in kept & self.lying.keys():
            changed = self.lying[path] != self.counted[path]
            assert changed and (self.lying[path] is None or in_force[path])
        assert not missing & self.lying.keys()
        for path in {Path(path).name for path in done.dropped}:
            gone = self.counted[path]
            self.counted = {
                p: c for p, c in self.counted.items() if c != gone or self.lying.get(p) == gone
            }
        # What the rebuild did not look at, the next run does.
        self.run(WINDOW)

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
        for content in set(self.counted.values()):
            expected += Counter(
                {cell: n for cell, n in cells(content).items() if cell[1] >= self.kept_from}
            )
        assert self.store.counts() == expected
        assert verify(self.store.folder, deep=False).findings == []


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
