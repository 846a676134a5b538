"""What the distribution is called, and that no sentence sends anybody to a stranger's."""

import re
import subprocess
import tomllib

from conftest import PROJECT

NAME = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
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
