"""The ledger: have we eaten this file?

A file is its content at a path. Path, size and version (what the file system says besides)
tell that it is untouched; where they don't, the fingerprint decides. The same content at two
paths counts once: the second is a duplicate for as long as the first is in force.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from jobs.sources import SourceFile
from jobs.store import Revision
from queries.statements import statements

_SQL = statements("jobs", "ledger.sql")


@dataclass(frozen=True)
class Content:
    """A file together with its fingerprint."""

    file: SourceFile
    fingerprint: str | None
    """None if the file could not be read to its end."""


class Verdict(Enum):
    """What the ledger says of a content."""

    NEW = "new"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    FORGOTTEN = "forgotten"


class Ledger:
    """The ledger of one revision; `retry` looks at files in quarantine again."""

    def __init__(self, revision: Revision, *, retry: bool = False) -> None:
        self._revision = revision
        self._retry = retry
        self._connection = revision.connection
        self._connection.execute(_SQL["changes"])
        self._next_file_id = self._one("next_file_id")

    def see(self, files: Sequence[SourceFile]) -> None:
        """Take down what the sources hold."""
        self._connection.execute(
            _SQL["see"],
            {
                "paths": [file.path for file in files],
                "sizes": [file.size for file in files],
                "versions": [file.version for file in files],
            },
        )
        self._connection.execute(_SQL["settle"], {"retry": self._retry})

    def unsettled(self) -> list[str]:
        """Paths of listed files that have to be looked at, known ones first."""
        return self._column("unsettled")

    def unchanged(self) -> int:
        """How many listed files needed no look and are not in quarantine."""
        return self._one("unchanged")

    def settled_quarantine(self) -> dict[str, str]:
        """The reasons of listed files that stay in quarantine."""
        return dict(self._connection.execute(_SQL["settled_quarantine"]).fetchall())

    def judge(self, contents: Sequence[Content]) -> dict[str, tuple[Verdict, str | None]]:
        """What is known of contents, by path, with the reason or the twin's path."""
        known = self._connection.execute(
            _SQL["known"],
            {
                "paths": [content.file.path for content in contents],
                "fingerprints": [content.fingerprint for content in contents],
            },
        ).fetchall()
        verdicts: dict[str, tuple[Verdict, str | None]] = {
            content.file.path: (Verdict.NEW, None) for content in contents
        }
        for path, unchanged, quarantined, twin, forgotten in known:
            if unchanged:
                verdicts[path] = Verdict.UNCHANGED, None
            elif twin is not None:
                verdicts[path] = Verdict.DUPLICATE, twin
            elif forgotten is not None:
                verdicts[path] = Verdict.FORGOTTEN, forgotten
            elif quarantined is not None and not self._retry:
                verdicts[path] = Verdict.QUARANTINED, quarantined
        return verdicts

    def touch(self, content: Content) -> None:
        """Note what the file system now says of a content that is what it was."""
        self._connection.execute(
            _SQL["touch"],
            {
                "path": content.file.path,
                "version": content.file.version,
                "modified_us": content.file.modified_us,
                "fingerprint": content.fingerprint,
            },
        )
        self._connection.execute(
            _SQL["drop_other_quarantine"],
            {"path": content.file.path, "fingerprint": content.fingerprint},
        )

    def replace(self, paths: list[str]) -> int:
        """Take what was in force at these paths out of it; how many files that was.

        Where a duplicate of a file is known, the counts pass on to it, and nothing changes.
        """
        which = {"paths": paths}
        replaced = self._one("in_force", which)
        self._connection.execute(_SQL["drop_verdicts"], which)
        if replaced:
            self._connection.execute(_SQL["heirs"], which)
            self._connection.execute(_SQL["inherit"])
            self._connection.execute(_SQL["withdraw"], which)
            self._connection.execute(_SQL["mark_replaced"])
        return replaced

    def forget(self, path: str) -> list[str]:
        """Withdraw the file at this path, or all below it, and their copies; which that were."""
        rows = self._connection.execute(_SQL["asked"], {"path": path}).fetchall()
        forgotten = [file for (file,) in rows]
        self._connection.execute(_SQL["withdraw"], {"paths": forgotten})
        self._connection.execute(_SQL["mark_forgotten"], {"paths": forgotten})
        return forgotten

    def record(self, verdicts: Sequence[tuple[Content, str]], state: str) -> None:
        """Write rows, with their reasons, for files that add nothing to the counts."""
        files = [content.file for content, _ in verdicts]
        self._connection.execute(_SQL["drop_quarantine"], {"paths": [file.path for file in files]})
        self._connection.execute(
            _SQL["record"],
            {
                "file_ids": self.new_file_ids(len(files)),
                "paths": [file.path for file in files],
                "sizes": [file.size for file in files],
                "modified_us": [file.modified_us for file in files],
                "versions": [file.version for file in files],
                "fingerprints": [content.fingerprint for content, _ in verdicts],
                "reasons": [reason for _, reason in verdicts],
                "state": state,
                "ingested_at": self._revision.started_at,
                "run_id": self._revision.run_id,
            },
        )

    def new_file_ids(self, how_many: int) -> list[int]:
        """Numbers that no file ever had."""
        first = self._next_file_id
        self._next_file_id += how_many
        return list(range(first, self._next_file_id))

    def _one(self, name: str, parameters: dict[str, list[str]] | None = None) -> int:
        rows: list[tuple[int]] = self._connection.execute(_SQL[name], parameters).fetchall()
        return rows[0][0]

    def _column(self, name: str) -> list[str]:
        return [path for (path,) in self._connection.execute(_SQL[name]).fetchall()]
