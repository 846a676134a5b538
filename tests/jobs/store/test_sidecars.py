"""Contributions that are many lie beside the snapshot, and are what they would be within it."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from conftest import Command, Logs, Store
from published import lay_out
from relations import relations

from jobs.forget import forget
from jobs.logs.options import ReadingOptions
from jobs.prune import Retention, prune
from jobs.rebuild import Days, rebuild
from jobs.store import sidecars
from jobs.store.revision import StoreUnusable, Terms, rollback
from jobs.store.sidecars import SidecarDamaged
from jobs.trace import trace
from jobs.verify import verify
from queries.analyst.adhoc import Refused, fenced

A, B, C = "a.example", "b.example", "c.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T12:05:00Z"
ADDED = "SELECT file_id, service_name, bucket_start, status_code, requests FROM contributions ORDER BY ALL"  # fmt: skip
TWO = Terms(kept_snapshots=2, kept_days=0)


@pytest.fixture(autouse=True)
def _soon_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row is many."""
    monkeypatch.setattr(sidecars, "LEAST", 1)
    monkeypatch.setattr(sidecars, "SMALL", 10)
    monkeypatch.setattr(sidecars, "MOST", 3)


def shared(logs: Logs, name: str, status: int = 200, at: str = NOON) -> Path:
    """A file whose bucket others have, too."""
    return logs.requests(name, (at, A, status), (at, A, status), (at, B, 404))


def beside(store: Store) -> list[str]:
    folder = store.folder / "contributions"
    return sorted(os.listdir(folder)) if folder.exists() else []


def listed(store: Store) -> list[str]:
    return [name for (name,) in store.sql("SELECT name FROM internal.sidecars ORDER BY sidecar")]


def is_sound(store: Store) -> bool:
    return verify(store.folder, deep=False).findings == []


@pytest.fixture
def apart(logs: Logs, store: Store) -> Store:
    """A store with two files that share a bucket, in a sidecar."""
    shared(logs, "a.parquet")
    shared(logs, "b.parquet", 503)
    store.run(logs.folder)
    assert len(beside(store)) == 1
    return store


def test_what_shares_buckets_lies_in_a_sidecar_and_is_told_as_if_it_did_not(
    logs: Logs, apart: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert apart.sql("SELECT count(*) FROM internal.shared_contributions") == [(0,)]
    assert beside(apart) == listed(apart)
    sidecar = apart.folder / "contributions" / beside(apart)[0]
    assert (sidecar.stat().st_mode & 0o777, sidecar.name[:21]) == (
        0o444,
        apart.snapshots()[0][:21],
    )
    monkeypatch.setattr(sidecars, "LEAST", 1 << 20)
    within = Store(tmp_path / "within")
    within.run(logs.folder)
    assert beside(within) == []
    assert relations(apart) == relations(within)
    assert is_sound(apart)


def test_few_stay_in_the_snapshot_and_go_along_once_there_are_many(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecars, "LEAST", 6)
    shared(logs, "a.parquet")
    shared(logs, "b.parquet", 503)
    store.run(logs.folder)
    assert (beside(store), len(store.sql(ADDED))) == ([], 4)
    shared(logs, "c.parquet", 500)
    store.run(logs.folder)
    assert (len(beside(store)), len(store.sql(ADDED))) == (1, 6)
    assert store.sql("SELECT count(*) FROM internal.shared_contributions") == [(0,)]
    assert is_sound(store)


def test_a_bucket_that_becomes_shared_takes_the_earlier_file_along(
    logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (LATER, B, 404))
    store.run(logs.folder)
    assert beside(store) == []
    logs.requests("late.parquet", (NOON, A, 200), (NOON, B, 503))
    store.run(logs.folder)
    assert len(beside(store)) == 1
    assert store.of_each() == {
        "a.parquet": {(A, NOON, 200): 1, (B, LATER, 404): 1},
        "late.parquet": {(A, NOON, 200): 1, (B, NOON, 503): 1},
    }
    forget(store.folder, [str(logs.folder / "a.parquet")])
    assert store.counts() == {(A, NOON, 200): 1, (B, NOON, 503): 1}
    assert is_sound(store)


def test_what_is_taken_back_is_dead_and_nothing_is_written_anew(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        shared(logs, f"{number}.parquet", 200 + number)
    store.run(logs.folder)
    (sidecar,) = beside(store)
    monkeypatch.setattr(sidecars, "LEAST", 1 << 20)
    shared(logs, "0.parquet", 500)
    store.run(logs.folder)
    forget(store.folder, [str(logs.folder / "1.parquet")])
    assert beside(store) == listed(store) == [sidecar]
    assert store.of_each().keys() == {f"{n}.parquet" for n in (0, 2, 3, 4)}
    assert store.counts()[A, NOON, 500] == 2
    assert (A, NOON, 200) not in store.counts()
    assert is_sound(store)


def test_a_sidecar_that_is_mostly_dead_is_written_once_more(logs: Logs, store: Store) -> None:
    for number in range(5):
        shared(logs, f"{number}.parquet", 200 + number)
    store.run(logs.folder, terms=TWO)
    (sidecar,) = beside(store)
    forget(store.folder, [str(logs.folder / f"{n}.parquet") for n in range(3)], TWO)
    (new,) = listed(store)
    assert new != sidecar
    assert store.sql("SELECT rows FROM internal.sidecars") == [(4,)]
    assert store.of_each().keys() == {"3.parquet", "4.parquet"}
    assert is_sound(store)


def test_small_sidecars_are_put_together_once_they_are_many(logs: Logs, store: Store) -> None:
    names = []
    for number in range(8):
        shared(logs, f"{number}.parquet", 200 + number)
        store.run(logs.folder, terms=TWO)
        assert len(store.of_each()) == number + 1
        assert is_sound(store)
        names.append(len(listed(store)))
    # The first file is alone; later there are two small ones at the most, beside a large one.
    assert (names[0], max(names)) == (0, 3)
    assert sum(rows for (rows,) in store.sql("SELECT rows FROM internal.sidecars")) == 16


def test_a_sidecar_goes_with_the_last_snapshot_that_lists_it(logs: Logs, apart: Store) -> None:
    (sidecar,) = beside(apart)
    forget(apart.folder, [str(logs.folder)], TWO)
    assert (listed(apart), beside(apart)) == ([], [sidecar])
    shared(logs, "c.parquet")
    apart.run(logs.folder, terms=TWO)
    assert beside(apart) == []


def test_the_way_back_leads_to_what_was_kept_apart_then(logs: Logs, apart: Store) -> None:
    before, added = apart.counts(), apart.sql(ADDED)
    shared(logs, "a.parquet", 500)
    shared(logs, "c.parquet", 501)
    apart.run(logs.folder)
    after = apart.of_each()
    rollback(apart.folder)
    assert (
        apart.counts(),
        apart.sql(ADDED),
        is_sound(apart),
    ) == (before, added, True)
    # File numbers come twice now; the sidecars of what was left are not those of what is in force.
    apart.run(logs.folder)
    assert (apart.of_each(), is_sound(apart)) == (after, True)
    apart.run(logs.folder, terms=TWO)
    shared(logs, "d.parquet", 502)
    apart.run(logs.folder, terms=TWO)
    assert is_sound(apart)
    (older,) = apart.snapshots()[:-1]
    rollback(apart.folder, Path(older).stem)
    assert (apart.of_each(), is_sound(apart)) == (after, True)


KILLED = """
import os, sys
from jobs.store import sidecars, publication, revision
from jobs.cli.app import main
sidecars.LEAST = 1
step = sys.argv[1]

def before(room, name):
    setattr(room, name, lambda *_, **__: os._exit(9))

def after(room, name):
    done = getattr(room, name)
    setattr(room, name, lambda *a, **k: (done(*a, **k), os._exit(9)))

{
    "written": lambda: before(sidecars, "_placed"),
    "placed": lambda: after(sidecars, "_placed"),
    "listed": lambda: after(sidecars.Sidecars, "keep"),
    "settled": lambda: after(sidecars.Sidecars, "settle"),
    "synced": lambda: after(sidecars.Sidecars, "finish"),
    "moved": lambda: before(publication, "_replace"),
    "published": lambda: before(revision, "_drop"),
    "cleared": lambda: before(sidecars, "clear"),
}[step]()
sys.argv = ["httpcodes", *sys.argv[2:]]
main()
"""


@pytest.mark.parametrize(
    "step",
    ["written", "placed", "listed", "settled", "synced", "moved", "published", "cleared"],
)
def test_a_run_that_is_killed_anywhere_leaves_nothing_behind_the_next(
    logs: Logs, apart: Store, step: str
) -> None:
    before, (sidecar,) = apart.of_each(), beside(apart)
    shared(logs, "a.parquet", 500)
    line = [
        sys.executable,
        "-c",
        KILLED,
        step,
        "run",
        logs.folder,
        "--store",
        apart.folder,
    ]
    done = subprocess.run([str(word) for word in line], check=False, timeout=600)
    assert done.returncode == 9
    is_published = step in ("published", "cleared")
    assert (apart.of_each() == before) != is_published
    assert is_sound(apart)
    rest = {*beside(apart)} - {sidecar}
    assert bool(rest) == (step != "written")
    apart.run(logs.folder)
    assert apart.of_each()["a.parquet"] == {(A, NOON, 500): 2, (B, NOON, 404): 1}
    assert is_sound(apart)
    assert {*beside(apart)} == {sidecar, *listed(apart)}
    assert bool(rest & {*beside(apart)}) == is_published


def test_a_run_that_fails_takes_its_sidecars_along(
    logs: Logs, apart: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, counted = beside(apart), apart.of_each()
    (apart.folder / "contributions" / "20251123T020001Z-3fa9-1.parquet").write_bytes(b"left")
    shared(logs, "c.parquet")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jobs.store.revision.publish", full)
    with pytest.raises(StoreUnusable, match="is full"):
        apart.run(logs.folder)
    assert (beside(apart), apart.of_each()) == (before, counted)


def test_a_store_that_was_moved_is_whole_for_our_commands_and_after_a_run_for_all(
    logs: Logs, apart: Store, tmp_path: Path
) -> None:
    added = apart.sql(ADDED)
    moved = Store(tmp_path / "new [1]*" / "store")
    moved.folder.parent.mkdir()
    shutil.move(apart.folder, moved.folder)
    assert is_sound(moved)
    traced = trace(moved.folder, A, NOON, 503)
    assert [Path(one.path).name for one in traced.contributions] == ["b.parquet"]
    with fenced(moved.folder) as analyst:
        assert [rows for _, rows in analyst.ask(ADDED)] == [added]
    with pytest.raises(duckdb.IOException, match="No files found"):
        moved.sql(ADDED)
    moved.run(logs.folder)
    assert moved.sql(ADDED) == added
    shared(logs, "a.parquet", 500)
    moved.run(logs.folder)
    assert is_sound(moved)


def test_the_fence_lets_sidecars_be_read_through_the_view_only(apart: Store) -> None:
    with fenced(apart.folder, logs=False) as analyst:
        assert [len(rows) for _, rows in analyst.ask(ADDED)] == [4]
        sidecar = apart.folder / "contributions" / beside(apart)[0]
        with pytest.raises(Refused, match="read_parquet"):
            list(analyst.ask(f"FROM read_parquet('{sidecar}')"))


def tamper_with_sidecar(store: Store, change: str) -> None:
    """Write another sidecar in place of the one that there is."""
    (name,) = beside(store)
    sidecar = store.folder / "contributions" / name
    other = store.folder / "other.parquet"
    duckdb.execute(f"COPY (SELECT * REPLACE ({change}) FROM '{sidecar}') TO '{other}'")
    other.replace(sidecar)


def test_nothing_is_taken_back_by_a_sidecar_that_is_damaged(logs: Logs, apart: Store) -> None:
    tamper_with_sidecar(apart, "requests + 1 AS requests")
    before = apart.counts()
    assert not is_sound(apart)
    shared(logs, "a.parquet", 500)
    with pytest.raises(SidecarDamaged, match="does not hold what was written to it"):
        apart.run(logs.folder)
    assert apart.counts() == before


def test_a_sidecar_that_is_missing_is_named_and_nothing_is_done_without_it(
    logs: Logs, apart: Store, httpcodes: Command
) -> None:
    shared(logs, "c.parquet", 501)
    apart.run(logs.folder)
    lost = apart.folder / "contributions" / listed(apart)[-1]
    lost.unlink()
    (finding,) = verify(apart.folder, deep=False).findings
    assert (finding.check, finding.where) == ("sidecars that are listed are there", str(lost))
    told = httpcodes("doctor", "--store", apart.folder)
    assert (told.returncode, f"lists {lost}, which is gone" in told.stdout.decode()) == (1, True)
    first, second = (Path(name).stem for name in apart.snapshots())
    refused = httpcodes("run", logs.folder, "--store", apart.folder)
    assert refused.returncode == 1
    said = refused.stderr.decode()
    assert f"{lost} is not there" in said
    assert f"`httpcodes rollback` returns to {first}, the last good one" in said
    with pytest.raises(StoreUnusable, match="is broken"):
        rollback(apart.folder, second)
    assert rollback(apart.folder) == first
    apart.run(logs.folder)
    assert is_sound(apart)


def test_pruned_days_do_not_come_back_and_their_sidecars_go(logs: Logs, store: Store) -> None:
    day = "2025-09-08T12:00:00Z"
    for code, (name, at) in enumerate((("a", day), ("b", day), ("c", NOON), ("d", NOON))):
        logs.requests(f"{name}.parquet", (at, A, 200), (at, B, 404 + code))
    over = logs.requests("over.parquet", (day, C, 200), (NOON, C, 200))
    store.run(logs.folder)
    ((days,),) = store.sql("SELECT current_date - DATE '2025-09-09'")
    retention = Retention(days, timedelta(days=30), TWO)
    assert prune(store.folder, retention).contributions == 5
    assert store.of_each()[over.name] == {(C, NOON, 200): 1}
    assert sum(rows for (rows,) in store.sql("SELECT rows FROM internal.kept_apart")) == 5
    assert is_sound(store)
    forget(store.folder, [str(over)], TWO)
    assert store.counts() == {(A, NOON, 200): 2, (B, NOON, 406): 1, (B, NOON, 407): 1}
    assert is_sound(store)
    retention = Retention(days - 1, timedelta(days=30), TWO)
    prune(store.folder, retention)
    assert (store.counts(), listed(store), is_sound(store)) == ({}, [], True)


def test_folded_files_leave_their_sidecars_and_come_back_by_their_rows(
    logs: Logs, apart: Store
) -> None:
    before = apart.counts()
    apart.run(logs.folder, window=timedelta(0))
    assert (
        listed(apart),
        apart.sql(ADDED),
        apart.counts(),
    ) == ([], [], before)
    assert is_sound(apart)
    shared(logs, "a.parquet", 500)
    (logs.folder / "c.parquet").unlink(missing_ok=True)
    ((day,),) = apart.sql("SELECT DATE '2025-09-09'")
    rebuild(apart.folder, Days(day, day), lambda _: ReadingOptions())
    assert apart.counts() == {(A, NOON, 500): 2, (A, NOON, 503): 2, (B, NOON, 404): 2}
    assert is_sound(apart)


def test_who_reads_the_snapshot_before_goes_on(logs: Logs, apart: Store) -> None:
    """A run that changes no count takes its place at once, and what it lists stays for one more."""
    (name,) = beside(apart)
    with duckdb.connect(apart.folder / "httpcodes.duckdb", read_only=True) as reader:
        apart.run(logs.folder, window=timedelta(0))
        assert len(apart.snapshots()) == 1
        assert len(reader.execute(ADDED).fetchall()) == 4
    assert (listed(apart), beside(apart)) == ([], [name])
    apart.run(logs.folder)
    assert beside(apart) == []


def test_what_an_older_store_holds_within_moves_into_a_sidecar(store: Store, logs: Logs) -> None:
    lay_out(store, 3)
    added = store.sql("SELECT file_id, status_code, requests FROM internal.contributions ORDER BY ALL")  # fmt: skip
    assert added
    shared(logs, "a.parquet", 500)
    store.run(logs.folder)
    assert store.sql("SELECT count(*) FROM internal.shared_contributions") == [(0,)]
    assert len(beside(store)) == 1
    assert {*added} <= {
        *store.sql("SELECT file_id, status_code, requests FROM internal.contributions")
    }
    assert is_sound(store)
    rollback(store.folder)
    store.run(logs.folder)
    assert is_sound(store)
