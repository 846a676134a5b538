"""Text that is cut short, damaged, odd or still written: nothing of it is lost without a word."""

import gzip
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Logs, Store

from jobs.logs.storage import Storage
from jobs.logs.text.audit import audit
from jobs.rejects import rejects
from jobs.store.revision import Terms
from jobs.verify import verify
from queries.analyst import fenced

NOON = "2025-09-09T12:00:00Z"
A = "a.example"
HEADER = "timestamp,host,status,agent"


def line(agent: str = "x", status: int = 200) -> str:
    return json.dumps({"timestamp": NOON, "host": A, "status": status, "agent": agent})


def text(count: int) -> bytes:
    return "".join(f"{line(str(n))}\n" for n in range(count)).encode()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    """One bit of the checksum of gzip's end is another."""
    return data[:-6] + bytes([data[-6] ^ 1]) + data[-5:]


STREAMS: dict[str, tuple[bytes, str]] = {
    "gzip cut short": (cut(gzip.compress(text(500))), "cut short"),
    "gzip without its end": (gzip.compress(text(500))[:-4], "cut short"),
    "gzip of another checksum": (flipped(gzip.compress(text(500))), "damaged"),
    "second member cut": (gzip.compress(text(9)) + gzip.compress(text(9))[:-9], "cut short"),
    "garbage behind": (gzip.compress(text(500)) + b"garbage", "damaged"),
    "zstd cut short": (pa.compress(text(500), "zstd", asbytes=True)[:-20], "cut short"),
}


def old(file: Path) -> Path:
    """As nobody has written to it for an hour."""
    then = time.time() - 3600
    os.utime(file, (then, then))
    return file


@pytest.mark.parametrize("what", STREAMS)
def test_a_stream_that_is_not_whole_adds_nothing(what: str, logs: Logs, store: Store) -> None:
    data, why = STREAMS[what]
    file = logs.folder / "hour.log.gz"
    (logs.folder / "sound.log.gz").write_bytes(gzip.compress(text(3)))
    file.write_bytes(data)
    done = store.run(str(old(file)), logs.folder / "sound.log.gz").outcome
    assert list(done.quarantined) == [str(file)]
    assert why in done.quarantined[str(file)]
    assert store.counts() == {(A, NOON, 200): 3}
    file.write_bytes(gzip.compress(text(5)))
    store.run(file)
    assert store.counts() == {(A, NOON, 200): 8}


@pytest.mark.parametrize("data", [text(3)[:-9], cut(gzip.compress(text(300)))], ids=["plain", "gz"])
def test_a_log_that_is_still_written_is_left_to_the_next_run(
    data: bytes, logs: Logs, store: Store
) -> None:
    file = logs.folder / "access.log"
    file.write_bytes(data)
    (why,) = store.run(file).outcome.quarantined.values()
    assert "the next run looks at it again" in why
    assert store.sql("SELECT count(*) FROM source_files") == [(0,)]
    file.write_bytes(text(300))
    assert store.run(file).outcome.rows_counted == 300


def test_the_last_line_of_a_log_that_rests_needs_no_end(logs: Logs, store: Store) -> None:
    file = logs.folder / "access.log"
    file.write_bytes(text(3).rstrip())
    assert store.run(old(file)).outcome.rows_counted == 3


def test_a_log_that_grew_takes_the_place_of_what_it_was(logs: Logs, store: Store) -> None:
    file = logs.folder / "access.log"
    file.write_bytes(text(3))
    store.run(file)
    with file.open("ab") as more:
        more.write(text(4))
    assert store.run(file).outcome.files_replaced == 1
    assert store.counts() == {(A, NOON, 200): 7}
    (logs.folder / "access.log.1.gz").write_bytes(gzip.compress(text(7)))
    file.write_bytes(text(2))
    store.run(str(logs.folder / "access*"))
    assert store.counts() == {(A, NOON, 200): 9}


def test_a_third_of_broken_lines_are_rejects_and_each_is_shown(logs: Logs, store: Store) -> None:
    good, bad = text(70).splitlines(), [f"broken {n}".encode() for n in range(30)]
    lines = good + bad
    random.Random(5).shuffle(lines)
    file = logs.folder / "access.log"
    file.write_bytes(b"\n".join([good[0], *lines, b""]))
    done = store.run(file).outcome
    assert (done.rows_counted, done.rejected) == (71, {"line unreadable": 30})
    (told,) = rejects(store.folder, None, 100)
    assert sorted(row["line"].encode() for row, _ in told.shown) == sorted(bad)


@pytest.mark.parametrize(
    "said", [{}, {"kind": "ndjson", "format_name": "generic"}], ids=["", "said"]
)
def test_a_file_of_nothing_but_broken_lines_goes_to_quarantine(
    said: dict[str, str], logs: Logs, store: Store
) -> None:
    file = logs.folder / "access.log"
    file.write_text('{"host": \n' * 3)
    (why,) = store.run(file, **said).outcome.quarantined.values()
    assert why.startswith("cannot be read as JSON" if said else "is text of no kind that is known")
    # Where the first lines are sound and no row is.
    file.write_text(f"{HEADER}\n" + "a,b\n" * 3)
    (why,) = store.run(file).outcome.quarantined.values()
    assert why == "none of its 3 lines could be taken apart: it is no log of generic"


def test_a_byte_order_mark_and_blank_lines_are_no_rows(logs: Logs, store: Store) -> None:
    for name, lines in {"a.log": [line(), "", line()], "b.log": [HEADER, f"{NOON},{A},200,x", "", ""]}.items():  # fmt: skip
        (logs.folder / name).write_bytes("\r\n".join([*lines, ""]).encode("utf-8-sig"))
    done = store.run(str(logs.folder / "*.log")).outcome
    assert (done.rows_counted, done.rows_rejected, done.passed_over) == (3, 0, {"header line": 1})


ENDINGS = ["\n", "\r\n", "\r"]


@pytest.mark.parametrize("endings", [ENDINGS[:2], ENDINGS], ids=["two", "three"])
@pytest.mark.parametrize("kind", ["ndjson", "csv"])
def test_lines_may_end_in_different_ways(
    kind: str, endings: list[str], logs: Logs, store: Store
) -> None:
    chance = random.Random(7)
    rows = [f"{NOON},{A},200,{n}" if kind == "csv" else line(str(n)) for n in range(1000)]
    lines = [HEADER, *rows] if kind == "csv" else rows
    file = logs.folder / "access.log"
    file.write_bytes("".join(each + chance.choice(endings) for each in lines).encode())
    done = store.run(file).outcome
    assert (done.rows_counted, done.rows_rejected) == (1000, 0)
    assert store.sql("SELECT count(*) FROM access_log") == [(1000,)]


@pytest.mark.parametrize("kind", ["csv", "w3c"])
def test_bytes_that_are_no_text_lose_no_row(kind: str, logs: Logs, store: Store) -> None:
    header, comma = (
        (HEADER, ",") if kind == "csv" else (f"#Fields: {HEADER.replace(',', ' ')}", " ")
    )
    rows = [
        (NOON, A, "200", "Latin-1 \xe9".encode("latin-1")),
        (NOON, A, "200", "UTF-8 é".encode()),
        (NOON, "bücher.example", "200", b"x"),
        (NOON, "b\xfccher.example".encode("latin-1"), "200", b"x"),
        (NOON, A, "404", b"nul \x00\x00 \x01"),
    ]
    lines = [header.encode()]
    for row in rows:
        values = (v if isinstance(v, bytes) else v.encode() for v in row)
        joined = comma.encode().join(v.replace(b" ", b"+") for v in values)
        lines.append(joined)
    file = logs.folder / "access.log"
    file.write_bytes(b"\n".join([*lines, b""]))
    done = store.run(file).outcome
    assert store.counts() == {
        **{(A, NOON, 200): 2, (A, NOON, 404): 1},
        ("xn--bcher-kva.example", NOON, 200): 1,
    }
    assert done.rejected == {"service unreadable": 1}


def test_quotation_marks_that_are_not_closed_swallow_no_line(logs: Logs, store: Store) -> None:
    row = f"{NOON},{A},200,"
    lines = [
        HEADER,
        row + "x",
        row + '"open',
        row + "y",
        row + 'shut",',
        row + '"a, ""b"""',
        row + "z",
    ]
    file = logs.folder / "access.csv"
    file.write_text("\n".join([*lines, ""]))
    done = store.run(file).outcome
    assert (done.rows_counted, done.rejected) == (4, {"line unreadable": 2})
    (told,) = rejects(store.folder, None, 9)
    assert [shown["line"] for shown, _ in told.shown] == [lines[2], lines[4]]
    seen = store.sql("SELECT count(*), max(user_agent) FROM access_log WHERE status_code = 200")
    assert seen[0][0] == 4


def test_a_second_header_of_another_order_is_refused_and_one_of_the_same_is_no_row(
    logs: Logs, store: Store
) -> None:
    turned = f"{HEADER}\n{NOON},{A},200,502\ntimestamp,host,agent,status\n{NOON},{A},502,200\n"
    (logs.folder / "turned.csv").write_text(turned)
    (logs.folder / "quoted.csv").write_text(turned.replace("agent,status", '"Agent","Status"'))
    # A line with another number of fields: it is read line by line.
    (logs.folder / "long.csv").write_text(f"{turned}{NOON},{A},200,x,y\n")
    (logs.folder / "same.csv").write_text(f"{HEADER}\n{NOON},{A},200,x\n" * 2)
    # Values that only look like names of columns.
    (logs.folder / "names.csv").write_text(f"{HEADER}\n{NOON},{A},200,status\nx,status,200,y\n")
    refused = store.run(logs.folder, kind="csv").outcome.quarantined
    assert sorted(Path(path).name for path in refused) == ["long.csv", "quoted.csv", "turned.csv"]
    assert all("names its columns in another order" in reason for reason in refused.values())
    row = (A, NOON, 200)
    assert store.of_each() == {"same.csv": {row: 2}, "names.csv": {row: 1}}
    assert store.rejected_of_each() == {"names.csv": {"timestamp unreadable": 1}}


def test_a_table_without_a_header_is_refused_and_so_is_one_of_doubled_names(
    logs: Logs, store: Store
) -> None:
    file = logs.folder / "access.csv"
    file.write_text(f"{NOON},{A},200,x\n" * 3)
    (why,) = store.run(file).outcome.quarantined.values()
    assert why.startswith("is text of no kind that is known; it begins '2025-09-09T12:00:00Z,a.ex")
    file.write_text(f"timestamp,host,status,Host\n{NOON},{A},200,b.example\n")
    (why,) = store.run(file).outcome.quarantined.values()
    assert why == 'two of its columns are called "Host": it is not known which is meant'


def test_a_line_of_five_megabytes_is_a_line_like_another(logs: Logs, store: Store) -> None:
    file = logs.folder / "access.log"
    file.write_text("\n".join([line(), line("x" * 5_000_000), "y" * 5_000_000, line(), ""]))
    done = store.run(file).outcome
    assert (done.rows_counted, done.rejected) == (3, {"line unreadable": 1})


BOMB = """
import sys
from pathlib import Path
from jobs import nightly
from jobs.logs.options import ReadingOptions, Source
done = nightly.run(Path(sys.argv[1]), [Source((sys.argv[2],), ReadingOptions())], lambda _: None, nightly.Policy())
# Not ru_maxrss, which begins with the size of the process that started this one.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) >> 10)
print(done.outcome.rows_rejected, done.outcome.rows_counted, list(done.outcome.quarantined.values()))
"""


def test_a_gzip_bomb_takes_no_more_memory_than_a_log(logs: Logs, store: Store) -> None:
    """100 MB of one line and of short ones, in some hundred kilobytes."""
    file = logs.folder / "bomb.log.gz"
    with gzip.open(file, "wb", 1) as bomb:
        bomb.write(text(200) + b"x\n" * 2_000_000 + b"y" * 100_000_000 + b"\n")
    done = subprocess.run(
        [sys.executable, "-c", BOMB, store.folder, file],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    megabytes, told = done.stdout.splitlines()
    assert told == "2000001 200 []"
    assert int(megabytes) < 700


def test_an_empty_file_is_no_fault(logs: Logs, store: Store) -> None:
    empty = {
        "a.log": b"",
        "b.log": b"\n\n",
        "a.gz": gzip.compress(b""),
        "b.gz": gzip.compress(b"\n"),
    }
    empty["a.zst"] = pa.compress(b"", "zstd", asbytes=True)
    for name, data in empty.items():
        (logs.folder / name).write_bytes(data)
    done = store.run(logs.folder, kind="auto")
    assert (done.complete, done.outcome.rows_read) == (True, 0)
    assert set(store.states().values()) == {"ingested"}


def test_a_broken_line_counts_nowhere_whatever_seems_to_stand_in_it(
    logs: Logs, store: Store
) -> None:
    rows = [
        f"{NOON},{A},200,x",
        f"{NOON},{A},404,x,more",
        f"{NOON},-:80,200,x",
        f"{NOON},{A},200,x",
    ]
    (logs.folder / "a.log").write_text("\n".join([HEADER, *rows, ""]))
    store.run(str(logs.folder / "*.log"))
    assert store.counts() == {(A, NOON, 200): 2}
    assert store.rejected() == {"line unreadable": 1, "service unreadable": 1}
    shown = "SELECT count(*) FROM access_log WHERE service_name IS NOT NULL AND status_code > 0"
    assert store.sql(shown) == [(2,)]
    assert verify(store.folder, deep=True).findings == []


def test_a_broken_line_is_rejected_where_rows_that_lack_something_are_passed_over(
    logs: Logs, store: Store
) -> None:
    span = {
        "StartTimeUnixNano": 1_757_419_200_000_000_000,
        "SpanKind": "SERVER",
        "server.address": A,
        "http.response.status_code": 200,
    }
    whole = json.dumps(span)
    other = json.dumps({"StartTimeUnixNano": span["StartTimeUnixNano"], "SpanKind": "SERVER"})
    (logs.folder / "a.log").write_text("\n".join([whole, other, whole[:-20], "garbage", whole, ""]))
    done = store.run(str(logs.folder / "*.log"), format_name="opentelemetry")
    assert done.outcome.rejected == {"line unreadable": 2}
    assert done.outcome.passed_over == {"nothing of HTTP": 1}
    assert store.counts() == {(A, NOON, 200): 2}


def test_one_odd_status_costs_its_row_where_others_are_written_with_a_fraction(
    logs: Logs, store: Store
) -> None:
    """As long as it stands among the first, by which the columns are told, and elsewhere."""
    statuses = ["200.0", "null", '"soon"', "404.5", "404.0", *["200.0"] * 300, "true", "-1.0"]
    rows = [f'{{"timestamp":"{NOON}","host":"{A}","status":{status}}}' for status in statuses]
    (logs.folder / "a.log").write_text("\n".join([*rows, ""]))
    statuses[1] = "-"
    table = [f"{NOON},{A},{status.strip(chr(34))},x" for status in statuses]
    (logs.folder / "b.csv").write_text("\n".join([HEADER, *table, ""]))
    store.run(logs.folder, kind="auto")
    counted = {(A, NOON, 200): 301, (A, NOON, 404): 1}
    assert store.of_each() == {"a.log": counted, "b.csv": counted}
    rejected = {"status missing": 1, "status unreadable": 4}
    assert store.rejected_of_each() == {"a.log": rejected, "b.csv": rejected}


def test_a_list_or_an_object_is_no_name(logs: Logs, store: Store) -> None:
    hosts = [f'"{A}"', '"[2001:db8::1]:80"', f'["{A}"]', f'{{"name":"{A}"}}', '"[x]"']
    rows = [f'{{"timestamp":"{NOON}","host":{host},"status":200}}' for host in hosts]
    (logs.folder / "a.log").write_text("\n".join([*rows, ""]))
    (logs.folder / "b.log").write_text(f"[{','.join(rows)}]\n")
    assert store.run(logs.folder, kind="auto").outcome.quarantined == {}
    counted = {(name, NOON, 200): 1 for name in (A, "[2001:db8::1]", "[x]")}
    assert store.of_each() == {"a.log": counted, "b.log": counted}
    assert store.rejected() == {"service unreadable": 4}
    seen = "SELECT count(*) FROM access_log WHERE contains(service_name, 'name')"
    assert store.sql(seen) == [(0,)]


def test_a_file_of_blanks_is_told_as_one(logs: Logs, store: Store) -> None:
    (logs.folder / "a.log").write_bytes(b"  \n \t\n")
    (reason,) = store.run(str(logs.folder / "*.log")).outcome.quarantined.values()
    assert reason == "none of its 2 lines holds anything but blanks"


def test_a_long_line_takes_no_more_memory_than_it_has(logs: Logs, store: Store) -> None:
    (logs.folder / "a.log").write_bytes(text(2) + f"{line('x' * 3_000_000)}\n".encode() + text(1))
    store.run(str(logs.folder / "*.log"), terms=Terms(memory="500MB"))
    assert store.counts() == {(A, NOON, 200): 4}
    with fenced(store.folder, "500MB") as analyst:
        assert list(analyst.ask("SELECT count(*) FROM access_log")) == [(["count_star()"], [(4,)])]


def test_the_bytes_are_counted_as_they_are_split(tmp_path: Path) -> None:
    chance = random.Random(11)
    file = tmp_path / "lines"
    for _ in range(200):
        parts = (chance.choice([b"a", b"\n", b"\r", b"bb", b"\x00"]) for _ in range(30))
        data = b"".join(parts)
        file.write_bytes(data)
        lines = [one for one in data.replace(b"\r", b"\n").split(b"\n") if one]
        assert audit(file.as_posix(), Storage()).lines == len(lines)
