"""Who imports whom, and how large a room may grow."""

import ast
import re
from pathlib import Path

from conftest import PROJECT

from jobs.logs.formats import BY_NAME

ROOMS = sorted(PROJECT.glob("jobs/**/*.py")) + sorted(PROJECT.glob("queries/**/*.py"))


def imported(room: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(room.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def test_the_reading_side_never_imports_the_writing_side() -> None:
    for room in PROJECT.glob("queries/**/*.py"):
        assert not [name for name in imported(room) if name.split(".")[0] == "jobs"], room


def test_the_rooms_that_know_formats_and_requests_know_no_database() -> None:
    for room in ("jobs/logs/reading.py", "jobs/logs/formats.py", "jobs/logs/sources.py", "queries/api/request.py", "queries/api/errors.py",
                 "queries/service_name.py"):  # fmt: skip
        assert "duckdb" not in imported(PROJECT / room), room


def test_only_the_command_prints_and_exits() -> None:
    for room in ROOMS:
        speaks = re.search(r"\bprint\(|sys\.exit|sys\.stdout|typer\.echo", room.read_text())
        assert not speaks or room.parent.name == "cli", room


def test_rooms_are_small_and_say_why_they_exist() -> None:
    for room in ROOMS:
        text = room.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), room
        # A table of data may be as long as what it lists.
        assert text.count("\n") <= 350 or room.name == "formats.py", room


def test_every_statement_of_an_sql_file_has_a_caller() -> None:
    for file in (*PROJECT.glob("jobs/**/*.sql"), *PROJECT.glob("queries/**/*.sql")):
        names = re.findall(r"^-- name: (\w+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        twin = file.with_suffix(".py")
        caller = twin if twin.exists() else file.with_name("snapshot.py")
        for name in names:
            if file.name == "sample.sql" and name in BY_NAME:
                continue
            assert re.search(rf'["\']{name}["\']', caller.read_text(encoding="utf-8")), (file, name)
