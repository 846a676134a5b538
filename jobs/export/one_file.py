"""The counts as one file: the documents as NDJSON, or the cells as Parquet or CSV.

The file is written beside its place, as `.NAME.part`, and renamed: whoever opens it has a whole
one. What a killed export left there is written over by the next.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from jobs.export.day_folders import BadOutput, ExportLocked, lock, writing
from jobs.export.documents import Documents, Selection, documents
from jobs.store.publication import sync
from queries.quoting import literal
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class ExportedFile:
    """What an export to a file did."""

    snapshot: str
    """The one that was read."""
    bytes: int
    seconds: float


def export_file(store: Path, out: Path, format_: str, selection: Selection) -> ExportedFile:
    """Write the selection, from the store's newest snapshot, to the file `out`.

    `format_` is one of FORMATS. Raises UnknownService, BadOutput, ExportLocked, SnapshotError,
    OutputUnusable, duckdb.Error or OSError; then `out` is what it was before.
    """
    began = time.monotonic()
    with documents(store, selection) as held, _replaced(out) as part:
        FORMATS[format_](held, part)
        size = part.stat().st_size
    return ExportedFile(held.snapshot, size, time.monotonic() - began)


def _ndjson(held: Documents, part: Path) -> None:
    with part.open("wb") as lines:
        for day, *_ in held.days():
            lines.writelines(document + b"\n" for _, document in held.of(day))


def _parquet(held: Documents, part: Path) -> None:
    _copy(held, part, "parquet")


def _csv(held: Documents, part: Path) -> None:
    _copy(held, part, "csv")


def _copy(held: Documents, part: Path, how: str) -> None:
    try:
        held.connection.execute(
            _SQL[how].format(cells=_SQL["cells"], target=literal(part)), held.bounds
        )
    except duckdb.IOException as error:
        # A failed write comes as JSON inside of a sentence; all else is said well.
        if number := re.search(r'"errno":"(\d+)"', str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
        raise


FORMATS: dict[str, Callable[[Documents, Path], None]] = {
    "ndjson": _ndjson,
    "parquet": _parquet,
    "csv": _csv,
}


@contextmanager
def _replaced(out: Path) -> Iterator[Path]:
    """A file to write, which takes the place of `out` if the body does not raise."""
    if out.is_dir():
        raise BadOutput(f"{out} is a folder; with --format an export is a file")
    with writing(out):
        if not out.parent.exists():
            out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_name(f".{out.name}.part")
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            lock(descriptor, out)
            if not os.path.exists(part) or os.stat(part).st_ino != os.fstat(descriptor).st_ino:
                # The other export was done between the two lines above.
                raise ExportLocked(f"another export writes to {out}")
            try:
                yield part
                sync(part)
                part.replace(out)
                sync(out.parent)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        finally:
            os.close(descriptor)
