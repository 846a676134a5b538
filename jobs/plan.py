"""What a run would do, found out without doing it: nothing is written, not even a lock.

What can't be known before all rows of a file are read stays open: damaged pages, rows that
can't be counted, a column that turns out to hold addresses, rows of files that are gone.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from jobs.counts import names
from jobs.counts.contents import Content, Verdict
from jobs.counts.ledger import Ledger
from jobs.logs import kinds, parquet
from jobs.logs.options import ReadingOptions, Source
from jobs.logs.reading import choose
from jobs.logs.roles import UnreadableFile
from jobs.logs.sources import SourceFile
from jobs.logs.storage import Storage
from jobs.nightly import Policy, find
from jobs.store.revision import Revision
from queries import snapshot, utc


@dataclass
class Plan:
    """What a run would do with the files that the sources hold."""

    ingest: list[str] = field(default_factory=list)
    replace: list[str] = field(default_factory=list)
    withdraw: list[str] = field(default_factory=list)
    """Counted files that their tables hold no more."""
    duplicate: dict[str, str] = field(default_factory=dict)
    """Why, by path; the same below."""
    refused: dict[str, str] = field(default_factory=dict)
    quarantined: dict[str, str] = field(default_factory=dict)
    """Known to be in quarantine, or unreadable at a first look."""
    unchanged: int = 0
    left: int = 0
    """Files that wait, and that this run would not take."""
    bytes_to_read: int = 0

    def as_json(self) -> dict[str, Any]:
        """The machine's form, as the command prints it."""
        reasons = {
            "duplicate": self.duplicate,
            "refused": self.refused,
            "quarantined": self.quarantined,
        }
        return {
            "ingest": self.ingest,
            "replace": self.replace,
            "withdraw": self.withdraw,
            **{what: _listed(files) for what, files in reasons.items()},
            "unchanged": self.unchanged,
            "left": self.left,
            "bytes_to_read": self.bytes_to_read,
        }


def _listed(reasons: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"path": path, "reason": reason} for path, reason in sorted(reasons.items())]


def plan(store: Path, wanted: Sequence[Source], policy: Policy) -> Plan:
    """Look at the sources and at the newest snapshot, if there is one.

    Raises SourceNotFound, SnapshotError, duckdb.Error or OSError.
    """
    storage = policy.terms.storage
    found, options_by_path = find(wanted, policy.storage)
    with _newest(store) as connection:
        storage.attach(connection, found.files)
        now = utc.now()
        work = Revision("", now, connection, policy.terms)
        ledger = Ledger(work, retry=policy.retry)
        ledger.see(list(found.files.values()), options_by_path.__getitem__)
        planned = Plan(quarantined=dict(found.unlisted), unchanged=ledger.unchanged())
        # What the run would decide before it counts, whichever files it takes.
        doubtful = [found.files[path] for path in ledger.doubtful()]
        met = _contents(doubtful, options_by_path, planned, storage)
        names.arrange(work, ledger, met)
        planned.refused |= ledger.still("refused")
        planned.quarantined |= ledger.still("quarantined")
        verdicts = ledger.judge(met)
        new = {c.file.path: c for c in met if verdicts[c.file.path] == (Verdict.NEW, None)}
        recognised = {file.path for file in doubtful} - new.keys()
        waiting = [found.files[path] for path in ledger.undecided() if path not in recognised]
        taken = policy.selection.of(waiting)
        fresh = _contents(
            [file for file in taken if file.path not in new], options_by_path, planned, storage
        )
        chosen = {file.path for file in taken}
        contents = [c for c in met if c.file.path in chosen | recognised] + fresh
        firsts = _judge(ledger, work, sorted(contents, key=_path), planned)
        left = [new[file.path] for file in waiting if file.path in new.keys() - chosen]
        copies = {c.file.path: firsts[_identity(c)] for c in left if _identity(c) in firsts}
        planned.duplicate |= {path: f"holds what {twin} holds" for path, twin in copies.items()}
        for table in found.tables:
            current = set(table.files)
            known = ledger.below(table.root)
            planned.withdraw += [
                file.path for file in known if file.path not in current and not file.folded
            ]
        planned.left = len(waiting) - len(taken) - len(copies)
    return planned


@contextmanager
def _newest(store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A snapshot in memory with the newest ledger, if there is one."""
    with duckdb.connect() as connection:
        snapshot.create(connection)
        if os.path.lexists(store / snapshot.LINK):
            with snapshot.reading(store) as newest:
                known = newest.sql("FROM internal.files").to_arrow_table()
            connection.register("known", known)
            connection.execute("INSERT INTO internal.files BY NAME FROM known")
            connection.unregister("known")
        yield connection


def _contents(
    files: Sequence[SourceFile],
    options_by_path: Mapping[str, ReadingOptions],
    planned: Plan,
    storage: Storage,
) -> list[Content]:
    contents = []
    for file in files:
        try:
            contents.append(
                Content(file, storage.fingerprint(file.path), options_by_path[file.path])
            )
        except OSError as error:
            planned.quarantined[file.path] = f"cannot be read: {error.strerror}"
    return contents


def _path(content: Content) -> str:
    return content.file.path


def _identity(content: Content) -> tuple[str | None, str]:
    return content.fingerprint, content.named_service


def _judge(
    ledger: Ledger,
    work: Revision,
    contents: Sequence[Content],
    planned: Plan,
) -> dict[tuple[str | None, str], str]:
    """Sort contents into the plan; the paths of those that it counts."""
    verdicts = ledger.judge(contents)
    occupied = ledger.occupied([content.file.path for content in contents])
    firsts: dict[tuple[str | None, str], str] = {}
    for content in contents:
        path = content.file.path
        match verdicts[path]:
            case Verdict.UNCHANGED, _:
                planned.unchanged += 1
            case Verdict.QUARANTINED, reason:
                planned.quarantined[path] = str(reason)
            case Verdict.REFUSED, reason:
                planned.refused[path] = str(reason)
            case Verdict.DUPLICATE, twin:
                planned.duplicate[path] = f"holds what {twin} holds"
            case Verdict.FORGOTTEN, twin:
                planned.duplicate[path] = f"holds what {twin} held, which was forgotten"
            case _ if twin := firsts.get(_identity(content)):
                planned.duplicate[path] = f"holds what {twin} holds"
            case _ if reason := _unusable(work, path, content.options):
                planned.quarantined[path] = reason
            case _:
                firsts[_identity(content)] = path
                (planned.replace if path in occupied else planned.ingest).append(path)
                planned.bytes_to_read += content.file.size
    return firsts


def _unusable(work: Revision, path: str, options: ReadingOptions) -> str | None:
    try:
        choose(kinds.schema(work.connection, path, options, work.terms.storage), options)
    except UnreadableFile as refusal:
        return str(refusal)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except duckdb.Error as error:
        return parquet.damage(error, path, work.terms.storage)
    if options.service_path and options.service_of(path) is None:
        return "its path names no service as --service-from-path has it"
    return None
