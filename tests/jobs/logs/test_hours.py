"""Names of files that say the hour: what is listed, and what is taken."""

from datetime import datetime, timedelta
from pathlib import Path

import listings
import pytest
from conftest import Command, Logs, Store

from jobs.logs.hours import Pattern, Reach
from jobs.logs.selection import Selection, since
from jobs.logs.storage import Storage
from jobs.store.revision import Terms

A = "a.example"
DAY = datetime(2025, 9, 9)
HOURLY = [
    ("{year}/{month}/{day}/{hour}-*", "%Y/%m/%d/%H-"),
    ("dt={year}-{month}-{day}/hour={hour}/*", "dt=%Y-%m-%d/hour=%H/"),
    ("{year}{month}{day}{hour}-*", "%Y%m%d%H-"),
    ("E1.{year}-{month}-{day}-{hour}.*", "E1.%Y-%m-%d-%H."),
    ("{year}/{month}/E1.{year}-{month}-{day}-{hour}.*", "%Y/%m/E1.%Y-%m-%d-%H."),
]


def wanted(first: datetime, end: datetime, form: str) -> set[str]:
    """Names of the hours, with what zones and a file's own hour add to them."""
    hour, last = first - timedelta(hours=13), end + timedelta(hours=14)
    names = set()
    while hour < last:
        names.add(f"{hour:{form}}0000.parquet")
        hour += timedelta(hours=1)
    return names


@pytest.mark.parametrize(("pattern", "form"), HOURLY)
def test_hours_are_found_by_their_names_here_and_in_buckets(
    pattern: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = listings.keys(8, 1, form)
    for name in names:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    first, end = DAY - timedelta(days=4), DAY - timedelta(days=2)
    expected = wanted(first, end, form)
    with listings.serve(names) as listing:
        storage = Storage({"s3": listing.endpoint})
        for root in (f"{tmp_path}", "s3://logs"):
            source = f"{root}/{pattern}"
            everything = storage.find([source]).files
            assert {path.removeprefix(f"{root}/") for path in everything} == set(names)
            listing.prefixes.clear()
            found = storage.within(Reach(first, end)).find([source])
            assert {path.removeprefix(f"{root}/") for path in found.files} == expected
            assert (found.unlisted, found.missing) == ({}, {})
        days = {day for prefix in listing.prefixes if (day := listings.day_of(prefix))}
        assert len(days) in (0, 4, 5), days


def test_a_run_since_lists_what_may_have_come_since_within_the_settle_time(
    logs: Logs, store: Store
) -> None:
    for day in (1, 5, 7, 9):
        logs.requests(f"2025-09-{day:02}/{day}.parquet", (f"2025-09-{day:02}T12:00:00Z", A, 200))
    source = f"{logs.folder}/{{year}}-{{month}}-{{day}}/*"
    selection = Selection(since("2025-09-08"))
    summary = store.run(source, selection=selection, terms=Terms(settle=timedelta(hours=24)))
    # All were modified now; those of days that are listed count.
    assert {bucket[:10] for _, bucket, _ in store.counts()} == {"2025-09-07", "2025-09-09"}
    assert (summary.complete, summary.left) == (True, 0)
    assert store.run(source).outcome.files_ingested == 2


def test_days_with_nothing_are_no_trouble_and_a_source_with_nothing_is(
    logs: Logs, store: Store
) -> None:
    logs.requests("2025/09/09/a.parquet", ("2025-09-09T12:00:00Z", A, 200))
    source = f"{logs.folder}/{{year}}/{{month}}/{{day}}/*"
    assert store.run(source, selection=Selection(since("2025-09-01"))).complete
    later = store.run(source, selection=Selection(since("2025-10-01")))
    assert list(later.missing.values()) == ["holds nothing of the hours asked for"]


def test_below_the_folder_of_a_day_one_listing_has_all_hours() -> None:
    reach = Reach(DAY, DAY + timedelta(days=1))
    hive = Pattern("s3://logs/dt={year}-{month}-{day}/hour={hour}/*.gz", reach)
    assert hive.globs(DAY) == [
        f"s3://logs/dt=2025-09-{day:02}/hour=[0-9][0-9]/*.gz" for day in (8, 9, 10)
    ]


@pytest.mark.parametrize(
    ("first", "end", "found"),
    [
        ("0001-01-01", None, True),
        ("1970-01-02", None, True),
        ("9999-12-30", None, False),
        (None, "0001-01-02", False),
        (None, "9999-12-30", True),
    ],
)
def test_no_moment_is_too_far(first: str | None, end: str | None, found: bool, logs: Logs) -> None:
    logs.requests("2025/09/09/a.parquet", ("2025-09-09T12:00:00Z", A, 200))
    selection = Selection(first and since(first), end and since(end))
    storage = Storage().within(selection.reach(timedelta(days=36_525)))
    there = storage.find([f"{logs.folder}/{{year}}/{{month}}/{{day}}/*"])
    assert bool(there.files) is found


def test_a_name_that_says_no_day_is_refused(logs: Logs, httpcodes: Command) -> None:
    source = f"{logs.folder}/{{hour}}-*"
    done = httpcodes("run", source)
    assert (done.returncode, done.stderr.decode()) == (
        2,
        f"httpcodes: {source} names a time without {{year}}, {{month}}, {{day}}; all of a day have to be named\n",
    )


def test_an_age_is_a_moment(logs: Logs, httpcodes: Command) -> None:
    logs.requests("a.parquet", ("2025-09-09T12:00:00Z", A, 200))
    assert b"1 file" in httpcodes("run", logs.folder, "--since", "3d", "--dry-run").stderr
