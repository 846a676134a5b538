"""Questions about a time or a service reach the log files as filters, and miss no row for it."""

import json
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from conftest import Logs, Store

from queries.analyst.adhoc import fenced

A, B = "a.example", "b.example"
NOON = datetime(2025, 9, 9, 12)
HOSTS = [A, "A.EXAMPLE:443", "-", "", None, "not a host", B, A]


def filters(store: Store, condition: str) -> str:
    """What the scans of a question leave to the files to find."""

    def of(node: dict[str, Any]) -> str:
        own = (
            str(node["extra_info"].get("Filters")) if node["name"].strip() == "READ_PARQUET" else ""
        )
        return own + "".join(map(of, node.get("children", [])))

    question = f"EXPLAIN (FORMAT json) SELECT path FROM access_log WHERE {condition}"
    ((_, plan),) = store.sql(question)
    return "".join(map(of, json.loads(plan)))


@pytest.fixture
def named(logs: Logs, store: Store) -> Store:
    """A store with services as scanners write them, a second apart."""
    logs.write(
        "a.parquet",
        {
            "timestamp": pa.array([NOON.replace(second=i) for i in range(8)], pa.timestamp("us")),
            "host": HOSTS,
            "status": pa.array([200] * 7 + [1000], pa.int32()),
            "path": [f"/{i}" for i in range(8)],
        },
    )
    store.run(logs.folder)
    return store


def test_a_time_and_a_service_are_filters_of_the_scan(named: Store) -> None:
    noon = "'2025-09-09 12:00:01'"
    assert f"timestamp >= {noon}" in filters(named, f"requested_at >= {noon}")
    assert f"host = '{A}'" in filters(named, f"service_name = '{A}'")


def test_every_row_is_shown_once_under_its_canonical_name(named: Store) -> None:
    shown = named.sql("SELECT path, service_name, status_code FROM access_log ORDER BY path")
    names = [A, A, None, None, None, None, B, A]
    assert shown == [(f"/{i}", name, None if i == 7 else 200) for i, name in enumerate(names)]


@pytest.mark.parametrize(
    ("condition", "paths"),
    [
        (f"service_name = '{A}'", "/0 /1 /7"),
        ("service_name = 'A.EXAMPLE:443'", ""),
        ("service_name = '-'", ""),
        ("service_name IS NULL", "/2 /3 /4 /5"),
        (f"service_name IN ('{A}', '{B}')", "/0 /1 /6 /7"),
        ("service_name LIKE 'A%'", ""),
        ("requested_at = '2025-09-09 12:00:03'", "/3"),
        ("requested_at > '2025-09-09 12:00:05'", "/6 /7"),
        (f"service_name = '{A}' AND requested_at < '2025-09-09 12:00:01'", "/0"),
        ("status_code IS NULL", "/7"),
    ],
)
def test_conditions_hold_of_what_is_shown(named: Store, condition: str, paths: str) -> None:
    found = named.sql(f"SELECT path FROM access_log WHERE {condition} ORDER BY path")
    assert [path for (path,) in found] == paths.split()
    with fenced(named.folder) as analyst:
        _, rows = next(analyst.ask(f"SELECT path FROM access_log WHERE {condition} ORDER BY path"))
    assert rows == found


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_moments_that_no_calendar_holds_are_null(
    unit: str, zone: str | None, logs: Logs, store: Store
) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    noon = int(NOON.timestamp()) * per_second
    # Parquet has no seconds, and DuckDB refuses what overflows when it makes microseconds of them.
    most = (2**63 - 1) // (10**6 if unit == "s" else 1)
    moments: list[Any] = [noon, None, noon + per_second, most, -most]
    logs.write(
        "a.parquet",
        {
            "timestamp": pa.array(moments, pa.int64()).cast(pa.timestamp(unit, zone)),
            "host": [A] * 5,
            "status": pa.array([200] * 5, pa.int32()),
            "path": [f"/{i}" for i in range(5)],
        },
    )
    store.run(logs.folder)
    rows = store.sql("SELECT path, requested_at FROM access_log ORDER BY path")
    assert len(rows) == 5
    counted = store.sql("SELECT rows_counted FROM source_files")[0][0]
    assert sum(moment is not None for _, moment in rows) == counted
    assert [rows[0][1], rows[1][1], rows[2][1]] == [NOON, None, NOON.replace(second=1)]
