"""What is taken back, what of it stays away, and until when."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Command, Logs, Store

from jobs.forget import NotInLedger, forget
from jobs.verify import verify

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z"


def names(paths: list[str]) -> list[str]:
    return [Path(path).name for path in paths]


@pytest.fixture
def counted(logs: Logs, store: Store) -> Store:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 404))
    logs.requests("b.parquet", (NOON, A, 200), (LATER, A, 200))
    store.run(logs.folder)
    return store


def test_a_forgotten_files_counts_are_taken_back_exactly(logs: Logs, counted: Store) -> None:
    forgotten = forget(counted.folder, [str(logs.folder / "a.parquet")])
    assert names(forgotten.paths) == ["a.parquet"]
    assert counted.counts() == {(A, NOON, 200): 1, (A, LATER, 200): 1}
    assert counted.states() == {"a.parquet": "forgotten", "b.parquet": "ingested"}
    assert counted.sql("SELECT count(*) FROM access_log") == [(2,)]
    assert counted.sql("SELECT files_forgotten FROM runs ORDER BY run_id") == [(0,), (1,)]
    assert verify(counted.folder, deep=True).findings == []


def test_a_forgotten_file_stays_away_until_its_content_changes(logs: Logs, counted: Store) -> None:
    file = logs.folder / "a.parquet"
    forget(counted.folder, [str(file)])
    without = counted.counts()
    assert counted.run(logs.folder).outcome.files_unchanged == 2
    shutil.copy(file, logs.folder / "copy.parquet")
    file.rename(logs.folder / "renamed.parquet")
    counted.run(logs.folder)
    assert counted.counts() == without
    assert counted.states()["renamed.parquet"] == counted.states()["copy.parquet"] == "forgotten"
    logs.requests("a.parquet", (NOON, B, 404))
    counted.run(logs.folder)
    assert counted.counts() == without | {(B, NOON, 404): 1}
    assert verify(counted.folder, deep=True).findings == []


def test_forgotten_content_that_comes_back_takes_the_place_of_what_was_counted_since(
    logs: Logs, counted: Store
) -> None:
    file = logs.folder / "a.parquet"
    content = file.read_bytes()
    forget(counted.folder, [str(file)])
    without = counted.counts()
    logs.requests("a.parquet", (LATER, B, 503))
    counted.run(logs.folder)
    file.write_bytes(content)
    for _ in range(2):
        counted.run(logs.folder)
        assert counted.counts() == without
        assert counted.states() == {"a.parquet": "forgotten", "b.parquet": "ingested"}
    assert verify(counted.folder, deep=True).findings == []


def test_the_copies_of_a_forgotten_file_are_forgotten_with_it(logs: Logs, counted: Store) -> None:
    shutil.copy(logs.folder / "a.parquet", logs.folder / "copy.parquet")
    counted.run(logs.folder)
    both = [str(logs.folder / name) for name in ("copy.parquet", "a.parquet")]
    forgotten = forget(counted.folder, both)
    assert names(forgotten.paths) == ["a.parquet", "copy.parquet"]
    counted.run(logs.folder)
    assert counted.counts() == {(A, NOON, 200): 1, (A, LATER, 200): 1}


def test_a_folder_is_forgotten_with_all_below_it(logs: Logs, counted: Store) -> None:
    assert names(forget(counted.folder, [str(logs.folder)]).paths) == ["a.parquet", "b.parquet"]
    assert counted.counts() == {}
    assert counted.sql("SELECT service_name FROM services ORDER BY 1") == [(A,), (B,)]


def test_a_forgotten_bad_file_is_no_longer_held_against_a_run(logs: Logs, store: Store) -> None:
    bad = logs.folder / "bad.parquet"
    bad.write_bytes(b"PAR1")
    assert not store.run(logs.folder).complete
    forget(store.folder, [str(bad)])
    assert store.run(logs.folder).complete


def test_a_copy_that_broke_is_forgotten_with_what_it_held_before(
    logs: Logs, counted: Store
) -> None:
    copy = Path(shutil.copy(logs.folder / "a.parquet", logs.folder / "copy.parquet"))
    counted.run(logs.folder)
    copy.write_bytes(b"PAR1")
    for _ in range(2):
        counted.run(logs.folder)
    assert names(forget(counted.folder, [str(copy)]).paths) == ["a.parquet", "copy.parquet"]
    assert counted.counts() == {(A, NOON, 200): 1, (A, LATER, 200): 1}


def test_what_the_ledger_does_not_know_can_not_be_forgotten(logs: Logs, counted: Store) -> None:
    before = counted.snapshots()
    for path in ("nowhere.parquet", str(logs.folder / "a"), str(logs.folder)[:-1]):
        with pytest.raises(NotInLedger, match="nothing that was counted"):
            forget(counted.folder, [str(logs.folder / "a.parquet"), path])
    assert counted.snapshots() == before


def test_the_command_names_what_it_forgot(logs: Logs, counted: Store, httpcodes: Command) -> None:
    file = logs.folder / "a.parquet"
    done = httpcodes("forget", file, "--store", counted.folder)
    assert done.returncode == 0
    assert done.stderr.decode().splitlines()[0] == f"forgotten {file}"
    again = httpcodes("forget", file, "--store", counted.folder)
    assert again.returncode == 2
    assert again.stderr.decode() == (
        f"httpcodes: {file} is nothing that was counted or put in quarantine\n"
    )


def test_new_content_of_a_forgotten_path_that_never_counted_stays_to_be_counted(
    logs: Logs, store: Store
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder, window=timedelta(0))
    before = file.read_bytes()
    logs.requests("a.parquet", (LATER, B, 404))
    later = file.read_bytes()
    assert not store.run(logs.folder).complete
    file.write_bytes(before)
    forget(store.folder, [str(file)])
    file.write_bytes(later)
    assert store.run(logs.folder).complete
    assert store.counts() == {(B, LATER, 404): 1}
    assert verify(store.folder, deep=True).findings == []


def test_new_content_that_is_broken_is_still_held_against_a_run(logs: Logs, counted: Store) -> None:
    file = logs.folder / "a.parquet"
    file.write_bytes(b"PAR1 and no more")
    counted.run(logs.folder)
    forget(counted.folder, [str(file)])
    assert counted.counts() == {(A, NOON, 200): 1, (A, LATER, 200): 1}
    assert not counted.run(logs.folder).complete
