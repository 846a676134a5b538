"""What a report tells, and how it is asked for."""

import subprocess
import sys
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import Command, Logs, Store
from dying import interrupted_before

from queries.report import page
from queries.report.figures import LATE_HOURS, NothingToReport, Period, report

TUESDAY = date(2025, 9, 16)
BY_SERVICE = ("service", "requests", "4xx", "5xx", "error ratio")
ODD = ("<script>alert(1)</script>&amp;.example", "a$b_{x}$^2.example", "%d$period.example")


class Tables(HTMLParser):
    """The cells of a page's tables, row by row, and all of its text."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.text = ""
        self._cell = False
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        self._cell = tag in ("td", "th")
        if self._cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell:
            self.rows[-1][-1] += data

    def below(self, *heading: str) -> list[list[str]]:
        """The rows of the table with this heading."""
        start = self.rows.index(list(heading)) + 1
        return [row for row in self.rows[start:] if len(row) == len(heading)]


def at(day: int, time: str, service: str, *codes: int) -> list[tuple[str, str, int]]:
    return [(f"2025-09-{day:02}T{time}Z", service, code) for code in codes]


@pytest.fixture(scope="module")
def two_weeks(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A day until noon, the same day a week before until its end, and a broken file."""
    folder = tmp_path_factory.mktemp("two_weeks")
    logs, store = Logs(folder / "logs"), Store(folder / "store")
    before = at(9, "00:00:00", "a.example", *[200] * 9, 500) + at(9, "12:05:00", "a.example", 404)
    now = at(16, "00:00:00", "a.example", *[200] * 3, 301, 0) + at(16, "12:04:59", "b.example", 503)
    odd = [request for name in ODD for request in at(16, "08:00:00", name, 200, 404)]
    logs.requests("before.parquet", *before, *at(9, "23:59:59", "b.example", 200))
    logs.requests("now.parquet", *now, *odd, ("no time", "a.example", 200))
    (logs.folder / "<b>broken & $x.parquet").write_bytes(b"broken")
    store.run(logs.folder)
    return store


def test_without_a_day_it_is_the_last_with_data(two_weeks: Store) -> None:
    assert report(two_weeks.folder).period == Period(TUESDAY, TUESDAY)


@pytest.mark.parametrize(
    ("first", "last", "days"), [(None, TUESDAY, 8), (date(2025, 9, 10), None, 7), (None, None, 1)]
)
def test_an_end_that_is_left_open_is_that_of_the_data(
    first: date | None, last: date | None, days: int, two_weeks: Store
) -> None:
    period = report(two_weeks.folder, first, last).period
    assert (period.last, (period.last - period.first).days + 1) == (TUESDAY, days)


def test_the_numbers_on_the_page_are_those_of_sql(two_weeks: Store) -> None:
    shown = Tables(page.page(report(two_weeks.folder)))
    ((total, *classes),) = two_weeks.sql(
        "SELECT sum(requests), sum(ok_2xx), sum(redirect_3xx), sum(client_error_4xx), sum(server_error_5xx), sum(other)"
        " FROM status_classes_5m WHERE bucket_start >= '2025-09-16'"
    )
    counted = [int(row[1]) for row in shown.below("class", "requests", "share")[:5]]
    assert counted == classes
    assert sum(counted) == total
    services = two_weeks.sql(
        "SELECT service_name, sum(requests)::VARCHAR, sum(client_error_4xx)::VARCHAR,"
        " sum(server_error_5xx)::VARCHAR, format('{:.0f} %', 100 * sum(server_error_5xx) / sum(requests))"
        " FROM status_classes_5m WHERE bucket_start >= '2025-09-16' GROUP BY 1"
    )
    rows = shown.below(*BY_SERVICE)[: len(services)]
    assert sorted(map(tuple, rows)) == sorted(services)
    rejected = shown.below("rows of the files of these days that were not counted", "rows", "files")
    assert [(row[0], int(row[1])) for row in rejected] == list(two_weeks.rejected().items())


def test_the_steps_of_a_chart_add_up_to_the_counts(sample_store: Path) -> None:
    found = report(sample_store)
    by_step = Store(sample_store).sql(
        "SELECT bucket_start, sum(ok_2xx), sum(redirect_3xx), sum(client_error_4xx), sum(server_error_5xx), sum(other)"
        " FROM status_classes_5m GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(each) for each in found.classes if sum(each[1:])] == by_step
    assert len(found.classes) == 288


def test_a_day_that_is_not_over_is_compared_as_far_as_it_goes(two_weeks: Store) -> None:
    found = report(two_weeks.folder).comparison
    assert f"{found.until:%H:%M}" == "12:05"
    changes = {each.service_name: tuple(each[1:5]) for each in found.changes}
    assert changes["a.example"] == (10, 5, 1, 0)
    assert changes["b.example"] == (0, 1, 0, 1)
    assert found.requests_before == 10


def test_what_was_not_counted_a_week_before_is_no_change(logs: Logs, store: Store) -> None:
    logs.requests("before.parquet", *at(9, "12:00:00", "a.example", 200))
    logs.requests(
        "now.parquet",
        *at(16, "11:59:59", "a.example", 200),
        *at(16, "12:00:00", "a.example", 200, 200),
    )
    store.run(logs.folder)
    found = report(store.folder).comparison
    assert f"{found.since:%H:%M}" == "12:00"
    assert [tuple(each[1:3]) for each in found.changes] == [(1, 2)]


def test_without_a_week_before_the_page_says_so(two_weeks: Store) -> None:
    shown = Tables(page.page(report(two_weeks.folder, date(2025, 9, 9), date(2025, 9, 9))))
    assert "There is nothing to compare with: no request is counted the week before." in shown.text


def test_weeks_that_are_compared_do_not_overlap() -> None:
    lengths = {days: Period(TUESDAY, TUESDAY + timedelta(days - 1)).weeks for days in (1, 7, 8, 30)}
    assert lengths == {1: 1, 7: 1, 8: 2, 30: 5}


def test_lateness_is_the_age_of_the_newest_request_when_the_run_started(
    logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", *at(9, "12:00:00", "a.example", 200))
    logs.requests("other_day.parquet", *at(8, "12:00:00", "a.example", 200))
    store.run(logs.folder)
    # What was replaced is not in the counts any more.
    logs.requests(
        "a.parquet", *at(9, "11:00:00", "a.example", 200), *at(9, "12:00:00", "a.example", 200)
    )
    store.run(logs.folder)
    found = report(store.folder).lateness
    ((hours,),) = store.sql(
        "SELECT epoch(ingested_at - last_request) / 3600 FROM source_files WHERE rows_counted = 2"
    )
    assert [(late.rows, late.hours) for late in found.latest] == [(2, hours)]
    assert [span.files for span in found.spans] == [0] * len(LATE_HOURS) + [1]
    assert (found.files, found.late_files) == (1, 1)


def test_rejected_rows_are_those_of_the_days(two_weeks: Store) -> None:
    found = report(two_weeks.folder, date(2025, 9, 9), date(2025, 9, 9))
    assert found.rejected == []
    assert "All rows of the files of these days were counted." in Tables(page.page(found)).text


def test_a_broken_file_is_shown_whatever_the_day(two_weeks: Store) -> None:
    for day in (date(2025, 9, 9), TUESDAY):
        shown = Tables(page.page(report(two_weeks.folder, day, day)))
        (row,) = shown.below("file, the newest first", "state", "reason", "looked at")[:1]
        assert row[0].endswith("/<b>broken & $x.parquet")
        assert row[1] == "quarantined"


def test_names_are_text_whatever_they_hold(two_weeks: Store) -> None:
    html = page.page(report(two_weeks.folder))
    names = [row[0] for row in Tables(html).below(*BY_SERVICE)]
    assert set(ODD) <= set(names)
    assert b"<script" not in html
    assert b"<b>broken" not in html


def test_a_chosen_service_is_the_only_one_that_counts(two_weeks: Store) -> None:
    found = report(two_weeks.folder, TUESDAY, TUESDAY, ("A.example:443",))
    assert sum(found.totals) == 5
    assert [each.service_name for each in found.heat.rows] == ["a.example"]
    assert b"Services: a.example." in page.page(found)


def test_the_command_writes_a_page_and_says_so(
    two_weeks: Store, tmp_path: Path, httpcodes: Command
) -> None:
    done = httpcodes("report", "--store", two_weeks.folder)
    (file,) = (tmp_path / "elsewhere").iterdir()
    assert file.name == "report-2025-09-16.html"
    said = f"wrote report-2025-09-16.html: 2025-09-16 (UTC), {file.stat().st_size:,} bytes\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (0, b"", said)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--day", "2025-09-10"], "there are no requests on 2025-09-10 (UTC)"),
        (["--day", "2025-09-08"], "there is data from 2025-09-09 to 2025-09-16"),
        (["--day", "9999-12-31"], "there is data from 2025-09-09 to 2025-09-16"),
        (["--from", "2025-09-17"], "there is data from 2025-09-09 to 2025-09-16"),
        (["--from", "0001-01-01"], "a report covers 3,653 days at most"),
        (["--service", "c.example"], "'c.example' is no service that is known"),
        (["--chart", "pie"], "known are classes, heatmap, heatmap-4xx, changes, lateness"),
        (["--chart", "classes", "--out", "x.pdf"], "a chart is an .svg or a .png"),
        (["--out", "x.png"], "--chart draws one chart"),
        (["--day", "2025-09-09", "--from", "2025-09-09"], "give --day, or --from and --to"),
        (["--from", "2025-09-09", "--to", "2025-09-08"], "--to is earlier than --from"),
        (["--day", "2025-09-09", "--chart", "changes"], "no request is counted the week before"),
    ],
)
def test_what_can_not_be_drawn_is_refused_in_a_sentence(
    options: list[str], sentence: str, two_weeks: Store, tmp_path: Path, httpcodes: Command
) -> None:
    done = httpcodes("report", "--store", two_weeks.folder, *options)
    assert (done.returncode, sentence in done.stderr.decode()) == (2, True), done.stderr
    assert b"Traceback" not in done.stderr
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_store_without_data_and_a_folder_that_is_not_there_are_told(
    store: Store, logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    missing = httpcodes("report", "--store", tmp_path / "nowhere")
    assert (missing.returncode, b"nothing was published" in missing.stderr) == (1, True)
    store.run(logs.folder)
    empty = httpcodes("report", "--store", store.folder)
    assert (empty.returncode, b"nothing to report" in empty.stderr) == (2, True)


@pytest.mark.parametrize(
    ("out", "why"), [("nowhere/x.html", "No such file or directory"), ("x.html", "Is a directory")]
)
def test_a_page_that_can_not_be_written_leaves_nothing(
    out: str, why: str, two_weeks: Store, tmp_path: Path, httpcodes: Command
) -> None:
    (tmp_path / "x.html").mkdir()
    before = sorted(tmp_path.iterdir())
    done = httpcodes("report", "--store", two_weeks.folder, "--out", tmp_path / out)
    sentence = f"httpcodes: {tmp_path / out} can't be written: {why}\n"
    assert (done.returncode, done.stderr.decode()) == (1, sentence)
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_extra_is_named(two_weeks: Store) -> None:
    # As if it were not installed: None in sys.modules makes an import fail.
    code = "import sys; sys.modules['matplotlib'] = None; from jobs.cli.app import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "report",
        "--store",
        str(two_weeks.folder),
        "--chart",
        "classes",
    ]
    bare = subprocess.run(command, check=False, capture_output=True)
    assert (bare.returncode, bare.stdout) == (2, b"")
    assert (
        bare.stderr
        == b"httpcodes: report --chart needs matplotlib: pip install 'cdn-httpcodes[report]'\n"
    )


def test_what_can_be_no_service_is_refused(two_weeks: Store) -> None:
    with pytest.raises(NothingToReport, match="no service that is known"):
        report(two_weeks.folder, services=("",))


def test_an_interrupted_report_says_so_and_leaves_no_file(
    sample_store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "classes.png"
    options = ["--store", sample_store, "--chart", "classes", "--out", out]
    done = interrupted_before("matplotlib.text:Text.draw", 9, "report", *options)
    assert (done.returncode, done.stderr) == (130, b"httpcodes: interrupted\n")
    assert list(tmp_path.iterdir()) == []
