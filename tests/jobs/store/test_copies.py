"""Suspected copies: the same rows in other clothes are named, and nothing else is."""

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Command, Logs, Store

from jobs.forget import forget
from jobs.verify import verify

SERVICES = [f"s{n}.example" for n in range(6)]


def requests(seed: int, hours: tuple[int, ...] = (12,)) -> list[tuple[str, str, int]]:
    chance = random.Random(seed)
    return [
        (f"2025-09-09T{chance.choice(hours):02d}:{chance.randrange(60):02d}:00Z", chance.choice(SERVICES), chance.choice((200, 404, 503)))
        for _ in range(300)
    ]  # fmt: skip


def named(store: Store) -> dict[str, list[str]]:
    found = verify(store.folder, deep=False)
    assert found.findings == []
    return {Path(c.path).name: [Path(o).name for o in c.others] for c in found.suspected}


def test_rewritten_content_is_named_by_the_run_status_and_verify(logs: Logs, store: Store, httpcodes: Command) -> None:  # fmt: skip
    file = logs.requests("a.parquet", *requests(1))
    logs.requests("other.parquet", *requests(2))
    assert store.run(logs.folder).hints.suspected == []
    pq.write_table(pq.read_table(file), logs.folder / "rewritten.parquet", compression="zstd")
    done = httpcodes("run", logs.folder, "--store", store.folder)
    sentence = (
        f"{logs.folder}/rewritten.parquet seems to hold what {file} holds: every count agrees, and "
        f"300 requests count twice; `httpcodes forget {logs.folder}/rewritten.parquet` settles it if they are the same"
    )  # fmt: skip
    assert (done.returncode, f"httpcodes: warning: {sentence}" in done.stderr.decode()) == (0, True)
    assert sentence in httpcodes("status", "--store", store.folder).stdout.decode()
    proof = httpcodes("verify", "--json", "--store", store.folder)
    assert (proof.returncode, f"suspected copy: {sentence}" in proof.stderr.decode()) == (0, True)
    assert [c["rows"] for c in json.loads(proof.stdout)["suspected_copies"]] == [300]
    # Said once; what settles it does.
    assert store.run(logs.folder).hints.suspected == []
    assert httpcodes("forget", logs.folder / "rewritten.parquet", "--store", store.folder).returncode == 0  # fmt: skip
    assert named(store) == {}


def test_a_copy_of_the_only_file_is_named(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", *requests(1))
    pq.write_table(pq.read_table(file), logs.folder / "rewritten.parquet", compression="zstd")
    assert len(store.run(logs.folder).hints.suspected) == 1
    assert named(store) == {"rewritten.parquet": ["a.parquet"]}


@pytest.mark.parametrize("merged_to", ["merged.parquet", "elsewhere/merged.parquet"])
@pytest.mark.parametrize("together", [False, True])
def test_small_files_beside_what_they_were_merged_into_are_named(
    logs: Logs, store: Store, merged_to: str, together: bool
) -> None:
    """Also where others of the same hours lie elsewhere, or come in the same run."""
    parts = [requests(seed, (11, 12, 13)) for seed in range(3)]
    for number, part in enumerate(parts):
        logs.requests(f"small/{number}.parquet", *part)
    logs.requests("vendor/other.parquet", *requests(9, (12,)))
    if not together:
        store.run(logs.folder)
    logs.requests(merged_to, *(row for part in parts for row in part))
    done = store.run(logs.folder)
    assert [Path(copy.path).name for copy in done.hints.suspected] == ["merged.parquet"]
    assert named(store) == {"merged.parquet": ["0.parquet", "1.parquet", "2.parquet"]}


def test_what_differs_in_one_request_or_says_too_little_is_not_named(logs: Logs, store: Store) -> None:  # fmt: skip
    rows = requests(1)
    logs.requests("a.parquet", *rows)
    logs.requests("nearly.parquet", *rows[1:], (rows[0][0], rows[0][1], 499))
    logs.requests("more.parquet", *rows, rows[0])
    logs.requests("beat 1.parquet", *[("2025-09-09T12:00:00Z", SERVICES[0], 200)] * 3)
    logs.requests("beat 2.parquet", *[("2025-09-09T12:00:01Z", SERVICES[0], 200)] * 3)
    store.run(logs.folder)
    assert named(store) == {}


@pytest.mark.parametrize("together", [False, True])
def test_some_of_many_small_files_that_were_merged_are_named(
    logs: Logs, store: Store, together: bool
) -> None:
    """Into several files, in any order of names, beside others of the same hours."""
    parts = [requests(seed) for seed in range(6)]
    for number, part in enumerate(parts):
        logs.requests(f"{number}.parquet", *part)
    logs.requests("within.parquet", parts[0][0])
    if not together:
        assert store.run(logs.folder).hints.suspected == []
    for name, some in {"x.parquet": (0, 2, 5), "y.parquet": (1, 3)}.items():
        logs.requests(name, *(row for number in some for row in parts[number]))
    logs.requests("z.parquet", *parts[1], *parts[4][1:])
    done = store.run(logs.folder)
    expected = {
        "x.parquet": ["0.parquet", "2.parquet", "5.parquet"],
        "y.parquet": ["1.parquet", "3.parquet"],
    }
    assert named(store) == expected
    assert {Path(copy.path).name for copy in done.hints.suspected} == expected.keys()
    forget(store.folder, [str(logs.folder / "x.parquet"), str(logs.folder / "1.parquet")])
    assert named(store) == {}
