"""What is in force stays told as it is, and what never was is not returned to."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Command, Logs, Store

from jobs.store import publication
from jobs.store.revision import StoreUnusable, rollback, snapshots

NOON = "2025-09-09T12:00:00Z"
A = "a.example"
KILLED = """
import os, sys
from pathlib import Path
from jobs.store import publication
from jobs.cli.app import main
publication._replace = lambda *_: os._exit(9)
sys.argv = ["httpcodes", *sys.argv[1:]]
main()
"""


@pytest.fixture
def twice(logs: Logs, store: Store) -> Store:
    """A store with a run in force, and a file that waits."""
    logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    logs.requests("b.parquet", (NOON, A, 404))
    return store


def killed_before_the_link(store: Store, *command: object) -> None:
    line = [sys.executable, "-c", KILLED, *command, "--store", store.folder]
    done = subprocess.run([str(part) for part in line], check=False, timeout=600)
    assert done.returncode == 9


def test_a_snapshot_that_was_never_in_force_is_nothing_to_return_to(
    logs: Logs, twice: Store
) -> None:
    (in_force,) = snapshots(twice.folder)
    killed_before_the_link(twice, "run", logs.folder)
    (lost,) = (name for name in twice.snapshots() if name != in_force.name)
    assert snapshots(twice.folder) == [in_force]
    with pytest.raises(StoreUnusable, match="has no snapshot"):
        rollback(twice.folder, Path(lost).stem)
    assert twice.snapshots() == [in_force.name]
    assert twice.run(f"{logs.folder}").outcome.files_ingested == 1
    assert sum(twice.counts().values()) == 2


def test_a_death_while_returning_takes_no_snapshot_away(logs: Logs, twice: Store) -> None:
    first = twice.snapshots()[0]
    twice.run(logs.folder)
    killed_before_the_link(twice, "rollback")
    assert len(snapshots(twice.folder)) == 2
    assert rollback(twice.folder) == Path(first).stem
    assert len(snapshots(twice.folder)) == 2


def test_after_the_link_was_replaced_an_error_is_a_warning(
    logs: Logs, twice: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sync = publication.sync

    def failing(path: Path) -> None:
        if path == twice.folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(path)

    monkeypatch.setattr(publication, "sync", failing)
    assert twice.run(logs.folder).complete
    assert sum(twice.counts().values()) == 2
    assert "it is in force" in caplog.text


def test_what_a_killed_run_left_of_its_record_goes(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(timeout=600)
    store.folder.mkdir()
    left = store.folder / f".last_run.json.{ended.pid}.tmp"
    mine = store.folder / f".last_run.json.{os.getpid()}.tmp"
    left.touch()
    mine.touch()
    assert httpcodes("run", logs.folder, "--store", store.folder).returncode == 0
    assert (left.exists(), mine.exists()) == (False, True)


@pytest.mark.parametrize("place", ["link", "new", "outside-link", "hard-link", "relative"])
def test_nothing_is_written_onto_the_store(
    logs: Logs, twice: Store, tmp_path: Path, httpcodes: Command, place: str
) -> None:
    in_force = (twice.folder / "httpcodes.duckdb").resolve()
    outside = tmp_path / "outside.csv"
    where: dict[str, str | Path] = {
        "link": twice.folder / "httpcodes.duckdb",
        "new": twice.folder / "snapshots" / "new.csv",
        "outside-link": outside,
        "hard-link": outside,
        "relative": "../store/new.csv",
    }
    if place == "outside-link":
        outside.symlink_to(in_force)
    elif place == "hard-link":
        outside.hardlink_to(in_force)
    before = sorted(twice.folder.rglob("*"))
    out = where[place]
    for command in (
        ("sql", "SELECT 1", "--out", out),
        ("export", out),
        ("export", out, "--format", "csv"),
        ("run", logs.folder, "--metrics-file", out),
    ):
        done = httpcodes(*command, "--store", twice.folder)
        assert done.returncode == 2
        assert f"{out} belongs to the store" in done.stderr.decode()
    assert sorted(twice.folder.rglob("*")) == before


@pytest.mark.parametrize("pattern", ["(?=x)(y)", r"(a)\1", "(?<!x)(y)"])
def test_a_pattern_that_the_engine_does_not_know_is_refused(
    logs: Logs, httpcodes: Command, pattern: str
) -> None:
    maps = ("--map", f"service=host~{pattern}", "--map", "timestamp=timestamp", "--map", "status=status")  # fmt: skip
    done = httpcodes("run", logs.folder, *maps)
    assert done.returncode == 2
    assert "can't be searched for" in done.stderr.decode()


def test_a_disk_that_fails_while_the_run_works_lets_nothing_come_into_force(
    twice: Store, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def fail_once(path: Path) -> None:
        asked.append(path)
        if len(asked) == 1:
            raise OSError(errno.EIO, "Input/output error")

    before = twice.snapshots()
    monkeypatch.setattr(publication, "sync", fail_once)
    with pytest.raises(OSError, match="Input/output error"):
        twice.run(logs.folder)
    assert twice.snapshots() == before
