"""`httpcodes sql` on a terminal, without SQL: the prompt."""

import shutil
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
        ".tables": "Whether a bucket can still change, and whether all",
        ".describe rollup_5m": "Start of the bucket, UTC",
        ".help": "lists the relations, and what each is",
    }.items():
        prompt.type(asked + "\r")
        prompt.until(said)
        prompt.until(PROMPT)


@pytest.mark.parametrize("word", ["quit", "exit;", "EXIT", ".exit", ".quit"])
def test_words_that_people_try_end_the_prompt(word: str, prompt: Terminal) -> None:
    prompt.type(word + "\r")
    assert prompt.end()[0] == 0


def test_help_explains_and_keywords_are_completed(prompt: Terminal) -> None:
    prompt.type("help\r")
    prompt.until("a column a line, for wide rows")
    prompt.until(PROMPT)
    prompt.type("SELECT 42 AS n FROM range(9) INTERV\t")
    prompt.until("INTERVAL")
    prompt.type(";\r")
    prompt.until("42\n")


def test_wide_rows_are_shown_a_column_a_line(prompt: Terminal) -> None:
    for shown in ("─ 1 ─\nn       41\nanswer  NULL\n", " n  answer\n"):
        prompt.type(".expanded\r")
        prompt.until(PROMPT)
        prompt.type("SELECT 41 AS n, NULL AS answer;\r")
        prompt.until(shown)
        prompt.until(PROMPT)


def test_what_is_longer_than_the_screen_goes_through_the_pager(
    sample_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbered = tmp_path / "numbered"
    # Ctrl-C is the pager's, whatever it makes of it.
    numbered.write_text(
        '#!/bin/sh\nkill -INT $PPID\nsleep 1\nwhile read -r line; do echo "paged: $line"; done'
    )
    numbered.chmod(0o755)
    for pager, shown in ((f"{numbered} -x", "paged: 1199\n"), ("/no/such/pager", "\n1199\n")):
        monkeypatch.setenv("PAGER", pager)
        with Terminal("sql", "--store", sample_store, cwd=tmp_path) as terminal:
            terminal.until(PROMPT)
            for asked, last in (("range(1000, 1040)", "\n1039\n"), ("range(1000, 1200)", shown)):
                terminal.type(f"SELECT range AS n FROM {asked};\r")
                terminal.until(last)
                terminal.until(PROMPT)
            terminal.type("SELECT * FROM range(2000);\r")
            terminal.until("only the first 1,000 rows are shown; --rows N shows more\n")


def test_tables_and_columns_go_through_the_pager_where_they_are_longer_than_the_screen(
    sample_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbered = tmp_path / "numbered"
    numbered.write_text('#!/bin/sh\nwhile read -r line; do echo "paged: $line"; done')
    numbered.chmod(0o755)
    monkeypatch.setenv("PAGER", str(numbered))
    with Terminal("sql", "--store", sample_store, cwd=tmp_path, columns=40) as terminal:
        terminal.until(PROMPT)
        for asked, shown in ((".tables", "paged: bucket_status"), (".describe rollup_1d", "Start")):
            terminal.type(f"{asked}\r")
            assert ("paged" in terminal.until(shown)) == ("paged" in shown)
            terminal.until(PROMPT)


def test_less_leaves_the_prompt_as_it_was(
    sample_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("less"):
        pytest.skip("there is no less")
    monkeypatch.delenv("PAGER", raising=False)
    monkeypatch.delenv("LESS", raising=False)
    with Terminal("sql", "--store", sample_store, cwd=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type("SELECT range AS n FROM range(1000, 1200);\r")
        terminal.until("\n1046\n")
        terminal.type("G")
        terminal.until("\n1199\n")
        terminal.type("q")
        terminal.until(PROMPT)
        terminal.type("exit\r")
        assert terminal.end()[0] == 0


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
