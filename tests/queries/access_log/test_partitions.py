"""access_log in our command, when files were moved, deleted or changed since the last run."""

import os
from pathlib import Path

import pytest
from conftest import Command, Logs, Store

from queries.analyst.adhoc import fenced

ASKED = "SELECT parse_filename(source_file) AS file, count(*) AS rows FROM access_log GROUP BY ALL ORDER BY ALL"  # fmt: skip
A = "a.example"


@pytest.fixture
def files(logs: Logs, store: Store) -> list[Path]:
    """Two files of a day, one of another, one whose only row has no time."""
    made = [
        logs.requests("1.parquet", ("2025-09-09T12:00:00Z", A, 200), ("never", A, 200)),
        logs.requests("2.parquet", ("2025-09-09T13:00:00Z", A, 200)),
        logs.requests("3.parquet", ("2025-09-10T12:00:00Z", A, 200)),
        logs.requests("4.parquet", ("never", A, 404)),
    ]
    store.run(logs.folder)
    return made


@pytest.mark.parametrize("gone", [[0], [1], [2], [3], [0, 1], [1, 3], [0, 1, 2, 3]])
def test_a_file_that_is_gone_is_left_out_and_named(
    gone: list[int], files: list[Path], store: Store, httpcodes: Command
) -> None:
    for index in gone:
        files[index].unlink()
    done = httpcodes("sql", ASKED, "--store", store.folder)
    rows = {1: 2, 2: 1, 3: 1, 4: 1}
    left = [f"{n}.parquet,{rows[n]}" for n in rows if n - 1 not in gone]
    assert done.stdout.decode().splitlines() == ["file,rows", *left]
    named = ", ".join(str(files[index]) for index in gone[:3]) + (", and 1 more" * (len(gone) > 3))
    assert done.stderr.decode() == f"access_log leaves out what is gone or changed since: {named}\n"


def test_a_file_that_was_moved_into_another_or_cut_short_is_left_out(
    files: list[Path], store: Store, httpcodes: Command
) -> None:
    os.replace(files[2], files[1])
    files[0].write_bytes(files[0].read_bytes()[:100])
    done = httpcodes("sql", ASKED, "--store", store.folder)
    assert done.stdout == b"file,rows\n4.parquet,1\n"
    assert done.stderr.count(b".parquet") == 3


def test_what_is_missing_stops_no_question_that_does_not_ask_for_it(
    files: list[Path], store: Store, httpcodes: Command
) -> None:
    files[0].unlink()
    done = httpcodes("sql", "SELECT sum(requests)::INT AS n FROM rollup_5m", "--store", store.folder)  # fmt: skip
    assert (done.stdout, done.stderr) == (b"n\n3\n", b"")


def test_the_next_run_repairs_the_view_for_every_tool(
    files: list[Path], store: Store, logs: Logs
) -> None:
    files[1].unlink()
    store.run(logs.folder)
    assert store.sql("SELECT count(*) FROM access_log") == [(4,)]
    with fenced(store.folder) as analyst:
        assert list(analyst.ask("SELECT count(*) AS n FROM access_log")) == [(["n"], [(4,)])]


def test_the_rest_of_the_fence_stands_when_files_are_left_out(
    files: list[Path], store: Store, httpcodes: Command
) -> None:
    files[0].unlink()
    done = httpcodes("sql", f"FROM '{files[1]}' -- access_log", "--store", store.folder)
    assert done.returncode == 2


def test_access_log_is_found_in_any_letters(
    files: list[Path], store: Store, httpcodes: Command
) -> None:
    files[0].unlink()
    done = httpcodes("sql", 'SELECT count(*) AS n FROM "ACCESS_log"', "--store", store.folder)
    assert done.stdout == b"n\n3\n"
