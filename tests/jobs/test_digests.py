"""Digests: the same counts have the same, others have others, and strangers can compute them."""

import hashlib
import json
import random
import re
import shutil
import sqlite3
from datetime import date
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, Command, Logs, Store

from jobs.diff import NotComparable, diff
from jobs.export.documents import Selection, export
from jobs.forget import forget
from jobs.logs.options import ReadingOptions
from jobs.rebuild import Days, rebuild
from jobs.verify import verify

A, B, ODD = "a.example", "a.example-b", 'x"\\.example'
NOON, NEXT = "2025-09-09T12:00:00Z", "2025-09-10T00:00:00Z"


def digests(store: Store) -> dict[str, str]:
    return dict(store.sql("SELECT day::VARCHAR, digest FROM day_digests"))


def deliver(logs: Logs) -> None:
    logs.requests("1.parquet", (NOON, A, 200), (NOON, A, 404), (NEXT, A, 200), (NOON, ODD, 0))
    logs.requests("2.parquet", (NOON, A, 200), ("2025-09-09T12:05:00Z", B, 503))
    logs.requests("3.parquet", (NEXT, B, 200), ("2025-09-10T23:59:59Z", A, 999))


@pytest.fixture
def counted(logs: Logs, store: Store) -> Store:
    deliver(logs)
    store.run(logs.folder)
    return store


def test_another_engine_computes_them_as_documented(counted: Store) -> None:
    text = (PROJECT / "queries" / "README.md").read_text(encoding="utf-8")
    (documented,) = re.findall(r"```sql\n(WITH buckets.*?)```", text, re.DOTALL)
    cells = counted.sql("SELECT service_name, bucket_start::VARCHAR, status_code, requests FROM rollup_5m ORDER BY random()")  # fmt: skip
    with sqlite3.connect(":memory:") as other:
        other.create_function("sha256", 1, lambda text: hashlib.sha256(text.encode()).hexdigest())
        other.execute("CREATE TABLE rollup_5m (service_name, bucket_start, status_code, requests)")
        other.executemany("INSERT INTO rollup_5m VALUES (?, ?, ?, ?)", cells)
        assert dict(other.execute(documented)) == digests(counted)
    assert len(digests(counted)) == 2


def test_the_index_and_verify_say_the_same(counted: Store, tmp_path: Path, httpcodes: Command) -> None:  # fmt: skip
    export(counted.folder, tmp_path / "out")
    days = json.loads((tmp_path / "out" / "index.json").read_bytes())["days"]
    assert {day: entry["digest"] for day, entry in days.items()} == digests(counted)
    for entry in days.values():
        lines = "".join(f"{file['sha256']}  {name}\n" for name, file in sorted(entry["services"].items()))  # fmt: skip
        assert hashlib.sha256(lines.encode()).hexdigest() == entry["digest"]
    proof = httpcodes("verify", "--json", "--store", counted.folder)
    assert json.loads(proof.stdout)["digests"] == digests(counted)


@pytest.mark.parametrize("seed", range(2))
def test_the_same_files_in_any_order_have_the_same(counted: Store, tmp_path: Path, seed: int) -> None:  # fmt: skip
    """In runs of their own, after detours, and with some counted afresh."""
    chance = random.Random(seed)
    other, logs = Store(tmp_path / "other"), Logs(tmp_path / "elsewhere")
    deliver(logs)
    files = sorted(logs.folder.iterdir())
    chance.shuffle(files)
    for file in files:
        detour = logs.requests(f"detour {file.name}", (NOON, B, chance.randrange(1000)))
        other.run(file, detour)
        forget(other.folder, [str(detour)])
    rebuild(other.folder, Days(date(2025, 9, 9), date(2025, 9, 10)), lambda _: ReadingOptions())
    assert digests(other) == digests(counted)
    assert verify(other.folder, deep=False).findings == []
    assert diff(counted.folder, str(other.folder)).days == []


def test_a_request_more_changes_its_service_and_day_alone(counted: Store, logs: Logs) -> None:
    before, days = dict(counted.sql("SELECT (day, service_name)::VARCHAR, digest FROM service_digests")), digests(counted)  # fmt: skip
    logs.requests("late.parquet", (NOON, B, 200))
    counted.run(logs.folder)
    after = dict(counted.sql("SELECT (day, service_name)::VARCHAR, digest FROM service_digests"))
    assert {key for key in after if after[key] != before[key]} == {f"(2025-09-09, {B})"}
    assert {day for day, digest in digests(counted).items() if days[day] != digest} == {"2025-09-09"}  # fmt: skip


def test_a_day_that_is_taken_back_has_none(counted: Store, logs: Logs) -> None:
    forget(counted.folder, [str(logs.folder)])
    assert digests(counted) == {}
    assert verify(counted.folder, deep=False).findings == []


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        ("UPDATE internal.service_days SET digest = unhex('00') WHERE day = '2025-09-10' AND service_id = 1", f"{A} 2025-09-10"),
        ("DELETE FROM internal.service_days WHERE day = '2025-09-10' AND service_id = 1", f"{A} 2025-09-10"),
        ("INSERT INTO internal.service_days FROM internal.service_days WHERE day = '2025-09-10' AND service_id = 1", f"{A} 2025-09-10"),
        ("INSERT INTO internal.service_days VALUES ('2030-01-01', 1, unhex('00'))", f"{A} 2030-01-01"),
    ],
    ids=["another", "none", "twice", "of nothing"],
)  # fmt: skip
def test_verify_finds_a_digest_that_is_wrong(counted: Store, spoil: str, place: str) -> None:
    file = (counted.folder / "httpcodes.duckdb").resolve()
    file.chmod(0o644)
    with duckdb.connect(file) as connection:
        connection.execute(spoil)
    (found,) = verify(counted.folder, deep=False).findings
    assert (found.check, found.where) == ("digests = answers", place)


@pytest.fixture
def other(logs: Logs, tmp_path: Path) -> Path:
    """A store with one request in place of another, and its export."""
    logs.requests("2.parquet", (NOON, A, 206), ("2025-09-09T12:05:00Z", B, 503))
    store = Store(tmp_path / "other")
    store.run(logs.folder)
    export(store.folder, tmp_path / "www")
    return store.folder


def test_diff_names_what_differs_from_stores_and_exports(counted: Store, other: Path, httpcodes: Command, tmp_path: Path) -> None:  # fmt: skip
    day = {"service_name": A, "day": "2025-09-09", "old": 3, "new": 3, "difference": 0, "buckets": [NOON]}  # fmt: skip
    snapshot = (other / "httpcodes.duckdb").resolve()
    alone = tmp_path / "copied" / "index.json"
    alone.parent.mkdir()
    shutil.copy(tmp_path / "www" / "index.json", alone)
    for side in (other, snapshot, tmp_path / "www", tmp_path / "www" / "index.json"):
        assert diff(counted.folder, str(side)).as_json() == {
            "services_added": [],
            "services_gone": [],
            "days": [day],
        }
    # Of an index alone, only digests are known.
    done = httpcodes("diff", alone, "--store", counted.folder)
    assert [line.split() for line in done.stdout.decode().splitlines()[1:]] == [
        ["2025-09-09", A, "?", "?", "3", "?"]
    ]
    assert diff(counted.folder, str(other), str(tmp_path / "www")).days == []
    refused = httpcodes("diff", "nothing", "--store", counted.folder)
    assert refused.returncode == 1
    assert b"has no snapshot nothing; `httpcodes snapshots` lists what it has; another store, an exported folder or its index.json would do, too" in refused.stderr  # fmt: skip


def test_diff_takes_an_export_that_holds_one_side_only(counted: Store, tmp_path: Path) -> None:
    export(counted.folder, tmp_path / "some", Selection(services=(A,)))
    found = diff(counted.folder, str(tmp_path / "some"))
    assert found.services_added == [B, ODD]
    assert [(d.service_name, str(d.day), d.old, d.new) for d in found.days] == [
        (B, "2025-09-09", 0, 1), (ODD, "2025-09-09", 0, 1), (B, "2025-09-10", 0, 1),
    ]  # fmt: skip


def test_diff_refuses_documents_that_are_not_what_their_index_says(counted: Store, other: Path, tmp_path: Path) -> None:  # fmt: skip
    file = next((tmp_path / "www" / ".days").glob(f"2025-09-09-*/{A}.json"))
    file.write_bytes(file.read_bytes().replace(b'"200":1', b'"200":9'))
    with pytest.raises(NotComparable, match=r"is not what .* says of it"):
        diff(counted.folder, str(tmp_path / "www"))
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(NotComparable, match=r"x\.json is no index of an export"):
        diff(counted.folder, str(tmp_path / "x.json"))
