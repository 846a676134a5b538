"""Beyond the document: intervals, classes, zeros, final counts; and nothing unless asked for."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, Logs, Store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import queries
from queries import Beyond, Interval

A, B = "a.example", "b.example"
DAY = ("2025-09-09T12:00:00Z", "2025-09-10T12:00:00Z")
HOUR = ("2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z")


@pytest.fixture
def known(logs: Logs, store: Store) -> Store:
    """Two hours of a.example, and b.example with nothing in them."""
    logs.requests(
        "a.parquet",
        ("2025-09-09T12:00:00Z", A, 200), ("2025-09-09T12:00:01Z", A, 206),
        ("2025-09-09T12:04:59Z", A, 404), ("2025-09-09T12:10:00Z", A, 200),
        ("2025-09-09T12:55:00Z", A, 0), ("2025-09-09T12:55:00Z", A, 99),
        ("2025-09-09T12:55:00Z", A, 600), ("2025-09-09T12:55:00Z", A, 999),
        ("2025-09-10T00:00:00Z", A, 200), ("2025-09-10T11:59:59Z", A, 200),
        ("2025-09-01T00:00:00Z", B, 200),
    )  # fmt: skip
    store.run(logs.folder)
    return store


def asked(range_: tuple[str, str], *names: str) -> dict[str, Any]:
    return {"serviceNames": list(names), "startTime": range_[0], "endTime": range_[1]}


def codes(
    store: Store, range_: tuple[str, str], name: str = A, **how: Any
) -> dict[str, dict[str, int]]:
    """What the answer has for one service, by the day and time of the bucket."""
    answer = queries.answer(store.folder, asked(range_, name), beyond=Beyond(**how))
    assert answer.status == 200
    (element,) = json.loads(answer.body)
    return {b["timestamp"][8:16]: b["httpCodeValues"] for b in element["httpCodes"]}


def test_hours_hold_what_lies_in_the_range_and_begin_on_the_hour(known: Store) -> None:
    in_hours = codes(known, ("2025-09-09T12:05:00Z", "2025-09-09T12:55:00Z"), interval="hour")
    assert in_hours == {"09T12:00": {"200": 1}}
    assert codes(known, ("2025-09-09T12:04:59Z", "2025-09-09T12:11:00Z"), interval="hour") == {
        "09T12:00": {"200": 2, "206": 1, "404": 1}
    }


def test_days_are_utc_days_cut_by_the_range(known: Store) -> None:
    assert codes(known, DAY, interval=Interval.DAY) == {
        "09T00:00": {"000": 1, "099": 1, "200": 2, "206": 1, "404": 1, "600": 1, "999": 1},
        "10T00:00": {"200": 2},
    }


def test_classes_go_by_the_first_of_three_digits(known: Store) -> None:
    assert codes(known, HOUR, classes=True) == {
        "09T12:00": {"2xx": 2, "4xx": 1},
        "09T12:10": {"2xx": 1},
        "09T12:55": {"0xx": 2, "6xx": 1, "9xx": 1},
    }


def test_every_bucket_is_filled_with_zeros_for_what_the_service_has_elsewhere(
    known: Store,
) -> None:
    filled = codes(known, ("2025-09-09T12:01:00Z", "2025-09-09T12:10:01Z"), fill=True)
    assert filled == {
        "09T12:00": {"200": 1, "206": 1, "404": 1},
        "09T12:05": {"200": 0, "206": 0, "404": 0},
        "09T12:10": {"200": 1, "206": 0, "404": 0},
    }
    by_hour = codes(known, DAY, fill=True, classes=True, interval="hour")
    assert len(by_hour) == 24
    assert by_hour["09T13:00"] == {"0xx": 0, "2xx": 0, "4xx": 0, "6xx": 0, "9xx": 0}


def test_a_service_without_data_is_filled_with_empty_buckets_and_still_comes_last(
    known: Store,
) -> None:
    answer = queries.answer(known.folder, asked(HOUR, B, A), beyond=Beyond(fill=True))
    first, last = json.loads(answer.body)
    assert (first["serviceName"], last["serviceName"]) == (A, B)
    assert len(last["httpCodes"]) == 12
    assert all(bucket["httpCodeValues"] == {} for bucket in last["httpCodes"])


@pytest.fixture
def unsettled(logs: Logs, store: Store) -> Store:
    """Requests that straddle the settle time of the last run."""
    border = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=48)
    logs.requests("a.parquet", *((border + timedelta(minutes=m), A, 200) for m in range(-200, 200)))
    store.run(logs.folder)
    return store


def test_only_final_buckets_are_those_of_bucket_status(unsettled: Store) -> None:
    ((first, last),) = unsettled.sql("SELECT min(bucket_start), max(bucket_start) FROM rollup_5m")
    range_ = (f"{first.isoformat()}Z", f"{last.isoformat()}Z")
    final = "SELECT strftime(bucket_start, '%dT%H:%M') FROM bucket_status WHERE final ORDER BY bucket_start"
    shown = [bucket for (bucket,) in unsettled.sql(final)]
    assert 30 < len(shown) < 50
    assert list(codes(unsettled, range_, final_only=True)) == shown
    assert list(codes(unsettled, range_, final_only=True, fill=True)) == shown


def test_an_hour_is_final_when_all_of_it_in_the_range_is(unsettled: Store) -> None:
    rows = unsettled.sql("SELECT bucket_start, final FROM bucket_status ORDER BY bucket_start")
    last = max(start for start, final in rows if final)
    hour = last.replace(minute=0)

    def until(end: datetime) -> dict[str, dict[str, int]]:
        range_ = (f"{hour.isoformat()}Z", f"{end.isoformat()}Z")
        return codes(unsettled, range_, final_only=True, interval="hour")

    assert list(until(last + timedelta(minutes=5))) == [f"{hour:%dT%H:%M}"]
    assert f"{last:%dT%H:00}" not in until(last + timedelta(minutes=10)) or last.minute == 55


def test_an_interval_that_is_not_known_is_refused_before_anything_is_asked(store: Store) -> None:
    with pytest.raises(ValueError, match="interval is 'week'; it would have to be hour or day"):
        Beyond(interval="week")


def test_errors_are_the_documented_ones(known: Store, tmp_path: Path) -> None:
    beyond = Beyond(fill=True)
    assert queries.answer(known.folder, asked(HOUR, "nobody"), beyond=beyond).status == 404
    assert b"EndBeforeStart" in queries.answer(known.folder, asked(HOUR[::-1], A), beyond=beyond).body  # fmt: skip
    assert b"OperationFailed" in queries.answer(tmp_path, asked(HOUR, A), beyond=beyond).body


START = datetime(2025, 9, 8, 11)
SECONDS = st.integers(0, 60 * 60 * 50)


@given(
    rows=st.lists(
        st.tuples(SECONDS, st.sampled_from([A, B]), st.sampled_from([0, 9, 200, 404, 999]))
    ),
    start=SECONDS,
    length=st.integers(1, 24 * 60 * 60),
)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_prepared_answer_has_the_bytes_of_one_made_from_the_cells(
    rows: list[tuple[int, str, int]], start: int, length: int, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("prepared")
    logs, store = Logs(folder / "logs"), Store(folder / "store")
    # Two nights, so that hours are made anew.
    logs.requests("known.parquet", ("2025-01-01T00:00:00Z", A, 200), ("2025-01-01T00:00:00Z", B, 1))
    for night, some in enumerate((rows[::2], rows[1::2])):
        logs.requests(f"{night}.parquet", *((START + timedelta(seconds=s), n, c) for s, n, c in some))  # fmt: skip
        store.run(logs.folder)
    first = START + timedelta(seconds=start)
    range_ = (f"{first.isoformat()}Z", f"{(first + timedelta(seconds=length)).isoformat()}Z")
    plain = queries.answer(store.folder, asked(range_, B, A))
    assert plain.status == 200
    assert plain == queries.answer(store.folder, asked(range_, B, A), beyond=Beyond())


def test_the_command_takes_the_options(known: Store, httpcodes: Command) -> None:
    times = ("--start", DAY[0], "--end", DAY[1], "--store", known.folder)
    plain = httpcodes("query", "--service", A, *times)
    assert plain.stdout == queries.answer(known.folder, asked(DAY, A)).body
    options = ("--interval", "day", "--classes", "--fill", "--final-only")
    done = httpcodes("query", "--service", A, "--service", B, *times, *options)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (
        b'[{"serviceName":"a.example","httpCodes":['
        b'{"timestamp":"2025-09-09T00:00:00Z","httpCodeValues":{"0xx":2,"2xx":3,"4xx":1,"6xx":1,"9xx":1}},'
        b'{"timestamp":"2025-09-10T00:00:00Z","httpCodeValues":{"0xx":0,"2xx":2,"4xx":0,"6xx":0,"9xx":0}}]},'
        b'{"serviceName":"b.example","httpCodes":['
        b'{"timestamp":"2025-09-09T00:00:00Z","httpCodeValues":{}},'
        b'{"timestamp":"2025-09-10T00:00:00Z","httpCodeValues":{}}]}]'
    )
    wrong = httpcodes("query", "--service", A, *times, "--interval", "week")
    assert (wrong.returncode, wrong.stdout) == (2, b"")
