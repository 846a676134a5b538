"""What the distribution is called, and that no sentence sends anybody to a stranger's."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from conftest import PROJECT

from httpcodes_command import VERSION

TOLD = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = TOLD["name"]
# On the public index `httpcodes` is somebody else's; ours is installed by its own name or, from a
# clone, as `.`.
STRANGERS = re.compile(r"(?<![\w-])httpcodes(?:\[|\s*[=<>~]=|@)|(?:pip|pipx|uv)\b[^\n`|&;]*install[^\n`|&;]*[ '\"]httpcodes\b")  # fmt: skip


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, stdout=subprocess.PIPE, check=True)
    return [name for name in listed.stdout.decode().splitlines() if name.endswith((".py", ".md", ".toml", ".template", ".sql", "run", "check"))]  # fmt: skip


def test_the_name_is_our_own() -> None:
    assert NAME == "cdn-httpcodes"


def test_no_sentence_names_the_distribution_of_a_stranger() -> None:
    own = __file__.removeprefix(f"{PROJECT}/")
    for name in tracked():
        if name != own:
            found = STRANGERS.search((PROJECT / name).read_text(encoding="utf-8"))
            assert not found, (name, found)


def test_a_sentence_that_would_is_found() -> None:
    for wrong in ("pip install 'httpcodes[api]'", "pipx install httpcodes", "httpcodes>=1", "uv tool install httpcodes"):  # fmt: skip
        assert STRANGERS.search(wrong), wrong
    for right in (f"pip install '{NAME}[api]'", f"pipx install {NAME}", "pip install '.[api]'", "pip install . && httpcodes run"):  # fmt: skip
        assert not STRANGERS.search(right), right


def started(code: str, *path: Path) -> str:
    """What the program says on stderr that finds modules here first; it has to fail."""
    start = f"import sys; sys.path[:0] = {[*map(str, path)]!r}; {code}; from httpcodes_command import main; main()"  # fmt: skip
    return failed([sys.executable, "-c", start, "--help"], {})


def failed(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=PROJECT, env=os.environ | environment, capture_output=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (1, b""), done
    return done.stderr.decode()


def test_a_package_of_another_in_our_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "__init__.py").write_text("import nothing_that_there_is")
    hidden = (
        f"httpcodes: the package queries in {tmp_path / 'queries'} is another's and hides ours; "
    )
    assert started("pass", tmp_path) == (
        f"{hidden}give cdn-httpcodes an environment of its own (pipx install cdn-httpcodes, "
        "or uv tool install cdn-httpcodes)\n"
    )
    # What the script that pip makes does.
    entered, _, called = TOLD["scripts"]["httpcodes"].partition(":")
    script = [sys.executable, "-P", "-c", f"from {entered} import {called}; {called}()", "--help"]
    assert failed(script, {"PYTHONPATH": f"/nowhere:{tmp_path}:{PROJECT}"}) == (
        f"{hidden}start httpcodes without {tmp_path} in PYTHONPATH\n"
    )


def test_a_module_or_a_file_of_another_in_our_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text("raise SystemExit('what others do')")
    assert started("pass", tmp_path).startswith(f"httpcodes: the package jobs in {tmp_path / 'jobs.py'} is another's")  # fmt: skip
    # What others' uninstalling leaves: the folder, without what it wrote over.
    (installed := tmp_path / "installed").mkdir()
    shutil.copytree(PROJECT / "jobs", installed / "jobs")
    (installed / "queries").symlink_to(PROJECT / "queries")
    (installed / "jobs" / "cli" / "app.py").unlink()
    assert started("pass", installed) == "httpcodes: jobs.cli.app is not as cdn-httpcodes brings it; install cdn-httpcodes anew\n"  # fmt: skip


def test_what_a_run_from_a_clone_lacks_is_named() -> None:
    assert started("sys.modules['typer'] = None") == (
        "httpcodes: typer is not installed; pip install cdn-httpcodes brings it\n"
    )
    assert started("sys.version_info, sys.version = (3, 10, 13), '3.10.13 (main)'") == (
        "httpcodes: this is Python 3.10.13; 3.11 or later is needed\n"
    )
    # pip hears of it, too: what builds the package asks this module for its version.
    told = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["version"]
    assert told == {"source": "code", "path": "httpcodes_command.py", "expression": "VERSION"}
    assert version(NAME) == VERSION
