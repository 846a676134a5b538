"""How often a source brings something, as the names of its files say it."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from jobs.logs.expectation import EVERY

LEAST = 4
"""Different moments that names have to say before they say a rhythm."""

# 2025-09-09T12:05, 20250909-1205, 2025/09/09/12, dt=2025-09-09/hour=12; the time may be missing.
_MOMENT = re.compile(
    r"(?<!\d)(20\d\d)[-_./]?(0[1-9]|1[0-2])[-_./]?(0[1-9]|[12]\d|3[01])"
    r"(?:[-_./Tt]*(?:hour=|hr=|h=)?([01]\d|2[0-3])(?:[-_:./]?([0-5]\d))?)?"
)


def rhythm(paths: Iterable[str]) -> tuple[str, int] | None:
    """One of EVERY, and how many moments the names say; None where they say too few.

    Most steps from a moment to the next are no longer than that; a step may be missing.
    """
    moments = sorted(set(filter(None, map(_moment, paths))))
    if len(moments) < LEAST:
        return None
    steps = Counter(later - earlier for earlier, later in pairwise(moments))
    usual = max(steps, key=lambda step: (steps[step], -step / timedelta(seconds=1)))
    known = (name for name, span in EVERY.items() if usual <= span)
    name = next(known, None)
    return (name, len(moments)) if name and steps[usual] * 2 > len(moments) - 1 else None


def _moment(path: str) -> datetime | None:
    """The last that the path says."""
    for said in reversed(list(_MOMENT.finditer(path))):
        try:
            year, month, day, hour, minute = (int(part or 0) for part in said.groups())
            return datetime(year, month, day, hour, minute)
        except ValueError:
            continue
    return None
