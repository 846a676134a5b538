"""A month of nights, as an operator would live through it; every count is right at its end.

The store begins as an older program left it. The model is a Counter of what was delivered.
"""

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Command, Counts, Logs, Store, mounted
from dying import killed_before
from published import COUNTS, lay_out

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
NIGHTS = 30
KEPT_DAYS = 7

Rows = list[tuple[str, str, int]]


def day(night: int) -> datetime:
    """The day whose logs a night finds; the last night's is yesterday."""
    return TODAY - timedelta(days=NIGHTS - night)


def requests(of: datetime, seed: object) -> Rows:
    """Some requests of a day."""
    chance = random.Random(f"{of} {seed}")
    moments = [of + timedelta(seconds=chance.randrange(86_400)) for _ in range(40)]
    return [
        (f"{moment:%Y-%m-%dT%H:%M:%SZ}", chance.choice("abcd") + ".example", chance.choice([200, 304, 404, 503]))
        for moment in moments
    ]  # fmt: skip


def counted(rows: Rows) -> Counter[tuple[str, str, int]]:
    def bucket(moment: str) -> str:
        return f"{moment[:14]}{int(moment[14:16]) // 5 * 5:02d}:00Z"

    return Counter((host, bucket(moment), status) for moment, host, status in rows)


class Month:
    """What is delivered, what is done, and what should be counted."""

    def __init__(self, logs: Logs, store: Store, httpcodes: Command) -> None:
        self.logs, self.store, self.httpcodes = logs, store, httpcodes
        self.delivered: dict[str, Rows] = {}
        self.broken: Rows = []

    def deliver(self, name: str, of: datetime, seed: object = 0) -> None:
        self.delivered[name] = requests(of, seed)
        self.logs.requests(name, *self.delivered[name])

    def do(self, *arguments: object, code: int = 0) -> str:
        done = self.httpcodes(*arguments, "--store", self.store.folder)
        assert done.returncode == code, (arguments, done.stderr.decode())
        return done.stdout.decode()

    def night(self, *options: object, code: int = 0) -> None:
        self.do("run", self.logs.folder, *options, code=code)

    def counts(self) -> Counts:
        total = Counter(COUNTS)
        for rows in self.delivered.values():
            total.update(counted(rows))
        return dict(total)

    def broken_delivery(self) -> None:
        (self.logs.folder / "03.parquet").write_bytes(b"PAR1")
        self.broken = self.delivered.pop("03.parquet")
        self.night(code=3)

    def still_broken(self) -> None:
        self.night(code=3)

    def mended_delivery(self) -> None:
        self.delivered["03.parquet"] = self.broken
        self.logs.requests("03.parquet", *self.broken)
        self.night()

    def late_logs(self) -> None:
        self.deliver("late.parquet", day(2), "late")
        self.night()

    def corrected_delivery(self) -> None:
        self.deliver("08.parquet", day(8), "corrected")
        self.night()

    def same_content_under_another_name(self) -> None:
        shutil.copy(self.logs.folder / "10.parquet", self.logs.folder / "copy.parquet")
        self.night()

    def killed_run(self) -> None:
        before = self.store.snapshots()
        run = ("run", self.logs.folder, "--store", self.store.folder, "--quiet")
        killed_before("jobs.store.revision:publish", 0, *run)
        assert self.store.snapshots() == before

    def full_disk(self) -> None:
        before = self.store.snapshots()
        ballast = self.store.folder.parent / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(ballast.parent).free - (1 << 20)))
        self.night(code=1)
        ballast.unlink()
        assert self.store.snapshots() == before

    def lost_logs(self) -> None:
        (self.logs.folder / "01.parquet").unlink()
        self.night()

    def rolled_back(self) -> None:
        self.night()
        self.do("rollback")

    def part_of_what_waits(self) -> None:
        self.deliver("22-more.parquet", day(22), "more")
        self.night("--max-files", 1)

    def delivery_that_should_not_have_been(self) -> None:
        self.night()
        self.do("forget", self.logs.folder / "24.parquet")
        del self.delivered["24.parquet"]


EVENTS = {
    3: Month.broken_delivery,
    4: Month.still_broken,
    5: Month.mended_delivery,
    7: Month.late_logs,
    9: Month.corrected_delivery,
    11: Month.same_content_under_another_name,
    12: Month.killed_run,
    15: Month.full_disk,
    18: Month.lost_logs,
    20: Month.rolled_back,
    22: Month.part_of_what_waits,
    25: Month.delivery_that_should_not_have_been,
}
CAUGHT_UP_LATER = {12, 15, 20, 22}
"""Nights after which not all is counted; the next one makes up for them."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that a month fits on, and not much more."""
    with mounted(tmp_path / "disk", 96) as folder:
        yield folder


def test_a_month_of_nights_ends_with_every_count_right(
    disk: Path, logs: Logs, httpcodes: Command
) -> None:
    month = Month(logs, lay_out(Store(disk / "store"), 1), httpcodes)
    for night in range(NIGHTS):
        month.deliver(f"{night:02d}.parquet", day(night))
        EVENTS.get(night, Month.night)(month)
        if night not in CAUGHT_UP_LATER:
            assert month.store.counts() == month.counts()
    assert json.loads(month.do("verify", "--deep", "--json"))["ok"]

    month.do("prune", "--rollups-older-than", KEPT_DAYS)
    month.deliver("very-late.parquet", day(3), "very late")
    month.night()
    # The month may take until after midnight.
    ((kept_from,),) = month.store.sql("SELECT kept_from FROM internal.snapshot")
    horizon = f"{kept_from:%Y-%m-%dT%H:%M:%SZ}"
    assert day(NIGHTS - KEPT_DAYS) <= kept_from.replace(tzinfo=UTC) <= day(NIGHTS - KEPT_DAYS + 1)
    kept = {cell: n for cell, n in month.counts().items() if cell[1] >= horizon}
    assert month.store.counts() == kept
    assert json.loads(month.do("verify", "--deep", "--json"))["ok"]
