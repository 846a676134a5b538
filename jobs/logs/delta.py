"""Tables of Delta Lake, as the library deltalake reads their log."""

import json
import os
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from deltalake import DeltaTable

from jobs.logs.named_tables import Far, TableRefused, because, plain
from jobs.logs.sources import Compaction

_KIND = "a Delta table"


def read(where: str, far: Far) -> tuple[str, list[str], Callable[[], list[Compaction]]]:
    """The root of a table, its files, and what it only wrote anew. Raises TableRefused."""
    root = plain(where)
    try:
        table = DeltaTable(root, storage_options=_options(root, far))
        files = [plain(path) for path in table.file_uris()]
        settings = table.metadata().configuration
        features = table.protocol().reader_features or []
        vectors = _with_vectors(table) if "deletionVectors" in features else 0
    # Libraries of tables have no class that all their errors share; each becomes a sentence.
    except Exception as error:
        raise because(_KIND, error) from error
    if vectors:
        raise TableRefused(
            f"{vectors:,} of its files have deletion vectors: rows that lie in them and are no "
            "part of the table; REORG TABLE … APPLY (PURGE) writes it anew without them"
        )
    if settings.get("delta.columnMapping.mode", "none") != "none":
        raise TableRefused(
            "its columns have other names in its files (delta.columnMapping.mode); write it anew "
            "without that to count it"
        )
    return root, files, lambda: list(_compactions(root, far))


def _options(root: str, far: Far) -> dict[str, str] | None:
    """Where a store is that is not at AWS; credentials are the library's own chain's."""
    endpoint = None if far.is_local(root) else far.endpoint(root)
    return {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true"} if endpoint else None


def _with_vectors(table: DeltaTable) -> int:
    return sum(batch.num_rows for batch in table.deletion_vectors())


def _compactions(root: str, far: Far) -> Iterator[Compaction]:
    """Commits of which no file changed the data."""
    for commit in _commits(root, far):
        actions = [json.loads(line) for line in commit.splitlines() if line.strip()]
        added = [action["add"] for action in actions if action.get("add")]
        removed = [action["remove"] for action in actions if action.get("remove")]
        changes = any(action.get("dataChange", True) for action in added + removed)
        if added and removed and not changes:
            yield Compaction(_paths(root, removed), _paths(root, added))


def _paths(root: str, actions: list[dict[str, str]]) -> frozenset[str]:
    return frozenset(f"{root}/{unquote(action['path'])}" for action in actions)


def _commits(root: str, far: Far) -> Iterator[str]:
    """The commits that are still there, in order."""
    folder = f"{root}/_delta_log"
    names = os.listdir(folder) if far.is_local(root) else far.names_in(folder)
    for name in sorted(name for name in names if name.endswith(".json") and name[:20].isdigit()):
        path = f"{folder}/{name}"
        file = far.open(path)
        yield file.read_at(file.size(), 0).decode()
