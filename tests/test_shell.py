"""`httpcodes sql` on a terminal, without SQL: the prompt."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Command, Logs, Store
from terminal import Terminal

# The space behind it is a movement of the cursor.
PROMPT = "httpcodes>"


@pytest.fixture
def prompt(sample_store: Path, tmp_path: Path) -> Iterator[Terminal]:
    with Terminal("sql", "--store", sample_store, cwd=tmp_path) as terminal:
        assert "A statement ends with ;" in terminal.until(PROMPT)
        yield terminal


def test_a_statement_is_answered_once_it_ends(prompt: Terminal) -> None:
    prompt.type("SELECT sum(requests)::INT AS n\r")
    prompt.until("...>")
    prompt.type("FROM rollup_5m;\r")
    assert prompt.until("─\n20853\n").splitlines()[-3].split() == ["n"]
    prompt.until(PROMPT)
    prompt.type(".quit\r")
    assert prompt.end()[0] == 0


def test_what_is_refused_or_fails_is_said_and_the_prompt_goes_on(prompt: Terminal) -> None:
    for asked, said in {
        "DROP VIEW runs;": "httpcodes: DROP is refused",
        "SELEC;": "httpcodes: Parser Error",
        ".describe nothing": 'httpcodes: no relation is called "nothing"',
    }.items():
        prompt.type(asked + "\r")
        prompt.until(said)
        prompt.until(PROMPT)
    prompt.type("\x04")
    assert prompt.end()[0] == 0


def test_tables_describe_and_help_explain(prompt: Terminal) -> None:
    for asked, said in {
        ".tables": "Whether a bucket can still change.",
        ".describe rollup_5m": "Start of the bucket, UTC",
        ".help": "lists the relations, and what each is",
    }.items():
        prompt.type(asked + "\r")
        prompt.until(said)
        prompt.until(PROMPT)


def test_tab_completes_names_of_the_snapshot(prompt: Terminal) -> None:
    prompt.type("SELECT count(*) + 41 AS n FROM bucket_stat\t")
    prompt.until("bucket_status")
    prompt.type(" LIMIT 1;\r")
    assert "Error" not in prompt.until("─\n")


def test_an_interrupt_ends_the_query_and_not_the_prompt(prompt: Terminal) -> None:
    prompt.type("SELECT 1 AS begun; SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b;\r")  # fmt: skip
    prompt.until("─\n    1\n")
    prompt.process.send_signal(signal.SIGINT)
    prompt.until("httpcodes: interrupted")
    prompt.until(PROMPT)


def test_what_was_typed_comes_back_in_the_next_session(sample_store: Path, tmp_path: Path) -> None:
    for keys in ("SELECT 40 + 2 AS answer;\r", "\x1b[A\x1b[A\r"):
        with Terminal("sql", "--store", sample_store, cwd=tmp_path) as terminal:
            terminal.until(PROMPT)
            terminal.type(keys)
            terminal.until("─\n    42\n")
            terminal.until(PROMPT)
            terminal.type(".quit\r")
            assert terminal.end()[0] == 0
    history = tmp_path / ".local" / "state" / "httpcodes" / "history"
    assert history.stat().st_mode & 0o777 == 0o600


def test_each_statement_sees_the_newest_snapshot(logs: Logs, store: Store, tmp_path: Path) -> None:
    logs.requests("1.parquet", ("2025-09-09T12:00:00Z", "a.example", 200))
    store.run(logs.folder)
    with Terminal("sql", "--store", store.folder, cwd=tmp_path) as terminal:
        for n in (2, 3):
            terminal.until(PROMPT)
            logs.requests(f"{n}.parquet", (f"2025-09-09T12:00:0{n}Z", "a.example", 200))
            store.run(logs.folder)
            terminal.type("SELECT sum(requests) + 70 AS n FROM rollup_5m;\r")
            terminal.until(f"7{n}\n")


def test_without_the_extra_a_sentence_names_it(sample_store: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "prompt_toolkit"
    hidden.mkdir()
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError(name='prompt_toolkit')")
    with Terminal("sql", "--store", sample_store, cwd=tmp_path) as terminal:
        assert terminal.end() == (
            2,
            "httpcodes: the prompt needs prompt_toolkit: pip install 'cdn-httpcodes[shell]'\n",
        )


def test_without_a_snapshot_there_is_no_prompt(tmp_path: Path) -> None:
    with Terminal("sql", cwd=tmp_path) as terminal:
        code, shown = terminal.end()
    assert code == 1 and "nothing was published here yet" in shown


def test_the_help_says_what_opens_the_prompt(httpcodes: Command) -> None:
    said = " ".join(httpcodes("sql", "--help").stdout.decode().split())
    assert "Without SQL, on a terminal, a prompt opens; it needs the extra `shell`." in said


def test_parameters_belong_to_sql_that_is_given(sample_store: Path, tmp_path: Path) -> None:
    with Terminal("sql", "--param", "a=1", "--store", sample_store, cwd=tmp_path) as terminal:
        code, shown = terminal.end()
    assert code == 2 and "--param belongs to SQL that is given" in shown
