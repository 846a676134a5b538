"""Text logs made Parquet: all rows, right types, the same bytes again, and counted once."""

import gzip
import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Command, Logs, Store
from terminal import Terminal, screen

SITE = "www.a.example"


def combined(rows: int) -> str:
    return "".join(
        f'192.0.2.{n % 9} - - [09/Sep/2025:14:{n // 60 % 60:02}:{n % 60:02} +0200] "GET /{n} HTTP/1.1" {200 + n % 3} {n} "-" "curl"\n'
        for n in range(rows)
    )


def cloudfront(rows: int) -> str:
    lines = (
        f"2025-09-09\t12:{n // 60:02}:{n % 60:02}\tFRA\t{n}\t192.0.2.1\tGET\td1.cloudfront.net\t/x\t{'000' if n == 7 else 200}\tA.example"
        for n in range(rows)
    )
    fields = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status x-host-header"
    return "\n".join(["#Version: 1.0", f"#Fields: {fields}", *lines, ""])


def caddy(rows: int) -> str:
    late = {"late": {"key": 1}}
    return "".join(
        json.dumps(
            {
                "ts": 1757419200 + n / 4,
                "request": {"host": "a.example", "uri": "/"},
                "status": 200 + n % 2,
                **(late if n > 300 else {}),
            }
        )
        + "\n"
        for n in range(rows)
    )


def table(rows: int) -> str:
    lines = (f'2025-09-09T12:{n // 60:02}:{n % 60:02}Z,a.example,{200 + n % 2},"a, ""b"""\n' for n in range(rows))  # fmt: skip
    return "timestamp,host,status,note\n" + "".join(lines)


WRITERS: dict[str, Callable[[int], str]] = {
    "access.log": combined, "cf.log": cloudfront, "caddy.json": caddy, "table.csv": table,
}  # fmt: skip
TYPES = {
    "access.log": {"time_local": pa.timestamp("us", "UTC"), "status": pa.int64(), "request": pa.string()},
    "cf.log": {"date": pa.date32(), "time": pa.time64("us"), "sc-status": pa.string(), "sc-bytes": pa.int64()},
    "caddy.json": {"ts": pa.float64(), "request.host": pa.string(), "status": pa.int64(), "late.key": pa.int64()},
    "table.csv": {"timestamp": pa.timestamp("us", "UTC"), "status": pa.int64(), "note": pa.string()},
}  # fmt: skip


@pytest.fixture
def texts(logs: Logs) -> Path:
    """Text logs of all kinds, one of them compressed in two members."""
    for name, write in WRITERS.items():
        (logs.folder / name).write_text(write(500))
    text = combined(1_400).split("\n", 500)[-1]
    start, end = text[:7777], text[7777:]
    members = gzip.compress(start.encode()) + gzip.compress(end.encode())
    (logs.folder / "rotated.log.gz").write_bytes(members)
    return logs.folder


def test_every_line_becomes_a_row_and_columns_have_their_types(
    texts: Path, tmp_path: Path, httpcodes: Command
) -> None:
    done = httpcodes("convert", texts, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert b"502 lines: 500 rows, 2 comment lines" in done.stderr
    assert b"501 lines: 500 rows, 1 header line" in done.stderr
    for name, types in TYPES.items():
        made = pq.read_table(tmp_path / "out" / f"{name}.parquet")
        assert made.num_rows == 500
        assert {field: made.schema.field(field).type for field in types} == types
    in_order = pq.read_table(tmp_path / "out" / "rotated.log.gz.parquet")["body_bytes_sent"]
    assert in_order.to_pylist() == list(range(500, 1400))


def test_on_a_terminal_a_line_moves_and_broken_lines_go_where_stdout_leads(
    texts: Path, tmp_path: Path
) -> None:
    with (texts / "access.log").open("a") as log:
        log.write("broken\n")
    for stdout in (tmp_path / "broken.jsonl", None):
        with (
            stdout.open("wb") if stdout else nullcontext() as file,
            Terminal(
                "convert", texts, tmp_path / "out", cwd=tmp_path, stdout=file, columns=999
            ) as terminal,
        ):
            code, _ = terminal.end()
        assert code == 3
        size = sum(file.stat().st_size for file in texts.iterdir()) / 1000
        moving = rf"100%  {size:.1f} kB of {size:.1f} kB  5 files  2,900 rows  [\d,]+ rows/s  done"
        assert re.search(moving, terminal.raw)
        left = [line for line in screen(terminal.raw) if line]
        states = ["converted" if stdout else "unchanged"] * 5
        assert [line.split()[0] for line in left if line[0] != "{"] == states
        (line,) = stdout.read_text().splitlines() if stdout else [x for x in left if x[0] == "{"]
        assert json.loads(line) == {"path": str(texts / "access.log"), "line": "broken"}


def test_converted_again_it_is_the_same_to_the_byte(
    texts: Path, tmp_path: Path, httpcodes: Command
) -> None:
    for out in ("a", "b"):
        assert httpcodes("convert", texts, tmp_path / out).returncode == 0
    made = sorted((tmp_path / "a").iterdir())
    assert len(made) == 5
    assert all(file.read_bytes() == (tmp_path / "b" / file.name).read_bytes() for file in made)
    again = httpcodes("convert", texts, tmp_path / "a").stderr
    assert again.count(b"unchanged ") == 5


def test_a_log_and_its_parquet_count_once_whichever_comes_first(
    texts: Path, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    out = tmp_path / "out"
    assert httpcodes("convert", texts, out).returncode == 0
    how = {"service_name": SITE}
    assert store.run(texts, kind="auto", **how).complete
    counts = store.counts()
    assert sum(counts.values()) == 500 * 4 + 900
    assert store.run(out, **how).outcome.files_duplicate == 5
    assert store.counts() == counts
    other = Store(tmp_path / "other")
    assert other.run(out, **how).outcome.files_ingested == 5
    assert other.counts() == counts
    for file in texts.iterdir():
        file.unlink()
    assert store.run(out, **how).complete
    assert store.counts() == counts


def test_parquet_that_was_written_anew_is_no_copy(
    texts: Path, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    out = tmp_path / "out"
    assert httpcodes("convert", texts / "table.csv", out).returncode == 0
    store.run(texts / "table.csv", kind="auto")
    made = pq.read_table(out / "table.csv.parquet")
    pq.write_table(made.slice(0, 10), out / "table.csv.parquet")
    assert b"httpcodes.original" in made.schema.metadata
    assert store.run(out).outcome.files_ingested == 1


def test_broken_lines_are_printed_as_they_stand(
    logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    file = logs.folder / "a.log"
    file.write_text(combined(3) + 'what "is" this\n' + combined(2))
    done = httpcodes("convert", file, tmp_path / "out")
    assert done.returncode == 3
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"path": str(file), "line": 'what "is" this'}
    ]
    assert b"6 lines: 5 rows, 1 broken line" in done.stderr


def test_what_cannot_be_converted_is_said_and_leaves_nothing(
    texts: Path, tmp_path: Path, httpcodes: Command
) -> None:
    out = tmp_path / "out"
    whole = (texts / "rotated.log.gz").read_bytes()
    (texts / "rotated.log.gz").write_bytes(whole[:-20])
    (texts / "prose.txt").write_text("Once upon a time\nthere was a log.\n")
    done = httpcodes("convert", texts, out)
    assert done.returncode == 3
    assert done.stderr.count(b"refused ") == 2
    assert b"rotated.log.gz: its gzip stream is" in done.stderr
    assert sorted(file.name for file in out.iterdir()) == [f"{n}.parquet" for n in sorted(WRITERS)]


def test_values_that_one_type_does_not_fit_stay_text(
    logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    file = logs.folder / "a.csv"
    rows = [f"2025-09-09T12:00:00Z,a.example,200,{n},{n}.5,-" for n in range(2000)]
    file.write_text("\n".join(["timestamp,host,status,late,half,none", *rows, "2025-09-09T12:00:00Z,a.example,200,x,7,-", ""]))  # fmt: skip
    assert httpcodes("convert", file, tmp_path / "out").returncode == 0
    made = pq.read_table(tmp_path / "out" / "a.csv.parquet")
    types = {name: made.schema.field(name).type for name in ("late", "half", "none")}
    assert types == {"late": pa.string(), "half": pa.float64(), "none": pa.string()}
    assert made["late"].to_pylist()[-1] == "x"


def test_a_row_group_has_some_minutes_of_rows(logs: Logs, tmp_path: Path, httpcodes: Command) -> None:  # fmt: skip
    file = logs.folder / "a.csv"
    line = "2025-09-09T12:00:00Z,a.example,200\n"
    file.write_text("timestamp,host,status\n" + line * 200_000)
    assert httpcodes("convert", file, tmp_path / "out").returncode == 0
    made = pq.read_metadata(tmp_path / "out" / "a.csv.parquet")
    assert [made.row_group(n).num_rows for n in range(made.num_row_groups)] == [122_880, 77_120]
