"""What a run does with files that are new, known, replaced, doubled, late, or broken."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import Logs, Store, age

from jobs.logs.formats import BY_NAME
from jobs.logs.sources import SourceNotFound
from jobs.verify import verify

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z"


def test_a_second_run_over_the_same_files_changes_no_count_and_says_so(
    logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 404))
    first = store.run(logs.folder)
    counts = store.counts()
    second = store.run(logs.folder)
    assert (first.outcome.files_ingested, first.changed) == (1, True)
    assert (second.outcome.files_unchanged, second.changed) == (1, False)
    assert second.outcome.rows_read == 0
    assert store.counts() == counts == {(A, NOON, 200): 1, (B, NOON, 404): 1}
    assert store.sql("SELECT files_ingested, files_unchanged FROM runs ORDER BY run_id") == [(1, 0), (0, 1)]  # fmt: skip


def test_a_late_file_changes_the_buckets_that_it_touches_and_no_other(
    logs: Logs, store: Store
) -> None:
    logs.requests("b.parquet", (NOON, A, 200), (LATER, A, 200))
    store.run(logs.folder)
    logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 503))
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 2, (B, NOON, 503): 1, (A, LATER, 200): 1}


def test_a_replaced_file_replaces_its_counts(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, A, 200), (LATER, A, 404))
    logs.requests("b.parquet", (NOON, A, 200))
    store.run(logs.folder)
    logs.requests("a.parquet", (NOON, A, 200), (LATER, B, 500))
    summary = store.run(logs.folder)
    assert (summary.outcome.files_replaced, summary.outcome.files_unchanged) == (1, 1)
    assert store.counts() == {(A, NOON, 200): 2, (B, LATER, 500): 1}
    states = store.sql("SELECT state, count(*) FROM source_files GROUP BY state ORDER BY state")
    assert states == [("ingested", 2), ("replaced", 1)]
    contributed = store.sql("SELECT sum(requests)::BIGINT FROM contributions")
    assert contributed == store.sql("SELECT sum(requests)::BIGINT FROM rollup_5m") == [(3,)]


def test_new_content_of_the_same_size_and_modification_time_is_noticed(
    logs: Logs, store: Store
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    age(file)
    store.run(logs.folder)
    before = file.stat()
    logs.requests("a.parquet", (NOON, A, 503))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert store.run(logs.folder).outcome.files_replaced == 1
    assert store.counts() == {(A, NOON, 503): 1}


def test_the_same_content_under_a_new_modification_time_does_nothing(
    logs: Logs, store: Store
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    os.utime(file, (1, 1))
    summary = store.run(logs.folder)
    assert (summary.outcome.files_unchanged, summary.outcome.files_replaced) == (1, 0)
    assert store.sql("SELECT epoch(modified_at)::INTEGER FROM source_files") == [(1,)]


def test_a_copy_is_a_duplicate_and_counts_once(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    shutil.copy(file, logs.folder / "b.parquet")
    shutil.copy(file, logs.folder / "c.parquet")
    assert store.run(logs.folder).outcome.files_duplicate == 2
    shutil.copy(file, logs.folder / "d.parquet")
    assert store.run(logs.folder).outcome.files_duplicate == 1
    assert store.counts() == {(A, NOON, 200): 1}
    assert sorted(store.states().values()) == ["duplicate", "duplicate", "duplicate", "ingested"]


def test_thousands_of_copies_count_once_whether_they_can_be_read_or_not(
    logs: Logs, store: Store
) -> None:
    good = logs.requests("good.parquet", (NOON, A, 200))
    bad = logs.folder / "bad.parquet"
    bad.write_bytes(b"PAR1")
    for number in range(1500):
        shutil.copy(good, logs.folder / f"{number}.parquet")
    for number in range(20):
        shutil.copy(bad, logs.folder / f"bad-{number}.parquet")
    summary = store.run(logs.folder)
    assert summary.outcome.files_duplicate == 1500
    assert len(summary.outcome.quarantined) == 21
    assert store.counts() == {(A, NOON, 200): 1}


def test_files_that_differ_in_one_byte_of_a_page_are_two_files(logs: Logs, store: Store) -> None:
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    for name, path in (("a.parquet", "/x"), ("b.parquet", "/y")):
        columns = {"timestamp": [NOON], "host": [A], "status": [200], "path": [path]}
        logs.write(name, columns, **plain)
    contents = [(logs.folder / name).read_bytes() for name in ("a.parquet", "b.parquet")]
    assert len(contents[0]) == len(contents[1])
    assert contents[0][-400:] == contents[1][-400:]
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 2}


def test_a_rotated_log_is_counted_under_its_new_name(logs: Logs, store: Store) -> None:
    current = logs.requests("z-current.parquet", (NOON, A, 200))
    store.run(logs.folder)
    current.rename(logs.folder / "a-rotated.parquet")
    logs.requests("z-current.parquet", (LATER, A, 200))
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 1, (A, LATER, 200): 1}
    assert store.states() == {"a-rotated.parquet": "ingested", "z-current.parquet": "ingested"}


def test_a_duplicate_whose_twin_is_replaced_comes_into_force(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    age(Path(shutil.copy(file, logs.folder / "b.parquet")))
    store.run(logs.folder)
    logs.requests("a.parquet", (LATER, A, 200))
    done = store.run(logs.folder).outcome
    assert (done.files_unchanged, done.files_replaced, done.files_ingested) == (1, 1, 0)
    assert verify(store.folder, deep=True).findings == []
    assert store.counts() == {(A, NOON, 200): 1, (A, LATER, 200): 1}
    assert set(store.states().values()) == {"ingested"}


def test_a_duplicate_that_is_gone_keeps_its_counts_when_its_twin_is_replaced(
    logs: Logs, store: Store
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200), ("x", A, 200))
    copy = Path(shutil.copy(file, logs.folder / "b.parquet"))
    store.run(logs.folder)
    copy.unlink()
    logs.requests("a.parquet", (LATER, A, 200))
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 1, (A, LATER, 200): 1}
    assert store.rejected() == {"timestamp unreadable": 1}
    assert verify(store.folder, deep=True).findings == []


def test_a_file_that_disappears_keeps_its_counts(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    file.unlink()
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.sql("SELECT count(*) FROM access_log") == [(0,)]


def test_broken_files_go_to_quarantine_and_the_rest_is_counted(logs: Logs, store: Store) -> None:
    rows = 40_000
    good = logs.write(
        "good.parquet",
        {
            "timestamp": pa.array([NOON] * rows),
            "host": pa.array([A] * rows),
            "status": pa.array(range(rows)),
        },
        row_group_size=2_000,
    )
    whole = good.read_bytes()
    logs.requests("fine.parquet", (NOON, A, 200))
    (logs.folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (logs.folder / "empty.parquet").write_bytes(b"")
    (logs.folder / "text.parquet").write_text("timestamp,host,status\n")
    holed = bytearray(whole)
    holed[len(whole) // 2 : len(whole) // 2 + 2_000] = bytes(2_000)
    good.write_bytes(holed)
    summary = store.run(logs.folder)
    assert set(map(os.path.basename, summary.outcome.quarantined)) == {
        "cut.parquet", "empty.parquet", "good.parquet", "text.parquet",
    }  # fmt: skip
    assert all(
        reason.startswith("cannot be read") for reason in summary.outcome.quarantined.values()
    )
    assert not summary.complete
    assert store.counts() == {(A, NOON, 200): 1}


def test_a_quarantined_file_stays_until_it_changes(logs: Logs, store: Store) -> None:
    file = logs.folder / "a.parquet"
    file.write_bytes(b"PAR1")
    age(file)
    for _ in range(2):
        assert list(store.run(logs.folder).outcome.quarantined) == [str(file)]
    assert store.sql("SELECT count(*) FROM source_files") == [(1,)]
    logs.requests("a.parquet", (NOON, A, 200))
    assert store.run(logs.folder).complete
    assert store.states() == {"a.parquet": "ingested"}


def test_a_quarantined_file_is_tried_again_when_told_to(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade that reads more than the program before it."""
    file = logs.requests("a.parquet", (NOON, A, 200))
    age(file)
    with monkeypatch.context() as old_program:
        old_program.setattr("jobs.logs.reading.FORMATS", (BY_NAME["cloudfront"],))
        assert not store.run(logs.folder).complete
    assert not store.run(logs.folder).complete
    assert store.run(logs.folder, retry=True).complete
    assert store.counts() == {(A, NOON, 200): 1}


def test_a_replacement_that_is_broken_leaves_the_old_counts_in_force(
    logs: Logs, store: Store
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    file.write_bytes(b"PAR1")
    assert not store.run(logs.folder).complete
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.sql("SELECT count(*) FROM access_log") == [(0,)]
    logs.requests("a.parquet", (LATER, A, 200))
    assert store.run(logs.folder).complete
    assert store.counts() == {(A, LATER, 200): 1}


def test_a_file_that_was_broken_for_a_while_is_in_order_again(logs: Logs, store: Store) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    whole = file.read_bytes()
    store.run(logs.folder)
    file.write_bytes(b"PAR1")
    assert not store.run(logs.folder).complete
    file.write_bytes(whole)
    assert store.run(logs.folder).complete
    assert store.states() == {"a.parquet": "ingested"}
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.sql("SELECT count(*) FROM access_log") == [(1,)]


def test_a_refused_file_is_tried_again_when_the_caller_says_how_to_read_it(
    logs: Logs, store: Store
) -> None:
    file = logs.write("a.parquet", {"when": [NOON], "site": [A], "code": [200]})
    age(file)
    assert not store.run(logs.folder).complete
    maps = ["service=site", "timestamp=when", "status=code"]
    assert store.run(logs.folder, maps=maps).complete
    assert store.counts() == {(A, NOON, 200): 1}


def test_files_of_different_kinds_are_read_in_one_run(logs: Logs, store: Store) -> None:
    for number in range(3):
        logs.requests(f"generic-{number}.parquet", (NOON, A, 200 + number))
        logs.write(
            f"cloudflare-{number}.parquet",
            {
                "ClientRequestHost": [A],
                "EdgeStartTimestamp": [1757419200 + number],
                "EdgeResponseStatus": [200],
            },
        )
    store.run(logs.folder)
    assert store.counts() == {(A, NOON, 200): 4, (A, NOON, 201): 1, (A, NOON, 202): 1}
    formats = store.sql("SELECT format, count(*) FROM source_files GROUP BY ALL ORDER BY ALL")
    assert formats == [("cloudflare", 3), ("generic", 3)]


def test_unfinished_and_hidden_files_are_passed_over(logs: Logs, store: Store) -> None:
    for name in ("_temporary/a.parquet", ".staging/b.parquet", "_c.parquet", ".d.parquet",
                 "e.parquet.tmp", "f.parquet.inprogress"):  # fmt: skip
        logs.requests(name, (NOON, B, 200))
    logs.requests("deep/er/h.parquet", (NOON, A, 200))
    logs.requests("i.PARQUET", (LATER, A, 200))
    assert store.run(logs.folder).outcome.files_ingested == 2
    for everything in ("*", "**/*.parquet*", "**"):
        store.run(f"{logs.folder}/{everything}/")
        store.run(f"{logs.folder}/{everything}")
    store.run(*(file for file in logs.folder.iterdir() if file.is_file()))
    assert {service for service, _, _ in store.counts()} == {A}


def test_sources_are_files_folders_and_globs_and_a_file_is_taken_once(
    logs: Logs, store: Store
) -> None:
    logs.requests("x/a.parquet", (NOON, A, 200))
    logs.requests("x/y/b.log", (NOON, A, 201))
    logs.requests("[1]*.parquet", (NOON, A, 202))
    logs.requests("1x.parquet", (NOON, A, 203))
    (logs.folder / "x" / "loop").symlink_to(logs.folder / "x", target_is_directory=True)
    summary = store.run(
        logs.folder / "x", logs.folder / "x" / "a.parquet", f"{logs.folder}/**/*.log",
        logs.folder / "[1]*.parquet", f"{logs.folder}/none-*.parquet",
    )  # fmt: skip
    assert summary.outcome.files_ingested == 3
    assert set(store.counts()) == {(A, NOON, 200), (A, NOON, 201), (A, NOON, 202)}
    assert store.sql("SELECT count(*) FROM access_log") == [(3,)]


def test_a_source_that_does_not_exist_is_named_and_nothing_is_published(
    logs: Logs, store: Store
) -> None:
    with pytest.raises(SourceNotFound, match="missing"):
        store.run(logs.folder, logs.folder / "missing")
    assert not store.folder.exists()


def test_names_that_are_hard_to_quote_are_read(logs: Logs, store: Store) -> None:
    for number, name in enumerate(("it's.parquet", 'a "b".parquet', "c;d.parquet", "e\nf.parquet",
                                   "ü?.parquet", "{g}.parquet")):  # fmt: skip
        logs.requests(name, (NOON, A, number))
    logs.write("odd.parquet", {'say "when"': [NOON], "it's": [A], "a.b": [500], "--": ["x"]})
    assert store.run(f"{logs.folder}/*[!d].parquet").outcome.files_ingested == 5
    store.run(logs.folder)
    maps = ['timestamp=say "when"', "service=it's", "status=a.b"]
    assert store.run(logs.folder, maps=maps).complete
    assert sum(store.counts().values()) == 7
    assert store.sql("SELECT count(*), count(requested_at) FROM access_log") == [(7, 7)]


def test_a_name_that_is_no_text_is_refused_and_the_rest_is_counted(
    logs: Logs, store: Store
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200))
    shutil.copy(file, os.fsencode(logs.folder) + b"/caf\xe9.parquet")
    summary = store.run(logs.folder)
    ((path, reason),) = summary.outcome.quarantined.items()
    assert "udce9" in path
    assert "UTF-8" in reason
    assert store.counts() == {(A, NOON, 200): 1}


def test_rows_read_are_rows_counted_and_rejected_for_every_file(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, "", 200), ("x", A, 200), (NOON, A, 1000))
    summary = store.run(logs.folder)
    assert store.sql("SELECT rows_read, rows_counted, rows_rejected FROM source_files") == [(4, 1, 3)]  # fmt: skip
    assert summary.outcome.rejected == {
        "service missing": 1, "timestamp unreadable": 1, "status unreadable": 1,
    }  # fmt: skip
    assert not summary.complete


def test_buckets_are_final_once_the_settle_time_has_passed(logs: Logs, store: Store) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    logs.requests("a.parquet", (NOON, A, 200), (now, A, 200))
    store.run(logs.folder)
    assert store.sql("SELECT final FROM bucket_status ORDER BY bucket_start") == [(True,), (False,)]


def test_services_say_how_far_their_data_reaches(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (LATER, A, 200))
    store.run(logs.folder)
    logs.requests("b.parquet", ("2025-09-09T11:59:59Z", A, 200))
    store.run(logs.folder)
    seen = store.sql("SELECT service_name, first_seen::VARCHAR, last_seen::VARCHAR, registered FROM services")  # fmt: skip
    assert seen == [(A, "2025-09-09 11:55:00", "2025-09-09 13:00:00", False)]


def test_what_is_no_regular_file_is_refused_and_the_rest_is_counted(
    logs: Logs, store: Store
) -> None:
    os.mkfifo(logs.folder / "pipe.parquet")
    logs.requests("a.parquet", (NOON, A, 200))
    quarantined = store.run(logs.folder).outcome.quarantined
    assert list(quarantined.values()) == ["is not a regular file"]
    assert store.counts() == {(A, NOON, 200): 1}


def test_columns_that_are_called_like_those_of_a_scan_forge_nothing(
    logs: Logs, store: Store
) -> None:
    for number in range(3):
        logs.write(
            f"{number}.parquet",
            {
                "timestamp": [NOON] * 2, "host": [A] * 2, "status": [200 + number] * 2,
                "FILE_INDEX": [2, 99], "filename": ["/etc/passwd"] * 2, "file_row_number": [7, 7],
                "source_file": ["x"] * 2, "moment": ["x"] * 2, "service": [None] * 2,
            } if number else {"timestamp": [NOON], "host": [A], "status": [200]},
        )  # fmt: skip
    maps = ["service=host", "timestamp=timestamp", "status=status"]
    assert store.run(logs.folder, maps=maps).complete
    assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 201): 2, (A, NOON, 202): 2}
    files = store.sql("SELECT path, rows_counted FROM source_files ORDER BY path")
    assert [rows for _, rows in files] == [1, 2, 2]
    shown = store.sql("SELECT source_file, count(*) FROM access_log GROUP BY ALL ORDER BY ALL")
    assert shown == files


def flipped(file: Path, value: bytes) -> Path:
    """The file with a bit of this value changed, where it first stands."""
    content = file.read_bytes()
    place = content.index(value)
    file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    return file


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_page_that_does_not_match_its_checksum_is_found(
    version: str, compression: str, logs: Logs, store: Store
) -> None:
    columns = {"host": [A] * 300, "timestamp": [NOON] * 300, "status": [200] * 300}
    options = {"compression": compression, "data_page_version": version}
    for name in ("sound.parquet", "damaged.parquet"):
        logs.write(name, columns, write_page_checksum=True, **options)
        columns = columns | {"path": ["/"] * 300}
    flipped(logs.folder / "damaged.parquet", A.encode()[:4])
    summary = store.run(logs.folder)
    (reason,) = summary.outcome.quarantined.values()
    assert reason == "a page does not match its checksum: the file was damaged after it was written"
    assert store.counts() == {(A, NOON, 200): 300}


DECIDING: dict[str, tuple[dict[str, Any], dict[str, Any], bytes]] = {
    "combined": (
        {"line": [f'192.0.2.1 - - [09/Sep/2025:12:00:00 +0000] "GET / HTTP/1.1" {n} 1' for n in (200, 404)]},
        {"service_name": A}, b'" 404',
    ),
    "a map's pattern": (
        {"text": ["h=a.example s=200"], "timestamp": [NOON]},
        {"maps": ["service=text~h=(\\S+)", "timestamp=timestamp", "status=text~s=(.*)"]}, b"a.example",
    ),
    "passed over": (
        {"reqHost": [A], "reqTimeSec": [1757419200], "statusCode": ["200"], "isMidgress": ["1x"]},
        {}, b"1x",
    ),
    "the URL": (
        {"time": [NOON], "elb_status_code": ["200"], "domain_name": ["-"],
         "request_url": ["https://b.example/"]}, {}, b"https://b",
    ),
    "nested": (
        {"ts": [1757419200.5], "status": [200], "request": [{"uri": "/", "Host": "b.example"}]},
        {}, b"b.example",
    ),
    "dotted": (
        {"span_id": ["x"], "start_time": [NOON], "http.response.status_code": [200],
         "server.address": ["b.example"]}, {}, b"b.example",
    ),
    "other case": ({"TimeStamp": [NOON], "HOST": ["b.example"], "Status": [200]}, {}, b"b.example"),
    "the time of day": (
        {"date": ["2025-09-09"], "time": ["12:00:00"], "x_host_header": [A], "sc_status": [200]},
        {}, b"12:00",
    ),
}  # fmt: skip
"""Columns, how they are read, and a value of a column that decides what counts."""


@pytest.mark.parametrize("what", DECIDING)
def test_every_column_that_decides_is_checked(what: str, logs: Logs, store: Store) -> None:
    columns, how, value = DECIDING[what]
    options = {"compression": "none", "write_page_checksum": True, "write_statistics": False}
    file = logs.write("a.parquet", columns, **options)
    assert store.run(file, **how).outcome.files_ingested == 1
    flipped(file, value)
    (reason,) = store.run(file, **how).outcome.quarantined.values()
    assert reason.startswith("a page does not match its checksum")


def test_what_no_checksum_covers_is_read_as_it_stands(logs: Logs, store: Store) -> None:
    columns = {"host": [A], "timestamp": [NOON], "status": [200]}
    flipped(
        logs.write("a.parquet", columns, compression="none", write_statistics=False), A.encode()
    )
    store.run(logs.folder)
    assert store.counts() == {("`.example", NOON, 200): 1}


def test_a_counted_file_that_broke_elsewhere_does_not_stop_a_run(logs: Logs, store: Store) -> None:
    logs.requests("yesterday/a.parquet", (NOON, A, 200))
    logs.requests("today/b.parquet", (LATER, A, 200))
    store.run(logs.folder / "yesterday")
    (logs.folder / "yesterday/a.parquet").write_bytes(b"PAR1 and no more")
    store.run(logs.folder / "today")
    assert store.counts() == {(A, NOON, 200): 1, (A, LATER, 200): 1}
    assert store.sql("SELECT count(*) FROM access_log") == [(1,)]


def test_a_new_file_defines_only_its_part_of_access_log(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), ("x", A, 200))
    logs.requests("b.parquet", ("2025-09-10T00:00:00Z", A, 404))
    store.run(logs.folder)
    # Beside the parts there is their group.
    parts = "SELECT name, digest FROM internal.access_log_parts WHERE name LIKE '%202509%' ORDER BY name"  # fmt: skip
    first_day, second_day = store.sql(parts)
    logs.requests("c.parquet", ("2025-09-10T01:00:00Z", A, 404), ("", A, 500))
    store.run(logs.folder)
    assert store.sql(parts)[0] == first_day
    assert store.sql(parts)[1] != second_day
    by_status = "SELECT status_code, count(*) FROM access_log GROUP BY 1 ORDER BY 1"
    assert store.sql(by_status) == [(200, 2), (404, 2), (500, 1)]
    (logs.folder / "a.parquet").unlink()
    store.run(logs.folder)
    assert len(store.sql(parts)) == 1
    assert store.sql(by_status) == [(404, 2), (500, 1)]


def test_a_question_about_an_hour_opens_the_files_of_its_day(logs: Logs, store: Store) -> None:
    for day in range(1, 10):
        logs.requests(f"{day}.parquet", (f"2025-09-0{day}T12:00:00Z", A, 200))
    store.run(logs.folder)
    hour = "requested_at >= '2025-09-05 12:00' AND requested_at < '2025-09-05 13:00'"
    plan = str(store.sql(f"EXPLAIN SELECT count(*) FROM access_log WHERE {hour}"))
    # Once for canonical names, once for aliases.
    assert plan.count("READ_PARQUET") <= 2
    assert store.sql(f"SELECT count(*) FROM access_log WHERE {hour}") == [(1,)]
