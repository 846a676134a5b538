"""Results that are too large for the driver's memory: Parquet files on a share.

Spark's own committer writes them, so that a repeated or overtaken task adds nothing twice; they
are read in the order of the files, some at a time, and go when they are taken.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.counts.contents import Content
from jobs.counts.results import RESULTS
from jobs.engine.packing import Numbered
from jobs.engine.session import EngineFailed, Session

MOST_ROWS = 5_000_000
"""That are taken at a time, about."""


@dataclass(frozen=True)
class Share:
    """A folder that the driver and all executors see at the same path."""

    folder: Path
    store: Path
    """Whose results are left there."""

    def clear(self) -> None:
        """Delete what a run of this store that died has left."""
        for left in self.folder.glob(f"{self._prefix}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def written(self, session: Session, frame: Any, name: str) -> Path:
        """Let the engine leave its results in a folder of this name. Raises EngineFailed."""
        folder = self.folder / f"{self._prefix}-{name}"
        session.written(frame, folder)
        return folder

    @property
    def _prefix(self) -> str:
        path = os.path.abspath(self.store).encode()
        return f"httpcodes-{hashlib.sha256(path).hexdigest()[:12]}"


def in_order(folder: Path, files: Numbered) -> Iterator[tuple[Numbered, pa.Table]]:
    """The files in order, some at a time, with what was left there of them; then it goes."""
    # It takes half as long to import as all else, and brings pandas along where that is installed.
    import pyarrow.dataset as ds  # noqa: PLC0415

    try:
        if not (folder / "_SUCCESS").exists():
            raise EngineFailed(
                f"the driver does not see in {folder} what the engine has left there; "
                "nothing changed"
            )
        left = ds.dataset(folder, RESULTS, format="parquet")
        for some in _portions(left, files):
            first, until = pc.field("file"), pc.coalesce(pc.field("until"), pc.field("file"))
            yield some, left.to_table(filter=(until >= min(some)) & (first <= max(some)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _portions(left: Any, files: Numbered) -> Iterator[Numbered]:
    """Files that have about MOST_ROWS together."""
    heads = left.to_table(["file", "head"], filter=pc.field("head").is_valid()).to_pylist()
    rows: Counter[int] = Counter()
    for head in heads:
        rows[head["file"]] += json.loads(head["head"]).get("groups", 0)
    some: dict[int, Content] = {}
    held = 0
    for number, content in files.items():
        some[number] = content
        held += rows[number]
        if held >= MOST_ROWS:
            yield some
            some, held = {}, 0
    if some:
        yield some
