"""Tables of Apache Iceberg, as the library pyiceberg reads their metadata."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from pyiceberg.catalog import load_catalog
from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.table import StaticTable, Table
from pyiceberg.table.snapshots import Operation, Snapshot

from jobs.logs.named_tables import Far, TableRefused, because, plain
from jobs.logs.sources import Compaction

_KIND = "an Iceberg table"
_METADATA = re.compile(r"v?(\d+)(-[^/]*)?(\.gz)?\.metadata\.json(\.gz)?")


def read(where: str, far: Far) -> tuple[str, list[str], Callable[[], list[Compaction]]]:
    """The root of a table, its files, and what it only wrote anew. Raises TableRefused."""
    try:
        table = _loaded(where, far)
        tasks = list(table.scan().plan_files()) if table.current_snapshot() else []
    except TableRefused:
        raise
    # Libraries of tables have no class that all their errors share; each becomes a sentence.
    except Exception as error:
        raise because(_KIND, error) from error
    if deleting := [task for task in tasks if task.delete_files]:
        raise TableRefused(
            f"{len(deleting):,} of its files have row-level deletes: rows that lie in them and are "
            "no part of the table; compact it (rewrite_data_files) to count it"
        )
    _check_names(table)
    files = [plain(task.file.file_path) for task in tasks]
    return plain(table.location()), files, lambda: list(_compactions(table))


def _loaded(where: str, far: Far) -> Table:
    if "/" in where or "." not in where:
        path = plain(where)
        endpoint = None if far.is_local(path) else far.endpoint(path)
        properties = {"s3.endpoint": endpoint} if endpoint else {}
        return StaticTable.from_metadata(_newest(path, far), properties)
    catalog, _, name = where.partition(".")
    return load_catalog(catalog).load_table(name)


def _newest(path: str, far: Far) -> str:
    """The metadata that a path names: a file itself, or the newest of a table's folder."""
    if ".metadata.json" in path.rpartition("/")[2]:
        return path
    folder = f"{path}/metadata"
    names = list(_listed(folder) if far.is_local(path) else far.names_in(folder))
    if "version-hint.text" in names:
        hint = far.open(f"{folder}/version-hint.text")
        version = hint.read_at(hint.size(), 0).decode().strip()
        hinted = [name for name in names if re.match(rf"v?0*{re.escape(version)}[-.]", name)]
        names = hinted or names
    versions = defaultdict(list)
    for name in names:
        if found := _METADATA.fullmatch(name):
            versions[int(found[1])].append(name)
    if not versions:
        raise TableRefused(f"holds no metadata of Iceberg: no *.metadata.json lies in {folder}")
    newest = versions[max(versions)]
    if len(newest) > 1:
        raise TableRefused(
            f"{' and '.join(sorted(newest))} are both its newest metadata, and only its catalog "
            "knows which holds: name it as iceberg:CATALOG.TABLE, or name the file"
        )
    return f"{folder}/{newest[0]}"


def _listed(folder: str) -> list[str]:
    return os.listdir(folder) if os.path.isdir(folder) else []


def _check_names(table: Table) -> None:
    """Raise TableRefused where a name means another column in older files."""
    known: dict[str, int] = {}
    for schema in table.schemas().values():
        for field in schema.fields:
            if known.setdefault(field.name, field.field_id) != field.field_id:
                raise TableRefused(
                    f'its column "{field.name}" was dropped and made anew: in older files the name '
                    "means another; write it anew to count it"
                )


def _compactions(table: Table) -> Iterator[Compaction]:
    snapshot = table.current_snapshot()
    while snapshot is not None:
        if snapshot.summary and snapshot.summary.operation == Operation.REPLACE:
            yield _compaction(table, snapshot)
        parent = snapshot.parent_snapshot_id
        snapshot = None if parent is None else table.snapshot_by_id(parent)


def _compaction(table: Table, snapshot: Snapshot) -> Compaction:
    entries: list[Any] = [
        entry
        for manifest in snapshot.manifests(table.io)
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False)
        if entry.snapshot_id == snapshot.snapshot_id
    ]
    sides: dict[ManifestEntryStatus, set[str]] = defaultdict(set)
    for entry in entries:
        sides[entry.status].add(plain(entry.data_file.file_path))
    return Compaction(
        frozenset(sides[ManifestEntryStatus.DELETED]), frozenset(sides[ManifestEntryStatus.ADDED])
    )
