"""Log files as a listing finds them, and which names are those of logs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from queries.failures import Misused

UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".inprogress", ".crdownload", ".filepart")
"""How names of files end that are still being uploaded."""


class SourceNotFound(Misused):
    """A source that the caller named does not exist; the message names it."""


class SourceFile(NamedTuple):
    """A file as the listing has it."""

    path: str
    """Absolute, links not resolved; or the URL of an object."""
    size: int
    """Bytes."""
    modified_us: int
    """Microseconds since 1970 UTC."""
    stamp: str
    """What the file system says besides; it moves whenever the file changes."""
    regular: bool
    """Whether it is a file at all, no pipe or device."""
    at_rest: bool
    """Whether the last change lies so far back that the next one would move the stamp."""

    @property
    def version(self) -> str | None:
        """Equal versions and sizes mean an untouched file; None is equal to nothing."""
        return self.stamp if self.at_rest else None


@dataclass(frozen=True)
class Compaction:
    """Files of a table that were written anew into others, whose rows are the same."""

    old: frozenset[str]
    new: frozenset[str]


@dataclass(frozen=True)
class NamedTable:
    """A table as it is now."""

    name: str
    """The source, as it was named."""
    root: str
    """The folder or URL below which all of its files lie."""
    files: Sequence[str]
    """Paths or URLs of those that it consists of."""
    compactions: Callable[[], list[Compaction]]
    """What its log says of files that were only written anew, as far back as it goes."""


@dataclass(frozen=True)
class Listing:
    """What the sources hold."""

    files: dict[str, SourceFile]
    """By path, in order of the paths."""
    unlisted: dict[str, str]
    """What could not even be listed, with the reason."""
    missing: dict[str, str] = field(default_factory=dict)
    """Those of them that are sources which are not there, or hold nothing to count."""
    tables: "list[NamedTable]" = field(default_factory=list)
    """Of which all files are among these."""

    def add(self, more: "Listing") -> None:
        """What other sources hold besides."""
        self.files.update(more.files)
        self.unlisted.update(more.unlisted)
        self.missing.update(more.missing)


def gather(
    sources: Iterable[str], find: Callable[[str, Listing], None], *, may_be_missing: bool
) -> Listing:
    """What each source holds, as `find` adds it. Raises SourceNotFound unless it may be missing."""
    listing = Listing({}, {})
    for source in sources:
        try:
            find(source, listing)
        except SourceNotFound as error:
            if not may_be_missing:
                raise
            listing.missing[source] = str(error)
    listing.unlisted.update(listing.missing)
    return listing


def is_log(name: str) -> bool:
    """Whether a file or folder of this name is looked at."""
    return not name.startswith((".", "_")) and not name.lower().endswith(UNFINISHED)
