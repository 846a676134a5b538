"""The ledger: have we eaten this file?

A file is its content at a path. Path, size and version (what the file system says besides)
tell that it is untouched; where they don't, the fingerprint decides. The same content at two
paths counts once: the second is a duplicate for as long as the first is in force. Where a path or
the options name the service of a file, the same content under two names is two contents.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import Any

from jobs.counts.contents import Content, InForce, Verdict
from jobs.logs.options import ReadingOptions
from jobs.logs.sources import SourceFile
from jobs.store.revision import Revision
from queries.statements import statements

_SQL = statements(__name__)


def _counts_for_another(earlier: str, service: str) -> str:
    return (
        f"holds what {earlier} held, which counts for {service or 'the services that it logs'}; "
        f"`httpcodes forget {quote(earlier)}` takes that back, and the next run counts it as it "
        "is named now"
    )


class Ledger:
    """The ledger of one revision.

    `retry` looks at files in quarantine again, `afresh` at files in force, too. The relations
    that it names are for others' statements to read.
    """

    listed = "listed"
    """What the sources hold: path, size, version, named_service, read_under."""
    present = "present"
    """What of it lies there by what is known: fingerprint, named_service."""
    decided = "decided"
    """What of it needs no look: path, state, reason, fingerprint, named_service."""
    added = "added"
    """The file_id of files that this run counts."""
    withdrawn = "withdrawn"
    """The file_id of files that were in force before it and go."""
    incoming = "incoming"
    """What the files that this run counts add, until the cells are brought up to it: file_id,
    service_id, bucket_start, status_code, requests; one row for each file and cell."""

    def __init__(self, revision: Revision, *, retry: bool = False, afresh: bool = False) -> None:
        self._revision = revision
        self.storage = revision.terms.storage
        """Where the files lie."""
        self._retry = retry
        self._afresh = afresh
        self._connection = revision.connection
        self._vacated: set[str] = set()
        self._connection.execute(_SQL["changes"])
        self._next_file_id = self._one("next_file_id")

    def see(self, files: Sequence[SourceFile], options_of: Callable[[str], ReadingOptions]) -> None:
        """Take down what the sources hold, and how it would be read."""
        options_by_path = [options_of(file.path) for file in files]
        texts = {options: options.as_text for options in set(options_by_path)}
        self._connection.execute(
            _SQL["see"],
            {
                "paths": [file.path for file in files],
                "sizes": [file.size for file in files],
                "versions": [file.version for file in files],
                "named_services": [
                    options.named_service(file.path)
                    for file, options in zip(files, options_by_path, strict=True)
                ],
                "read_under": [texts[options] for options in options_by_path],
            },
        )
        self._connection.execute(_SQL["adopt"])
        self._connection.execute(_SQL["decide"], {"retry": self._retry})

    def drop_gone(self) -> None:
        """Know no more of files in quarantine, or refused, that are not there any more."""
        gone = [path for path in self._column("unusable") if self.storage.is_gone(path)]
        if not gone:
            return
        which = {"paths": gone, "fingerprints": [None] * len(gone)}
        self._connection.execute(_SQL["drop_earlier"], which)

    def undecided(self) -> list[str]:
        """Paths of listed files that have to be looked at."""
        return self._column("undecided")

    def doubtful(self) -> list[str]:
        """Those of them that may hold what is known, or something else in its place."""
        return self._column("doubtful")

    def note_moves(self, vacated: set[str]) -> None:
        """Content in force left these paths: what is new there counts as if it replaced it.

        What was refused for a cause that is no more is looked at again.
        """
        self._vacated = vacated
        self._connection.execute(_SQL["reopen"])

    def occupied(self, paths: Sequence[str]) -> set[str]:
        """Those of the paths at which something was in force when the run began."""
        return {file.path for file in self.in_force(paths)} | self._vacated.intersection(paths)

    def unchanged(self) -> int:
        """How many listed files needed no look and are neither in quarantine nor refused."""
        return self._one("unchanged")

    def still(self, state: str) -> dict[str, str]:
        """The reasons of listed files that needed no look and stay in this state."""
        return dict(self._connection.execute(_SQL["still"], {"state": state}).fetchall())

    def judge(self, contents: Sequence[Content]) -> dict[str, tuple[Verdict, str | None]]:
        """What is known of contents, by path, with the reason or the twin's path."""
        if not contents:
            return {}
        paths = [content.file.path for content in contents]
        known = self._connection.execute(
            _SQL["known"],
            {
                "paths": paths,
                "fingerprints": [content.fingerprint for content in contents],
                "named_services": [content.named_service for content in contents],
                "read_under": [content.options.as_text for content in contents],
                "afresh": self._afresh,
            },
        ).fetchall()
        verdicts: dict[str, tuple[Verdict, str | None]] = {
            content.file.path: (Verdict.NEW, None) for content in contents
        }
        held = {file.path: file for file in self.in_force(paths) if file.folded}
        for path, file in held.items():
            verdicts[path] = (
                Verdict.REFUSED,
                "what it replaces was counted too long ago to be taken back; "
                f"`httpcodes rebuild {file.days}` counts those days afresh",
            )
        for path, unchanged, quarantined, twin, forgotten in known:
            if unchanged:
                verdicts[path] = Verdict.UNCHANGED, None
            elif path in held:
                continue
            elif twin is not None:
                verdicts[path] = Verdict.DUPLICATE, twin
            elif forgotten is not None:
                verdicts[path] = Verdict.FORGOTTEN, forgotten
            elif quarantined is not None and not self._retry:
                verdicts[path] = Verdict.QUARANTINED, quarantined
        new = [c for c in contents if verdicts[c.file.path] == (Verdict.NEW, None)]
        return verdicts | self._renamed(new)

    def _renamed(self, contents: Sequence[Content]) -> dict[str, tuple[Verdict, str]]:
        """Those that count for another service, from a path where they lie no more.

        Were the service named anew when the file was, it would count for both.
        """
        if not contents:
            return {}
        asked = {
            "paths": [content.file.path for content in contents],
            "fingerprints": [content.fingerprint for content in contents],
            "named_services": [content.named_service for content in contents],
        }
        rows = self._connection.execute(_SQL["other_services"], asked).fetchall()
        return {
            path: (Verdict.REFUSED, _counts_for_another(earlier, service))
            for path, earlier, fingerprint, service, displaced in rows
            if displaced or not self.storage.holds(earlier, fingerprint)
        }

    def touch(self, contents: Sequence[Content]) -> None:
        """Note what the file system now says of contents that are what they were."""
        files = [content.file for content in contents]
        which = {
            "paths": [file.path for file in files],
            "fingerprints": [content.fingerprint for content in contents],
        }
        said = {
            "versions": [file.version for file in files],
            "modified_us": [file.modified_us for file in files],
        }
        self._connection.execute(_SQL["touch"], which | said)
        self._connection.execute(_SQL["drop_other_verdicts"], which)

    def replace(self, contents: Sequence[Content]) -> int:
        """Take what was in force at their paths out of it; how many files that was.

        Where a duplicate of a file is known, the counts pass on to it, and nothing changes.
        """
        which = {"paths": [content.file.path for content in contents]}
        replaced = self.in_force(which["paths"])
        occupied = {file.path for file in replaced} | self._vacated.intersection(which["paths"])
        self._connection.execute(_SQL["drop_verdicts"], which)
        if replaced:
            fingerprints = [content.fingerprint for content in contents]
            self._connection.execute(_SQL["heirs"], which | {"fingerprints": fingerprints})
            self._connection.execute(_SQL["inherit"])
            left = [file.file_id for file in self.in_force(which["paths"])]
            self.withdraw(left, "the content of its path changed")
        return len(occupied)

    def named(self, path: str) -> dict[int, str]:
        """The known files at this path, or all below it, and their copies: paths by number."""
        return dict(self._connection.execute(_SQL["named"], {"path": path}).fetchall())

    def forget(self, files: Collection[int]) -> None:
        """Withdraw these files, and keep what they hold away."""
        which = {"file_ids": list(files)}
        self._connection.execute(_SQL["forgotten_counts"], which)
        self._connection.execute(_SQL["mark_forgotten"], which)
        self.release("forgotten", "taken back by hand")

    def release(self, state: str = "replaced", reason: str | None = None) -> None:
        """Let go of merged files whose rows count in no other file any more."""
        if not self._one("merged_files"):
            return
        self._connection.execute(_SQL["release"], {"state": state, "reason": reason})

    def merged(self, path: str) -> dict[str, str]:
        """Merged files at this path, or below it, by path: a file in which their rows count."""
        return dict(self._connection.execute(_SQL["merged"], {"path": path}).fetchall())

    def holder(self, merged: int) -> str | None:
        """The path of a file in which the rows of this merged one count, if they do."""
        rows: list[tuple[str | None]] = self._connection.execute(
            _SQL["holder"], {"file_id": merged}
        ).fetchall()
        return rows[0][0]

    def any_withdrawn(self) -> bool:
        """Whether files that were in force before this run go."""
        return bool(self._one("any_withdrawn"))

    def withdraw(self, files: Collection[int], reason: str) -> None:
        """Take files out of force; a copy does not take their place, but may stay."""
        which = {"file_ids": list(files)}
        self._connection.execute(_SQL["withdraw"], which)
        self._connection.execute(_SQL["mark_withdrawn"], which | {"reason": reason})

    def restore(self, files: Collection[int]) -> None:
        """Let files that this run took out of force count on, though other content lies there."""
        which = {"file_ids": list(files)}
        self._connection.execute(_SQL["restore"], which)
        self._connection.execute(_SQL["stays"], which)

    def drop_copies(self) -> None:
        """Know no copies and parts of what this run took out of force: they would be new."""
        self._connection.execute(_SQL["drop_copies"])
        self.release()

    def in_force(self, paths: Sequence[str]) -> list[InForce]:
        """The files in force that lie at these paths."""
        if not paths:
            return []
        rows = self._connection.execute(_SQL["in_force"], {"paths": paths}).fetchall()
        return [InForce(*row) for row in rows]

    def below(self, folder: str) -> list[InForce]:
        """The files in force below a folder, also those at whose paths other content lies."""
        rows = self._connection.execute(_SQL["below"], {"folder": folder}).fetchall()
        return [InForce(*row) for row in rows]

    def counted(self, files: Collection[int]) -> list[InForce]:
        """The files in force of these numbers."""
        which = {"file_ids": list(files)}
        rows = self._connection.execute(_SQL["counted"], which).fetchall()
        return [InForce(*row) for row in rows]

    def between(self, first: datetime, last: datetime) -> list[InForce]:
        """The files in force with a row that may lie in this time; both ends belong to it."""
        rows = self._connection.execute(_SQL["between"], {"first": first, "last": last}).fetchall()
        return [InForce(*row) for row in rows]

    def paths(self) -> list[str]:
        """All paths that something known lies at, or lay at when it was last looked at."""
        return self._column("paths")

    def copies(self, file: InForce) -> list[str]:
        """Paths of the duplicates that hold this, or held it when they were last looked at."""
        which = {"fingerprint": file.fingerprint, "named_service": file.named_service}
        rows = self._connection.execute(_SQL["copies"], which).fetchall()
        return [path for (path,) in rows]

    def pass_on(self, file: InForce, heir: str) -> InForce:
        """Let a file in force take the path of a duplicate; the file as it is now."""
        self._connection.execute(_SQL["heir"], {"file_id": file.file_id, "heir": heir})
        self._connection.execute(_SQL["inherit"])
        return self.counted([file.file_id])[0]

    def record(self, verdicts: Sequence[tuple[Content, str]], state: str) -> None:
        """Write rows, with their reasons, for files that add nothing to the counts."""
        files = [content.file for content, _ in verdicts]
        which = {
            "paths": [file.path for file in files],
            "fingerprints": [content.fingerprint for content, _ in verdicts],
        }
        self._connection.execute(_SQL["drop_earlier"], which)
        self._connection.execute(
            _SQL["record"],
            which
            | {
                "file_ids": self.new_file_ids(len(files)),
                "sizes": [file.size for file in files],
                "modified_us": [file.modified_us for file in files],
                "versions": [file.version for file in files],
                "named_services": [content.named_service for content, _ in verdicts],
                "read_under": [content.options.as_text for content, _ in verdicts],
                "reasons": [reason for _, reason in verdicts],
                "state": state,
                "ingested_at": self._revision.started_at,
                "run_id": self._revision.run_id,
            },
        )

    def add(self, file_ids: Sequence[int]) -> None:
        """Note that this run counts these files."""
        self._connection.execute(_SQL["add"], {"file_ids": list(file_ids)})

    def new_file_ids(self, how_many: int) -> list[int]:
        """Numbers that no file ever had."""
        first = self._next_file_id
        self._next_file_id += how_many
        return list(range(first, self._next_file_id))

    def _one(self, name: str, parameters: Mapping[str, Any] | None = None) -> int:
        rows: list[tuple[int]] = self._connection.execute(_SQL[name], parameters).fetchall()
        return rows[0][0]

    def _column(self, name: str) -> list[str]:
        return [path for (path,) in self._connection.execute(_SQL[name]).fetchall()]
