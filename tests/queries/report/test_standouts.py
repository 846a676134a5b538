"""What stands out: found where something moved, and nothing where nothing did."""

from datetime import datetime, timedelta
from pathlib import Path

from conftest import Logs, Store

from queries.report import page
from queries.report.figures import report
from queries.report.sentences import percent, sentence, span
from queries.report.standouts import Standout

DAY = datetime(2025, 9, 16)


def served(
    name: str, start: datetime, minutes: int, *codes: int
) -> list[tuple[str | datetime, str, int]]:
    """Requests with these codes, every minute."""
    return [
        (start + timedelta(minutes=minute), name, code)
        for minute in range(minutes)
        for code in codes
    ]


def test_the_sample_s_one_event_has_a_name(sample_store: Path) -> None:
    moved = report(sample_store).standouts
    assert [sentence(each, dated=False) for each in moved.all] == [
        "12:35 to 12:45 UTC: api53-core-c-alisg.tiktokv.com answered 404 to 830 of 852 requests, 97 %;"
        " it had no requests in the hours around."
    ]
    html = page.page(report(sample_store)).decode()
    assert html.index("answered 404 to 830 of 852") < html.index("Status codes over time")
    assert '<h3 id="service-0">api53-core-c-alisg.tiktokv.com</h3>' in html


def test_an_event_is_told_with_its_span_and_what_is_usual_around(logs: Logs, store: Store) -> None:
    day = served("a.example", DAY, 1_440, *[200] * 9, 404)
    event = served("a.example", DAY + timedelta(hours=9, minutes=10), 20, *[503] * 6)
    logs.requests("a.parquet", *day, *event)
    store.run(logs.folder)
    moved = report(store.folder).standouts
    assert [sentence(each) for each in moved.all] == [
        "2025-09-16 09:10 to 09:30 UTC: a.example answered 503 to 120 of 320 requests, 38 %;"
        " 0 % in the hours around."
    ]


def test_what_happens_every_week_at_this_hour_does_not_stand_out(logs: Logs, store: Store) -> None:
    for week in range(3):
        start = DAY - timedelta(days=7 * week)
        day = served("a.example", start, 1_440, *[200] * 5)
        usual = served("a.example", start + timedelta(hours=3), 60, *[404] * 5)
        logs.requests(f"{week}.parquet", *day, *usual)
    new = served("a.example", DAY + timedelta(hours=15), 30, *[404] * 5)
    logs.requests("new.parquet", *new)
    store.run(logs.folder)
    (only,) = report(store.folder).standouts.all
    assert (only.start, only.until, only.weeks) == (
        DAY.replace(hour=15),
        DAY.replace(hour=15, minute=30),
        2,
    )
    assert sentence(only).endswith("0 % in the same hours of the 2 weeks before.")


def test_two_codes_of_a_class_are_told_as_the_class(logs: Logs, store: Store) -> None:
    day = served("a.example", DAY, 1_440, *[200] * 5)
    event = served("a.example", DAY + timedelta(hours=9), 20, *[502] * 3, *[503] * 3)
    logs.requests("a.parquet", *day, *event)
    store.run(logs.folder)
    assert [each.what for each in report(store.folder).standouts.all] == [-5]


def test_codes_of_a_class_that_is_usual_are_told_each(logs: Logs, store: Store) -> None:
    # Every other answer is 403 anyway: the class says less than the codes.
    day = served("a.example", DAY, 1_440, *[200] * 5, *[403] * 5)
    event = served("a.example", DAY + timedelta(hours=9), 20, *[404] * 3, *[429] * 3)
    logs.requests("a.parquet", *day, *event)
    store.run(logs.folder)
    assert sorted(each.what for each in report(store.folder).standouts.all) == [404, 429]


def test_a_service_that_nobody_knew_is_compared_with_what_services_do(
    logs: Logs, store: Store
) -> None:
    rows = [row for n in range(9) for row in served(f"{n}.example", DAY, 1_440, 200)]
    new = served("new.example", DAY + timedelta(hours=9), 20, *[404] * 99, 200)
    logs.requests("a.parquet", *rows, *new)
    store.run(logs.folder)
    (told,) = report(store.folder).standouts.all
    assert (told.service_name, told.what, told.reference_requests) == ("new.example", 404, 0)


def test_where_nothing_moved_nothing_stands_out(logs: Logs, store: Store) -> None:
    # One of three fails all day, and one request of a small service does.
    day = served("bad.example", DAY, 1_440, 200, 200, 500)
    small = [
        *served("small.example", DAY, 60, 200),
        (DAY + timedelta(hours=4), "small.example", 500),
    ]
    logs.requests("a.parquet", *day, *small)
    store.run(logs.folder)
    found = report(store.folder)
    assert found.standouts.all == []
    assert b"Nothing: no service failed more often than" in page.page(found)


def test_a_long_report_says_that_it_does_not_look(logs: Logs, store: Store) -> None:
    for days in (0, 40):
        logs.requests(f"{days}.parquet", *served("a.example", DAY + timedelta(days=days), 9, 404))
    store.run(logs.folder)
    found = report(store.folder, DAY.date(), (DAY + timedelta(days=40)).date())
    assert not found.standouts.looked
    assert b"in reports of 35 days at most" in page.page(found)


def test_shares_are_never_said_to_be_all_or_none_when_they_are_not() -> None:
    shares = [percent(part, 100_000) for part in (0, 1, 400, 12_345, 99_400, 99_999, 100_000)]
    assert shares == ["0 %", "under 0.01 %", "0.4 %", "12 %", "99.4 %", "99.9 %", "100 %"]


def test_spans_say_the_day_once_and_midnight_as_24() -> None:
    evening = datetime(2025, 9, 9, 23, 30)
    assert span(evening, datetime(2025, 9, 10)) == "2025-09-09 23:30 to 24:00"
    assert span(evening, datetime(2025, 9, 10, 1)) == "2025-09-09 23:30 to 2025-09-10 01:00"


def test_a_week_before_is_spoken_as_one() -> None:
    told = Standout("a.example", 0, DAY, DAY + timedelta(hours=1), 100, 50, 1_000, 10, 1)
    assert sentence(told).endswith(
        "answered 000 to 50 of 100 requests, 50 %; 1 % in the same hours of the week before."
    )
