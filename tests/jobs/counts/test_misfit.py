"""Readings that were found by names and fit no row."""

import re
import shlex
from typing import Any

import pytest
from conftest import Logs, Store

A = "a.example"
NOON, SECONDS = "2025-09-09T12:00:00Z", 1757419200

ALB = (
    "h2 2025-09-09T12:00:00.215468Z app/web/1 192.0.2.1:39426 10.0.0.1:443 0.003 0.000 0.000 "
    '404 404 205 361 "GET https://a.example:443/ HTTP/2.0" "curl" - - arn "Root=1" "a.example"'
)
ELB = (
    "2025-09-09T12:00:00.943945Z web 192.0.2.1:2817 - -1 -1 -1 404 0 0 29 "
    '"GET http://a.example:80/ HTTP/1.1" "curl" - -'
)
S3 = (
    f'{"0f" * 32} bucket [09/Sep/2025:12:00:38 +0000] 192.0.2.3 - 3E57 REST.GET.OBJECT k "GET /k '
    'HTTP/1.1" 404 NoSuchKey 7 - 2 1 "-" "curl" -'
)
SQUID = (
    f"{SECONDS}.123    110 192.0.2.1 TCP_MISS/404 1234 GET http://a.example/ - DIRECT/- text/html"
)


@pytest.mark.parametrize("line", [ALB, ELB, S3, SQUID])
def test_lines_of_another_log_are_named_with_options_that_read_them(
    line: str, logs: Logs, store: Store
) -> None:
    logs.write("a.parquet", {"line": [line]})
    ((_, reason),) = store.run(logs.folder, service_name=A).outcome.quarantined.items()
    assert store.states() == {"a.parquet": "quarantined"}
    maps = shlex.split(reason.partition("read them with ")[2])[1::2]
    assert store.run(logs.folder, service_name=A, maps=maps).complete
    assert store.counts() == {(A, NOON, 404): 1}


DAYS, AHEAD = [20_340] * 10, [SECONDS * 10**7] * 10  # since 1970, and hundreds of nanoseconds

MISFITS: dict[str, dict[str, list[Any]]] = {
    "timestamp": {"timestamp": ["morning", "evening"], "status": [200, 200], "host": [A, A]},
    "status": {"timestamp": [NOON] * 2, "status": ["fine", "good"], "host": [A, A]},
    "service": {"timestamp": [NOON] * 10, "status": [200] * 10, "host": [None, "-"] * 5},
}


@pytest.mark.parametrize("numbers", [DAYS, AHEAD, [str(day) for day in DAYS]])
def test_numbers_of_which_none_gives_a_time_that_is_believed_are_no_times(
    numbers: list[Any], logs: Logs, store: Store
) -> None:
    columns = {"timestamp": numbers, "status": [200] * 10, "host": [A] * 10}
    logs.write("a.parquet", columns)
    logs.write("few.parquet", {name: values[:9] for name, values in columns.items()})
    ((path, reason),) = store.run(logs.folder).outcome.quarantined.items()
    assert path.endswith("a.parquet")
    assert "none of its 10 rows has a timestamp that can be believed" in reason
    assert "--map timestamp=COLUMN" in reason
    store.run(logs.folder, format_name="generic")
    assert store.states() == {"a.parquet": "ingested", "few.parquet": "ingested"}


@pytest.mark.parametrize("role", MISFITS)
def test_a_file_that_a_detected_reading_fits_in_no_row_is_quarantined(
    role: str, logs: Logs, store: Store
) -> None:
    logs.write("a.parquet", MISFITS[role])
    logs.requests("b.parquet", (NOON, A, 200))
    ((path, reason),) = store.run(logs.folder).outcome.quarantined.items()
    assert path.endswith("a.parquet")
    assert re.match(rf"read as generic, none of its [0-9]+ rows has a {role} that can be", reason)
    assert f"--map {role}=COLUMN" in reason
    assert store.states() == {"a.parquet": "quarantined", "b.parquet": "ingested"}
    assert store.counts() == {(A, NOON, 200): 1}
    # Who says how to read them means it.
    store.run(logs.folder, format_name="generic")
    assert store.states() == {"a.parquet": "ingested", "b.parquet": "ingested"}


ROWS: dict[str, dict[str, list[Any]]] = {
    "one broken row": {"timestamp": ["morning"], "status": [200], "host": [A]},
    "a few that lack something": {"timestamp": [NOON] * 2, "status": [None, 200], "host": [A, None]},
    "a few hosts that clients made up": {"timestamp": [NOON] * 2, "status": [200] * 2, "host": ["a b", "?"]},
    "two reasons": {"timestamp": ["morning", NOON], "status": [200, "x"], "host": [A] * 2},
    "one good row": {"timestamp": ["morning"] * 10 + [NOON], "status": [200] * 11, "host": [A] * 11},
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
def test_broken_rows_are_rejected_rather_than_their_file(
    what: str, logs: Logs, store: Store
) -> None:
    columns = ROWS[what] | {"status": [str(status) for status in ROWS[what]["status"]]}
    logs.write("a.parquet", columns)
    summary = store.run(logs.folder)
    assert (store.states(), summary.outcome.quarantined) == ({"a.parquet": "ingested"}, {})
    assert summary.outcome.rows_rejected >= 1


def test_what_a_misfit_names_is_no_service(logs: Logs, store: Store) -> None:
    logs.write("a.parquet", MISFITS["timestamp"] | {"host": ["B.example:80", "c.example"]})
    store.run(logs.folder)
    assert store.sql("SELECT * FROM services") == []
    assert store.sql("SELECT count(*) FROM internal.service_aliases WHERE logged LIKE 'B%'") == [
        (0,)
    ]


def test_a_file_of_rows_that_are_passed_over_is_no_misfit(logs: Logs, store: Store) -> None:
    shield = {"timestamp": [NOON] * 2, "response_status": [200] * 2, "host": [A] * 2, "fastly_is_edge": [False] * 2}  # fmt: skip
    logs.write("a.parquet", shield)
    store.run(logs.folder)
    assert store.states() == {"a.parquet": "ingested"}
