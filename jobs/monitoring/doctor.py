"""What a run needs of its surroundings, looked at before it is missed."""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import duckdb

from jobs.logs.options import Source
from jobs.logs.sources import SourceNotFound
from jobs.logs.storage import Storage
from jobs.store import reflink, sidecars
from jobs.store import revision as keeping
from jobs.store.revision import StoreUnusable, Terms
from queries import snapshot, utc
from queries.quantities import size

NEEDED = {"python": (3, 11), "duckdb": (2,), "pyarrow": (16,)}
"""The least versions, as in pyproject.toml."""

_OURS = ("jobs", "queries")
"""Names by which Python finds this program; they are common ones."""

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    state: State
    """fail: a run can't do its work."""
    says: str
    """A sentence for the operator."""


def examine(
    store: Path,
    terms: Terms,
    sources: Sequence[Source],
    outputs: Mapping[str, Path | None] = MappingProxyType({}),
) -> list[Finding]:
    """Look at the environment of a run; leaves nothing behind.

    `outputs` are the folders that it writes to beside the store, by what they are for. Looking
    at the sources lists them, as a run would.
    """
    newest, published = _published(store)
    shares = _shares_blocks(store)
    return [
        *_versions(),
        _names(),
        _time_zone(),
        _limits(terms),
        _permissions(store),
        *(_output(what, folder) for what, folder in outputs.items() if folder),
        *published,
        _reflinks(newest, shares=shares),
        _space(store, newest, shares=shares),
        *_sources(sources, terms.storage),
    ]


def _versions() -> Iterator[Finding]:
    for name, least in NEEDED.items():
        found = sys.version.split()[0] if name == "python" else version(name)
        # Beyond the second number there may be letters.
        fits = tuple(map(int, found.split(".")[: len(least)])) >= least
        needed = "" if fits else f"; {'.'.join(map(str, least))} or later is needed"
        yield Finding(name, "ok" if fits else "fail", f"version {found}{needed}")


def _names() -> Finding:
    """Whether others install packages that are called as ours are, and may write over them."""
    owners = packages_distributions()
    others = {owner for name in _OURS for owner in owners.get(name, []) if owner != "cdn-httpcodes"}
    if others:
        says = (
            f"{', '.join(sorted(others))} installs packages of these names, too: give "
            "cdn-httpcodes an environment of its own (pipx install cdn-httpcodes)"
        )
        return Finding("packages", "warn", says)
    return Finding("packages", "ok", f"{' and '.join(_OURS)} are ours alone")


def _time_zone() -> Finding:
    says = f"this machine's is {time.strftime('%Z, UTC%z')}; httpcodes uses UTC everywhere"
    return Finding("time zone", "ok", says)


def _limits(terms: Terms) -> Finding:
    limits = f"memory {terms.memory or 'as DuckDB chooses'}, threads {terms.threads or 'all'}"
    try:
        keeping.connect(terms).close()
    except StoreUnusable as error:
        return Finding("limits", "fail", str(error))
    return Finding("limits", "ok", limits)


def _nearest(folder: Path) -> Path:
    """The folder, or what exists of the way to it."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _permissions(store: Path) -> Finding:
    for folder in (store, store / "snapshots", store / "tmp"):
        if path := cannot_write(folder):
            return Finding("permissions", "fail", f"{path} can't be written by this user")
    return Finding("permissions", "ok", f"{store} can be written")


def _output(what: str, folder: Path) -> Finding:
    if (path := cannot_write(folder)) is not None:
        return Finding(what, "fail", f"{path} can't be written by this user")
    return Finding(what, "ok", f"{folder} can be written")


def cannot_write(folder: Path) -> Path | None:
    """What is in the way of writing to this folder, which a run may make."""
    path = _nearest(folder)
    return None if path.is_dir() and os.access(path, os.R_OK | os.W_OK | os.X_OK) else path


def _published(store: Path) -> tuple[Path | None, list[Finding]]:
    """The newest snapshot, if it is good, and what there is to say of it."""
    if not os.path.lexists(store / snapshot.LINK):
        return None, [
            Finding("snapshot", "warn", f"{store} holds none yet: the first run makes it")
        ]
    try:
        newest = snapshot.newest(store)
        with snapshot.reading(store) as connection:
            ((found,),) = connection.execute(
                "SELECT schema_version FROM internal.snapshot"
            ).fetchall()
            gone = sidecars.lost(connection, store)
    except (snapshot.SnapshotError, duckdb.Error, OSError) as error:
        return None, [Finding("snapshot", "fail", str(error).partition("\n")[0])]
    if gone:
        return None, [Finding("snapshot", "fail", f"{newest.stem} lists {gone[0]}, which is gone")]
    upgrade = "" if found == snapshot.SCHEMA_VERSION else ", which the next run upgrades"
    good = Finding("snapshot", "ok", f"{newest.stem}, schema version {found}{upgrade}")
    return newest, [good, _clock(newest)]


def _clock(newest: Path) -> Finding:
    now = utc.now()
    says = f"it says {utc.written(now)}"
    if utc.stamp(now) < newest.name.partition("-")[0]:
        return Finding("clock", "warn", f"{says}, which is before the newest snapshot")
    return Finding("clock", "ok", says)


def _reflinks(newest: Path | None, *, shares: bool) -> Finding:
    copied = newest.stat().st_size if newest else 0
    says = (
        "the file system has them: copying the snapshot costs nothing"
        if shares
        else f"the file system has none: a run copies the newest snapshot, {size(copied)}"
    )
    return Finding("reflinks", "ok", says)


def _shares_blocks(store: Path) -> bool:
    return reflink.shares_blocks(_nearest(store / "tmp"))


def space(store: Path) -> Finding:
    """Whether the next run finds the room on the disk that it needs."""
    newest, _ = _published(store)
    return _space(store, newest, shares=_shares_blocks(store))


def _space(store: Path, newest: Path | None, *, shares: bool) -> Finding:
    """A run needs room for the copy, and for what it changes in it: at worst all."""
    changed = newest.stat().st_size if newest else 0
    free = shutil.disk_usage(_nearest(store)).free
    copy = 0 if shares else changed
    state: State = "fail" if free <= copy else "warn" if free < copy + changed else "ok"
    says = (
        f"{size(free)} are free; the next run needs {size(copy)} to {size(copy + changed)} "
        "and its growth"
    )
    return Finding("disk space", state, says)


def _sources(sources: Sequence[Source], storage: Storage) -> Iterator[Finding]:
    for source in sources:
        for where in source.sought:
            yield _source(where, storage, may_be_missing=source.optional)
    if not sources:
        yield Finding("source", "warn", "none is configured: every run has to name them")


def _source(where: str, storage: Storage, *, may_be_missing: bool) -> Finding:
    try:
        found = storage.find([where], may_be_missing=may_be_missing)
    except SourceNotFound as error:
        return Finding("source", "fail", str(error))
    if may_be_missing and found.missing:
        return Finding("source", "ok", f"{where} holds nothing now; it is optional")
    for path, reason in found.unlisted.items():
        return Finding("source", "warn", f"{path}: {reason}")
    for path in found.files:
        if not os.access(path, os.R_OK):
            return Finding("source", "fail", f"{path} can't be read by this user")
    state: State = "ok" if found.files else "warn"
    number = len(found.files)
    return Finding("source", state, f"{where} holds {number:,} file{'' if number == 1 else 's'}")
