"""Who imports whom, and how large a room may grow."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from conftest import PROJECT
from house import module, rooms

from jobs.logs.formats import BY_NAME

# From the top floor down: a room imports rooms below its own, and files of its own.
JOBS_FLOORS = (
    ("jobs.cli",),
    ("jobs.*",),
    ("jobs.engine",),
    ("jobs.export", "jobs.monitoring", "jobs.counts"),
    ("jobs.store",),
    ("jobs.logs",),
    ("queries",),
)
QUERIES_FLOORS = (
    ("queries.cli",),
    ("queries.server",),
    ("queries.api", "queries.report", "queries.analyst"),
    ("queries.access_log",),
    ("queries.snapshot",),
    (
        "queries.statements",
        "queries.service_name",
        "queries.config",
        "queries.whole_file",
        "queries.quoting",
        "queries.quantities",
        "queries.utc",
    ),
    ("queries.config_keys",),
    ("queries.failures",),
)


@cache
def parsed(text: str) -> ast.Module:
    """Each text once: every broken rule is tried on a copy of the whole house."""
    return ast.parse(text)


@cache
def imports(text: str) -> list[ast.Import | ast.ImportFrom]:
    """Wherever they stand in a text."""
    return [n for n in ast.walk(parsed(text)) if isinstance(n, ast.Import | ast.ImportFrom)]


def imported(project: Path, file: Path) -> set[str]:
    """The modules of this project that a file imports, and others' by their names."""
    names: set[str] = set()
    for node in imports(file.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            base = project / str(node.module).replace(".", "/")
            for alias in node.names:
                is_file = (base / f"{alias.name}.py").is_file() or (base / alias.name).is_dir()
                names.add(f"{node.module}.{alias.name}" if is_file else str(node.module))
    return names


def floor(name: str, floors: tuple[tuple[str, ...], ...]) -> int | None:
    """The number of the floor that a module lies on, from the top; None: on none of them."""
    parts = name.split(".")
    for number, level in enumerate(floors):
        if ".".join(parts[:2]) in level or parts[0] in level:
            return number
    return next((n for n, level in enumerate(floors) if f"{parts[0]}.*" in level), None)


def faults(project: Path) -> Iterator[str]:
    """What breaks the rules of the house."""
    for file in rooms(project):
        name = module(project, file)
        text = file.read_text(encoding="utf-8")
        if not ast.get_docstring(parsed(text)):
            yield f"{name} has no docstring"
        # A table of data may be as long as what it lists.
        if text.count("\n") > 350 and file.name != "formats.py":
            yield f"{name} is longer than 350 lines"
        if re.search(r"\bprint\(|sys\.exit|sys\.stdout|typer\.echo", text) and file.parent.name != "cli":  # fmt: skip
            yield f"{name} speaks"
        yield from repeats(name, text)
        for other in imported(project, file):
            if other.startswith("pyspark") and not name.startswith("jobs.engine."):
                yield f"{name} imports pyspark, which is for jobs.engine"
            if name.startswith("queries") and other.split(".")[0] == "jobs":
                yield f"{name} imports the writing side"
            yield from runs_up(name, other)
    for folder in sorted({file.parent for file in rooms(project)}):
        if len(list(folder.glob("*.py"))) < 4:
            yield f"{folder.relative_to(project)} is a folder of fewer than three files"
    yield from circles(project)


def repeats(name: str, text: str) -> Iterator[str]:
    """What has a place of its own and is done again."""
    if re.search(r"""\.replace\(("'", "''"|'"', '""')\)""", text) and name != "queries.quoting":
        yield f"{name} quotes by itself"
    if "now(UTC)" in text and name != "queries.utc":
        yield f"{name} looks at a clock of its own"
    if (
        re.search(r"%M(:%S)?(\.%f)?Z|%H%M%SZ|timespec=|fromtimestamp", text)
        and name != "queries.utc"
    ):
        yield f"{name} writes times in a way of its own"


def runs_up(name: str, other: str) -> Iterator[str]:
    floors = JOBS_FLOORS if name.startswith("jobs") else QUERIES_FLOORS
    here, there = floor(name, floors), floor(other, floors)
    room = ".".join(name.split(".")[:2])
    is_own = other == room or other.startswith(f"{room}.") or floors[here or 0] == ("jobs.*",)
    if here is not None and there is not None and there <= here and not is_own:
        yield f"{name} imports {other}, which lies on no lower floor"
    if other.startswith("queries.cli") and not name.startswith(("jobs.cli", "queries.cli")):
        yield f"{name} imports {other}: commands are for commands"


def circles(project: Path) -> Iterator[str]:
    """Modules that import themselves in the end; imports within functions count, too."""
    names = {module(project, file): file for file in rooms(project)}
    ways = {name: imported(project, file) & names.keys() for name, file in names.items()}
    reached: dict[str, set[str]] = {}
    for name in names:
        waiting, far = list(ways[name]), set[str]()
        while waiting:
            near = waiting.pop()
            if near not in far:
                far.add(near)
                waiting += ways[near]
        reached[name] = far
    for name in names:
        if name in reached[name] - {"queries", "jobs"}:
            yield f"{name} imports itself in the end"


def test_the_house_keeps_its_rules() -> None:
    assert list(faults(PROJECT)) == []


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("jobs/logs/x.py", '"x"\nfrom jobs.store import lock\n', "jobs.logs.x imports jobs.store.lock, which lies on no lower floor"),
        ("jobs/counts/x.py", '"x"\nfrom jobs import nightly\n', "jobs.counts.x imports jobs.nightly, which lies on no lower floor"),
        ("jobs/x.py", '"x"\nfrom queries.cli import exits\n', "jobs.x imports queries.cli.exits: commands are for commands"),
        ("queries/api/x.py", '"x"\nfrom queries.server import log\n', "queries.api.x imports queries.server.log, which lies on no lower floor"),
        ("queries/api/x.py", '"x"\nfrom queries.report import page\n', "queries.api.x imports queries.report.page, which lies on no lower floor"),
        ("queries/x.py", '"x"\nimport jobs.store.lock\n', "queries.x imports the writing side"),
        ("jobs/counts/x.py", '"x"\nfrom pyspark import sql\n', "jobs.counts.x imports pyspark, which is for jobs.engine"),
        ("jobs/logs/x.py", "y = 1\n", "jobs.logs.x has no docstring"),
        ("jobs/logs/x.py", '"x"\nprint(1)\n', "jobs.logs.x speaks"),
        ("jobs/logs/x.py", '"x"\ny = x.replace(\'"\', \'""\')\n', "jobs.logs.x quotes by itself"),
        ("jobs/logs/x.py", '"x"\ny = datetime.now(UTC)\n', "jobs.logs.x looks at a clock of its own"),
        ("jobs/logs/x.py", '"x"\ny = f"{moment:%Y-%m-%dT%H:%M:%SZ}"\n', "jobs.logs.x writes times in a way of its own"),
        ("jobs/logs/x.py", '"x"\n' * 351, "jobs.logs.x is longer than 350 lines"),
        ("jobs/alone/x.py", '"x"\n', "jobs/alone is a folder of fewer than three files"),
        ("jobs/logs/x.py", '"x"\nfrom jobs.logs import x\n', "jobs.logs.x imports itself in the end"),
    ],
)  # fmt: skip
def test_each_rule_is_seen_to_be_broken(file: str, text: str, fault: str, tmp_path: Path) -> None:
    for room in rooms(PROJECT):
        copy = tmp_path / room.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(room.read_bytes())
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert fault in list(faults(tmp_path))


def test_the_rooms_that_know_formats_and_requests_know_no_database() -> None:
    for room in ("jobs/logs/reading.py", "jobs/logs/formats.py", "jobs/logs/sources.py", "queries/api/request.py", "queries/api/errors.py",
                 "queries/service_name.py"):  # fmt: skip
        assert "duckdb" not in imported(PROJECT, PROJECT / room), room


def test_every_statement_of_an_sql_file_has_a_caller() -> None:
    for file in (*PROJECT.glob("jobs/**/*.sql"), *PROJECT.glob("queries/**/*.sql")):
        names = re.findall(r"^-- name: (\w+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        twin = file.with_suffix(".py")
        caller = twin if twin.exists() else file.with_name("snapshot.py")
        for name in names:
            if file.name == "sample.sql" and name in BY_NAME:
                continue
            assert re.search(rf'["\']{name}["\']', caller.read_text(encoding="utf-8")), (file, name)


MADE = re.compile(r"\bTEMP (?:TABLE|VIEW) (\w+)")
READ = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|USING) (\w+)\b")


def left_lying(project: Path) -> Iterator[str]:
    """Statements about temporary tables that another file makes."""
    files = [*project.glob("jobs/**/*.sql"), *project.glob("queries/**/*.sql")]
    texts = {file: re.sub(r"--.*", "", file.read_text(encoding="utf-8")) for file in files}
    made = {file: set(MADE.findall(text)) for file, text in texts.items()}
    for file, text in texts.items():
        named = set(re.findall(r"\b(\w+) AS \(|\) AS (\w+)", text, re.ASCII))
        named_here = {name for pair in named for name in pair}
        others = {table for other in files if other != file for table in made[other]}
        for table in sorted(set(READ.findall(text)) & others - made[file] - named_here):
            yield f"{file.name} reads {table}, which another file makes"


def test_no_statement_reads_a_temporary_table_that_another_file_makes(tmp_path: Path) -> None:
    assert list(left_lying(PROJECT)) == []
    for name, text in (("a", "CREATE TEMP TABLE t AS SELECT 1"), ("b", "SELECT 1 FROM t")):
        (tmp_path / "jobs").mkdir(exist_ok=True)
        (tmp_path / f"jobs/{name}.sql").write_text(text, encoding="utf-8")
    assert list(left_lying(tmp_path)) == ["b.sql reads t, which another file makes"]


def test_tests_lie_in_the_folders_of_what_they_try() -> None:
    tests = PROJECT / "tests"
    assert not list(tests.glob("test_*.py"))
    for side in ("jobs", "queries"):
        folders = {file.parent.relative_to(tests) for file in tests.glob(f"{side}/**/test_*.py")}
        assert [
            folder for folder in folders if not (PROJECT / folder / "__init__.py").is_file()
        ] == []


def test_lines_of_sql_have_at_most_110_columns() -> None:
    for file in (*PROJECT.glob("jobs/**/*.sql"), *PROJECT.glob("queries/**/*.sql")):
        lines = file.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if len(line) > 110] == [], file
