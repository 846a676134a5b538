"""Each invariant is broken by hand once, and found."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import Command, Logs, Store
from published import tamper

from jobs.verify import Proof, verify

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z"


def three_nights(logs: Logs, store: Store) -> Store:
    """New files, a late and a broken one, a replaced one and a copy."""
    logs.requests("a.parquet", (NOON, A, 200), (NOON, A, 200), (LATER, B, 404), ("x", A, 200))
    logs.requests("b.parquet", (NOON, A, 200), (NOON, "A.example:80", 200))
    store.run(logs.folder)
    logs.requests("late.parquet", (NOON, B, 503))
    (logs.folder / "broken.parquet").write_bytes(b"PAR1")
    store.run(logs.folder)
    logs.requests("b.parquet", (LATER, A, 200))
    (logs.folder / "copy.parquet").write_bytes((logs.folder / "late.parquet").read_bytes())
    store.run(logs.folder)
    return store


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three nights, once for all tests that leave their files alone."""
    folder = tmp_path_factory.mktemp("nights")
    return three_nights(Logs(folder / "logs"), Store(folder / "store"))


@pytest.fixture
def counted(nights: Store, store: Store) -> Store:
    """A copy of that store."""
    shutil.copytree(nights.folder, store.folder, symlinks=True)
    return store


def found(proof: Proof) -> set[tuple[str, str, int | str, int | str]]:
    return {(f.check, Path(f.where).name, f.expected, f.found) for f in proof.findings}


@pytest.mark.parametrize("deep", [False, True])
def test_what_runs_publish_holds_every_invariant(counted: Store, deep: bool) -> None:
    proof = verify(counted.folder, deep=deep)
    assert proof.findings == []
    assert proof.files_read == (3 if deep else 0)


def test_rows_whose_service_is_no_name_are_no_contradiction(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", *((NOON, name, 200) for name in (A, " a.example", "..", "a\0", "-")))
    store.run(logs.folder)
    assert store.rejected() == {"service missing": 1, "service unreadable": 3}
    assert verify(store.folder, deep=True).findings == []


TOTAL = ("rollup = rows counted of the files in force", "all buckets")
STALE = "answers = rollup"
LONELY = ("a duplicate has a file in force", "copy.parquet", 1, 0)


def bucket(timestamp: str, codes: str) -> str:
    return f'{{"timestamp":"{timestamp}","httpCodeValues":{{{codes}}}}}'


@pytest.mark.parametrize(
    ("damage", "findings"),
    [
        ("UPDATE internal.cells SET requests = requests + 1 WHERE requests = 2",
         {("rollup = contributions", f"{A} {NOON} 200", 2, 3), (*TOTAL, 5, 6),
          (STALE, f"{A} {NOON}", bucket(NOON, '"200":3'), bucket(NOON, '"200":2'))}),
        ("DELETE FROM internal.cells WHERE status_code = 503",
         {("rollup = contributions", f"{B} {NOON} 503", 1, 0), (*TOTAL, 5, 4),
          (STALE, f"{B} {NOON}", "nothing", bucket(NOON, '"503":1'))}),
        ("INSERT INTO internal.cells SELECT * FROM internal.cells WHERE status_code = 404",
         {("rollup = contributions", f"{B} {LATER} 404", 1, 2), (*TOTAL, 5, 6),
          ("a cell stands once and counts something", "service_id 2 2025-09-09 13:00:00 404", 1, 2),
          (STALE, f"{B} {LATER}", bucket(LATER, '"404":1,"404":1'), bucket(LATER, '"404":1'))}),
        ("DELETE FROM internal.files WHERE path LIKE '%late.parquet'",
         {("contributions of files in force only", "file_id 3", 0, 1), (*TOTAL, 4, 5), LONELY}),
        ("INSERT INTO internal.shared_contributions FROM internal.contributions WHERE status_code = 404",
         {("rollup = contributions", f"{B} {LATER} 404", 2, 1),
          ("rows counted = contributions", "a.parquet", 3, 4)}),
        ("UPDATE internal.files SET rows_read = 9 WHERE path LIKE '%late.parquet'",
         {("rows read = counted + rejected", "late.parquet", 9, 1)}),
        ("UPDATE internal.rejects SET rows = 3",
         {("rows rejected = rejects", "a.parquet", 1, 3)}),
        ("DELETE FROM internal.services WHERE service_name = 'b.example'",
         {("every cell has a service", "service_id 2", 1, 0)}),
        ("INSERT INTO internal.services SELECT 9, service_name, NULL, NULL, false FROM internal.services WHERE service_id = 1",
         {("a service stands once", A, 1, 2)}),
        ("UPDATE internal.files SET path = replace(path, 'late', 'a') WHERE state = 'ingested'",
         {("a path is in force once", "a.parquet", 1, 2)}),
        ("UPDATE internal.files SET fingerprint = 'x' WHERE state = 'ingested'",
         {("a content is in force once", "a.parquet", 1, 3), LONELY}),
        ("DELETE FROM internal.answers WHERE hour_start = '2025-09-09 13:00:00' AND service_id = 1",
         {(STALE, f"{A} {LATER}", bucket(LATER, '"200":1'), "nothing")}),
        ("INSERT INTO internal.answers FROM internal.answers WHERE service_id = 2 AND hour_start = '2025-09-09 12:00:00'",
         {(STALE, f"{B} {NOON}", "nothing", bucket(NOON, '"503":1'))}),
        ("UPDATE internal.answers SET json = replace(json, '13:00', '13:05') WHERE service_id = 2",
         {(STALE, f"{B} {LATER}", bucket(LATER, '"404":1'), bucket("2025-09-09T13:05:00Z", '"404":1'))}),
    ],
)  # fmt: skip
def test_a_broken_invariant_is_found_and_named(
    damage: str, findings: set[tuple[str, str, int | str, int | str]], counted: Store
) -> None:
    tamper(counted, damage)
    assert found(verify(counted.folder, deep=False)) == findings


def test_a_bucket_of_one_file_alone_is_proven_by_the_file_and_by_its_answers(
    logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 404))
    logs.requests("b.parquet", (LATER, A, 200))
    store.run(logs.folder)
    assert store.sql("SELECT count(*) FROM internal.shared_contributions") == [(0,)]
    tamper(store, "UPDATE internal.cells SET requests = 3 WHERE status_code = 404")
    assert found(verify(store.folder, deep=False)) == {
        ("rows counted = contributions", "a.parquet", 2, 4),
        (*TOTAL, 3, 5),
        (STALE, f"{B} {NOON}", bucket(NOON, '"404":3'), bucket(NOON, '"404":1')),
    }


def test_counts_that_agree_with_each_other_but_not_with_the_files_are_found_deep(
    counted: Store,
) -> None:
    tamper(counted, "UPDATE internal.cells SET status_code = 504 WHERE status_code = 503")
    tamper(
        counted,
        "UPDATE internal.shared_contributions SET status_code = 504 WHERE status_code = 503",
    )
    tamper(counted, "UPDATE internal.answers SET json = replace(json, '503', '504')")
    tamper(
        counted,
        'UPDATE internal.service_days SET digest = (SELECT unhex(sha256(concat(\'{"serviceName":"\', service_name,'
        " '\",\"httpCodes\":[', string_agg(json, ',' ORDER BY hour_start), ']}'))) FROM internal.answers"
        " JOIN internal.services USING (service_id) WHERE service_id = 2 GROUP BY service_name) WHERE service_id = 2",
    )
    assert verify(counted.folder, deep=False).findings == []
    late = next(path for (path,) in counted.sql("SELECT path FROM source_files WHERE state = 'ingested'") if "late" in path)  # fmt: skip
    assert [vars(finding) for finding in verify(counted.folder, deep=True).findings] == [
        {"check": "contributions = rows of the file", "where": f"{late} {B} {NOON} {code}",
         "expected": rows, "found": kept}
        for code, rows, kept in ((503, 1, 0), (504, 0, 1))
    ]  # fmt: skip


def test_a_source_file_that_changed_or_went_is_told_apart(logs: Logs, store: Store) -> None:
    three_nights(logs, store)
    (logs.folder / "late.parquet").unlink()
    with (logs.folder / "a.parquet").open("ab") as file:
        file.write(b"x")
    proof = verify(store.folder, deep=True)
    assert [Path(path).name for path in proof.files_missing] == ["late.parquet"]
    assert [(f.check, Path(f.where).name) for f in proof.findings] == [
        ("fingerprint = content of the file", "a.parquet")
    ]


def test_the_command_exits_with_1_and_names_the_differing_bucket(
    counted: Store, httpcodes: Command
) -> None:
    sound = httpcodes("verify", "--store", counted.folder)
    assert (sound.returncode, sound.stdout) == (0, b"")
    assert sound.stderr.decode().endswith(": every invariant holds\n")
    tamper(counted, "UPDATE internal.cells SET requests = 7 WHERE status_code = 503")
    broken = httpcodes("verify", "--store", counted.folder, "--json")
    assert broken.returncode == 1
    assert f"rollup = contributions: {B} {NOON} 503: expected 1, found 7" in broken.stderr.decode()
    summary = json.loads(broken.stdout)
    assert summary["ok"] is False
    assert len(summary["findings"]) == 3
    missing = httpcodes("verify", "--store", counted.folder / "nowhere")
    assert missing.returncode == 1
    assert "nothing was published here yet" in missing.stderr.decode()


OTHER_REASONS = "UPDATE internal.passed_over SET rows = 1"


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (OTHER_REASONS, ("rows passed over = reasons", "a.parquet", 2, 1)),
        (
            f"{OTHER_REASONS}; UPDATE internal.files SET rows_passed_over = 1",
            ("rows of the file = counted + rejected + passed over", "a.parquet", 3, 2),
        ),
    ],
)
def test_rows_passed_over_are_proved(
    damage: str, finding: tuple[str, str, int, int], logs: Logs, store: Store
) -> None:
    columns = {"reqHost": [A] * 3, "reqTimeSec": [1757419200] * 3, "statusCode": [200] * 3}
    logs.write("a.parquet", columns | {"isMidgress": [0, 1, 2]})
    store.run(logs.folder)
    tamper(store, damage)
    assert finding in found(verify(store.folder, deep=True))
