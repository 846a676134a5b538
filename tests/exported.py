"""What a reader of an export finds: files, links and an index that holds for them."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jobs.day_folders import file_name


def whole(out: Path) -> dict[str, Any]:
    """The index, after a check that it, the links and the files tell the same."""
    index: dict[str, Any] = json.loads((out / "index.json").read_bytes())
    for day, entry in index["days"].items():
        assert os.readlink(out / day) == entry["folder"]
        in_index(out, index, day)
    assert {link.name for link in out.glob("2*")} == index["days"].keys()
    return index


def in_index(out: Path, index: dict[str, Any], day: str) -> None:
    """Check the files of a day, in the folder that the index names, against the index."""
    entry = index["days"][day]
    for service_name, file in entry["services"].items():
        content = (out / entry["folder"] / file_name(service_name)).read_bytes()
        assert file["file"] == f"{day}/{file_name(service_name)}"
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])  # fmt: skip
        assert json.loads(content)["serviceName"] == service_name
    names = {unquote(file.stem) for file in (out / entry["folder"]).iterdir()}
    assert names == entry["services"].keys()


def tree(out: Path) -> dict[str, bytes]:
    """The files, followed links left out, and what they hold."""
    return {str(file): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}
