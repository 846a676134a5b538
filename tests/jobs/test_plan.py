"""A dry run: what a run would do, and nothing written."""

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Command, Logs, Store, age

from jobs.store.revision import USUAL, revision
from queries.quantities import size

A = "a.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z"


def everything_below(folder: Path) -> list[tuple[str, int, int]]:
    found = [(folder, os.lstat(folder))] + [(path, os.lstat(path)) for path in folder.rglob("*")]
    return sorted((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found)


@pytest.fixture
def delivered(logs: Logs, store: Store) -> Logs:
    """A file for each fate, some of them counted before."""
    logs.requests("folded.parquet", (NOON, A, 200))
    store.run(logs.folder, window=timedelta(0))
    for name in ("same", "changed"):
        logs.requests(f"{name}.parquet", (NOON, A, 200 + len(name)))
    (logs.folder / "known-broken.parquet").write_bytes(b"PAR1")
    # What was written just now is looked at twice.
    age(*logs.folder.iterdir())
    store.run(logs.folder)
    logs.requests("folded.parquet", (LATER, A, 500))
    logs.requests("changed.parquet", (LATER, A, 501))
    logs.requests("new.parquet", (LATER, A, 502))
    shutil.copy(logs.folder / "new.parquet", logs.folder / "new-copy.parquet")
    shutil.copy(logs.folder / "same.parquet", logs.folder / "same-copy.parquet")
    (logs.folder / "broken.parquet").write_bytes(b"")
    logs.write("unclear.parquet", {"colour": ["red"]})
    return logs


def test_a_dry_run_says_what_the_run_then_does_and_writes_nothing(
    delivered: Logs, store: Store, httpcodes: Command
) -> None:
    before = everything_below(store.folder)
    done = httpcodes("run", delivered.folder, "--store", store.folder, "--dry-run", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert everything_below(store.folder) == before
    told = json.loads(done.stdout)
    names = {what: [Path(f if isinstance(f, str) else f["path"]).name for f in told[what]]
             for what in ("ingest", "replace", "duplicate", "refused", "quarantined")}  # fmt: skip
    assert names == {
        "ingest": ["new-copy.parquet"],
        "replace": ["changed.parquet"],
        "duplicate": ["new.parquet", "same-copy.parquet"],
        "refused": ["folded.parquet"],
        "quarantined": ["broken.parquet", "known-broken.parquet", "unclear.parquet"],
    }
    assert (told["unchanged"], told["left"]) == (1, 0)

    summary = store.run(delivered.folder).as_json()
    for what, singular in (("ingested", "ingest"), ("replaced", "replace"), ("duplicate", "duplicate")):  # fmt: skip
        assert summary["files"][what] == len(told[singular])
    assert summary["refused"] == told["refused"]
    for file in told["quarantined"]:
        file["reason"] = file["reason"].replace(f" --store {store.folder}", "")
    assert summary["quarantined"] == told["quarantined"]
    assert summary["files"]["unchanged"] == told["unchanged"]


def test_a_dry_run_without_a_store_leaves_none_behind(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    done = httpcodes("run", logs.folder, "--store", store.folder, "--dry-run")
    assert done.stdout.decode() == f"ingest      {file}\n"
    assert done.stderr.decode() == (
        "dry run: 1 file to ingest, 0 to replace, 0 duplicate, 0 refused, 0 quarantined, "
        f"0 unchanged, 0 left; {size(file.stat().st_size)} to read; nothing was written\n"
    )
    assert not store.folder.exists()


def test_a_dry_run_asks_a_store_that_another_run_holds(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    with revision(store.folder, USUAL):
        done = httpcodes("run", logs.folder, "--store", store.folder, "--dry-run", "--json")
    assert (done.returncode, json.loads(done.stdout)["ingest"]) == (0, [])
