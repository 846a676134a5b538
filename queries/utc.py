"""Moments are naive and UTC everywhere: what time it is, how one is written, and read again."""

import re
from datetime import UTC, date, datetime
from typing import Literal

_WRITTEN, _STAMP = "%Y-%m-%dT%H:%M:%SZ", "%Y%m%dT%H%M%SZ"


def now() -> datetime:
    """This moment, naive, UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def after_1970(seconds: float) -> datetime:
    """The moment that is so many seconds after 1970 began."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def written(
    moment: datetime, to: Literal["minutes", "seconds", "milliseconds", "microseconds"] = "seconds"
) -> str:
    """As the documented answer has it: `2025-09-09T12:35:00Z`; it is cut, never rounded."""
    return f"{moment.isoformat(timespec=to)}Z"


def written_if(moment: datetime | None) -> str | None:
    """The same, or None if there is none."""
    return None if moment is None else written(moment)


def read(text: str) -> datetime:
    """The moment that is written so, to the second. Raises ValueError."""
    return datetime.strptime(text, _WRITTEN)


def day(text: str) -> date:
    """The day that is written as `2025-09-09`. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"{text!r} is no day")
    return date.fromisoformat(text)


def stamp(moment: datetime) -> str:
    """As it stands in the name of a snapshot: `20250909T123500Z`."""
    return moment.strftime(_STAMP)


def of_stamp(text: str) -> datetime:
    """The moment that a stamp says. Raises ValueError."""
    return datetime.strptime(text, _STAMP)
