"""A look at one file before it is counted, and at the formats that are known."""

import re
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pyarrow as pa
import pytest
from conftest import Command, Logs, Store

from jobs.inspect import inspect
from jobs.logs.formats import BY_NAME, FORMATS, OPTIONAL, Format
from jobs.logs.options import ReadingOptions
from jobs.logs.roles import UnreadableFile
from jobs.logs.sources import SourceNotFound

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z"


def lines(done: "CompletedProcess[bytes]") -> list[str]:
    """What was printed, with single spaces."""
    return [" ".join(line.split()) for line in done.stdout.decode().splitlines()]


def sentence(done: "CompletedProcess[bytes]", code: int) -> str:
    assert (done.returncode, done.stdout) == (code, b"")
    (line,) = done.stderr.decode().splitlines()
    return line.removeprefix("httpcodes: ")


@pytest.fixture
def mixed(logs: Logs) -> Path:
    """A file of which some rows can be counted."""
    return logs.write(
        "mixed.parquet",
        {
            "timestamp": [NOON, "2025-09-09T12:07:30.5Z", LATER, "yesterday", None, NOON],
            "host": [A, "B.example:80", A, A, A, "a b"],
            "status": ["200", "404", "200", "200", "200", "200"],
            "path": ["/1", "/2", "/3", "/4", "/5", "/6"],
        },
    )


def test_a_file_is_told_with_its_format_columns_rows_and_rejects(
    mixed: Path, httpcodes: Command
) -> None:
    done = httpcodes("inspect", mixed)
    assert (done.returncode, done.stderr) == (3, b"")
    told = lines(done)
    assert told[:13] == [
        "format generic",
        "service host",
        "timestamp timestamp",
        "status status",
        "rows 6",
        "counted 3",
        "rejected 1 service unreadable",
        "rejected 1 timestamp missing",
        "rejected 1 timestamp unreadable",
        "first, last 2025-09-09T12:00:00.000000Z, 2025-09-09T13:00:00.000000Z",
        "2 requests of a.example",
        "1 request of b.example",
        "moment service status bucket",
    ]
    assert "2025-09-09T12:00:00.000000Z a.example 200 2025-09-09T12:00:00Z" in told
    assert "2025-09-09T12:07:30.500000Z b.example 404 2025-09-09T12:05:00Z" in told
    assert told[-5:] == [
        "column type is", "timestamp VARCHAR", "host VARCHAR", "status VARCHAR", "path VARCHAR path",
    ]  # fmt: skip


def test_the_first_rows_are_shown_in_the_order_of_the_file(mixed: Path) -> None:
    for most in (1, 3, 6):
        rows = inspect(str(mixed), ReadingOptions(), most).rows
        assert [(moment and moment[11:19], status) for moment, _, status, _ in rows] == [
            ("12:00:00", 200), ("12:07:30", 404), ("13:00:00", 200),
            (None, 200), (None, 200), ("12:00:00", 200),
        ][:most]  # fmt: skip


def test_a_file_of_which_every_row_counts_exits_with_0(logs: Logs, httpcodes: Command) -> None:
    file = logs.requests("a.parquet", *((NOON, A, 200 + n) for n in range(9)))
    done = httpcodes("inspect", file, "--limit", 2)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not any(line.startswith("rejected") for line in lines(done))
    assert sum(line.startswith("2025-09-09T12") for line in lines(done)) == 2


def test_a_file_without_rows_is_told_as_such(logs: Logs, httpcodes: Command) -> None:
    done = httpcodes("inspect", logs.requests("a.parquet"))
    assert done.returncode == 0
    assert {"format generic", "rows 0", "counted 0"} <= set(lines(done))


def test_a_look_writes_nothing(mixed: Path, tmp_path: Path, httpcodes: Command) -> None:
    before = mixed.stat()
    content = mixed.read_bytes()
    environment = {"HTTPCODES_STORE": str(tmp_path / "store")}
    assert httpcodes("inspect", mixed, env=environment).returncode == 3
    assert httpcodes("inspect", "../logs/mixed.parquet").returncode == 3
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "logs"}
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert list(mixed.parent.iterdir()) == [mixed]
    assert (mixed.stat().st_mtime_ns, mixed.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert mixed.read_bytes() == content


def test_a_file_that_would_be_refused_exits_with_1_and_the_sentence_of_a_run(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    refused = logs.write("a.parquet", {"when": [NOON], "site": [A], "code": [200]})
    broken = logs.folder / "b.parquet"
    broken.write_bytes(refused.read_bytes()[:-9])
    clients = logs.write("c.parquet", {"timestamp": [NOON], "host": ["192.0.2.1"], "status": [200]})
    reasons = store.run(logs.folder).outcome.quarantined
    for file in (refused, broken, clients):
        said = sentence(httpcodes("inspect", file), 1)
        proposed = f"httpcodes run {logs.folder} ", f"httpcodes inspect {file} "
        assert said == reasons[str(file)].replace(*proposed)


def test_a_file_that_is_not_there_exits_with_2(logs: Logs, httpcodes: Command) -> None:
    missing = logs.folder / "nowhere.parquet"
    assert sentence(httpcodes("inspect", missing), 2) == (
        f"{missing} does not exist; a source is a file, a folder or a glob"
    )
    with pytest.raises(SourceNotFound):
        inspect(str(missing), ReadingOptions(), 5)


def test_it_is_one_file_that_is_looked_at(logs: Logs) -> None:
    with pytest.raises(UnreadableFile, match=r"holds no \*\.parquet, and no file"):
        inspect(str(logs.folder), ReadingOptions(), 5)
    file = logs.requests("a.parquet", (NOON, A, 200))
    for place in (file, logs.folder, logs.folder / "*.parquet"):
        assert inspect(str(place), ReadingOptions(), 5).path == str(file)
    logs.requests("b.parquet", (NOON, A, 200))
    with pytest.raises(UnreadableFile, match="has to be one file; it is 2"):
        inspect(str(logs.folder), ReadingOptions(), 5)


def test_what_it_says_is_what_a_run_counts(mixed: Path, logs: Logs, store: Store) -> None:
    vendors = {
        "zeek.parquet": {
            "ts": [1757419200.9, 1757419500.0], "host": [A, "-"], "status_code": [200, 404],
            "id.orig_h": ["192.0.2.1"] * 2,
        },
        "caddy.parquet": {
            "ts": [1757419200.5, 1757419200.5], "logger": ["http.log.access", "http.log.error"],
            "status": [200, 500], "request": pa.array([{"host": A, "uri": "/"}] * 2),
        },
    }  # fmt: skip
    files = [mixed, *(logs.write(name, columns) for name, columns in vendors.items())]
    for file in files:
        alone = Store(store.folder / file.stem)
        done = alone.run(file).outcome
        seen = inspect(str(file), ReadingOptions(), 100)
        ((format_, first, last),) = alone.sql(
            "SELECT format, first_request, last_request FROM source_files"
        )
        assert (seen.reading.format, seen.first_request, seen.last_request) == (format_, first, last)  # fmt: skip
        assert (seen.rows_read, seen.rows_counted) == (done.rows_read, done.rows_counted)
        assert dict(seen.rejected) == done.rejected == alone.rejected()
        services = alone.sql("SELECT service_name, sum(requests)::BIGINT FROM rollup_5m GROUP BY 1")
        assert dict(seen.services) == dict(services)
        counted = [row[1:] for row in seen.rows if None not in row]
        assert {(service, bucket, status) for service, status, bucket in counted} == set(alone.counts())  # fmt: skip
        assert len(counted) == done.rows_counted


def test_the_options_of_a_run_say_how_to_read_it(logs: Logs, httpcodes: Command) -> None:
    file = logs.write(
        "site/a.parquet",
        {"day": ["2025-09-09"], "hour": ["14:00:00"], "u": ["https://A.example:443/"], "code": [200]},
    )  # fmt: skip
    maps = ["--map", "timestamp=day+hour", "--map", "status=code"]
    told = httpcodes(
        "inspect", file, *maps, "--map", "url=u", "--zone", "Europe/Berlin"
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert lines(told)[:4] == [
        "format map", "service the host inside u", "timestamp day + hour", "status code",
    ]  # fmt: skip
    assert "2025-09-09T12:00:00.000000Z a.example 200 2025-09-09T12:00:00Z" in lines(told)
    named = httpcodes("inspect", file, *maps, "--service-name", "B.example")
    assert f"1 request of {B}" in lines(named)
    assert "service B.example" in lines(named)


def test_the_service_may_be_in_the_path_that_is_looked_at(logs: Logs, httpcodes: Command) -> None:
    file = logs.write("site/a.parquet", {"timestamp": [NOON], "status": [200]})
    placed = httpcodes("inspect", file, "--service-from-path", "{service}/*.parquet")
    assert placed.returncode == 0, placed.stderr
    assert "1 request of site" in lines(placed)


def test_it_looks_at_what_lies_there_now_whatever_a_store_knows(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    shutil.copy(file, logs.folder / "copy.parquet")
    store.run(logs.folder)
    environment = {"HTTPCODES_STORE": str(store.folder)}
    told = httpcodes("inspect", logs.folder / "copy.parquet", env=environment)
    assert (told.returncode, "counted 1" in lines(told)) == (0, True)


def test_every_format_is_listed(httpcodes: Command) -> None:
    done = httpcodes("formats")
    assert (done.returncode, done.stderr) == (0, b"")
    listed = [line.split(maxsplit=1) for line in done.stdout.decode().splitlines()]
    assert listed == [[format_.name, format_.about] for format_ in FORMATS]
    assert len(BY_NAME) == len(FORMATS)


def test_a_format_is_shown_with_its_columns_and_what_is_passed_over(httpcodes: Command) -> None:
    done = httpcodes("formats", "frontdoor")
    assert (done.returncode, done.stderr) == (0, b"")
    told = lines(done)
    assert told[0] == "frontdoor: Azure Front Door, FrontDoorAccessLog"
    assert "told by trackingReference" in told
    assert "service hostName else the host inside requestUri" in told
    assert "timestamp time" in told
    assert "status httpStatusCode" in told
    assert "passed over rows whose isReceivedFromClient is false|0" in told
    assert "duration_ms timeTaken, x 1000" in told
    without = lines(httpcodes("formats", "combined"))
    assert "service none: --service-name or --service-from-path" in without


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
def test_a_format_says_whose_it_is_and_where_its_names_are_from(format_: Format) -> None:
    assert format_.about
    assert re.match(r"https://|README\.md$", format_.source)
    assert format_.timestamp
    assert format_.status
    assert format_.optional.keys() <= set(OPTIONAL)


def test_an_unknown_format_exits_with_2_and_names_the_known_ones(httpcodes: Command) -> None:
    said = sentence(httpcodes("formats", "ngnix"), 2)
    assert said == f"unknown format 'ngnix'; known are {', '.join(BY_NAME)}"
