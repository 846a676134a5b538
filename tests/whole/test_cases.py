"""Cases of data on the boundaries: each folder of tests/cases holds files, counts, rejects."""

import csv
import json
import math
import os
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from conftest import PROJECT, Logs, Store

CASES = sorted(file.parent for file in (PROJECT / "tests" / "cases").glob("*/files.json"))


def column(declared: dict[str, Any]) -> pa.Array:
    """A column from its declaration: an Arrow type by name, and JSON values."""
    name, values = declared["type"], declared["values"]
    if name.startswith("dictionary"):
        return pa.array(values, pa.string()).dictionary_encode()
    if name.startswith("decimal128"):
        precision, scale = map(int, name[len("decimal128(") : -1].split(","))
        return pa.array([Decimal(value) for value in values], pa.decimal128(precision, scale))
    if name.startswith("timestamp"):
        unit, _, zone = name[len("timestamp[") : -1].partition(", ")
        return pa.array(values, pa.timestamp(unit, zone or None))
    if name.startswith("time64"):
        return pa.array(values, pa.time64(name[len("time64[") : -1]))
    if name.startswith("struct"):
        return pa.array(values)
    if name == "double":
        return pa.array([math.nan if v == "NaN" else v and float(v) for v in values], pa.float64())
    if name == "date32":
        return pa.array([date(1970, 1, 1) + timedelta(days) for days in values], pa.date32())
    if name == "binary":
        return pa.array([value.encode() for value in values], pa.binary())
    return pa.array(values, name)


def expected(file: Path) -> list[tuple[str, ...]]:
    with file.open(newline="", encoding="utf-8") as lines:
        _, *rows = csv.reader(lines)
    return [tuple(row) for row in rows]


def deliver(case: Path, logs: Logs) -> list[str]:
    """Write the files of a case; the `--map` options that it is run with."""
    declared = json.loads((case / "files.json").read_text(encoding="utf-8"))
    for name, columns in declared["files"].items():
        logs.write(name, {key: column(values) for key, values in columns.items()})
    return declared.get("run", [])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_its_counts_and_rejects(case: Path, logs: Logs, store: Store) -> None:
    summary = store.run(logs.folder, maps=deliver(case, logs))
    assert summary.outcome.quarantined == {}
    counts = [(*cell[:2], str(cell[2]), str(n)) for cell, n in store.counts().items()]
    assert sorted(counts) == sorted(expected(case / "counts.csv"))
    rejected = [(reason, str(rows)) for reason, rows in store.rejected().items()]
    assert sorted(rejected) == sorted(expected(case / "rejected.csv"))


def without_options() -> list[Path]:
    """The cases that are run as they are."""
    return [case for case in CASES if "run" not in json.loads((case / "files.json").read_bytes())]


@pytest.fixture(scope="module")
def boundaries(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """All of them in one folder and one store, by a run in another zone; only read."""
    folder = tmp_path_factory.mktemp("boundaries")
    for case in without_options():
        deliver(case, Logs(folder / "logs" / case.name))
    run = ("run", folder / "logs", "--store", folder / "store", "-q")
    command = [sys.executable, "-m", "jobs.cli", *map(str, run)]
    zone = {**os.environ, "TZ": "America/St_Johns"}
    assert subprocess.run(command, check=False, env=zone).returncode == 3
    return Store(folder / "store")


def test_the_zone_of_the_process_changes_nothing(boundaries: Store) -> None:
    counts = Counter[tuple[str, ...]]()
    for case in without_options():
        for *cell, requests in expected(case / "counts.csv"):
            counts[tuple(cell)] += int(requests)
    assert {(*cell[:2], str(cell[2])): n for cell, n in boundaries.counts().items()} == counts


def test_the_view_access_log_agrees_with_the_counts(boundaries: Store) -> None:
    store = boundaries
    counted = store.sql(
        "SELECT service_name, status_code, sum(requests)::BIGINT FROM rollup_5m GROUP BY ALL ORDER BY ALL"
    )
    timeless = store.sql(
        "SELECT sum(rows)::BIGINT FROM rejected_rows WHERE starts_with(reason, 'timestamp')"
    )
    read = store.sql("SELECT sum(rows_read)::BIGINT FROM source_files WHERE state = 'ingested'")
    file = (store.folder / "httpcodes.duckdb").resolve()
    for zone in ("UTC", "Asia/Tokyo"):
        with duckdb.connect(file, read_only=True) as connection:
            connection.execute(f"SET TimeZone = '{zone}'; SET enable_progress_bar = false")
            # The view once: planning so many kinds of files takes longer than reading them.
            connection.execute(
                """CREATE TEMP TABLE logged AS
                SELECT service_name, status_code,
                    coalesce(requested_at BETWEEN first_request AND last_request, false) AS timed
                FROM access_log LEFT JOIN source_files ON source_files.path = source_file"""
            )
            shown = connection.execute(
                """SELECT service_name, status_code, count(*) FROM logged
                WHERE timed AND service_name IS NOT NULL AND status_code IS NOT NULL
                GROUP BY ALL ORDER BY ALL"""
            ).fetchall()
            assert shown == counted
            sql = "SELECT count(*) FROM logged"
            assert connection.execute(f"{sql} WHERE NOT timed").fetchall() == timeless
            assert connection.execute(sql).fetchall() == read


def test_a_timestamp_of_96_bits_is_read_to_the_nanosecond(logs: Logs, store: Store) -> None:
    edges = [1757376299999999999, 1757376300000000000]
    columns = {
        "timestamp": pa.array(edges, pa.timestamp("ns")),
        "host": ["a.example"] * 2,
        "status": [200] * 2,
    }
    logs.write("int96.parquet", columns, use_deprecated_int96_timestamps=True)
    store.run(logs.folder)
    assert sorted(bucket for _, bucket, _ in store.counts()) == [
        "2025-09-09T00:00:00Z", "2025-09-09T00:05:00Z",
    ]  # fmt: skip
