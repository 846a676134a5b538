"""`httpcodes sql`: what analysts type, and what comes out."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Command
from terminal import Terminal

from queries.analyst.deadline import Overfull

Sql = Callable[..., subprocess.CompletedProcess[bytes]]

VALUES = (
    "SELECT 9007199254740993::HUGEINT AS big, 'nan'::DOUBLE AS odd, NULL AS nothing, 'a|b' AS text,"
    " TIMESTAMP '2025-09-09 12:35:00' AS moment, [1, 2] AS list, 1.50 AS price, '' AS empty"
)
ENDLESS = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
DEAF = "SELECT levenshtein(repeat('x', 400000), repeat('y', 400000))"


@pytest.fixture
def sql(sample_store: Path, httpcodes: Command) -> Sql:
    def ask(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
        return httpcodes("sql", *arguments, "--store", sample_store, **options)

    return ask


@pytest.mark.parametrize(
    ("format_", "shown"),
    [
        ("csv", "big,odd,nothing,text,moment,list,price,empty\n"
                '9007199254740993,nan,,a|b,2025-09-09 12:35:00,"[1, 2]",1.50,\n'),
        ("table",
         "             big  odd  nothing  text  moment               list    price  empty\n"
         "────────────────  ───  ───────  ────  ───────────────────  ──────  ─────  ─────\n"
         "9007199254740993  nan  NULL     a|b   2025-09-09 12:35:00  [1, 2]   1.50\n"),
        ("markdown",
         "| big | odd | nothing | text | moment | list | price | empty |\n"
         "| --: | --: | --- | --- | --- | --- | --: | --- |\n"
         "| 9007199254740993 | nan |  | a\\|b | 2025-09-09 12:35:00 | [1, 2] | 1.50 |  |\n"),
        ("ndjson",
         '{"big":9007199254740993,"odd":null,"nothing":null,"text":"a|b",'
         '"moment":"2025-09-09T12:35:00Z","list":[1,2],"price":1.5,"empty":""}\n'),
        ("json",
         '[\n{"big":9007199254740993,"odd":null,"nothing":null,"text":"a|b",'
         '"moment":"2025-09-09T12:35:00Z","list":[1,2],"price":1.5,"empty":""}\n]\n'),
    ],
)  # fmt: skip
def test_every_value_is_written_as_each_format_can(format_: str, shown: str, sql: Sql) -> None:
    done = sql(VALUES, "--format", format_)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, shown, b"")


@pytest.mark.parametrize("as_", ["json", "ndjson"])
def test_numbers_that_json_does_not_know_are_null_at_any_depth(
    as_: str, sample_store: Path, httpcodes: Command
) -> None:
    odd = "['nan'::DOUBLE, 1.5, '-inf'::DOUBLE]"
    text = '"NaN\\" Infinity'
    sql = f"SELECT {odd} AS l, {{'a': {odd}}} AS s, MAP {{'NaN': 'inf'::FLOAT}} AS m, '{text}' AS t"
    done = httpcodes("sql", sql, "--format", as_, "--store", sample_store)
    told = json.loads(done.stdout)
    (row,) = told if as_ == "json" else [told]
    kept = [None, 1.5, None]
    assert row == {"l": kept, "s": {"a": kept}, "m": {"NaN": None}, "t": text}


def test_no_rows_are_a_header_or_nothing(sql: Sql) -> None:
    empty = {f: sql("SELECT 1 AS a WHERE false", "--format", f).stdout for f in ("csv", "table", "json", "ndjson")}  # fmt: skip
    assert empty == {"csv": b"a\n", "table": "a\n─\n".encode(), "json": b"[]\n", "ndjson": b""}


def test_parquet_has_the_types_of_the_columns_and_unique_names(sql: Sql, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert sql("SELECT bucket_start, requests, 1 AS a, 2 AS A FROM rollup_5m", "--out", out).returncode == 0  # fmt: skip
    table = pq.read_table(out)
    assert [str(field.type) for field in table.schema] == ["timestamp[us]", "int64", "int32", "int32"]  # fmt: skip
    assert table.column_names == ["bucket_start", "requests", "a", "A_1"]
    assert sum(table["requests"].to_pylist()) == 20_853
    piped = sql("SELECT 1 AS a", "--format", "parquet")
    assert pq.read_table(io.BytesIO(piped.stdout)).to_pylist() == [{"a": 1}]


def test_more_rows_than_a_batch_holds_are_all_written(sql: Sql) -> None:
    asked = "SELECT range AS n FROM range(250000)"
    numbers = [str(n) for n in range(250_000)]
    lines = sql(asked).stdout.decode().split()
    assert lines == ["n", *numbers]
    assert json.loads(sql(asked, "--format", "json").stdout) == [{"n": n} for n in range(250_000)]


def test_several_statements_are_answered_in_turn(sql: Sql) -> None:
    done = sql("SELECT 1 AS a; -- twice\nSELECT 2 AS b, ';' AS c;")
    assert done.stdout == b"a\n1\n\nb,c\n2,;\n"
    assert sql("SELECT 1 AS a; SELECT 2 AS b", "--format", "ndjson").stdout == b'{"a":1}\n{"b":2}\n'


def test_sql_comes_from_a_file_or_from_stdin(sql: Sql, tmp_path: Path) -> None:
    file = tmp_path / "asked.sql"
    file.write_text("SELECT 'ä' AS a")
    assert sql("-f", file).stdout == "a\nä\n".encode()
    assert sql("-", input=file.read_bytes()).stdout == "a\nä\n".encode()


def test_parameters_are_bound_and_never_become_sql(sql: Sql) -> None:
    done = sql("SELECT $a AS a, $b::INT + 1 AS b", "--param", "a=x'; --=1", "--param", "b=2")
    assert done.stdout == b"a,b\nx'; --=1,3\n"


def test_explain_shows_the_plan(sql: Sql) -> None:
    for asked in ("EXPLAIN SELECT 1", "explain analyze SELECT 1"):
        done = sql(asked, "--format", "table")
        assert (done.returncode, done.stderr) == (0, b"")
        assert "│ Projections: 1 │" in done.stdout.decode() or "Total Time" in done.stdout.decode()


def test_a_file_is_replaced_once_the_result_is_whole(sql: Sql, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("as it was")
    failed = sql("SELECT CASE WHEN range = 500000 THEN error('broke') END FROM range(1000000)", "--out", out)  # fmt: skip
    assert (failed.returncode, failed.stderr) == (1, b"httpcodes: Invalid Input Error: broke\n")
    assert out.read_text() == "as it was"
    assert not list(tmp_path.glob(".out*"))
    assert sql("SELECT 1 AS a", "--out", out).stdout == b""
    assert out.read_text() == "a\n1\n"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["COPY runs TO 'x'"], 2, "COPY is refused; only what reads is let through, such as SELECT"),
        (["EXPLAIN COPY runs TO 'x'"], 2, "COPY is refused; only what reads is let through, such as SELECT"),
        ([" -- nothing"], 2, "there is no statement in the SQL"),
        (["SELECT 1; SELECT 2", "--format", "json"], 2, "json holds one result, and here are 2 statements"),
        (["SELECT 1", "--param", "a=1"], 2, "--param a: no statement asks for $a"),
        (["SELECT $a"], 1, "Invalid Input Error: Values were not provided for the following parameters: a"),
        (["SELEC 1"], 1, 'Parser Error: syntax error at or near "SELEC"'),
        (["SELECT chr(27)::INT"], 1, r"Conversion Error: Could not convert string '\x1b' to INT32"),
        (["SELECT 1", "--out", "no/where.csv"], 1, "no/where.csv can't be written: No such file or directory"),
        (["SELECT 1", "--out", "."], 2, ". can't be written: Is a directory"),
    ],
)  # fmt: skip
def test_what_can_not_be_answered_gets_one_sentence(
    arguments: list[str], code: int, sentence: str, sql: Sql
) -> None:
    done = sql(*arguments)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode().startswith(f"httpcodes: {sentence}")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give the SQL as an argument, as --file FILE, or as - for stdin"),
        (["SELECT 1", "-f", "x"], "give the SQL as an argument, as --file FILE, or as - for stdin"),
        (["-f", "nowhere.sql"], "nowhere.sql can't be read: No such file or directory"),
        (["SELECT $a", "--param", "a"], '--param "a" says no value; write --param NAME=VALUE'),
        (["SELECT 1", "--format", "xml"], "--format: xml is not known; table, csv, json, ndjson, markdown, expanded, parquet are"),
        (["SELECT 1", "--timeout", "0"], "--timeout: it would have to be 0.1 or more"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_exits_with_2(arguments: list[str], sentence: str, sql: Sql) -> None:
    done = sql(*arguments)
    said = " ".join(done.stderr.decode().replace("│", " ").split())
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in said


@pytest.mark.parametrize("asked", [ENDLESS, DEAF])
def test_the_time_limit_holds_even_if_the_query_passes_over_it(
    asked: str, sql: Sql, tmp_path: Path
) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    done = sql(asked, "--timeout", 0.5, "--out", tmp_path / "x.csv", env={"TMPDIR": str(spill)})
    assert (done.returncode, done.stderr) == (1, b"httpcodes: stopped after 0.5 seconds\n")
    assert not list(spill.iterdir()) and not list(tmp_path.glob("*x.csv*"))


@pytest.mark.parametrize("asked", [ENDLESS, DEAF])
def test_an_interrupt_ends_the_query_and_exits_with_130(
    asked: str, sample_store: Path, tmp_path: Path
) -> None:
    started = "SELECT 1 AS a; " + asked
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "sql", started, "--store", str(sample_store)],
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout and process.stdout.readline() == b"a\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=600)
    assert (process.returncode, said) == (130, b"httpcodes: interrupted\n")


# A process begins with the most that its parent ever held: a small one stands between.
_MEASURED = """
import json, os, subprocess, sys, tempfile
with tempfile.TemporaryFile() as said:
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=said)
    _, status, usage = os.wait4(process.pid, 0)
    said.seek(0)
    code = os.waitstatus_to_exitcode(status)
    print(json.dumps([code, usage.ru_maxrss * 1024, said.read().decode()]))
"""


_UNSEEN = """
from queries.analyst import deadline
deadline._LOOK = 3600
from jobs.cli.app import main
main()
"""


def peak(*arguments: object, unseen: bool = False) -> tuple[int, int, str]:
    """The exit code of `httpcodes sql`, the most bytes that it held, and what it said."""
    program = ["-c", _UNSEEN] if unseen else ["-m", "jobs.cli"]
    command = [sys.executable, *program, "sql", *map(str, arguments)]
    told = subprocess.run([sys.executable, "-c", _MEASURED, *command], stdout=subprocess.PIPE, check=True)  # fmt: skip
    code, most, said = json.loads(told.stdout)
    return code, most, said


@pytest.mark.parametrize(
    "asked",
    [
        "SELECT length(range(3000000000))",
        # Letter by letter it would take ten times as long.
        "SELECT length(repeat(repeat('x', 900000), 1000) || repeat(repeat('y', 900000), 1000))",
        "SELECT list_transform(range(100000000), lambda x: x::VARCHAR || 'abcdefghijklmnop')",
        "SELECT list(range::VARCHAR) FROM range(100000000)",
        "SELECT repeat(repeat('x', 1000), 1000) AS text FROM range(3000)",
    ],
)
def test_what_needs_too_much_memory_ends_in_a_sentence_and_within_the_bound(
    asked: str, sample_store: Path
) -> None:
    code, most, said = peak(asked, "--store", sample_store, "--timeout", 600)
    assert (code, said.count("\n")) == (1, 1)
    assert "Out of Memory" in said or said == f"httpcodes: {Overfull.SENTENCE}\n"
    assert most < 2_000_000_000


def test_the_bound_holds_though_nobody_looks_at_the_memory(sample_store: Path) -> None:
    asked = "SELECT length(repeat('x', 1900000000))"
    code, most, said = peak(asked, "--store", sample_store, "--timeout", 600, unseen=True)
    assert (code, said.count("\n"), "Out of Memory" in said) == (1, 1, True)
    assert most < 2_000_000_000


@pytest.mark.parametrize("format_", ["table", "csv", "json", "ndjson", "markdown", "parquet"])
def test_long_texts_are_written_within_the_bound(format_: str, sample_store: Path) -> None:
    asked = "SELECT range AS n, repeat(repeat('x', 1000), 100) AS text FROM range(4000)"
    code, most, said = peak(asked, "--store", sample_store, "--format", format_, "--timeout", 600)
    assert (code, said) == (0, "")
    assert most < 1_000_000_000


def test_a_reader_who_has_seen_enough_is_no_failure(sample_store: Path) -> None:
    command = f"{sys.executable} -m jobs.cli sql 'SELECT range FROM range(3000000)' --store {sample_store}"  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -1"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"range\n", b"")


def test_a_terminal_gets_a_table_of_at_most_1000_rows_and_is_told(
    sample_store: Path, tmp_path: Path
) -> None:
    asked = "SELECT range AS n, chr(27) || '[2J' AS t, repeat('y', 100) AS y FROM range({})"
    with Terminal("sql", asked.format(1_001), "--store", sample_store, cwd=tmp_path) as terminal:
        code, shown = terminal.end()
    lines = shown.splitlines()
    assert (code, len(lines)) == (0, 1_003)
    assert lines[2].split() == ["0", r"\x1b[2J", "y" * 59 + "…"]
    assert lines[-1] == "only the first 1,000 rows are shown; --rows N shows more"
    with Terminal("sql", asked.format(1_000), "--store", sample_store, cwd=tmp_path) as terminal:
        assert len(terminal.end()[1].splitlines()) == 1_002


def test_a_cap_on_rows_may_be_asked_for(sql: Sql) -> None:
    done = sql("SELECT range AS n FROM range(5)", "--rows", 2)
    assert done.stdout == b"n\n0\n1\n"
    assert done.stderr == b"only the first 2 rows are shown; --rows N shows more\n"


def test_a_terminal_is_sent_no_control_characters_in_any_text(
    sample_store: Path, tmp_path: Path
) -> None:
    for format_ in ("csv", "json", "ndjson", "markdown"):
        asked = ["SELECT chr(155) || '2J' AS t", "--format", format_, "--store", sample_store]
        with Terminal("sql", *asked, cwd=tmp_path) as terminal:
            terminal.end()
            assert "\x9b" not in terminal.raw and r"\x9b2J" in terminal.raw


def test_a_pipe_gets_the_text_as_it_is(sql: Sql) -> None:
    (_, row) = csv.reader(io.StringIO(sql("SELECT chr(27) || chr(10) AS t").stdout.decode()))
    assert row == ["\x1b\n"]


def test_no_spill_is_left_behind(sql: Sql, tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()
    assert sql("SELECT 1", env={"TMPDIR": str(spill)}).returncode == 0
    assert list(spill.iterdir()) == []
