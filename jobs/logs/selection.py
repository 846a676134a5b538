"""Which of the files that wait for a run it takes: not all, where the operator says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jobs.logs.sources import SourceFile
from queries.failures import Misused

_DAY, _TIME = "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"


class BadMoment(Misused):
    """A text that is neither a day nor a time; the message says what would be accepted."""


@dataclass(frozen=True)
class Selection:
    """Files by their modification time, and how many of them."""

    since: datetime | None = None
    """Inclusive, UTC."""
    until: datetime | None = None
    """Exclusive, UTC."""
    most: int | None = None
    """How many; those modified first come first."""

    def of(self, files: Sequence[SourceFile]) -> list[SourceFile]:
        """Those of the files that a run takes, in the order in which they came."""
        meant = sorted(filter(self._is_meant, files), key=lambda file: file.modified_us)
        taken = {file.path for file in meant[: self.most]}
        return [file for file in files if file.path in taken]

    def _is_meant(self, file: SourceFile) -> bool:
        since, until = map(_microseconds, (self.since, self.until))
        return (since is None or file.modified_us >= since) and (
            until is None or file.modified_us < until
        )


EVERYTHING = Selection()


def since(text: str) -> datetime:
    """The first moment of a day, or a time. Raises BadMoment."""
    return _read(text)[0]


def until(text: str) -> datetime:
    """The end of a day, or a time. Raises BadMoment."""
    moment, is_day = _read(text)
    return moment + timedelta(days=1) if is_day else moment


def _read(text: str) -> tuple[datetime, bool]:
    for form in (_DAY, _TIME):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC), form == _DAY
        except ValueError:
            continue
    raise BadMoment(
        f"{text!r} is neither a day such as 2025-09-09 nor a time such as 2025-09-09T12:00:00Z"
    )


def _microseconds(moment: datetime | None) -> int | None:
    since_1970 = None if moment is None else moment - datetime(1970, 1, 1, tzinfo=UTC)
    return None if since_1970 is None else since_1970 // timedelta(microseconds=1)
