"""Names of files that say the hour: of years of folders only some have to be listed.

A source may name `{year}`, `{month}`, `{day}` and `{hour}` in its path, as in
`s3://logs/dt={year}-{month}-{day}/hour={hour}/*` or `/logs/{year}{month}{day}{hour}-*.log.gz`.
They stand for digits; where only some hours are asked for, no other folder is looked into.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from queries.failures import Misused

_DAY = ("year", "month", "day")
_DIGITS = {"year": 4, "month": 2, "day": 2, "hour": 2}
_FIELD = re.compile(r"\{(year|month|day|hour)\}")
_EAST, _WEST = timedelta(hours=14), timedelta(hours=12)
_LAST = datetime(9999, 12, 1)
# Of more folders, those above are listed as a whole.
_MOST = 1000
_WILD = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class BadPattern(Misused):
    """A pattern of hours that says no day; the message says what is missing."""


@dataclass(frozen=True)
class Reach:
    """Hours that are asked for; all, if nothing is said."""

    first: datetime | None = None
    """Inclusive; naive, UTC."""
    end: datetime | None = None
    """Exclusive; naive, UTC."""


EVER = Reach()


def is_pattern(source: str) -> bool:
    """Whether a source names hours or days."""
    return _FIELD.search(source) is not None


def as_glob(source: str) -> str:
    """The source with digits in place of fields."""
    return _FIELD.sub(lambda field: "[0-9]" * _DIGITS[field[1]], source)


class Pattern:
    """A source that names hours. Raises BadPattern if it names no day."""

    def __init__(self, source: str, reach: Reach) -> None:
        lacking = [name for name in _DAY if f"{{{name}}}" not in source]
        if lacking:
            names = ", ".join(f"{{{name}}}" for name in lacking)
            raise BadPattern(
                f"{source} names a time without {names}; all of a day have to be named"
            )
        self._source = source
        self._unit = timedelta(hours=1 if "{hour}" in source else 24)
        self._named = re.compile(_regex(source))
        # Names may be in a zone of their own.
        self._first = reach.first and reach.first - _WEST - self._unit
        self._end = reach.end and min(reach.end, _LAST) + _EAST

    def globs(self, now: datetime) -> list[str]:
        """What to list; `now` (naive, UTC) ends what has no end."""
        if self._first is None:
            return [as_glob(self._source)]
        steps = self._source.split("/")
        # Below the folder of a day, one listing of all of it costs less than one an hour.
        fields: set[str] = set()
        known = 0
        while known < len(steps) - 1 and not fields >= set(_DAY):
            fields.update(_FIELD.findall(steps[known]))
            known += 1
        folder, rest = "/".join(steps[:known]), as_glob("/".join(steps[known:]))
        hourly = "{hour}" in folder
        moment = self._first.replace(minute=0, second=0, microsecond=0)
        moment = moment if hourly else moment.replace(hour=0)
        end = self._end or now + _EAST
        folders: dict[str, None] = {}
        unit = timedelta(hours=1 if hourly else 24)
        if (end - moment) / unit > _MOST:
            return [as_glob(self._source)]
        while moment < end:
            folders[_at(folder, moment)] = None
            moment += unit
        return [f"{each}/{rest}" for each in folders]

    def reaches(self, path: str) -> bool:
        """Whether the hour that a path names is asked for; so is what names none."""
        found = self._named.match(path)
        if found is None:
            return True
        fields = {name: int(number) for name, number in found.groupdict().items()}
        try:
            moment = datetime(fields["year"], fields["month"], fields["day"], fields.get("hour", 0))
        except ValueError:
            return True
        return not ((self._first and moment < self._first) or (self._end and moment >= self._end))


def _at(folder: str, moment: datetime) -> str:
    formats = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}
    return _FIELD.sub(lambda field: moment.strftime(formats[field[1]]), folder)


def _regex(source: str) -> str:
    """Matches what begins as the source says; its groups are year, month, day and hour."""
    named: set[str] = set()
    parts = []
    for part in re.split(
        r"(\{year\}|\{month\}|\{day\}|\{hour\}|\*\*/|\*\*|\*|\?|\[[^]]+\])", source
    ):
        field = part[1:-1]
        if part[:1] == "{" and field in _DIGITS:
            digits = f"[0-9]{{{_DIGITS[field]}}}"
            parts.append(f"(?P={field})" if field in named else f"(?P<{field}>{digits})")
            named.add(field)
        elif part[:1] == "[" and part[-1:] == "]":
            parts.append(part)
        else:
            parts.append(_WILD.get(part) or re.escape(part))
    return "".join(parts)
