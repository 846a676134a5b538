"""Spans of time as operators type and read them: 15m, 26h, 2d."""

import re
from datetime import timedelta

from queries.failures import Misused

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MOST = timedelta(days=3650)


class BadDuration(Misused):
    """A span of time that can't be followed; the message says what would be accepted."""


def parse(text: str) -> timedelta:
    """A whole number and a unit: s, m, h or d. Raises BadDuration."""
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text)
    span = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < span <= _MOST:
        raise BadDuration(f"{text!r} is no span of time; 90s, 15m, 26h or 2d would be accepted")
    return span


def spoken(span: timedelta) -> str:
    """The two largest units that say something, such as `9 h 12 min`."""
    seconds = max(0, round(span.total_seconds()))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
