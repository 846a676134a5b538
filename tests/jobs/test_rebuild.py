"""Days counted afresh, and files whose replacement window has closed."""

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import Command, Logs, Store

from jobs.counts.fold import FoldedAway
from jobs.forget import forget
from jobs.logs.options import ReadingOptions
from jobs.rebuild import Days, Rebuilt, rebuild
from jobs.verify import verify

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z"
NEXT_DAY = "2025-09-10T00:00:00Z"
DAY = Days(date(2025, 9, 9), date(2025, 9, 9))
CLOSED = timedelta(0)
"""A replacement window that closes as soon as a file is counted."""


def afresh(store: Store, days: Days = DAY, *, drop_missing: bool = False) -> Rebuilt:
    done = rebuild(store.folder, days, lambda _: ReadingOptions(), drop_missing=drop_missing)
    assert verify(store.folder, deep=False).findings == []
    return done


def names(paths: "set[str] | dict[str, object] | dict[str, str] | dict[str, int]") -> set[str]:
    return {Path(path).name for path in paths}


def contributed(store: Store) -> set[str]:
    rows = store.sql("SELECT DISTINCT path FROM contributions JOIN source_files USING (file_id)")
    return {Path(path).name for (path,) in rows}


def test_contributions_are_folded_away_when_the_window_closes(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (LATER, B, 404))
    store.run(logs.folder, window=CLOSED)
    logs.requests("b.parquet", (NOON, A, 200))
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 2, (B, LATER, 404): 1}
    assert contributed(store) == {"b.parquet"}
    folded = "SELECT parse_filename(path), folded FROM source_files ORDER BY 1"
    assert store.sql(folded) == [("a.parquet", True), ("b.parquet", False)]
    proof = verify(store.folder, deep=True)
    assert (proof.findings, proof.files_read) == ([], 2)


def test_a_file_within_the_window_is_not_folded(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    for _ in range(2):
        store.run(logs.folder, window=timedelta(days=1))
    assert contributed(store) == {"a.parquet"}


def test_a_replacement_after_the_window_is_refused_until_its_days_are_rebuilt(
    logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, A, 200))
    logs.requests("b.parquet", (NOON, A, 200))
    store.run(logs.folder, window=CLOSED)
    logs.requests("a.parquet", (LATER, B, 404))
    for _ in range(2):
        summary = store.run(logs.folder)
        (refused,) = summary.outcome.refused.values()
        assert refused == (
            "what it replaces was counted too long ago to be taken back; "
            "`httpcodes rebuild --from 2025-09-09 --to 2025-09-09` counts those days afresh"
        )
        assert summary.as_json()["files"]["refused"] == 1
        assert not summary.complete
        assert store.counts() == {(A, NOON, 200): 3}
    assert store.sql("SELECT count(*) FROM source_files WHERE state = 'refused'") == [(1,)]
    assert store.sql("SELECT count(*) FROM access_log") == [(1,)]
    done = afresh(store)
    assert (done.complete, done.outcome.files_ingested, done.outcome.files_replaced) == (True, 1, 1)
    assert store.counts() == {(A, NOON, 200): 1, (B, LATER, 404): 1}
    assert contributed(store) == {"a.parquet", "b.parquet"}
    assert store.sql("SELECT count(*) FROM internal.folded_buckets") == [(0,)]
    assert store.run(logs.folder).complete
    assert verify(store.folder, deep=True).findings == []


def test_a_refused_file_that_gets_its_old_content_back_is_what_it_was(
    logs: Logs, store: Store
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    before = file.read_bytes()
    store.run(logs.folder, window=CLOSED)
    logs.requests("a.parquet", (LATER, A, 200))
    assert not store.run(logs.folder).complete
    file.write_bytes(before)
    assert store.run(logs.folder).complete
    assert store.sql("SELECT state FROM source_files") == [("ingested",)]


@pytest.mark.parametrize("window", [CLOSED, timedelta(days=1)])
def test_days_are_counted_afresh_from_the_files_that_are_there(
    window: timedelta, logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NEXT_DAY, A, 200))
    logs.requests("b.parquet", (NOON, A, 200), (LATER, B, 404))
    logs.requests("other_day.parquet", (NEXT_DAY, A, 200))
    store.run(logs.folder, window=window)
    before = store.counts()
    (logs.folder / "b.parquet").unlink()
    done = afresh(store)
    assert (names(done.missing), done.dropped, done.kept) == ({"b.parquet"}, set(), {})
    assert (done.outcome.files_replaced, done.complete) == (1, False)
    assert store.counts() == before
    done = afresh(store, drop_missing=True)
    assert (names(done.dropped), done.complete) == ({"b.parquet"}, True)
    assert store.counts() == {(A, NOON, 200): 1, (A, NEXT_DAY, 200): 2}


def test_what_was_dropped_counts_again_when_it_comes_back(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    content = file.read_bytes()
    store.run(logs.folder)
    file.unlink()
    afresh(store, drop_missing=True)
    assert store.counts() == {}
    file.write_bytes(content)
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 1}


def test_a_copy_takes_the_place_of_a_dropped_file(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    shutil.copy(file, logs.folder / "copy.parquet")
    store.run(logs.folder, window=CLOSED)
    file.unlink()
    afresh(store, drop_missing=True)
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.states() == {"copy.parquet": "ingested"}


def test_a_copy_is_not_counted_beside_its_twin(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    shutil.copy(file, logs.folder / "copy.parquet")
    store.run(logs.folder)
    afresh(store)
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.states() == {"a.parquet": "ingested", "copy.parquet": "duplicate"}


def test_a_folded_change_stays_out_where_its_old_counts_can_not_be_told_apart(
    logs: Logs, store: Store
) -> None:
    changed = logs.requests("changed.parquet", (NOON, A, 200), (LATER, A, 200))
    gone = logs.requests("gone.parquet", (LATER, A, 200))
    apart = logs.requests("apart.parquet", (NEXT_DAY.replace("T00", "T01"), A, 200))
    store.run(logs.folder, window=CLOSED)
    before = store.counts()
    gone.unlink()
    for file in (changed, apart):
        logs.requests(file.name, (NOON, B, 404))
    apart_days = Days(DAY.first, date(2025, 9, 10))
    done = afresh(store, apart_days)
    assert names(done.kept) == {"changed.parquet"}
    assert "can't be told from those of files that stay" in done.kept[str(changed)]
    del before[A, NEXT_DAY.replace("T00", "T01"), 200]
    assert store.counts() == before | {(B, NOON, 404): 1}
    done = afresh(store, drop_missing=True)
    # What changed into known content is as gone as what is gone.
    assert (done.kept, names(done.dropped)) == ({}, {"gone.parquet", "changed.parquet"})
    assert store.states() == {"apart.parquet": "ingested", "changed.parquet": "duplicate"}
    assert store.counts() == {(B, NOON, 404): 1}


def test_a_folded_change_that_reaches_beyond_the_days_names_the_days_it_needs(
    logs: Logs, store: Store
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200), (NEXT_DAY, A, 200))
    store.run(logs.folder, window=CLOSED)
    logs.requests("a.parquet", (NOON, B, 404))
    done = afresh(store)
    assert done.kept == {
        str(file): "its earlier rows reach beyond these days: --from 2025-09-09 --to 2025-09-10"
    }
    assert store.counts() == {(A, NOON, 200): 1, (A, NEXT_DAY, 200): 1}
    assert afresh(store, Days(date(2025, 9, 9), date(2025, 9, 10))).complete
    assert store.counts() == {(B, NOON, 404): 1}


@pytest.mark.parametrize("window", [CLOSED, timedelta(days=1)])
def test_a_file_that_broke_keeps_its_counts_and_the_rest_is_rebuilt(
    window: timedelta, logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    logs.requests("b.parquet", (LATER, A, 200))
    logs.requests("c.parquet", (NOON, A, 200), (NOON, A, 200))
    store.run(logs.folder, window=window)
    (logs.folder / "a.parquet").write_bytes(b"PAR1 and no more")
    logs.requests("b.parquet", (LATER, B, 404))
    done = afresh(store)
    assert names(done.kept) == {"a.parquet"}
    assert done.as_json()["files"] == {"rebuilt": 2, "missing": 0, "kept": 1}
    assert store.counts() == {(A, NOON, 200): 3, (B, LATER, 404): 1}


def test_a_forgotten_file_stays_away_from_a_rebuild(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    logs.requests("b.parquet", (LATER, A, 200))
    store.run(logs.folder)
    forget(store.folder, [str(logs.folder / "a.parquet")])
    afresh(store)
    assert store.counts() == {(A, LATER, 200): 1}


def test_a_folded_file_can_be_forgotten_while_it_is_there(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 200))
    logs.requests("b.parquet", (NOON, A, 200))
    store.run(logs.folder, window=CLOSED)
    forget(store.folder, [str(file)])
    assert store.counts() == {(A, NOON, 200): 1}
    assert verify(store.folder, deep=True).findings == []
    gone = logs.folder / "b.parquet"
    gone.unlink()
    with pytest.raises(
        FoldedAway, match="rebuild --from 2025-09-09 --to 2025-09-09 --drop-missing"
    ):
        forget(store.folder, [str(gone)])
    assert store.counts() == {(A, NOON, 200): 1}


def test_the_command_says_what_it_found_and_what_it_kept(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), ("x", A, 200))
    gone = logs.requests("gone.parquet", (NOON, A, 200), (LATER, A, 200))
    store.run(logs.folder)
    gone.unlink()
    days = ("--from", "2025-09-09", "--to", "2025-09-09", "--store", store.folder)
    done = httpcodes("rebuild", *days, "--json")
    assert done.returncode == 3
    assert f"missing {gone}: its 2 requests are kept" in done.stderr.decode()
    summary = json.loads(done.stdout)
    assert summary["files"] == {"rebuilt": 1, "missing": 1, "kept": 0}
    assert summary["rejected"] == {"timestamp unreadable": 1}
    assert summary["missing"] == [{"path": str(gone), "rows": 2, "dropped": False}]
    dropped = httpcodes("rebuild", *days, "--drop-missing")
    assert f"missing {gone}: its 2 requests were dropped" in dropped.stderr.decode()
    assert httpcodes("rebuild", *days).returncode == 3  # a row of a.parquet is still rejected


def test_days_that_nobody_could_mean_are_refused(store: Store, httpcodes: Command) -> None:
    backwards = httpcodes("rebuild", "--from", "2025-09-10", "--to", "2025-09-09")
    assert (backwards.returncode, b"--to is earlier" in backwards.stderr) == (2, True)
    assert httpcodes("rebuild", "--from", "2025-09-31", "--to", "2025-10-01").returncode == 2


def test_the_command_refuses_a_late_replacement_with_exit_3(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    command = ("run", logs.folder, "--store", store.folder, "--replace-within", 0)
    assert httpcodes(*command).returncode == 0
    logs.requests("a.parquet", (NOON, A, 404))
    refused = httpcodes(*command)
    assert refused.returncode == 3
    assert f"refused {file}: what it replaces was counted too long ago" in refused.stderr.decode()
