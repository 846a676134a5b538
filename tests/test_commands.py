"""The table of commands: what it promises, what it loads, what it says when it is misused."""

import json
import subprocess
import sys
from typing import Any

import pytest
import typer
from conftest import PROJECT, Command

from jobs.cli.app import Table, app

GROUP: Any = typer.main.get_command(app)
QUERY = ["query", "--service", "a.example", "--day", "2025-09-09", "--store", "nowhere"]


def loaded() -> dict[str, Any]:
    """Every command of the table, loaded."""
    context = typer.Context(GROUP)
    return {name: GROUP.get_command(context, name) for name in GROUP.list_commands(context)}


def test_the_tables_lines_are_the_commands_own() -> None:
    lines = {line.name: line.about for group in Table.groups.values() for line in group}
    assert lines == {name: command.help.partition("\n")[0] for name, command in loaded().items()}


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
    ],
    ids=str,
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
        (["services", "ad"], "there is no command ad"),
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
