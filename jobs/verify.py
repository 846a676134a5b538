"""Proof that the published counts are those of the files in force, each counted once."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from jobs.counts import rollup
from jobs.counts.recount import recount
from jobs.logs import parquet
from jobs.logs.sources import fingerprint, look
from queries import snapshot
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Finding:
    """Something that contradicts an invariant."""

    check: str
    """The invariant."""
    where: str
    """The file, or the service with bucket and status code, or with an hour."""
    expected: int | str
    found: int | str


@dataclass(frozen=True)
class Proof:
    """What a look at the newest snapshot found."""

    snapshot: str
    findings: list[Finding]
    """Empty: every invariant holds."""
    files_read: int
    """Source files that were read again; 0 unless deep."""
    files_missing: list[str]
    """Source files in force that are no longer there, and so could not be read again."""

    def as_json(self) -> dict[str, Any]:
        """The machine's summary, as the command prints it."""
        return {
            "snapshot": self.snapshot,
            "ok": not self.findings,
            "findings": [vars(finding) for finding in self.findings],
            "files": {"read": self.files_read, "missing": self.files_missing},
        }


def verify(store: Path, *, deep: bool) -> Proof:
    """Check the invariants of the newest snapshot; `deep` reads the source files again, too.

    Raises SnapshotError, duckdb.Error or OSError if there is no snapshot that can be read.
    """
    name = snapshot.newest(store).stem
    with snapshot.reading(store) as connection:
        snapshot.check_version(connection, store)
        rows = connection.execute(_SQL["findings"]).fetchall()
        findings = [Finding(*row) for row in rows] + _unlike(connection)
        if not deep:
            return Proof(name, findings, 0, [])
        contents = connection.execute(_SQL["in_force"]).fetchall()
        # What lay at a path before other known content came is as gone as a file that is.
        lying = {path: known for path, known, displaced in contents if not displaced}
        gone = {path for path in lying if _is_gone(path)}
        missing = [path for path, _, displaced in contents if displaced or path in gone]
        present = {path: known for path, known in lying.items() if path not in gone}
        changed = _changed(present)
        unchanged = present.keys() - {finding.where for finding in changed}
        findings += changed + _miscounted(connection, unchanged)
        return Proof(name, findings, len(present), missing)


def _is_gone(path: str) -> bool:
    try:
        return look(path) is None
    except OSError:
        # Nobody can tell; what comes of reading it is said of the file.
        return False


def _unlike(connection: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Answers that are not what the cells say; by day, for their text is long."""
    findings = []
    for (day,) in connection.execute(_SQL["days"]).fetchall():
        rows = connection.execute(_SQL["unlike"], {"day": day}).fetchall()
        findings += [Finding(*row) for row in rows]
    return findings


def _changed(contents: dict[str, str]) -> list[Finding]:
    """Files whose path holds something else by now."""
    findings = []
    for path, known in contents.items():
        try:
            now = fingerprint(path)
        except OSError as error:
            now = f"unreadable: {error.strerror}"
        if now != known:
            findings.append(Finding("fingerprint = content of the file", path, known, now))
    return findings


def _miscounted(connection: duckdb.DuckDBPyConnection, paths: Collection[str]) -> list[Finding]:
    """What comes out differently when the rows of these files are counted again."""
    if not paths:
        return []
    rollup.define_buckets(connection)
    recounted = recount(connection, paths)
    promised = parquet.promised(connection, list(paths))
    said = {"paths": list(promised), "rows": list(promised.values())}
    incomplete = connection.execute(_SQL["incomplete"], said).fetchall()
    miscounted = _SQL["miscounted"].format(recounted=recounted)
    rows = incomplete + connection.execute(miscounted, {"paths": list(paths)}).fetchall()
    return [Finding(*row) for row in rows]
