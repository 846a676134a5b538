"""What a long-lived process that answers many requests has to keep: its memory, and one truth."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Logs, Store

import queries
from queries.api.memory import Memory
from queries.api.prepared import Prepared

SERVICES = [f"s{number:02d}.example" for number in range(50)]
DAY = {"startTime": "2025-09-09T00:00:00Z", "endTime": "2025-09-10T00:00:00Z"}
LARGE = {"serviceNames": SERVICES, **DAY}
SMALL = {"serviceNames": SERVICES[:2], **DAY}


def deliver(logs: Logs, store: Store, status: int) -> None:
    """Requests of every service in every hour of a day."""
    name = f"{status}.parquet"
    times = [f"2025-09-09T{hour:02d}:{status % 60:02d}:00Z" for hour in range(24)]
    logs.requests(name, *((time, service, status) for time in times for service in SERVICES))
    store.run(logs.folder)


def resident() -> int:
    """MiB of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 >> 20


def test_memory_stays_flat_over_many_requests(logs: Logs, store: Store) -> None:
    for status in (200, 204, 206, 304, 404):
        deliver(logs, store, status)

    def ask(times: int) -> int:
        for _ in range(times):
            assert queries.answer(store.folder, LARGE).status == 200
            assert queries.answer(store.folder, SMALL).status == 200
        return resident()

    warm = ask(50)
    # An answer is 150 KB: kept ones would show.
    assert ask(400) - warm < 32


def test_what_was_read_is_not_read_again_until_a_run_publishes(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(logs, store, 200)
    read, reads = Prepared._read, []
    monkeypatch.setattr(Prepared, "_read", lambda *given: reads.append(given[1]) or read(*given))
    body = queries.answer(store.folder, LARGE).body
    assert len(reads[0]) == 50
    for _ in range(2):
        assert queries.answer(store.folder, LARGE).body == body
        part = queries.answer(store.folder, {**SMALL, "startTime": "2025-09-09T07:00:00Z"})
        assert json.loads(part.body)[0]["httpCodes"] == json.loads(body)[0]["httpCodes"][7:]
    assert len(reads) == 1
    deliver(logs, store, 404)
    assert queries.answer(store.folder, SMALL).body != body
    assert len(reads) == 2


def test_memory_keeps_what_was_asked_last_within_its_bound() -> None:
    memory: Memory[bytes] = Memory(100_000)
    for number in range(50):
        memory.keep(number, b"x" * 5_000, 5_000)
        memory.get(0)
    kept = [number for number in range(50) if memory.get(number)]
    assert kept == [0, *range(36, 50)]
    memory.keep("larger than all of it", b"", 200_000)
    assert memory.get(0) is None


def test_answers_are_right_when_nothing_can_be_kept(logs: Logs, store: Store) -> None:
    deliver(logs, store, 200)
    body = queries.answer(store.folder, LARGE).body
    queries.keep_in_memory(0)
    try:
        deliver(logs, store, 404)
        assert queries.answer(store.folder, LARGE).body != body
    finally:
        queries.keep_in_memory(64 << 20)


def test_eight_threads_see_the_same_bytes_as_one_while_a_run_publishes(
    logs: Logs, store: Store
) -> None:
    deliver(logs, store, 200)
    published = [queries.answer(store.folder, LARGE).body]
    done = threading.Event()

    def watch() -> list[bytes]:
        seen = []
        while not done.is_set():
            answer = queries.answer(store.folder, LARGE)
            assert answer.status == 200
            if answer.body not in seen:
                seen.append(answer.body)
        return seen

    with ThreadPoolExecutor(8) as pool:
        watchers = [pool.submit(watch) for _ in range(8)]
        try:
            for status in (301, 404, 500):
                deliver(logs, store, status)
                published.append(queries.answer(store.folder, LARGE).body)
        finally:
            done.set()
        seen = [watcher.result() for watcher in watchers]
    assert len(set(published)) == 4
    for bodies in seen:
        assert [published.index(body) for body in bodies] == sorted(map(published.index, bodies))
    assert {body for bodies in seen for body in bodies} == set(published)
