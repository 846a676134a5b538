"""Deliveries: whether a zero is a zero, or a gap, told source by source and hour by hour."""

import json
import runpy
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from conftest import PROJECT, Command, Logs, Store

import queries
from jobs import nightly
from jobs.forget import forget
from jobs.logs.expectation import Expectation
from jobs.logs.options import Source
from jobs.verify import verify
from queries import utc
from queries.report.figures import report
from queries.report.page import page
from queries.report.pictures import picture
from queries.report.site import publish as publish_site

HOUR = timedelta(hours=1)
NOW = datetime.min
"""The start of the hour in which a test begins; its runs start in it."""
PLENTY = 120


@pytest.fixture(autouse=True)
def this_hour(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches from one hour into the next: here the clock stands still, and processes of
    their own do not start at an hour's end."""
    while "httpcodes" in request.fixturenames and utc.now().minute == 59:
        sleep(1)
    begun = utc.now()
    monkeypatch.setattr(utc, "now", lambda: begun)
    monkeypatch.setitem(globals(), "NOW", begun.replace(minute=0, second=0, microsecond=0))


def deliver(logs: Logs, name: str, hours: dict[int, int], host: str = "a.example") -> Path:
    """A file with so many requests in each hour, by how many hours ago it began."""
    starts = np.repeat([np.datetime64(NOW - ago * HOUR, "us") for ago in hours], [*hours.values()])
    within = np.concatenate([np.arange(n) * (3_600_000_000 // n) for n in hours.values()])
    times = starts + within.astype("timedelta64[us]")
    return logs.write(
        name, {"timestamp": times, "host": pa.array([host] * len(times)), "status": pa.array([200] * len(times))}
    )  # fmt: skip


def weeks(*without: Iterable[int], rows: Callable[[int], int] = lambda ago: PLENTY) -> dict[int, int]:  # fmt: skip
    """Four weeks of hours up to now, by how many hours ago, but for some."""
    missing = {ago for some in without for ago in some}
    return {ago: rows(ago) for ago in range(28 * 24, 0, -1) if ago not in missing}


def run(store: Store, *sources: Source) -> nightly.Summary:
    return nightly.run(store.folder, sources, lambda _: None, nightly.Policy())


def source(place: Path, **expected: object) -> Source:
    return Source((str(place),), configured=True, expectation=Expectation(**expected))  # type: ignore[arg-type]


def states(store: Store, place: Path | None = None) -> dict[int, str]:
    """The states of hours that are neither complete nor open, by how many hours ago."""
    rows = store.sql(
        "SELECT hour_start, state FROM deliveries WHERE state NOT IN ('complete', 'open')"
        + (f" AND source = '{place}'" if place else "")
    )
    return {(NOW - hour) // HOUR: state for hour, state in rows}


def test_an_outage_of_one_source_is_seen_beside_others(logs: Logs, store: Store) -> None:
    """One that stops, and one that brings less, beside one that goes on."""
    ways = [logs.folder / name for name in "abc"]
    deliver(logs, "a/all.parquet", weeks())
    deliver(logs, "b/all.parquet", weeks(range(60, 66), range(1, 3)))
    deliver(logs, "c/all.parquet", weeks(rows=lambda ago: 30 if 70 <= ago < 72 else PLENTY))
    done = run(store, *map(source, ways))
    assert states(store, ways[0]) == {}
    # What may still come is waited for.
    assert states(store, ways[1]) == dict.fromkeys(range(60, 66), "missing")
    assert states(store, ways[2]) == {70: "short", 71: "short"}
    assert [
        (gap.source, gap.missing, gap.short, gap.rows, gap.expected) for gap in done.hints.gaps
    ] == [
        (str(ways[1]), 6, 0, 0, 6 * PLENTY),
        (str(ways[2]), 0, 2, 60, 2 * PLENTY),
    ]
    lost = store.sql("SELECT delivery, count(*) FROM bucket_status WHERE delivery IN ('missing', 'short') GROUP BY ALL ORDER BY ALL")  # fmt: skip
    assert lost == [("missing", 72), ("short", 24)]
    assert verify(store.folder, deep=False).findings == []


def test_late_files_mend_a_gap_and_forgotten_ones_open_it(logs: Logs, store: Store) -> None:
    deliver(logs, "a.parquet", weeks(range(60, 66)))
    run(store, source(logs.folder))
    assert len(states(store)) == 6
    late = deliver(logs, "late.parquet", dict.fromkeys(range(60, 66), 100))
    assert run(store, source(logs.folder)).hints.gaps == []
    ((files, rows),) = store.sql(f"SELECT files, rows_counted FROM deliveries WHERE hour_start = '{NOW - 62 * HOUR}'")  # fmt: skip
    assert (files, rows) == (1, 100)
    forget(store.folder, [str(late)])
    assert states(store) == dict.fromkeys(range(60, 66), "missing")


def test_a_source_that_was_never_heard_of_is_missing_from_its_first_hour(logs: Logs, store: Store, tmp_path: Path) -> None:  # fmt: skip
    deliver(logs, "a.parquet", {1: PLENTY})
    silent = tmp_path / "silent"
    silent.mkdir()
    every = Expectation(timedelta(hours=1), grace=timedelta())
    both = [source(logs.folder), Source((str(silent),), configured=True, expectation=every)]
    run(store, *both)
    # As if it had been asked for five hours.
    publish(store, f"UPDATE internal.sources SET first_asked_at = '{NOW - 5 * HOUR}'")
    assert states(store, silent) == dict.fromkeys(range(1, 6), "missing")
    assert states(store, logs.folder) == {}


def publish(store: Store, sql: str) -> None:
    file = (store.folder / "httpcodes.duckdb").resolve()
    file.chmod(0o644)
    with duckdb.connect(file) as connection:
        connection.execute(sql)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ({}, {}),
        ({"every": timedelta(hours=1)}, {60: "missing", 61: "missing"}),
        ({"every": timedelta(minutes=5)}, {60: "missing", 61: "missing", 70: "short"}),
        ({"every": timedelta(days=1)}, {}),
        ({"every": timedelta()}, {}),
    ],
    ids=["history", "1h", "5m", "1d", "off"],
)
def test_what_is_configured_is_expected_without_history(
    logs: Logs, store: Store, expected: dict[str, timedelta], found: dict[int, str]
) -> None:
    """Of a source of few requests, whose past says nothing."""
    deliver(logs, "a.parquet", {ago: 4 if ago == 70 else 12 for ago in range(72, 0, -1) if ago not in (60, 61)})  # fmt: skip
    run(store, source(logs.folder, grace=timedelta(), **expected))
    judged = {ago: state for ago, state in states(store).items() if ago > 2}
    assert judged == found


@pytest.mark.parametrize(("share", "short"), [(0.2, False), (0.9, True)])
def test_the_least_share_and_the_grace_are_the_operators(
    logs: Logs, store: Store, share: float, short: bool
) -> None:
    deliver(logs, "a.parquet", weeks(rows=lambda ago: PLENTY // 2 if ago == 30 else PLENTY))
    run(store, source(logs.folder, least_share=share, grace=timedelta(hours=24)))
    assert states(store) == ({30: "short"} if short else {})


def test_rhythm_growth_and_a_new_service_are_no_gaps(logs: Logs, store: Store) -> None:
    """Nights of a tenth, weekends of a half, a tenth more each week, and a service that begins."""

    def rows(ago: int) -> int:
        moment = NOW - ago * HOUR
        day = 0.1 + 0.9 * (8 <= moment.hour < 20)
        week = 0.5 if moment.weekday() > 4 else 1
        return int(2_000 * day * week * 1.1 ** (-ago / 168))

    deliver(logs, "a.parquet", weeks(rows=rows))
    deliver(logs, "new.parquet", dict.fromkeys(range(100, 0, -1), 500), host="new.example")
    assert run(store, source(logs.folder, grace=timedelta())).hints.gaps == []


def test_hours_outlive_folding_and_names_that_move(logs: Logs, store: Store) -> None:
    file = deliver(logs, "a.parquet", weeks(range(60, 66)))
    run(store, source(logs.folder))
    before = store.sql("SELECT * EXCLUDE (state, reason) FROM deliveries ORDER BY ALL")
    file.rename(logs.folder / "b.parquet")
    policy = nightly.Policy(window=timedelta())
    for _ in range(2):
        nightly.run(store.folder, [source(logs.folder)], lambda _: None, policy)
    assert store.sql("SELECT count(*) FROM contributions") == [(0,)]
    assert store.sql("SELECT * EXCLUDE (state, reason) FROM deliveries ORDER BY ALL") == before
    assert verify(store.folder, deep=False).findings == []


def test_verify_finds_hours_that_are_not_those_of_the_file(logs: Logs, store: Store) -> None:
    deliver(logs, "a.parquet", {3: 5})
    run(store, source(logs.folder))
    publish(store, "UPDATE internal.file_hours SET rows_counted = 4")
    (found,) = verify(store.folder, deep=False).findings
    assert (found.check, found.expected, found.found) == ("rows counted = hours of the file", 5, 4)


def test_runs_warn_probes_fail_and_strict_runs_are_partly_done(
    logs: Logs, store: Store, httpcodes: Command, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    deliver(logs, "a/a.parquet", {ago: 5 for ago in range(80, 0, -1) if not 60 <= ago < 66})
    text = f'store = "{store.folder}"\nmetrics_file = "{here}/m.prom"\n[[sources]]\npath = "{logs.folder}/a"\n'  # fmt: skip
    (here / "httpcodes.toml").write_text(text + 'expect = "every 1h"\ngrace_hours = 3\n')
    sentence = (
        f"{logs.folder}/a brought nothing in 6 hours from "
        f"{NOW - 65 * HOUR:%Y-%m-%dT%H:%MZ} to {NOW - 59 * HOUR:%Y-%m-%dT%H:%MZ}"
    )
    done = httpcodes("run", cwd=here)
    assert done.returncode == 0, done.stderr
    assert f"httpcodes: warning: {sentence}" in done.stderr.decode()
    strict = httpcodes("run", "--strict", "--log-format", "json", cwd=here)
    assert strict.returncode == 3
    events = [json.loads(line) for line in strict.stderr.decode().splitlines()]
    (gap,) = [event for event in events if event["event"] == "delivery_gap"]
    assert (gap["source"], gap["missing"], gap["short"], gap["rows"]) == (f"{logs.folder}/a", 6, 0, 0)  # fmt: skip
    assert f'httpcodes_source_gap_hours{{source="{logs.folder}/a"}} 6' in (here / "m.prom").read_text()  # fmt: skip
    assert sentence in httpcodes("status", cwd=here).stdout.decode()
    assert httpcodes("status", "--max-gap", "6h", cwd=here).returncode == 0
    probe = httpcodes("status", "--max-gap", "5h", "--json", cwd=here)
    assert probe.returncode == 1
    assert f"httpcodes: {sentence}; --max-gap 5h accepts less" in probe.stderr.decode()
    assert json.loads(probe.stdout)["gaps"][0]["missing"] == 6
    (here / "httpcodes.toml").write_text(text + 'expect = "every 2h"\n')
    refused = httpcodes("run", cwd=here)
    assert refused.returncode == 2
    assert b'"expect" is \'every 2h\'; it would have to be "every 5m", "every 1h", "every 1d" or "off"' in refused.stderr  # fmt: skip
    (here / "httpcodes.toml").write_text("strict = true\n" + text + 'expect = "off"\n')
    assert httpcodes("run", cwd=here).returncode == 0


def test_a_simulated_quarter_is_told_gaps_from_rhythm() -> None:
    """As the benchmark has it, with a night a week."""
    module = runpy.run_path(str(PROJECT / "tests" / "benchmarks" / "deliveries.py"))
    quarter = module["simulated"](0)
    nights = range(27, 90, 7)
    found, false = module["judged"](quarter, 0.5, nights)
    planted = Counter(quarter.planted.values())
    whole = [kind for kind in planted if kind.startswith(("an outage", "an hour", "the hour"))]
    assert sum(found[kind] for kind in whole) >= 0.9 * sum(planted[kind] for kind in whole)
    assert found["three hours that lack 90%"] >= 0.8 * planted["three hours that lack 90%"]
    # Of some 4,500 hours.
    assert false["other hours"] + false["a new service that adds 40 %"] <= 5


def test_zeros_fill_no_hour_that_is_missing(logs: Logs, store: Store) -> None:
    """Neither its buckets nor the day, though those that are there are filled."""
    deliver(logs, "a.parquet", {ago: 12 for ago in range(80, 0, -1) if ago != 60})
    run(store, source(logs.folder, every=timedelta(hours=1), grace=timedelta()))
    asked = {
        "serviceNames": ["a.example"],
        "startTime": f"{NOW - 61 * HOUR:%Y-%m-%dT%H:%M:%SZ}",
        "endTime": f"{NOW - 58 * HOUR:%Y-%m-%dT%H:%M:%SZ}",
    }
    for interval, there in ((None, 24), ("hour", 2)):
        beyond = queries.Beyond(interval=interval, fill=True)
        (answer,) = json.loads(queries.answer(store.folder, asked, beyond=beyond).body)
        hours = {bucket["timestamp"][:13] for bucket in answer["httpCodes"]}
        assert (len(answer["httpCodes"]), len(hours)) == (there, 2)
        assert f"{NOW - 60 * HOUR:%Y-%m-%dT%H}" not in hours


def test_the_report_draws_what_was_not_delivered_hatched(logs: Logs, store: Store) -> None:
    day = [ago for ago in range(1, 80) if (NOW - ago * HOUR).date() == (NOW - timedelta(days=2)).date()]  # fmt: skip
    rows = {ago: 12 for ago in range(80, 0, -1) if ago != day[5]} | {day[7]: 3}
    deliver(logs, "a.parquet", rows)
    asked = source(logs.folder, every=timedelta(minutes=5), grace=timedelta())
    run(store, asked)
    two_days_ago = (NOW - timedelta(days=2)).date()
    drawn = page(report(store.folder, two_days_ago, two_days_ago)).decode()
    assert "<h2>Not delivered</h2>" in drawn
    assert "1 missing, 1 short of 24 hours" in drawn
    assert f"{NOW - day[5] * HOUR:%Y-%m-%d %H:%M}: missing, 0 rows; nothing was counted" in drawn
    assert f"{NOW - day[7] * HOUR:%Y-%m-%d %H:%M}: short, 3 rows; 3 of 12 buckets hold rows" in drawn  # fmt: skip


def test_serials_that_names_leave_out_are_told(
    logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    for number, name in enumerate(("2025090912-1", "2025090912-2", "2025090912-5", "2025090913-07", "2025090913-08", "other-x")):  # fmt: skip
        logs.requests(f"{name}.parquet", (f"2025-09-09T12:00:0{number}Z", "a.example", 200))
    (tmp_path / "elsewhere" / "httpcodes.toml").write_text(
        f'store = "{store.folder}"\n[[sources]]\npath = "{logs.folder}"\nserials = "{{hour}}-{{serial}}.parquet"\n'
    )  # fmt: skip
    sentence = f"{logs.folder} has no file with the serial 3, 4 of 2025090912: was it delivered?"
    done = httpcodes("run")
    assert (done.returncode, f"warning: {sentence}" in done.stderr.decode()) == (0, True)
    assert sentence in httpcodes("status").stdout.decode()
    logs.requests("2025090912-3.parquet", ("2025-09-09T12:00:08Z", "a.example", 200))
    done = httpcodes("run", "--json")
    assert [each["serials"] for each in json.loads(done.stdout)["skipped_serials"]] == [[4]]


def test_sites_and_pictures_tell_what_was_not_delivered(logs: Logs, store: Store, tmp_path: Path) -> None:  # fmt: skip
    """Also a day that has no page, and hours that only became a gap since the page was written."""
    out = tmp_path / "site"
    third, second = ((NOW - timedelta(days=days)).date() for days in (3, 2))
    gone = [ago for ago in range(1, 120) if (NOW - ago * HOUR).date() in (third, second)]
    some = gone[:-3]
    deliver(logs, "a.parquet", {ago: 5 for ago in range(120, 0, -1) if ago not in some})
    waiting = source(logs.folder, every=timedelta(hours=1), grace=timedelta(days=9))
    run(store, waiting)
    assert f"{third}" in publish_site(store.folder, out).written
    assert "ot delivered" not in (out / "index.html").read_text()
    run(store, source(logs.folder, every=timedelta(hours=1), grace=timedelta()))
    # Not a count of it changed.
    assert publish_site(store.folder, out).written == [f"{third}"]
    assert publish_site(store.folder, out).written == []
    index = (out / "index.html").read_text()
    assert "Not all was delivered: 21 missing hours." in index
    assert f"<h2>{second}</h2><p>No page: nothing was counted. Not delivered: 24 missing hours.</p>" in index  # fmt: skip
    assert index.index(f"{second}") < index.index(f"{third}")
    (of_service,) = (out / f"{third}" / "services").glob("*.html")
    assert "21 missing, 0 short of 24 hours" in of_service.read_text()
    whole, lacking = (
        picture(report(store.folder, day, day), chart, "svg").decode()
        for day, chart in ((NOW.date() - timedelta(days=1), "classes"), (third, "classes"))
    )
    assert ("not delivered" in whole, "not delivered" in lacking) == (False, True)
    assert lacking.count("<pattern") == 1
    assert b"not delivered" in picture(report(store.folder, third, third), "heatmap", "svg")
