"""Which of the files that wait for a run it takes: not all, where the operator says so."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from jobs.logs.hours import Reach
from jobs.logs.sources import SourceFile
from queries import utc
from queries.failures import Misused

_BEGINNING = datetime(1970, 1, 1)


class BadMoment(Misused):
    """A text that is no day, time or age; the message says what would be accepted."""


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

    def reach(self, settle: timedelta) -> Reach:
        """The hours that files of these times may be of, if each comes within the settle time."""
        first, end = map(_naive, (self.since, self.until))
        # Before it there are no logs, and long before it no moments either.
        if first is None or first - _BEGINNING < settle:
            return Reach(None, end)
        return Reach(first - settle, end)

    def _is_meant(self, file: SourceFile) -> bool:
        since, until = map(_microseconds, (self.since, self.until))
        return (since is None or file.modified_us >= since) and (
            until is None or file.modified_us < until
        )


EVERYTHING = Selection()


def since(text: str) -> datetime:
    """The first moment of a day, a time, or so long ago. Raises BadMoment."""
    return _read(text)[0]


def until(text: str) -> datetime:
    """The end of a day, a time, or so long ago. Raises BadMoment."""
    moment, is_day = _read(text)
    return moment + timedelta(days=1) if is_day else moment


def _read(text: str) -> tuple[datetime, bool]:
    for read in (_first_moment, utc.read):
        with suppress(ValueError):
            return read(text).replace(tzinfo=UTC), read is _first_moment
    if (age := re.fullmatch(r"([1-9][0-9]{0,4})([hd])", text)) is not None:
        hours = int(age[1]) * (24 if age[2] == "d" else 1)
        return (utc.now() - timedelta(hours=hours)).replace(tzinfo=UTC), False
    raise BadMoment(
        f"{text!r} is neither a day such as 2025-09-09, a time such as 2025-09-09T12:00:00Z "
        "nor an age such as 3d or 36h"
    )


def _first_moment(day: str) -> datetime:
    return datetime.combine(utc.day(day), time())


def _naive(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=None)


def _microseconds(moment: datetime | None) -> int | None:
    since_1970 = None if moment is None else moment - datetime(1970, 1, 1, tzinfo=UTC)
    return None if since_1970 is None else since_1970 // timedelta(microseconds=1)
