"""Contents: what lies at a path, what the ledger says of it, and what is in force."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from jobs.logs.options import ReadingOptions
from jobs.logs.sources import SourceFile


@dataclass(frozen=True)
class Content:
    """A file together with its fingerprint."""

    file: SourceFile
    fingerprint: str | None
    """None if the file could not be read to its end."""
    options: ReadingOptions
    """How the caller wants it read."""

    @property
    def named_service(self) -> str:
        """The service that its path or its options name; empty: none."""
        return self.options.named_service(self.file.path)


class Verdict(Enum):
    """What the ledger says of a content."""

    NEW = "new"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class InForce:
    """A file in force, and the times of its rows (naive, UTC), if it has any."""

    file_id: int
    path: str
    fingerprint: str
    named_service: str
    folded: bool
    """Whether its contributions are no longer kept apart."""
    displaced: bool
    """Whether its path holds other known content by now."""
    rows_counted: int
    first_request: datetime | None
    last_request: datetime | None

    @property
    def days(self) -> str:
        """The `rebuild` options that name all days of its requests."""
        return f"--from {self.first_request:%Y-%m-%d} --to {self.last_request:%Y-%m-%d}"
