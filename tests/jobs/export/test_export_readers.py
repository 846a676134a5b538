"""Readers of an export find whole days at every moment, also when exports are killed."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import PROJECT, Command, Logs, Store
from dying import killed_after, killed_before, seconds_of
from exported import whole

SERVICES = [f"s{number}.example" for number in range(20)]
DAYS = [f"2025-08-{day:02}" for day in range(1, 17)]


class Exports:
    """Exports of a store whose counts change from one to the next, each a process of its own."""

    def __init__(self, logs: Logs, store: Store, folder: Path, httpcodes: Command) -> None:
        self.logs, self.store, self.out, self.httpcodes = logs, store, folder / "out", httpcodes
        self.began = folder / "began"
        self.number = 0
        self.command = ("export", self.out, "--store", store.folder)

    def publish(self) -> None:
        """Publish other counts for all days, some as they were before."""
        self.number += 1
        rows = [
            (f"{day}T12:00:00Z", name, 200 + self.number % 4) for day in DAYS for name in SERVICES
        ]
        self.logs.requests("log.parquet", *rows)
        self.store.run(self.logs.folder)
        self.begin()

    def begin(self) -> None:
        """Say that an export begins."""
        self.began.write_text(f"{time.monotonic()}")

    def export(self) -> None:
        self.begin()
        assert self.httpcodes(*self.command).returncode == 0

    def publish_and_export(self) -> None:
        self.publish()
        self.export()

    def left(self) -> set[str]:
        """What a killed export was at, by what it left."""
        index = json.loads((self.out / "index.json").read_bytes())
        folders = {day: entry["folder"] for day, entry in index["days"].items()}
        temporary = [path.name for path in self.out.glob(".tmp-*")]
        found = {
            "writes a day": any(re.fullmatch(r"\.tmp-[-0-9]{10}", name) for name in temporary),
            "moves links": any(os.readlink(self.out / day) != folders[day] for day in folders),
            "clears": any(re.fullmatch(r"\.tmp-[-0-9]{10}-\w+", name) for name in temporary),
        }
        return {what for what, is_so in found.items() if is_so}


@contextmanager
def watched(exports: Exports) -> Iterator[list[str]]:
    """The snapshots that a reader, a process of its own, saw whole until the end of the body."""
    seen: list[str] = []
    watcher = [sys.executable, PROJECT / "tests" / "exported.py", exports.out, exports.began]
    with subprocess.Popen(watcher, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        try:
            yield seen
        finally:
            told, _ = reader.communicate()
    assert reader.returncode == 0
    seen += json.loads(told)


STEPS = (
    None,
    ("jobs.export.day_folders:sync", 50),
    ("pathlib:Path.replace", 5),
    ("jobs.export.day_folders:DayFolders._discard", 3),
)
"""Where exports are killed: in a day's folder, between links, and when the index was replaced."""


def test_killed_anywhere_exports_leave_whole_days_to_every_reader(
    logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    dice = random.Random(5)
    exports = Exports(logs, store, tmp_path, httpcodes)
    exports.publish_and_export()
    exports.publish()
    usual = seconds_of(*exports.command)
    killed, left = 0, set[str]()
    with watched(exports) as seen:
        for turn in range(8):
            exports.publish()
            # At a moment like any other, or at a step.
            if step := STEPS[turn % 4]:
                killed_before(*step, *exports.command)
                killed += 1
            else:
                killed += killed_after(dice.uniform(0.2, 1.0) * usual, *exports.command)
            left |= exports.left()
            if dice.random() < 0.5:
                exports.export()
                assert len(whole(exports.out)["days"]) == len(DAYS)
                assert not list(exports.out.glob(".tmp-*"))
    assert killed > 6
    assert left >= {"writes a day", "moves links"}
    assert seen == sorted(seen)
    assert len(set(seen)) > 3


def test_what_a_killed_export_was_clearing_is_cleared_by_the_next_one(
    logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    exports = Exports(logs, store, tmp_path, httpcodes)
    exports.publish_and_export()
    # What was replaced stays for readers until the export after.
    exports.publish_and_export()
    exports.publish()
    killed_before("os:unlink", 7, *exports.command)
    assert exports.left() == {"clears"}
    (doomed,) = exports.out.glob(".tmp-*")
    assert len(list(doomed.iterdir())) == len(SERVICES) - 7
    whole(exports.out)
    exports.export()
    assert exports.left() == set()


def test_what_a_killed_export_linked_stays_for_the_next_export(
    logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    exports = Exports(logs, store, tmp_path, httpcodes)
    exports.publish_and_export()
    index = (exports.out / "index.json").read_bytes()
    exports.publish_and_export()
    # As if killed when the links had moved, and the index had not been replaced.
    (exports.out / "index.json").write_bytes(index)
    assert exports.left() == {"moves links"}
    linked = (exports.out / DAYS[0]).resolve()
    named = exports.out / json.loads(index)["days"][DAYS[0]]["folder"]
    exports.publish_and_export()
    assert len(list(linked.iterdir())) == len(list(named.iterdir())) == len(SERVICES)
    exports.export()
    assert not linked.exists()
    assert not named.exists()
    whole(exports.out)
