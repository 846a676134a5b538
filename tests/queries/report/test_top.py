"""The table of who fails most: lately or on a day, and beside it what was before."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import Command, Logs, Store
from terminal import Terminal

NOON = datetime(2025, 9, 9, 12)
LONG = f"{'l' * 60}.{'m' * 60}.example"


@pytest.fixture
def counted(logs: Logs, store: Store) -> Path:
    """Three hours until noon, and what was before."""

    def at(hours: float, name: str, code: int, times: int) -> list[tuple[str | datetime, str, int]]:
        return [(NOON - timedelta(hours=hours, seconds=1), name, code)] * times

    logs.requests(
        "a.parquet",
        (NOON - timedelta(hours=12), "a.example", 429),
        *at(0, "a.example", 503, 3), *at(1, "a.example", 200, 7), *at(4, "a.example", 503, 1), *at(4, "a.example", 200, 3),
        *at(2, LONG, 0, 2), *at(2.9, LONG, 404, 1), *at(2, "b.example", 404, 2), *at(9, "b.example", 404, 50),
    )  # fmt: skip
    store.run(logs.folder)
    return store.folder


def rows(done: object) -> list[list[object]]:
    return [list(row.values()) for row in json.loads(done.stdout)]  # type: ignore[attr-defined]


def test_the_last_three_hours_of_the_data_by_default(counted: Path, httpcodes: Command) -> None:
    done = httpcodes("top", "--store", counted, "--format", "json")
    assert rows(done) == [
        ["a.example", "503", 3, 10, 30.0, 25.0],
        ["b.example", "404", 2, 2, 100.0, None],
        [LONG, "000", 2, 3, 66.67, None],
        [LONG, "404", 1, 3, 33.33, None],
    ]
    assert done.stderr == b"2025-09-09 09:00 to 12:00 UTC, before: as long before that\n"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--code", "503"], [("a.example", "503", 3)]),
        (
            ["--code", "4xx", "--code", "000"],
            [("b.example", "404", 2), (LONG, "000", 2), (LONG, "404", 1)],
        ),
        (["--service", "A.example"], [("a.example", "503", 3)]),
        (["--code", "200"], [("a.example", "200", 7)]),
        (["--last", "12h", "--limit", "1"], [("b.example", "404", 52)]),
        (["--day", "2025-09-09", "--code", "503"], [("a.example", "503", 4)]),
        (["--day", "2025-09-08"], []),
    ],
)
def test_what_is_asked_for_is_all_that_is_shown(
    options: list[str], found: list[tuple[str, str, int]], counted: Path, httpcodes: Command
) -> None:
    done = httpcodes("top", "--store", counted, "--format", "json", *options)
    assert [tuple(row[:3]) for row in rows(done)] == found, done.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--last", "3 hours"], "90m, 3h or 2d would be accepted"),
        (["--last", "0h"], "90m, 3h or 2d would be accepted"),
        (["--code", "5"], "503 or 5xx would be accepted"),
        (["--last", "3h", "--day", "2025-09-09"], "give --last or --day"),
        (["--service", "c.example"], "is no service that is known"),
        (["--day", "9999-12-31"], "there are no requests on 9999-12-31"),
    ],
)
def test_what_can_not_be_shown_is_refused_in_a_sentence(
    options: list[str], sentence: str, counted: Path, httpcodes: Command
) -> None:
    done = httpcodes("top", "--store", counted, *options)
    assert (done.returncode, done.stdout, sentence in done.stderr.decode()) == (2, b"", True), (
        done.stderr
    )
    assert b"Traceback" not in done.stderr


def test_the_first_day_that_there_is_is_no_error(counted: Path, httpcodes: Command) -> None:
    done = httpcodes("top", "--store", counted, "--day", "0001-01-01", "--format", "json")
    assert (done.returncode, done.stdout) == (0, b"[]\n"), done.stderr


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_fits_the_terminal_whatever_the_names(
    columns: int, counted: Path, tmp_path: Path
) -> None:
    with Terminal("top", "--store", counted, cwd=tmp_path, columns=columns) as terminal:
        shown = terminal.until("as long before that").splitlines()
    assert len(shown) >= 6
    assert max(map(len, shown)) <= columns
    assert any("…" in line for line in shown)
