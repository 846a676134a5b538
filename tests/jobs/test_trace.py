"""Traces: a count is told by its files, and they add up whatever happened to them."""

import random
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from conftest import Command, Logs, Store

from jobs.forget import forget
from jobs.trace import NotTraceable, trace

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T12:05:00Z"


def parts(store: Store, moment: str = NOON, code: int | None = None) -> dict[str, dict[int, int]]:
    found = trace(store.folder, A, moment, code)
    assert not found.contradicts
    return {Path(part.path).name: part.codes for part in found.contributions}


def test_the_files_that_made_a_count_are_named(logs: Logs, store: Store, httpcodes: Command) -> None:  # fmt: skip
    logs.requests("a.parquet", (NOON, A, 200), (NOON, A, 200), (NOON, A, 0), (NOON, B, 200), (NOON, A, 1000))  # fmt: skip
    first = store.run(logs.folder).snapshot
    logs.requests("late.parquet", ("2025-09-09T12:04:59Z", "A.example:443", 200), (LATER, A, 200))
    late = logs.requests("gone.parquet", (NOON, A, 503))
    second = store.run(logs.folder).snapshot
    forget(store.folder, [str(late)])
    done = httpcodes("trace", "A.example", "2025-09-09T14:02:30+02:00", "--store", store.folder)
    assert done.returncode == 0, done.stderr
    third = Path((store.folder / "httpcodes.duckdb").resolve()).stem
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    assert lines == [
        f"{A} {NOON}: 4 requests (000: 1, 200: 3)".split(),
        ["file", "requests", "run", "rejected", "of", "all", "its", "rows"],
        f"{logs.folder}/a.parquet 3 (000: 1, 200: 2) {first} 1 status unreadable".split(),
        f"{logs.folder}/late.parquet 1 (200: 1) {second} late".split(),
        f"forgotten {logs.folder}/gone.parquet, of run {second}: taken back by hand".split(),
        f"was 3 in {first}, then 5 in {second}, then 4 in {third}".split(),
    ]
    assert parts(store, code=200) == {"a.parquet": {200: 2}, "late.parquet": {200: 1}}
    assert parts(store, LATER) == {"late.parquet": {200: 1}}
    assert parts(store, "2025-09-09T12:10:00Z") == {}


def test_folded_files_are_counted_again_and_what_is_gone_is_said(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (LATER, A, 200))
    gone = logs.requests("b.parquet", (NOON, A, 200), (NOON, A, 404))
    for _ in range(2):
        store.run(logs.folder, window=timedelta())
    assert parts(store) == {"a.parquet": {200: 1}, "b.parquet": {200: 1, 404: 1}}
    gone.unlink()
    found = trace(store.folder, A, NOON)
    assert [(Path(part.path).name, part.codes, part.again) for part in found.contributions] == [("a.parquet", {200: 1}, True)]  # fmt: skip
    assert found.untold == {str(gone): "what was counted is not there any more"}
    assert (found.rest, found.contradicts) == ({200: 1, 404: 1}, False)


def test_what_does_not_add_up_is_an_error(logs: Logs, store: Store, httpcodes: Command) -> None:
    # What one file alone counts for is published as that file gave it; a sum can be wrong.
    logs.requests("a.parquet", (NOON, A, 200))
    logs.requests("b.parquet", (NOON, A, 200), (NOON, B, 200))
    store.run(logs.folder)
    file = (store.folder / "httpcodes.duckdb").resolve()
    file.chmod(0o644)
    with duckdb.connect(file) as connection:
        connection.execute("UPDATE internal.cells SET requests = 3")
    done = httpcodes("trace", A, NOON, "--store", store.folder)
    assert done.returncode == 1
    assert b"the files gave 2 and 3 are published; `httpcodes verify --deep`" in done.stderr


@pytest.mark.parametrize(
    ("service", "moment", "why"),
    [("c.example", NOON, "'c.example' is no service that is known"), (A, "noon", "'noon' is no moment; one such as")],
)  # fmt: skip
def test_what_can_not_be_traced_is_refused(logs: Logs, store: Store, service: str, moment: str, why: str) -> None:  # fmt: skip
    logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    with pytest.raises(NotTraceable, match=why):
        trace(store.folder, service, moment)


@pytest.mark.parametrize("seed", range(2))
def test_traces_add_up_over_random_histories(logs: Logs, store: Store, seed: int) -> None:
    """Against what each file held when it was counted last."""
    chance = random.Random(seed)
    held: dict[str, dict[int, int]] = {}
    for _ in range(6):
        for _ in range(2):
            name = f"{chance.randrange(5)}.parquet"
            codes = {code: chance.randrange(1, 5) for code in (200, 404, 503) if chance.random() < 0.6}  # fmt: skip
            # A row that no other file has, so that no content comes twice.
            own = (f"2025-09-0{chance.randrange(1, 9)}T12:00:{chance.randrange(60):02d}.{chance.randrange(10**6):06d}Z", B, 200)  # fmt: skip
            logs.requests(name, own, *((NOON, A, code) for code, n in codes.items() for _ in range(n)))  # fmt: skip
            held[name] = codes
        store.run(logs.folder)
        if chance.random() < 0.5:
            name = chance.choice(sorted(held))
            forget(store.folder, [str(logs.folder / name)])
            (logs.folder / name).unlink()
            del held[name]
        assert parts(store) == {name: codes for name, codes in held.items() if codes}
