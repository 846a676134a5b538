"""The table of commands: what it promises, what it loads, what it says when it is misused."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from commands import GROUP, loaded
from conftest import PROJECT, Command, Logs, Store
from terminal import Terminal

from jobs.cli.app import Table
from queries.quantities import counted, size

QUERY = ["query", "--service", "a.example", "--day", "2025-09-09", "--store", "nowhere"]


def test_the_tables_lines_are_the_commands_own() -> None:
    lines = {line.name: line.about for group in Table.groups.values() for line in group}
    assert lines == {name: command.help.partition("\n")[0] for name, command in loaded().items()}


def leaves(
    commands: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Commands that do something, by their words."""
    for name, command in commands.items():
        if within := getattr(command, "commands", None):
            yield from leaves(within, (*path, name))
        else:
            yield (*path, name), command


def test_every_help_has_examples_that_the_command_takes() -> None:
    for path, command in leaves(loaded()):
        lines = [line.strip() for line in command.help.splitlines()]
        examples = [line for line in lines if line.startswith("httpcodes ")]
        assert examples, path
        for line in examples:
            # Behind the command a word may stand on what it does, or what is done with it.
            words = shlex.split(re.split(r"  +| \|\|? | && | > ", (line.partition("| httpcodes")[2] and line) or line)[0])  # fmt: skip
            if tuple(words[1 : 1 + len(path)]) == path:
                command.make_context(" ".join(path), words[1 + len(path) :])
        assert any(" ".join(path) in line for line in examples), path


def test_help_speaks_of_parameters_in_a_users_words() -> None:
    for path, command in leaves(loaded()):
        said = command.get_help(typer.Context(command, info_name=" ".join(path)))
        usage, _, parameters = said.partition(
            "\n\nArguments:" if "\nArguments:" in said else "\nOptions:"
        )
        assert not re.search(
            r"<(str|int|path|float|list)|x>=|<=x|; x|\[(required|default)|\.{4}", said
        ), path
        assert "{" not in usage, path
        assert all(each.metavar or each.param_type_name == "option" for each in command.params), (
            path
        )
        assert "Options:" in said and parameters
    said = " ".join(loaded()["inspect"].get_help(typer.Context(GROUP, info_name="inspect")).split())
    for piece in ("inspect [OPTIONS] FILE ", "Arguments: FILE A file of a log. ", "at the most (5 unless said, 1 or more). "):  # fmt: skip
        assert piece in said


def test_a_group_tells_of_its_commands_in_whole_sentences(httpcodes: Command) -> None:
    said = " ".join(httpcodes("services", "--help").stdout.decode().split())
    assert "list List the services that are known, with their first and last bucket and requests." in said  # fmt: skip


def test_a_command_lies_in_a_file_of_its_name() -> None:
    for group in Table.groups.values():
        for line in group:
            assert line.module.rpartition(".")[2] == line.name
            assert PROJECT.joinpath(*line.module.split(".")).with_suffix(".py").is_file()


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--help"], {"duckdb", "pyarrow", "rich", "pydantic"}),
        ([], {"duckdb", "pyarrow", "rich", "pydantic"}),
        (["--version"], {"duckdb", "pyarrow", "rich", "pydantic"}),
        (QUERY, {"pyarrow", "numpy", "rich", "pydantic", "starlette", "matplotlib"}),
        (["run", "--help"], {"pyarrow.dataset", "pandas", "pyspark", "fsspec", "pydantic"}),
        (["run", "/nowhere", "--store", "/nowhere"], {"pyarrow.dataset", "pydantic"}),
    ],
    ids=["help", "nothing", "version", "query", "help of run", "run"],
)
def test_a_command_loads_what_it_needs(arguments: list[str], unneeded: set[str]) -> None:
    code = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(list(sys.modules)), file=sys.stderr))\n"
        "from jobs.cli.app import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=False, cwd=PROJECT)  # fmt: skip
    modules = json.loads(done.stderr.decode().splitlines()[-1])
    assert set(modules) & unneeded == set()


def test_what_is_loaded_is_no_garbage_and_what_comes_later_may_be(tmp_path: Path) -> None:
    code = (
        "import gc, sys\n"
        "from jobs.cli import commands\n"
        "def load(module):\n"
        "    assert not gc.isenabled()\n"
        "    return load_it(module)\n"
        "load_it, commands.import_module = commands.import_module, load\n"
        "from queries.cli import duration\n"
        "duration.parse = lambda _: sys.exit(gc.isenabled() and gc.get_freeze_count() > 10_000)\n"
        "from httpcodes_command import main; main()"
    )
    asked = [sys.executable, "-c", code, "query", "--last", "3h"]
    done = subprocess.run(asked, capture_output=True, check=False, cwd=PROJECT)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_commands_alone_and_its_version(httpcodes: Command) -> None:
    alone = httpcodes()
    assert (alone.returncode, alone.stdout) == (2, b"")
    assert [line.split()[1] for line in alone.stderr.decode().splitlines() if line.startswith("  ")] == ["run", "query", "status"]  # fmt: skip
    version = httpcodes("--version")
    assert (version.returncode, version.stdout[:10]) == (0, b"httpcodes ")


def test_a_shell_completes_commands_and_options(httpcodes: Command) -> None:
    for typed, completed in (("httpcodes re", b"rebuild"), ("httpcodes run --re", b"--retry")):
        asked = {
            "_HTTPCODES_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(typed.count(" ")),
        }
        assert completed in httpcodes(env=asked).stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["querz"], "there is no command querz; did you mean query?"),
        (["services", "ad"], "there is no command ad; did you mean add?"),
        (["--bogus"], "there is no option --bogus; `httpcodes --help` says more"),
        (["run", "--retri"], "there is no option --retri; did you mean --retry"),
        (["query", "--store"], "--store needs a value"),
        (["query", "a", "b"], "that is too much: b"),
        (["query", "a", "--interval", "week"], "--interval week is not known; hour and day are"),
        (["query", "--day", "2025-13-01"], "--day 2025-13-01 is no day; it would be written 2025-09-09"),
        (["query", "--day", "2025-09-09", "--last", "3h"], "give --start and --end, or --day, or --last"),
        (["query", "--last", "3"], "'3' is no span of time; 90s, 15m, 26h or 2d would be accepted"),
        (["report", "--day", "20250909"], "--day 20250909 is no day"),
        (["export", "x", "--to", "today"], "--to today is no day"),
        (["rebuild", "--from", "2025-09-09", "--to", "x"], "--to x is no day"),
        (["rebuild"], "--from is missing"),
        (["forget"], "PATH is missing"),
        (["run", "--threads", "0"], "--threads: it would have to be 1 or more"),
        (["run", "--threads", "2000"], "--threads: it would have to be 1024 or less"),
        (["run", "--threads", "x"], "--threads: it would have to be a whole number"),
        (["serve", "--timeout", "x"], "--timeout: it would have to be a number"),
        (["sql", "SELECT 1", "--format", "xlsx"], "--format: xlsx is not known; table, csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_misused_command_says_so_in_our_words(
    arguments: list[str], sentence: str, httpcodes: Command
) -> None:
    done = httpcodes(*arguments)
    said = done.stderr.decode()
    assert (done.returncode, done.stdout, said.count("\n")) == (2, b"", 1)
    assert said.startswith(f"httpcodes: {sentence}")


def test_what_is_no_text_is_refused_wherever_it_stands(httpcodes: Command) -> None:
    for command in (["sql"], ["describe"], ["query", "--service"], ["run"]):
        done = httpcodes(*command, "x\udcff")
        said = "httpcodes: an argument is no text in UTF-8: x\\xff\n"
        assert (done.returncode, done.stderr.decode()) == (2, said)


def test_an_unknown_suffix_is_refused_instead_of_written_as_csv(
    sample_store: Path, tmp_path: Path, httpcodes: Command
) -> None:
    done = httpcodes("sql", "SELECT 1", "--store", sample_store, "--out", tmp_path / "x.xlsx")
    assert (done.returncode, b"x.xlsx: no format is called that" in done.stderr) == (2, True)
    assert not list(tmp_path.glob("*.xlsx"))
    for named in (("x.xlsx", "--format", "csv"), ("x",), ("x.md",)):
        assert httpcodes("sql", "SELECT 1", "--store", sample_store, "--out", *named).returncode == 0  # fmt: skip


def test_moments_in_json_have_their_z(sample_store: Path, httpcodes: Command) -> None:
    asked = "SELECT TIMESTAMP '2025-09-09 12:35:00' AS a, TIMESTAMPTZ '2025-09-09 12:35:00.5+02' AS b, 'infinity'::TIMESTAMP AS c, NULL::TIMESTAMP AS d, DATE '2025-09-09' AS e"
    done = httpcodes("sql", asked, "--format", "ndjson", "--store", sample_store)
    assert json.loads(done.stdout) == {
        "a": "2025-09-09T12:35:00Z", "b": "2025-09-09T10:35:00.5Z", "c": "infinity", "d": None, "e": "2025-09-09",
    }  # fmt: skip


@pytest.fixture(scope="module")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of names and paths that are longer than a line."""
    folder = tmp_path_factory.mktemp("long")
    logs = Logs(folder / ("a long name of a folder " * 8) / ("and another " * 9))
    (logs.folder / "a.parquet").write_bytes(b"")
    logs.requests("b.parquet", ("2025-09-09T12:00:00Z", f"{'a' * 60}.example", 200))
    store = Store(folder / "store")
    store.run(logs.folder)
    return store


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize(
    "asked",
    [["status"], ["snapshots"], ["tables"], ["describe", "rollup_5m"], ["services", "list"], ["doctor"]],
    ids=" ".join,
)  # fmt: skip
def test_tables_fit_the_terminal(
    asked: list[str], columns: int, long_names: Store, tmp_path: Path
) -> None:
    store = long_names.folder
    with Terminal(*asked, "--store", store, cwd=tmp_path, columns=columns) as terminal:
        _, shown = terminal.end()
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= columns
    assert "…" not in shown


def test_a_long_name_is_folded_before_a_table_becomes_a_list(
    long_names: Store, tmp_path: Path
) -> None:
    asked = ["services", "list", "--store", long_names.folder]
    with Terminal(*asked, cwd=tmp_path, columns=80) as terminal:
        lines = terminal.end()[1].splitlines()
    assert lines[0].split()[:2] == ["service", "registered"]
    assert "".join(line[:20].strip() for line in lines[1:]) == f"{'a' * 60}.example"
    with Terminal(*asked, cwd=tmp_path, columns=40) as terminal:
        lines = terminal.end()[1].splitlines()
    assert (lines[0].split()[0], lines[-1].split()) == ("service", ["requests", "1"])


def test_in_a_pipe_a_row_is_a_line(store: Store, tmp_path: Path, httpcodes: Command) -> None:
    logs = Logs(tmp_path / "logs")
    logs.requests("b.parquet", ("2025-09-09T12:00:00Z", f"{'a' * 60}.{'b' * 60}.example", 200))
    store.run(logs.folder)
    done = httpcodes("services", "list", "--store", store.folder, env={"COLUMNS": "40"})
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.3, 0.5, 0.8])
def test_an_interrupt_while_it_starts_leaves_no_traceback(delay: float, tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    # It says that it starts from where it answers for what interrupts it.
    code = f"import os, httpcodes_command as c; load = c._command; c._command = lambda: os.write({theirs}, b'.') and load(); c.main()"
    asked = [sys.executable, "-c", code, "query", "-", "--store", str(tmp_path)]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[theirs]) as process:  # fmt: skip
        os.read(ours, 1)
        time.sleep(delay / 5)
        process.send_signal(signal.SIGINT)
        stderr = process.stderr.read() if process.stderr else b""
    assert (process.returncode, b"Traceback" in stderr) == (130, False)


def test_quantities_are_read_by_people() -> None:
    assert [counted(n, "file") for n in (0, 1, 2_000)] == ["0 files", "1 file", "2,000 files"]
    assert [size(n) for n in (1, 999, 1_000, 999_949, 999_950, 2_633_728, 5 * 10**15, 10**19)] == [
        "1 byte", "999 bytes", "1.0 kB", "999.9 kB", "1.0 MB", "2.6 MB", "5.0 PB", "10,000.0 PB",
    ]  # fmt: skip
