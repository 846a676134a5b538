"""Stores of earlier schema versions, as earlier programs published them."""

import json
from pathlib import Path

import duckdb
import pytest
from conftest import Command, Logs, Store
from published import COUNTS, NAME, NOON, A, lay_out, shape

import queries
from jobs.prune import Retention, prune
from jobs.store.revision import USUAL
from jobs.store.upgrade import STEPS
from jobs.verify import verify
from queries.snapshot import SCHEMA_VERSION


@pytest.fixture(params=sorted(STEPS))
def old(request: pytest.FixtureRequest, store: Store) -> Store:
    return lay_out(store, request.param)


def test_every_version_but_the_newest_has_a_step() -> None:
    assert sorted(STEPS) == list(range(1, SCHEMA_VERSION))


def test_an_ordinary_run_upgrades_the_store_and_keeps_the_old_snapshot(
    old: Store, logs: Logs, httpcodes: Command
) -> None:
    logs.requests("new.parquet", (NOON, A, 200))
    done = httpcodes("run", logs.folder, "--store", old.folder)
    assert done.returncode == 0, done.stderr
    assert old.counts() == COUNTS | {(A, NOON, 200): 3}
    assert old.sql("SELECT schema_version FROM internal.snapshot") == [(SCHEMA_VERSION,)]
    assert f"{NAME}.duckdb" in old.snapshots()
    assert verify(old.folder, deep=False).findings == []
    # The way back works, and the next run upgrades again.
    assert httpcodes("rollback", "--store", old.folder).returncode == 0
    assert old.counts() == COUNTS
    assert httpcodes("run", logs.folder, "--store", old.folder).returncode == 0
    assert old.counts() == COUNTS | {(A, NOON, 200): 3}


def test_an_upgraded_store_has_the_shape_of_a_new_one(
    old: Store, logs: Logs, tmp_path: Path
) -> None:
    new = Store(tmp_path / "new")
    new.run(logs.folder)
    old.run(logs.folder)
    for upgraded, fresh in zip(shape(old), shape(new), strict=True):
        assert upgraded == fresh


def test_readers_answer_from_an_old_snapshot_before_it_is_upgraded(
    old: Store, httpcodes: Command
) -> None:
    answer = queries.answer(old.folder, {"serviceNames": [A], "startTime": NOON, "endTime": "2025-09-09T12:05:00Z"})  # fmt: skip
    assert (answer.status, b'{"200":2}' in answer.body) == (200, True)
    asked = httpcodes("sql", "SELECT count(*) AS rows FROM access_log", "--store", old.folder)
    assert asked.stdout == b"rows\n0\n"
    assert b"access_log leaves out what is gone" in asked.stderr
    listed = json.loads(httpcodes("snapshots", "--store", old.folder, "--json").stdout)
    assert [(one["name"], one["in_force"], one["problem"]) for one in listed] == [(NAME, True, None)]  # fmt: skip
    refused = httpcodes("verify", "--store", old.folder)
    assert refused.returncode == 1
    assert f"version {SCHEMA_VERSION} is needed, and the next `httpcodes run` upgrades it" in refused.stderr.decode()  # fmt: skip


def test_a_failing_run_leaves_the_old_snapshot_as_it_was(
    old: Store, logs: Logs, httpcodes: Command
) -> None:
    (logs.folder / "a.parquet").write_bytes(b"")
    assert httpcodes("run", logs.folder, "--fail-fast", "--store", old.folder).returncode == 1
    assert old.snapshots() == [f"{NAME}.duckdb"]
    assert old.counts() == COUNTS


def test_pruning_stops_before_files_that_an_older_program_folded_over_midnight(old: Store) -> None:
    old.run(old.folder / "snapshots")
    days = (old.sql("SELECT current_date - DATE '2025-09-09'"))[0][0]
    pruned = prune(old.folder, Retention(days, USUAL.settle, USUAL))
    assert f"{pruned.kept_from}" == "2025-09-08 00:00:00"
    assert (pruned.requests, old.counts()) == (0, COUNTS)
    assert prune(old.folder, Retention(days - 1, USUAL.settle, USUAL)).requests == 6
    assert verify(old.folder, deep=False).findings == []


def test_aliases_that_an_older_program_left_twice_are_there_once(store: Store) -> None:
    """With --service-from-path; access_log showed rows once for each."""
    file = lay_out(store, 3).folder / "snapshots" / f"{NAME}.duckdb"
    file.chmod(0o644)
    with duckdb.connect(file) as older:
        older.execute("INSERT INTO internal.service_aliases FROM internal.service_aliases")
    file.chmod(0o444)
    store.run(store.folder / "snapshots")
    aliases = store.sql("SELECT count(*), count(DISTINCT logged) FROM internal.service_aliases")
    assert aliases[0][0] == aliases[0][1]


def test_a_newer_store_is_refused_with_a_sentence(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    store.run(logs.folder)
    file = (store.folder / "httpcodes.duckdb").resolve()
    file.chmod(0o644)
    with duckdb.connect(file) as newer:
        newer.execute("UPDATE internal.snapshot SET schema_version = ?", [SCHEMA_VERSION + 1])
    for command in (["run", logs.folder], ["verify"], ["prune"]):
        refused = httpcodes(*command, "--store", store.folder)
        assert refused.returncode == 1
        said = refused.stderr.decode()
        assert f"holds schema version {SCHEMA_VERSION + 1}; this program reads versions" in said
        assert said.endswith("a newer program is needed (pip install --upgrade cdn-httpcodes)\n")
        assert "broken" not in said
