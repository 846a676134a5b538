"""The documented answer: bytes, buckets, order, and what a long-lived process sees."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import PROJECT, Logs, Store

import queries

REQUEST = PROJECT / "sample_data" / "request.json"
ANSWER = PROJECT / "tests" / "cases" / "documented-answer.json"


def ask(store: Store, *names: str, start: str, end: str) -> Any:
    request = {"serviceNames": list(names), "startTime": start, "endTime": end}
    answer = queries.answer(store.folder, request)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def buckets(store: Store, start: str, end: str) -> list[str]:
    (element,) = ask(store, "a.example", start=start, end=end)
    return [bucket["timestamp"][11:16] for bucket in element["httpCodes"]]


def test_the_documents_example_is_answered_byte_for_byte(sample_store: Path) -> None:
    answer = queries.answer(sample_store, REQUEST.read_bytes())
    assert answer.status == 200
    assert answer.body == ANSWER.read_bytes()


def test_an_answer_has_the_same_bytes_from_bytes_text_and_members(sample_store: Path) -> None:
    text = REQUEST.read_text()
    answers = [queries.answer(sample_store, r) for r in (text.encode(), text, json.loads(text))]
    assert len({answer.body for answer in answers}) == 1


@pytest.fixture
def hour(logs: Logs, store: Store) -> Store:
    """One request in each bucket from 17:20 to 17:50, exclusive."""
    times = [f"2025-09-09T17:{minute:02d}:30Z" for minute in range(20, 50, 5)]
    logs.requests("hour.parquet", *((time, "a.example", 200) for time in times))
    store.run(logs.folder)
    return store


def test_the_end_of_the_range_is_exclusive(hour: Store) -> None:
    range_ = buckets(hour, "2025-09-09T17:25:00Z", "2025-09-09T17:35:00Z")
    assert range_ == ["17:25", "17:30"]
    assert buckets(hour, "2025-09-09T17:25:00Z", "2025-09-09T17:35:01Z")[-1] == "17:35"


def test_an_unaligned_start_gets_the_bucket_that_it_falls_into(hour: Store) -> None:
    for start in ("17:25:00", "17:25:01", "17:29:59"):
        assert buckets(hour, f"2025-09-09T{start}Z", "2025-09-09T17:35:00Z")[0] == "17:25"
    assert buckets(hour, "2025-09-09T17:26:00Z", "2025-09-09T17:26:01Z") == ["17:25"]


def test_an_unaligned_day_can_have_289_buckets(logs: Logs, store: Store) -> None:
    times = [f"2025-09-{9 + m // 1440:02d}T{m // 60 % 24:02d}:{m % 60:02d}:00Z" for m in range(0, 2880, 5)]  # fmt: skip
    logs.requests("days.parquet", *((time, "a.example", 200) for time in times))
    store.run(logs.folder)
    assert len(buckets(store, "2025-09-09T00:02:00Z", "2025-09-10T00:02:00Z")) == 289
    assert len(buckets(store, "2025-09-09T00:05:00Z", "2025-09-10T00:05:00Z")) == 288


@pytest.fixture
def several(logs: Logs, store: Store) -> Store:
    logs.requests(
        "several.parquet",
        ("2025-09-09T12:00:00Z", "c.example", 499),
        ("2025-09-09T12:00:01Z", "c.example", 0),
        ("2025-09-09T12:00:02Z", "c.example", 9),
        ("2025-09-09T12:00:03Z", "c.example", 99),
        ("2025-09-09T12:00:04Z", "c.example", 200),
        ("2025-09-09T12:00:04Z", "c.example", 200),
        ("2025-09-09T12:00:05Z", "a.example", 200),
        ("2025-09-08T12:00:05Z", "b.example", 200),
        ("2025-09-08T12:00:05Z", 'd"\\.example', 200),
    )
    store.run(logs.folder)
    return store


NOON = {"start": "2025-09-09T12:00:00Z", "end": "2025-09-09T12:05:00Z"}


def test_services_with_data_come_first_each_group_in_the_order_of_the_request(
    several: Store,
) -> None:
    answer = ask(several, "b.example", "c.example", 'd"\\.example', "a.example", **NOON)
    assert [element["serviceName"] for element in answer] == [
        "c.example", "a.example", "b.example", 'd"\\.example',
    ]  # fmt: skip
    assert answer[2]["httpCodes"] == []


def test_codes_are_three_digits_in_ascending_order_and_none_is_zero(several: Store) -> None:
    request = {"serviceNames": ["c.example"], "startTime": NOON["start"], "endTime": NOON["end"]}
    assert queries.answer(several.folder, request).body == (
        b'[{"serviceName":"c.example","httpCodes":[{"timestamp":"2025-09-09T12:00:00Z",'
        b'"httpCodeValues":{"000":1,"009":1,"099":1,"200":2,"499":1}}]}]'
    )


def test_names_are_folded_and_answered_once(several: Store) -> None:
    answer = ask(several, "A.example.:443", "a.EXAMPLE", **NOON)
    assert [element["serviceName"] for element in answer] == ["a.example"]


def test_one_unknown_name_is_not_found(several: Store) -> None:
    request = {"serviceNames": ["a.example", "nobody"], "startTime": NOON["start"], "endTime": NOON["end"]}  # fmt: skip
    answer = queries.answer(several.folder, request)
    assert answer.status == 404
    assert answer.body == b'{"code":"Domain.NotFound","message":"Domain is not found."}'


def test_a_flaw_of_the_request_comes_before_an_unknown_name_and_a_missing_store(
    several: Store, tmp_path: Path
) -> None:
    flawed = {"serviceNames": ["nobody"], "startTime": NOON["end"], "endTime": NOON["start"]}
    for folder in (several.folder, tmp_path / "nowhere"):
        assert b"TimeRange.EndBeforeStart" in queries.answer(folder, flawed).body


def fails(folder: Path, caplog: pytest.LogCaptureFixture) -> str:
    caplog.clear()
    answer = queries.answer(folder, REQUEST.read_bytes())
    assert answer.status == 400
    assert answer.body == (
        b'{"code":"GetHttpCodes.OperationFailed","message":"Get Http Codes failed."}'
    )
    return caplog.text


def test_a_store_that_is_missing_or_broken_fails_with_the_cause_in_the_log(
    several: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert "nothing was published" in fails(tmp_path / "nowhere", caplog)
    link = several.folder / "httpcodes.duckdb"
    newest = link.resolve()
    link.unlink()
    link.symlink_to("snapshots/gone.duckdb")
    assert "gone.duckdb" in fails(several.folder, caplog)
    link.unlink()
    broken = several.folder / "snapshots" / "broken.duckdb"
    broken.write_bytes(newest.read_bytes()[:5000])
    link.symlink_to("snapshots/broken.duckdb")
    assert "broken.duckdb" in fails(several.folder, caplog)
    link.unlink()
    link.write_bytes(newest.read_bytes())
    assert "not a link" in fails(several.folder, caplog)


def test_a_file_of_another_kind_or_schema_is_refused(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.folder.mkdir()
    link = store.folder / "httpcodes.duckdb"
    with duckdb.connect(store.folder / "other.duckdb") as connection:
        connection.execute("CREATE TABLE t (x INTEGER)")
    link.symlink_to("other.duckdb")
    assert "no snapshot of httpcodes" in fails(store.folder, caplog)
    with duckdb.connect(store.folder / "newer.duckdb") as connection:
        connection.execute("CREATE SCHEMA internal")
        connection.execute("CREATE TABLE internal.snapshot AS SELECT 99 AS schema_version")
    link.unlink()
    link.symlink_to("newer.duckdb")
    assert "schema version 99" in fails(store.folder, caplog)


def test_a_leftover_wal_beside_a_snapshot_is_refused(
    several: Store, caplog: pytest.LogCaptureFixture
) -> None:
    newest = (several.folder / "httpcodes.duckdb").resolve()
    Path(f"{newest}.wal").touch()
    assert ".wal" in fails(several.folder, caplog)


def test_a_long_lived_process_sees_a_new_snapshot_at_its_next_call(
    logs: Logs, several: Store
) -> None:
    before = (several.folder / "httpcodes.duckdb").resolve()
    (old,) = ask(several, "a.example", **NOON)
    logs.requests("late.parquet", ("2025-09-09T12:04:59.999Z", "a.example", 200))
    several.run(logs.folder)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(several, "a.example", **NOON), range(64)))
    assert old["httpCodes"][0]["httpCodeValues"] == {"200": 1}
    assert {json.dumps(answer) for answer in answers} == {json.dumps(answers[0])}
    assert answers[0][0]["httpCodes"][0]["httpCodeValues"] == {"200": 2}
    open_files = {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()}
    assert str(before) not in open_files


def test_every_answer_while_runs_publish_comes_from_one_whole_snapshot(
    logs: Logs, store: Store
) -> None:
    def deliver(number: int) -> None:
        time = f"2025-09-09T12:00:{number:02d}Z"
        logs.requests(f"{number}.parquet", (time, "a.example", 200), (time, "b.example", 503))
        store.run(logs.folder)

    deliver(0)
    done = threading.Event()
    pairs = []

    def watch() -> None:
        while not done.is_set():
            a, b = ask(store, "a.example", "b.example", **NOON)
            pairs.append(
                (
                    a["httpCodes"][0]["httpCodeValues"]["200"],
                    b["httpCodes"][0]["httpCodeValues"]["503"],
                )
            )

    with ThreadPoolExecutor(2) as pool:
        watchers = [pool.submit(watch) for _ in range(2)]
        try:
            for number in range(1, 6):
                deliver(number)
        finally:
            done.set()
        for watcher in watchers:
            watcher.result()
    assert all(a == b for a, b in pairs)
    assert {a for a, _ in pairs} <= set(range(1, 7))
    assert len({a for a, _ in pairs}) > 2
