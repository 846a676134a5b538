"""What a reader of an export finds: files, links and an index that holds for them."""

import hashlib
import json
import os
import select
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jobs.export.day_folders import file_name


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


def by_link(out: Path, day: str) -> None:
    """Check that the folder behind a day's link has all files, made from the same counts.

    They are if each service had one request an hour, all with one status that tells the version.
    """
    folder = Path(os.path.realpath(out / day))
    documents = [json.loads(file.read_bytes()) for file in folder.iterdir()]
    buckets = [bucket for document in documents for bucket in document["httpCodes"]]
    assert len({json.dumps(bucket["httpCodeValues"]) for bucket in buckets}) == 1
    assert len(documents) == len(json.loads((out / "index.json").read_bytes())["services"])


def watch(out: Path, exports: Path) -> None:
    """Read all days again and again until stdin closes; print the snapshots that were seen.

    What was read is promised to stay until the next export but one, so what another export began
    on meanwhile may go. The number of exports that began stands in a file.
    """
    seen: list[str] = []
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        began = exports.read_text()
        index = json.loads((out / "index.json").read_bytes())
        try:
            for day in index["days"]:
                by_link(out, day)
                in_index(out, index, day)
        except (AssertionError, FileNotFoundError):
            if exports.read_text() == began:
                raise
        else:
            seen.append(index["snapshot"])
    print(json.dumps(seen))


if __name__ == "__main__":
    watch(Path(sys.argv[1]), Path(sys.argv[2]))
