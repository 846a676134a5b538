"""The documents: their transcripts replayed, their tables held against the program."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from commands import GROUP, loaded
from conftest import PROJECT

from jobs.logs.formats import FORMATS, Format
from queries.config_keys import ENDPOINTS, ENGINE, KEYS, LIMITS, RETENTION, SOURCE

README, JOB, ANSWERS = (
    (PROJECT / name).read_text(encoding="utf-8")
    for name in ("README.md", "jobs/README.md", "queries/README.md")
)


def transcripts(document: str) -> list[tuple[str, str]]:
    """Commands and what they print, from the console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", document, re.DOTALL)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, shown) for command, _, shown in (step.partition("\n") for step in steps)]


def steady(text: str) -> str:
    """What a run prints, without what differs from run to run."""
    return re.sub(r"published \S+ in [0-9.]+ s", "published", re.sub(r" +$", "", text, flags=re.M))


def test_the_readme_has_its_two_commands_first() -> None:
    (run, _), (tests, _), *_ = transcripts(README)
    assert run.startswith(
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/httpcodes run"
    )
    assert (
        tests
        == "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest"
    )


def test_the_transcripts_print_what_the_documents_show(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in (
        "pyproject.toml",
        "README.md",
        "httpcodes_command.py",
        "jobs",
        "queries",
        "sample_data",
    ):
        (clone / name).symlink_to(PROJECT / name)
    environment = {key: value for key, value in os.environ.items() if key != "HTTPCODES_STORE"}
    for command, shown in transcripts(README) + transcripts(JOB) + transcripts(ANSWERS):
        if command.endswith("pytest"):
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=clone, env=environment, check=False, timeout=600,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        # What pip has to say of its own version and of this machine's indexes is not ours.
        lines = [
            line for line in done.stdout.splitlines() if not re.match(r"WARNING|\[notice\]|$", line)
        ]
        assert steady("\n".join(lines)) == steady(shown.rstrip("\n")), command


def test_every_key_of_the_configuration_is_documented_as_the_program_means_it() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", JOB, re.DOTALL)
    told = dict(re.findall(r"^(\w+) = .*?  +# (.*)$", block, re.MULTILINE))
    keys = {**KEYS, **RETENTION, **LIMITS, **ENDPOINTS, **ENGINE, **SOURCE}
    assert told == {key: how.meaning for key, how in keys.items() if how.meaning}
    assert set(re.findall(r"^(\w+) = ", block, re.MULTILINE)) | {"service_from_path", "endpoint"} == keys.keys() - {"endpoints", "engine", "retention", "limits", "sources"}  # fmt: skip


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
def test_every_format_is_documented(format_: Format) -> None:
    assert f"| `{format_.name}` |" in JOB


def test_every_exit_code_is_documented() -> None:
    codes = re.findall(r"^\| (\d+) \|", JOB, re.MULTILINE)
    assert codes == ["0", "1", "2", "3", "4", "11", "130"]


def test_the_readme_names_every_command() -> None:
    assert set(loaded()) == set(re.findall(r"^\| `httpcodes (\w+)", README, re.MULTILINE))


def test_the_readme_is_read_on_two_screens() -> None:
    assert README.count("\n") <= 150


@pytest.mark.parametrize("document", ["README.md", "jobs/README.md", "queries/README.md", "tests/README.md", "CHANGELOG.md"])  # fmt: skip
def test_links_lead_somewhere(document: str) -> None:
    text = (PROJECT / document).read_text(encoding="utf-8")
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        file = (PROJECT / document).parent / target if target else PROJECT / document
        assert file.is_file(), (document, target)
        if heading:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {h.lower().replace(" ", "-") for h in headings}, heading


def test_every_option_that_a_document_names_is_one_of_the_program() -> None:
    known = {"--no-deps", "--help", "--now"}
    commands = [GROUP, *loaded().values()]
    while commands:
        command = commands.pop()
        commands += getattr(command, "commands", {}).values()
        known |= {name for parameter in command.params for name in parameter.opts + parameter.secondary_opts}  # fmt: skip
    for document in (README, JOB, ANSWERS):
        prose = re.sub(r"```.*?```", "", document, flags=re.DOTALL)
        assert set(re.findall(r"`(?:[^`]*? )?(--[a-z][a-z-]+)", prose)) <= known
