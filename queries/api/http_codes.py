"""The documented request in, the documented answer out."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from queries import utc
from queries.api import prepared
from queries.api.beyond import Beyond, reshaped
from queries.api.errors import ApiError, Refusal
from queries.api.prepared import HOUR_SECONDS, HOURS, Day, Key, Prepared
from queries.api.request import Request, parse
from queries.snapshot import SnapshotError

_DAY_SECONDS = HOURS * HOUR_SECONDS


@dataclass(frozen=True)
class Answer:
    """What the documented API sends back."""

    status: int
    """The HTTP status: 200, 400 or 404."""
    body: bytes
    """UTF-8 JSON without a BOM: the array of services, or `{"code": …, "message": …}`."""


def answer(
    store: str | os.PathLike[str],
    request: bytes | str | Mapping[str, Any],
    *,
    beyond: Beyond | None = None,
) -> Answer:
    """Answer the documented request from the newest snapshot of the store; any thread may ask.

    `beyond` asks for more than the document has. Never raises for what a request or a store
    may hold: both become documented errors. The cause of GetHttpCodes.OperationFailed goes to
    the logger `httpcodes`.
    """
    try:
        asked = parse(request)
        with prepared.of(store).held() as snapshot:
            return Answer(200, answered(snapshot, asked, beyond))
    except Refusal as refusal:
        return _refused(refusal.error)
    except (SnapshotError, duckdb.Error, OSError) as cause:
        import logging  # noqa: PLC0415 - answers have nothing to log

        log = logging.getLogger("httpcodes")
        log.error("the store %s can't answer: %s", os.fspath(store), cause)
        return _refused(ApiError.OPERATION_FAILED)


def _refused(error: ApiError) -> Answer:
    return Answer(error.status, error.body)


def answered(snapshot: Prepared, asked: Request, beyond: Beyond | None = None) -> bytes:
    """The body of an answer. Raises Refusal for an unknown service, or duckdb.Error."""
    known = _known(snapshot, asked)
    if not beyond:
        try:
            return _documented(known, asked, snapshot.read(known.values(), _days(asked)))
        except duckdb.CatalogException:
            # Schema version 1 has no answers made; the first run of this program makes them.
            pass
    with snapshot.cursor() as connection:
        return reshaped(connection, asked, known, beyond or Beyond())


def at_hand(snapshot: Prepared, asked: Request) -> bytes | None:
    """The body of the documented answer, if it can be had from memory.

    Raises Refusal for an unknown service.
    """
    known = _known(snapshot, asked)
    kept = snapshot.at_hand(known.values(), _days(asked))
    days = {key: day for key, day in kept.items() if day}
    return _documented(known, asked, days) if len(days) == len(kept) else None


def _known(snapshot: Prepared, asked: Request) -> dict[str, int]:
    known = {name: snapshot.services.get(name) for name in asked.service_names}
    found = {name: service for name, service in known.items() if service is not None}
    if len(found) < len(known):
        raise Refusal(ApiError.UNKNOWN_DOMAIN)
    return found


def _days(asked: Request) -> range:
    first, last = _seconds(asked.first_bucket), _seconds(asked.end) - 1
    return range(first // _DAY_SECONDS, last // _DAY_SECONDS + 1)


def _documented(known: Mapping[str, int], asked: Request, days: Mapping[Key, Day]) -> bytes:
    start, end, touched = _seconds(asked.first_bucket), _seconds(asked.end), _days(asked)
    # Services with data come first, each group in the order of the request. An answer may be
    # megabytes, so its bytes are copied once.
    with_data, without = [b"["], []
    for name, service in known.items():
        opening = f',{{"serviceName":{json.dumps(name, ensure_ascii=False)},"httpCodes":['.encode()
        if hours := _hours([days[service, day] for day in touched], start, end):
            commas = [b","] * (2 * len(hours) - 1)
            commas[::2] = hours
            with_data += [opening, *commas, b"]}"]
        else:
            without += [opening, b"]}"]
    pieces = with_data + without
    pieces[1] = pieces[1][1:]
    return b"".join([*pieces, b"]"])


def _hours(days: Sequence[Day], start: int, end: int) -> list[bytes]:
    """The elements of the hours in the range that have data."""
    first = start // HOUR_SECONDS
    before = first % HOURS
    hours = [hour for day in days for hour in day][
        before : before + -(-end // HOUR_SECONDS) - first
    ]
    # The end first: both may lie in the same hour.
    if end % HOUR_SECONDS:
        hours[-1] = hours[-1][: _offset(hours[-1], end)].removesuffix(b",")
    if start % HOUR_SECONDS:
        hours[0] = hours[0][_offset(hours[0], start) :]
    return [hour for hour in hours if hour]


def _offset(hour: bytes, moment: int) -> int:
    """Where the first bucket stands that begins at this moment of its hour or later."""
    start = moment // HOUR_SECONDS * HOUR_SECONDS
    up_to_minutes = utc.written(utc.after_1970(start)).removesuffix("00:00Z")
    for minute in range(-(-(moment - start) // 300) * 5, 60, 5):
        place = hour.find(f'{{"timestamp":"{up_to_minutes}{minute:02}:00Z"'.encode())
        if place >= 0:
            return place
    return len(hour)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
