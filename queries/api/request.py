"""The documented request: parsed, checked in the decided order, refused. Knows no database.

Source: "Request Parameters" of the documented API. Members that the document does not
name are ignored.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from queries.api.errors import ApiError, Refusal
from queries.service_name import canonical

MAX_BYTES = 1 << 20
MAX_SERVICES = 50
MAX_RANGE = timedelta(hours=24)

_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")


@dataclass(frozen=True)
class Request:
    """A request that passed every check that needs no store."""

    service_names: tuple[str, ...]
    """Canonical, each once, in the order of the request; 1 to 50."""
    start: datetime
    """Aware, UTC, whole seconds."""
    end: datetime
    """Aware, UTC, whole seconds, exclusive; later than `start` by 24 hours at the most."""

    @property
    def first_bucket(self) -> datetime:
        """Start of the bucket that `start` falls into, aware, UTC."""
        return self.start.replace(minute=self.start.minute // 5 * 5, second=0)


def parse(request: bytes | str | Mapping[str, Any]) -> Request:
    """Read a request from its JSON, as bytes or text, or from its members.

    Raises Refusal for the first check that fails.
    """
    members = request if isinstance(request, Mapping) else _members(request)
    names = _service_names(members.get("serviceNames"))
    given = members.get("startTime"), members.get("endTime")
    if any(time is None or time == "" for time in given):
        raise Refusal(ApiError.TIME_MISSING)
    start, end = map(_moment, given)
    if end <= start:
        raise Refusal(ApiError.END_BEFORE_START)
    if end - start > MAX_RANGE:
        raise Refusal(ApiError.RANGE_TOO_LONG)
    return Request(names, start, end)


def _members(body: bytes | str) -> Mapping[str, Any]:
    try:
        raw = body.encode() if isinstance(body, str) else bytes(body)
        if len(raw) > MAX_BYTES:
            raise Refusal(ApiError.BAD_REQUEST)
        members = json.loads(raw.decode(), parse_int=float, parse_constant=_no_json)
    # RecursionError: nested deeper than the parser goes; ValueError: every other flaw.
    except (ValueError, RecursionError) as flaw:
        raise Refusal(ApiError.BAD_REQUEST) from flaw
    if not isinstance(members, dict):
        raise Refusal(ApiError.BAD_REQUEST)
    return members


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _service_names(given: object) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= MAX_SERVICES:
        raise Refusal(ApiError.SERVICE_NAMES)
    folded = [canonical(name) if isinstance(name, str) else None for name in given]
    names = tuple(dict.fromkeys(name for name in folded if name is not None))
    if None in folded:
        raise Refusal(ApiError.SERVICE_NAMES)
    return names


def _moment(given: object) -> datetime:
    written = _TIME.fullmatch(given) if isinstance(given, str) else None
    if not written:
        raise Refusal(ApiError.TIME_FORMAT)
    try:
        year, month, day, hour, minute, second = map(int, written.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as flaw:
        raise Refusal(ApiError.TIME_FORMAT) from flaw
