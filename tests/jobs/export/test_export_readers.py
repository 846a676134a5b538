"""Readers of an export find whole days at every moment, also when exports are killed."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import PROJECT, Logs, Store
from exported import whole

SERVICES = [f"s{number}.example" for number in range(20)]
DAYS = [f"2025-08-{day:02}" for day in range(1, 17)]


class Exports:
    """Exports of a store whose counts change from one to the next, each a process of its own."""

    def __init__(self, logs: Logs, store: Store, folder: Path) -> None:
        self.logs, self.store, self.out = logs, store, folder / "out"
        self.began = folder / "began"
        self.number = 0

    def start(self) -> subprocess.Popen[bytes]:
        """Publish other counts for all days, some as they were before, and begin to export them."""
        self.number += 1
        rows = [
            (f"{day}T12:00:00Z", name, 200 + self.number % 4) for day in DAYS for name in SERVICES
        ]
        self.logs.requests("log.parquet", *rows)
        self.store.run(self.logs.folder)
        return self.again()

    def again(self) -> subprocess.Popen[bytes]:
        self.began.write_text(f"{time.monotonic()}")
        command = ["-m", "jobs.cli", "export", self.out, "--store", self.store.folder]
        return subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE)

    def link(self) -> str:
        return os.readlink(self.out / DAYS[0])

    def begun(self) -> set[str]:
        """The days that are being written."""
        names = (path.name for path in self.out.glob(".tmp-*"))
        return {name for name in names if re.fullmatch(r"\.tmp-[-0-9]{10}", name)}

    def index(self) -> int:
        return (self.out / "index.json").stat().st_ino

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


def wait_until_it_changes(what: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    before = what()
    while what() == before and process.poll() is None:
        time.sleep(0.001)


def test_killed_anywhere_exports_leave_whole_days_to_every_reader(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    dice = random.Random(5)
    exports = Exports(logs, store, tmp_path)
    exports.start().communicate()
    process = exports.start()
    began = time.monotonic()
    process.communicate()
    usual = time.monotonic() - began
    killed, left = 0, set[str]()
    with watched(exports) as seen:
        for turn in range(8):
            export = exports.start()
            # At a moment like any other, or as soon as a step has begun.
            if step := (None, exports.begun, exports.link, exports.index)[turn % 4]:
                wait_until_it_changes(step, export)
            else:
                time.sleep(dice.uniform(0.2, 1.0) * usual)
            export.send_signal(signal.SIGKILL)
            export.communicate()
            killed += export.returncode == -signal.SIGKILL
            left |= exports.left()
            if dice.random() < 0.5:
                exports.again().communicate()
                assert len(whole(exports.out)["days"]) == len(DAYS)
                assert not list(exports.out.glob(".tmp-*"))
    assert killed > 3
    assert left >= {"writes a day", "moves links"}
    assert seen == sorted(seen)
    assert len(set(seen)) > 3


def test_what_a_killed_export_was_clearing_is_cleared_by_the_next_one(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    exports = Exports(logs, store, tmp_path)
    exports.start().communicate()
    # So many files that the kill comes while they go.
    for number in range(20_000):
        (exports.out / DAYS[0] / f"{number}").touch()
    # What was replaced stays for readers until the export after.
    exports.start().communicate()
    export = exports.start()
    doomed = f".tmp-{DAYS[0]}-*"
    wait_until_it_changes(lambda: [*exports.out.glob(doomed)], export)
    export.kill()
    export.communicate()
    assert exports.left() == {"clears"}
    whole(exports.out)
    exports.again().communicate()
    assert exports.left() == set()


def test_what_a_killed_export_linked_stays_for_the_next_export(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    exports = Exports(logs, store, tmp_path)
    exports.start().communicate()
    index = (exports.out / "index.json").read_bytes()
    exports.start().communicate()
    # As if killed when the links had moved, and the index had not been replaced.
    (exports.out / "index.json").write_bytes(index)
    assert exports.left() == {"moves links"}
    linked = (exports.out / DAYS[0]).resolve()
    named = exports.out / json.loads(index)["days"][DAYS[0]]["folder"]
    exports.start().communicate()
    assert len(list(linked.iterdir())) == len(list(named.iterdir())) == len(SERVICES)
    exports.again().communicate()
    assert not linked.exists()
    assert not named.exists()
    whole(exports.out)
