"""The heat map: what is usual is no heat, few requests make none, and the scale fits."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import Logs, Store

from queries.report import page
from queries.report.figures import report
from queries.report.heat import LEVELS, Cell, Heat, Row, level

NOON = datetime(2025, 9, 9, 12)


def heat_of(*cells: tuple[int, int, float]) -> Heat:
    """Services with one cell each: requests, 5xx answers, lower bound."""
    rows = [Row(f"s{n}", requests, 0, errors) for n, (requests, errors, _) in enumerate(cells)]
    found = {(f"s{n}", NOON): Cell(*cell) for n, cell in enumerate(cells)}
    return Heat(3_600, "hour", len(cells), rows, {4: {}, 5: found})


def test_the_map_holds_the_counts_of_each_hour(sample_store: Path) -> None:
    found = report(sample_store).heat
    assert (found.seconds, found.spoken) == (3_600, "hour")
    rows = Store(sample_store).sql(
        "SELECT service_name, time_bucket(INTERVAL 1 HOUR, bucket_start) AS step, sum(requests),"
        " sum(client_error_4xx), sum(server_error_5xx) FROM status_classes_5m GROUP BY ALL"
    )
    counted = {(service, step): (n, client, server) for service, step, n, client, server in rows}
    for status_class, place in ((4, 1), (5, 2)):
        cells = {
            key: (cell.requests, cell.answers) for key, cell in found.cells[status_class].items()
        }
        assert cells == {key: (n[0], n[place]) for key, n in counted.items()}


def test_one_of_ten_is_less_sure_than_a_thousand_of_ten_thousand(logs: Logs, store: Store) -> None:
    few = [("2025-09-09T12:00:00Z", "few.example", 500 if n == 0 else 200) for n in range(10)]
    many = [
        ("2025-09-09T12:00:00Z", "many.example", 500 if n < 1_000 else 200) for n in range(10_000)
    ]
    logs.requests("a.parquet", *few, *many)
    store.run(logs.folder)
    cells = report(store.folder).heat.cells[5]
    lower = {name: cell.lower for (name, _), cell in cells.items()}
    assert lower["few.example"] < 0.02
    assert 0.09 < lower["many.example"] < 0.1


def test_what_is_usual_is_level_0_and_the_worst_is_the_highest() -> None:
    found = heat_of((1_000, 20, 0.013), (1_000, 25, 0.017), (1_000, 900, 0.88))
    ends = found.ends(5)
    levels = [level(cell, ends) for cell in found.cells[5].values()]
    assert levels == [0, 0, LEVELS]
    assert ends[0] == pytest.approx(0.025)


def test_where_all_fail_it_is_not_usual() -> None:
    found = heat_of(*[(1_000, 900, 0.88)] * 3)
    assert level(Cell(1_000, 900, 0.88), found.ends(5)) == LEVELS


def test_without_a_failure_there_is_a_scale_and_no_heat() -> None:
    found = heat_of((1_000, 0, 0.0))
    ends = found.ends(5)
    assert ends == sorted(set(ends))
    assert level(Cell(1_000, 0, 0.0), ends) == 0


def test_those_that_stand_out_come_first_then_the_largest(logs: Logs, store: Store) -> None:
    rows = [
        (NOON + timedelta(minutes=minute), name, 200)
        for name, load in (("large.example", 9), ("middle.example", 5))
        for minute in range(-300, 300)
        for _ in range(load)
    ]
    rows += [(NOON, "broken.example", 503) for _ in range(200)]
    logs.requests("a.parquet", *rows)
    store.run(logs.folder)
    found = report(store.folder)
    assert [row.service_name for row in found.heat.rows] == [
        "broken.example",
        "large.example",
        "middle.example",
    ]


def test_few_requests_are_faint_and_none_are_hatched(logs: Logs, store: Store) -> None:
    logs.requests(
        "a.parquet",
        *[("2025-09-09T12:00:00Z", "few.example", 500)] * 34,
        *[("2025-09-09T12:00:00Z", "many.example", 500)] * 35,
    )
    store.run(logs.folder)
    html = page.page(report(store.folder)).decode()
    (shown,) = re.findall(r'<div class="map5">.*?class="axis"', html, re.DOTALL)
    few, many = shown.partition("few.example")[2], shown.partition("many.example")[2]
    assert 'class="few"' in few
    assert 'class="few"' not in many.partition("few.example")[0]
    # One hour has a tile; the others show what lies behind them.
    assert few.partition("</svg>")[0].count("heat-0") == 1
    assert few.partition("</svg>")[0].count("<title>") == 1
    assert 'class="strip heat missing"' in shown
