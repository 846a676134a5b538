"""The snapshots that are kept: listed, returned to, compared."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Command, Logs, Store

from jobs.counts.fold import WINDOW
from jobs.prune import Retention, prune
from jobs.store.revision import USUAL

A, B = "a.example", "b.example"
NOON, NEXT = "2025-09-09T12:00:00Z", "2025-09-10T12:00:00Z"


@pytest.fixture
def three(logs: Logs, store: Store) -> list[str]:
    """Names of three snapshots: a file, another in its place, and one more."""
    logs.requests("a.parquet", (NOON, A, 200), (NOON, A, 200), (NOON, A, 1000))
    published = [store.run(logs.folder).snapshot]
    logs.requests("a.parquet", (NOON, A, 404), (NOON, A, 404))
    published.append(store.run(logs.folder).snapshot)
    logs.requests("b.parquet", (NOON, B, 200), (NEXT, A, 200))
    return [*published, store.run(logs.folder).snapshot]


def test_snapshots_are_listed_with_the_figures_of_their_runs(
    three: list[str], store: Store, httpcodes: Command
) -> None:
    listed = json.loads(httpcodes("snapshots", "--store", store.folder, "--json").stdout)
    assert [snapshot["name"] for snapshot in listed] == three
    assert [snapshot["in_force"] for snapshot in listed] == [False, False, True]
    figures = ("files_ingested", "files_replaced", "files_forgotten", "rows_counted", "rows_rejected")  # fmt: skip
    assert [[snapshot[figure] for figure in figures] for snapshot in listed] == [
        [1, 0, 0, 2, 1], [0, 1, 0, 2, 0], [1, 0, 0, 2, 0],
    ]  # fmt: skip
    for snapshot in listed:
        file = store.folder / "snapshots" / f"{snapshot['name']}.duckdb"
        assert snapshot["bytes"] == file.stat().st_size
        assert snapshot["published_at"][:4].isdigit()
    table = httpcodes("snapshots", "--store", store.folder).stdout.decode().splitlines()
    assert [line.split()[0] for line in table[1:]] == [three[0], three[1], "*"]


def test_a_broken_snapshot_is_listed_with_its_problem(
    three: list[str], store: Store, httpcodes: Command
) -> None:
    file = store.folder / "snapshots" / f"{three[0]}.duckdb"
    file.chmod(0o644)
    file.write_bytes(b"")
    done = httpcodes("snapshots", "--store", store.folder, "--json")
    assert done.returncode == 0
    assert [bool(snapshot["problem"]) for snapshot in json.loads(done.stdout)] == [True, False, False]  # fmt: skip
    refused = httpcodes("rollback", three[0], "--store", store.folder)
    assert refused.returncode == 1
    assert refused.stderr.decode().endswith("is broken; the snapshot in force stays\n")


def test_rollback_goes_to_the_snapshot_that_is_named_and_forth_again(
    three: list[str], logs: Logs, store: Store, httpcodes: Command
) -> None:
    for name, counts in (
        (three[0], {(A, NOON, 200): 2}),
        (three[1], {(A, NOON, 404): 2}),
        (three[2], {(A, NOON, 404): 2, (B, NOON, 200): 1, (A, NEXT, 200): 1}),
        (three[0], {(A, NOON, 200): 2}),
    ):
        back = httpcodes("rollback", name, "--store", store.folder)
        assert back.stderr.decode().startswith(f"in force: {name}\n")
        assert store.counts() == counts
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 404): 2, (B, NOON, 200): 1, (A, NEXT, 200): 1}
    refused = httpcodes("rollback", "yesterday", "--store", store.folder)
    assert refused.returncode == 1
    assert "has no snapshot yesterday; `httpcodes snapshots` lists" in refused.stderr.decode()


def test_diff_names_days_and_services_that_changed(
    three: list[str], store: Store, httpcodes: Command
) -> None:
    def diff(old: str, new: str) -> object:
        done = httpcodes("diff", old, new, "--store", store.folder, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def day(service: str, day: str, old: int, new: int) -> dict[str, object]:
        buckets = [f"{day}T12:00:00Z"]
        return {"service_name": service, "day": day, "old": old, "new": new, "difference": new - old, "buckets": buckets}  # fmt: skip

    # The same number of requests with another status is a change, too.
    assert diff(three[0], three[1]) == {
        "services_added": [], "services_gone": [], "days": [day(A, "2025-09-09", 2, 2)],
    }  # fmt: skip
    added = [day(B, "2025-09-09", 0, 1), day(A, "2025-09-10", 0, 1)]
    assert diff(three[1], three[2]) == {"services_added": [B], "services_gone": [], "days": added}
    assert diff(three[2], three[1]) == {
        "services_added": [], "services_gone": [B],
        "days": [day(B, "2025-09-09", 1, 0), day(A, "2025-09-10", 1, 0)],
    }  # fmt: skip
    assert diff(three[2], three[2]) == {"services_added": [], "services_gone": [], "days": []}


def test_diff_names_a_day_on_which_two_cells_exchanged_their_counts(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    names = []
    for often, seldom in ((200, 404), (404, 200)):
        logs.requests("a.parquet", (NOON, A, often), (NOON, A, often), (NOON, A, seldom))
        names.append(store.run(logs.folder).snapshot)
    done = httpcodes("diff", *names, "--store", store.folder, "--json")
    (day,) = json.loads(done.stdout)["days"]
    assert (day["service_name"], day["old"], day["new"]) == (A, 3, 3)
    assert day["buckets"] == [NOON]


def test_diff_shows_what_pruning_took(three: list[str], store: Store, httpcodes: Command) -> None:
    pruned = prune(store.folder, Retention(1, WINDOW, USUAL)).snapshot
    done = httpcodes("diff", three[2], pruned, "--store", store.folder)
    assert [line.split() for line in done.stdout.decode().splitlines()] == [
        ["day", "service", "buckets", "old", "new", "difference"],
        ["2025-09-09", A, "12:00", "2", "0", "-2"],
        ["2025-09-09", B, "12:00", "1", "0", "-1"],
        ["2025-09-10", A, "12:00", "1", "0", "-1"],
    ]
    assert done.stderr.decode() == "3 days of services differ\n"
    refused = httpcodes("diff", "yesterday", three[0], "--store", store.folder)
    assert refused.returncode == 1


@pytest.mark.parametrize("how", [shutil.move, lambda old, new: shutil.copytree(old, new, symlinks=True)])  # fmt: skip
def test_a_store_that_is_moved_or_copied_works(
    how: Callable[[Path, Path], object],
    three: list[str],
    logs: Logs,
    store: Store,
    httpcodes: Command,
) -> None:
    elsewhere = logs.folder.parent / "new" / "house"
    elsewhere.parent.mkdir()
    how(store.folder, elsewhere)
    moved = Store(elsewhere)
    logs.requests("c.parquet", (NEXT, B, 500))
    assert httpcodes("run", logs.folder, "--store", moved.folder).returncode == 0
    assert moved.counts() == {(A, NOON, 404): 2, (B, NOON, 200): 1, (A, NEXT, 200): 1, (B, NEXT, 500): 1}  # fmt: skip
    assert httpcodes("verify", "--deep", "--store", moved.folder).returncode == 0
    assert httpcodes("rollback", three[0], "--store", moved.folder).returncode == 0
    assert moved.counts() == {(A, NOON, 200): 2}


def test_runs_that_change_no_count_push_out_no_snapshot_that_did(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    for number in range(2):
        logs.requests(f"{number}.parquet", (NOON, A, 200 + number))
        store.run(logs.folder)
    first, _ = store.snapshots()
    for _ in range(USUAL.kept_snapshots + 1):
        idle = store.run(logs.folder)
    assert store.snapshots() == [first, f"{idle.snapshot}.duckdb"]
    ((as_of,),) = store.sql("SELECT as_of FROM internal.snapshot")
    assert f"{as_of:%Y%m%dT%H%M}" <= idle.snapshot[:13]
    back = httpcodes("rollback", "--store", store.folder)
    assert store.counts() == {(A, NOON, 200): 1}
    assert b"httpcodes forget" in back.stderr
