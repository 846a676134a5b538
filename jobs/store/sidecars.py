"""Contributions beside the snapshot, where files add many times as many rows as there are cells.

Few lie in the snapshot itself. Once they are many a run moves them into a sidecar: a Parquet file
in STORE/contributions, which never changes, and which no later night copies. A snapshot lists its
sidecars, and whose rows of each count, so what is taken back or folded is not written anew: its
rows are dead. Sidecars that are small, or mostly dead, are put together, so that there are never
many. One goes when no snapshot that is kept lists it.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb

from jobs.store.publication import WriteOut, sync
from queries import sidecars
from queries.failures import Failed
from queries.quoting import literal
from queries.statements import statements

LEAST = 1 << 20
"""Rows that make a sidecar; fewer are of no weight in the snapshot."""
SMALL = 8 * LEAST
"""Rows that count; a sidecar that has fewer is small."""
MOST = 8
"""So many small sidecars become one."""

_SQL = statements(__name__)


class SidecarDamaged(Failed):
    """A sidecar that is not there, or not what it was; the message names it."""


class Sidecars:
    """The sidecars of one revision."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Path, run_id: str) -> None:
        self._connection, self._store, self._run_id = connection, store, run_id
        self._on_their_way: list[WriteOut] = []
        self.listed: set[str] = set()
        """The names of the sidecars."""
        self.before = set(self._names())
        """The names of those of the snapshot before, which somebody may still read."""
        sidecars.locate(connection, store)

    def keep(self, rows: str) -> None:
        """Keep contributions apart: a relation of file_id, service_id, bucket_start, status_code
        and requests, with one row for each file and cell."""
        if self._many(rows) < LEAST:
            self._connection.execute(_SQL["within"].format(rows=rows))
        else:
            self._write(rows)

    def check(self, files: str) -> None:
        """Raise SidecarDamaged if sidecars no longer hold what they held of these files.

        `files` is a relation of file_id.
        """
        if not self._any_apart(files):
            return
        which = _SQL["damaged"].format(files=files)
        ((damaged,),) = self._connection.execute(which).fetchall()
        if damaged is not None:
            place = sidecars.folder(self._store) / damaged
            raise SidecarDamaged(f"{place} is damaged: it does not hold what was written to it")

    def drop(self, files: str) -> None:
        """What these files added counts no more; `files` is a relation of file_id."""
        if self._any_apart(files):
            self._connection.execute(_SQL["drop"].format(files=files))
            self._show()

    def expire(self) -> None:
        """What is older than what is kept counts no more."""
        self._connection.execute(_SQL["expire"])
        self._show()

    def settle(self) -> None:
        """Before the revision is published: let its list be short, and its view be of it."""
        self._connection.begin()
        self._connection.execute(_SQL["drop_dead"])
        self._merge()
        nothing = "(FROM internal.shared_contributions WHERE false)"
        if self._many(nothing) >= LEAST:
            self._write(nothing)
        self._show()
        self._connection.commit()

    def finish(self) -> None:
        """Wait until what was written is on the disk. Raises OSError."""
        for written in self._on_their_way:
            written.finish()
        if self._on_their_way:
            sync(sidecars.folder(self._store))
            sync(self._store)

    def _any_apart(self, files: str) -> bool:
        return bool(self._one(_SQL["any_apart"].format(files=files)))

    def _many(self, rows: str) -> int:
        return self._one(_SQL["many"].format(rows=rows))

    def _write(self, rows: str) -> None:
        sidecar = self._one(_SQL["next"])
        name = f"{self._run_id}-{sidecar}.parquet"
        unfinished = self._store / "tmp" / name
        which = {"sidecar": sidecar, "name": literal(name), "rows": rows}
        write = _SQL["write"].format_map(which | {"file": literal(unfinished)})
        self._connection.execute(write)
        place = _placed(unfinished, sidecars.folder(self._store))
        self._on_their_way.append(WriteOut(place))
        sidecars.locate(self._connection, self._store)
        file = sidecars.named(self._store, name)
        self._connection.execute(_SQL["list"].format_map(which | {"file": file}))
        self._show()

    def _show(self) -> None:
        """Let the view be of what counts."""
        listed = self._names()
        self.listed = set(listed)
        ((kept_from,),) = self._connection.execute(_SQL["kept_from"]).fetchall()
        kept = f"bucket_start >= TIMESTAMP '{kept_from}'" if kept_from else "true"
        rows = []
        for how, is_whole in (("whole", True), ("living_rows", False)):
            names = [name for name, all_count in listed.items() if all_count == is_whole]
            if names:
                files = ", ".join(sidecars.named(self._store, name) for name in names)
                rows.append(_SQL[how].format(files=files, kept=kept))
        query = "\nUNION ALL\n".join(rows) or _SQL["none"]
        self._connection.execute(_SQL["show"].format(rows=query))

    def _merge(self) -> None:
        """Write what counts of sidecars that are mostly dead, or small and many, once more."""
        rows = self._connection.execute(_SQL["living"], {"small": SMALL}).fetchall()
        small = [sidecar for sidecar, living, _ in rows if living < SMALL]
        loose = [sidecar for sidecar, living, held in rows if 2 * living < held]
        chosen = [*small, *loose] if len(small) >= MOST else loose
        if not chosen:
            return
        self._connection.execute(_SQL["choose"], {"sidecars": chosen})
        self._connection.execute(_SQL["merging"])
        self.check("merging_files")
        self.keep("merging")
        self._connection.execute(_SQL["leave"])

    def _names(self) -> dict[str, bool]:
        """The sidecars with rows that count, and whether all of theirs do."""
        return dict(self._connection.execute(_SQL["listed"]).fetchall())

    def _one(self, query: str) -> int:
        rows: list[tuple[int]] = self._connection.execute(query).fetchall()
        return rows[0][0]


def _placed(unfinished: Path, folder: Path) -> Path:
    """A finished file in its place."""
    folder.mkdir(exist_ok=True)
    unfinished.chmod(0o444)
    return unfinished.rename(folder / unfinished.name)


def lost(connection: duckdb.DuckDBPyConnection, store: Path) -> list[str]:
    """The sidecars that the current database, a snapshot, lists and that are not in the store."""
    return [file for file in sidecars.files(connection, store) if not os.path.exists(file)]


def check_all(connection: duckdb.DuckDBPyConnection, store: Path) -> None:
    """Raise SidecarDamaged unless all are there that the current database, a snapshot, lists."""
    for file in lost(connection, store):
        raise SidecarDamaged(f"{file} is not there")


def clear(store: Path, snapshots: Sequence[Path], listed: Iterable[str] = ()) -> None:
    """Drop the sidecars that no snapshot lists; none, if one of them can't be read.

    `snapshots` are all that the store keeps, in the order of publication; those `listed` are
    known to be asked for.
    """
    folder = sidecars.folder(store)
    try:
        unlisted = {str(folder / name) for name in set(os.listdir(folder)).difference(listed)}
    except FileNotFoundError:
        return
    with suppress(duckdb.Error, OSError):
        for file in reversed(snapshots):
            if not unlisted:
                return
            with duckdb.connect(file, read_only=True) as connection:
                unlisted.difference_update(sidecars.files(connection, store))
        for path in unlisted:
            os.unlink(path)
