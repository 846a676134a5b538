"""An export to a place that can't be written: a sentence, and readers keep what they had."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Command, Logs, Store
from exported import tree, whole

from jobs.export.documents import export

SERVICES = [f"s{number}.example" for number in range(100)]


def deliver(logs: Logs, store: Store, status: int) -> None:
    """Three days in which each service has a bucket an hour; a page of the disk holds a file."""
    logs.requests(
        "log.parquet",
        *((f"2025-09-0{day}T{hour:02}:00:00Z", service, status)
          for day in (1, 2, 3) for hour in range(24) for service in SERVICES),
    )  # fmt: skip
    store.run(logs.folder)


@pytest.fixture
def out(logs: Logs, store: Store, disk: Path) -> Path:
    """An export of the store, on a disk of 2 MB that a second version does not fit on."""
    subprocess.run(["mount", "-o", "remount,size=2m", disk], check=True)
    deliver(logs, store, 200)
    export(store.folder, disk / "out")
    deliver(logs, store, 404)
    return disk / "out"


def test_on_a_full_disk_readers_keep_the_old_days_and_the_next_export_goes_on(
    out: Path, store: Store, httpcodes: Command
) -> None:
    before = tree(out)
    used = os.statvfs(out).f_bfree
    full = httpcodes("export", out, "--store", store.folder)
    assert full.returncode == 1
    assert full.stderr.decode() == f"httpcodes: {out} can't be written: No space left on device\n"
    assert tree(out) == before
    whole(out)
    assert os.statvfs(out).f_bfree == used
    subprocess.run(["mount", "-o", "remount,size=20m", out.parent], check=True)
    assert len(export(store.folder, out).written) == 3
    whole(out)


def test_a_run_that_can_not_export_has_published(
    out: Path, logs: Logs, store: Store, httpcodes: Command
) -> None:
    before, snapshots = tree(out), store.snapshots()
    logs.requests("more.parquet", ("2025-09-03T12:00:00Z", "more.example", 500))
    run = httpcodes("run", logs.folder, "--store", store.folder, "--export", out)
    (published,) = set(store.snapshots()) - set(snapshots)
    assert run.returncode == 1
    assert run.stderr.decode().splitlines()[-1] == (
        f"httpcodes: {Path(published).stem} is published, but the export to {out} failed: "
        f"{out} can't be written: No space left on device"
    )
    assert tree(out) == before


@pytest.mark.parametrize("format_", ["ndjson", "parquet", "csv"])
def test_on_a_full_disk_a_file_stays_what_it_was(
    format_: str, logs: Logs, store: Store, disk: Path, httpcodes: Command
) -> None:
    deliver(logs, store, 200)
    out = disk / "file"
    out.write_bytes(b"what was there before")
    subprocess.run(["mount", "-o", "remount,size=4k", disk], check=True)
    full = httpcodes("export", out, "--store", store.folder, "--format", format_)
    assert full.returncode == 1
    assert full.stderr.decode() == f"httpcodes: {out} can't be written: No space left on device\n"
    assert tree(disk) == {str(out): b"what was there before"}


@pytest.fixture
def unwritable(out: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-o", "remount,ro", out.parent], check=True)
    yield out
    subprocess.run(["mount", "-o", "remount,rw", out.parent], check=True)


def test_a_place_that_can_not_be_written_is_named(
    unwritable: Path, store: Store, httpcodes: Command
) -> None:
    before = tree(unwritable)
    new = unwritable.parent / "new"
    as_files = [(new, "--format", format_) for format_ in ("csv", "ndjson")]
    for out, *options in ((new,), (unwritable,), *as_files):
        refused = httpcodes("export", out, *options, "--store", store.folder)
        assert refused.returncode == 1
        assert refused.stderr.decode() == f"httpcodes: {out} can't be written: Read-only file system\n"  # fmt: skip
    assert tree(unwritable) == before
    whole(unwritable)


@pytest.mark.parametrize("options", [[], ["--format", "parquet"]])
def test_a_place_below_a_file_is_named(
    options: list[str], logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    file = logs.requests("log.parquet", ("2025-09-01T00:00:00Z", "a.example", 200))
    store.run(logs.folder)
    refused = httpcodes("export", file / "out", "--store", store.folder, *options)
    assert refused.returncode == 1
    assert refused.stderr.decode() == f"httpcodes: {file / 'out'} can't be written: Not a directory\n"  # fmt: skip
