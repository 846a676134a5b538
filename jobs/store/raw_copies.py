"""Copies of log files, kept in the store for some days after the files were counted.

What a producer moves, deletes or writes over stays to be asked about. The copies of a run lie in a
folder of its own, so a run that never published leaves one that the ledger does not know.
"""

import errno
import os
import shutil
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb

from jobs.logs.storage import Storage
from jobs.logs.tables import content_of
from jobs.store.publication import sync
from jobs.store.reflink import copy
from jobs.store.revision import Revision, reserve
from queries.access_log import raw_copy
from queries.statements import statements

_AT_ONCE = 8
_SQL = statements(__name__)


class _Counted(NamedTuple):
    """A file in force, as it was when it was counted."""

    file_id: int
    path: str
    run_id: str
    fingerprint: str
    size: int
    modified_us: int
    noted: str | None
    """Its copy, if it had one: made under the name that the file had then."""


class _Gone(Exception):
    """What was counted does not stand there any more."""


def keep(work: Revision, store: Path) -> dict[str, str]:
    """Bring the copies up to the files in force; why some could not be made, by path.

    Copies that are kept no longer go once the revision is published. A file that is no longer
    what was counted is not copied, and not named either.
    """
    folder = raw_copy.folder(store)
    there = set(_files_below(folder))
    places, not_kept = _places(work.terms.storage, folder, there, _wanted(work))
    missing = [file for file, place in places.items() if place not in there]
    left_free = reserve(store, work) if missing else 0
    with ThreadPoolExecutor(_AT_ONCE, "copy") as pool:
        attempt = partial(_attempt, work.terms.storage, store, left_free)
        attempts = pool.map(attempt, missing, [places[file] for file in missing])
        for file, failure in zip(missing, attempts, strict=True):
            if failure:
                del places[file]
            if isinstance(failure, OSError):
                not_kept[file.path] = f"no copy is kept: {failure.strerror}"
    noted = {"file_ids": [file.file_id for file in places], "paths": list(places.values())}
    work.connection.execute(_SQL["note"], noted)
    work.obsolete.extend(_unused(folder, there, set(places.values())))
    return not_kept


def expired(connection: duckdb.DuckDBPyConnection, now: datetime, days: int) -> int:
    """How many copies that the current database knows are kept no longer at this moment (naive,
    UTC): their files were counted more days ago, or are not in force any more."""
    since = {"since": now - timedelta(days=days)}
    rows: list[tuple[int]] = connection.execute(_SQL["expired"], since).fetchall()
    return rows[0][0]


def _wanted(work: Revision) -> list[_Counted]:
    since = {"since": work.started_at - timedelta(days=work.terms.raw_days)}
    rows = work.connection.execute(_SQL["wanted"], since).fetchall() if work.terms.raw_days else []
    return [_Counted._make(row) for row in rows]


def _places(
    storage: Storage, folder: str, there: Set[str], files: list[_Counted]
) -> tuple[dict[_Counted, str], dict[str, str]]:
    """Where the copies of files belong, and by path why some can't have any."""
    places, not_kept = {}, {}
    # What moved is copied under its new name, unless a copy of something else is called so.
    noted = {file.noted for file in files}
    taken: set[str] = set()
    for file in files:
        try:
            place = raw_copy.path_of(folder, file.run_id, file.path)
        except ValueError as error:
            not_kept[file.path] = f"no copy is kept: {error}"
            continue
        if file.noted in there and (place in noted or not _stands(storage, file)):
            place = str(file.noted)
        if place in taken:
            not_kept[file.path] = "no copy is kept: that of an earlier file is called so"
        else:
            places[file] = place
            taken.add(place)
    return places, not_kept


def _files_below(folder: str) -> Iterator[str]:
    for path, _, names in os.walk(folder):
        yield from (f"{path}/{name}" for name in names)


def _unused(folder: str, there: Set[str], used: Set[str]) -> Iterator[Path]:
    """Whole folders of runs, and files in others."""
    runs = {_run(folder, place) for place in used}
    for place in there - used:
        run = _run(folder, place)
        yield Path(place) if run in runs else Path(folder, run)


def _run(folder: str, copy: str) -> str:
    """The run in whose folder a copy lies."""
    return copy.removeprefix(f"{folder}/").partition("/")[0]


def _attempt(
    storage: Storage, store: Path, left_free: int, file: _Counted, copy: str
) -> Exception | None:
    unfinished = store / "tmp" / f"{file.file_id}.copy"
    try:
        if not _stands(storage, file):
            raise _Gone
        if shutil.disk_usage(store).free - file.size < left_free:
            raise OSError(errno.ENOSPC, "the disk is nearly full")
        _copy(storage, file, unfinished)
        _finish(file, unfinished, Path(copy))
    except (_Gone, OSError) as failure:
        unfinished.unlink(missing_ok=True)
        return failure
    return None


def _stands(storage: Storage, file: _Counted) -> bool:
    now = storage.look(file.path)
    return now is not None and (now.size, now.modified_us) == (file.size, file.modified_us)


def _copy(storage: Storage, file: _Counted, target: Path) -> None:
    if storage.is_local(file.path):
        copy(Path(file.path), target)
        copied = str(target)
    else:
        storage.download(file.path, target)
        # Its fingerprint is what the store says of it.
        copied = file.path
    if content_of(storage.fingerprint(copied)) != content_of(file.fingerprint):
        raise _Gone


def _finish(file: _Counted, unfinished: Path, copy: Path) -> None:
    # As the ledger has it, so that readers see by one rule whether a file is what was counted.
    os.utime(unfinished, ns=(file.modified_us * 1000,) * 2)
    unfinished.chmod(0o444)
    sync(unfinished)
    copy.parent.mkdir(parents=True, exist_ok=True)
    unfinished.rename(copy)
    sync(copy.parent)
