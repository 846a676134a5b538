"""Proof that the published counts are those of the files in force, each counted once."""

from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from jobs.counts import rollup
from jobs.counts.recount import recount
from jobs.counts.rereading import Reread, Rereader
from jobs.counts.rereading import known as known_ways
from jobs.logs import parquet
from jobs.logs.storage import Storage
from jobs.logs.text.audit import audit
from jobs.store import sidecars
from jobs.store.copies import Copy, suspected
from jobs.store.marked import Unmeasured, unmeasured
from jobs.store.overlaps import Overlap, overlaps
from jobs.store.revision import USUAL, Terms
from queries import snapshot
from queries.access_log.text import BROKEN
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
    digests: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the counts of each UTC day, as day_digests has it."""
    suspected: list[Copy] = field(default_factory=list)
    """Files that seem to hold what others hold that count, too: no contradiction."""
    overlaps: list[Overlap] = field(default_factory=list)
    """Files that hold requests of the same ids; the same."""
    unmeasured: list[Unmeasured] = field(default_factory=list)
    """Files of which it is not known."""

    def as_json(self) -> dict[str, Any]:
        """The machine's summary, as the command prints it."""
        return {
            "snapshot": self.snapshot,
            "ok": not self.findings,
            "findings": [vars(finding) for finding in self.findings],
            "files": {"read": self.files_read, "missing": self.files_missing},
            "digests": self.digests,
            "suspected_copies": [copy.as_json() for copy in self.suspected],
            "overlaps": [overlap.as_json() for overlap in self.overlaps],
            "not_measured": [left.as_json() for left in self.unmeasured],
        }


def verify(
    store: Path, terms: Terms = USUAL, *, deep: bool, rereader: Rereader | None = None
) -> Proof:
    """Check the invariants of the newest snapshot; `deep` reads the source files again, too.

    They are read here, if no `rereader` does it.
    Raises SnapshotError, duckdb.Error or OSError if there is no snapshot that can be read.
    """
    name = snapshot.newest(store).stem
    with snapshot.reading(store) as connection:
        snapshot.check_version(connection, store)
        if lost := sidecars.lost(connection, store):
            findings = [Finding("sidecars that are listed are there", file, 1, 0) for file in lost]
            return Proof(name, findings, 0, [])
        rows = connection.execute(_SQL["findings"]).fetchall()
        findings = [Finding(*row) for row in rows] + _unlike(connection)
        digests = dict(connection.execute(_SQL["digests"]).fetchall())
        twice = suspected(connection), overlaps(connection), unmeasured(connection)
        if not deep:
            return Proof(name, findings, 0, [], digests, *twice)
        contents = connection.execute(_SQL["in_force"]).fetchall()
        # What lay at a path before other known content came is as gone as a file that is.
        lying = {path: known for path, known, displaced in contents if not displaced}
        gone = {path for path in lying if terms.storage.is_gone(path)}
        missing = [path for path, _, displaced in contents if displaced or path in gone]
        present = {path: known for path, known in lying.items() if path not in gone}
        ways = known_ways(connection, present.keys()) if rereader else []
        found = rereader(terms.storage, ways) if rereader else None
        changed = _changed(present, terms.storage, found)
        unchanged = present.keys() - {finding.where for finding in changed}
        findings += changed + _miscounted(connection, unchanged, terms.storage, found)
        return Proof(name, findings, len(present), missing, digests, *twice)


def _unlike(connection: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Answers that are not what the cells say, and digests that are not of them.

    By day, for their text is long.
    """
    findings = []
    for (day,) in connection.execute(_SQL["days"]).fetchall():
        rows = connection.execute(_SQL["unlike"], {"day": day}).fetchall()
        # Of answers that are wrong no digest is right.
        rows = rows or connection.execute(_SQL["undigested"], {"day": day}).fetchall()
        findings += [Finding(*row) for row in rows]
    return findings


def _changed(contents: dict[str, str], storage: Storage, reread: Reread | None) -> list[Finding]:
    """Files whose path holds something else by now."""
    findings = []
    for path, known in contents.items():
        try:
            now = reread.fingerprints[path] if reread else storage.fingerprint(path)
        except OSError as error:
            now = f"unreadable: {error.strerror}"
        if now != known:
            findings.append(Finding("fingerprint = content of the file", path, known, now))
    return findings


def _promised(
    connection: duckdb.DuckDBPyConnection, paths: Set[str], storage: Storage
) -> dict[str, int]:
    """How many rows Parquet's footers say that there are, and how many lines text has."""
    rows = connection.execute(_SQL["of_lines"], {"broken": BROKEN}).fetchall()
    texts = {path: by_line for path, by_line in rows if path in paths}
    others = sorted(paths - texts.keys())
    footers = parquet.promised(connection, others, storage) if others else {}
    return footers | {
        path: audit(path, storage).lines for path, by_line in texts.items() if by_line
    }


def _miscounted(
    connection: duckdb.DuckDBPyConnection,
    paths: Set[str],
    storage: Storage,
    reread: Reread | None,
) -> list[Finding]:
    """What comes out differently when the rows of these files are counted again."""
    if not paths:
        return []
    rollup.define_buckets(connection)
    recounted = recount(connection, paths, storage, reread.counted if reread else None)
    promised = reread.promised if reread else _promised(connection, paths, storage)
    said = {"paths": list(promised), "rows": list(promised.values())}
    incomplete = connection.execute(_SQL["incomplete"], said).fetchall()
    miscounted = _SQL["miscounted"].format(recounted=recounted)
    rows = incomplete + connection.execute(miscounted, {"paths": list(paths)}).fetchall()
    return [Finding(*row) for row in rows]
