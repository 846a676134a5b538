"""The documented request in, the documented answer out."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from queries import snapshot
from queries.api.beyond import Beyond, reshaped
from queries.api.errors import ApiError, Refusal
from queries.api.request import Request, parse
from queries.statements import statements

_SQL = statements(__name__)
_log = logging.getLogger("httpcodes")


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
        with snapshot.reading(store) as connection:
            if beyond:
                return Answer(200, _beyond(connection, asked, beyond))
            return Answer(200, _documented(connection, asked))
    except Refusal as refusal:
        return _refused(refusal.error)
    except (snapshot.SnapshotError, duckdb.Error, OSError) as cause:
        _log.error("the store %s can't answer: %s", os.fspath(store), cause)
        return _refused(ApiError.OPERATION_FAILED)


def _refused(error: ApiError) -> Answer:
    return Answer(error.status, error.body)


def _documented(connection: duckdb.DuckDBPyConnection, asked: Request) -> bytes:
    start, end = asked.first_bucket.replace(tzinfo=None), asked.end.replace(tzinfo=None)
    bound = {"names": list(asked.service_names), "start": start, "end": end}
    try:
        rows = connection.execute(_SQL["http_codes"], bound).fetchall()
    except duckdb.CatalogException:
        # Schema version 1 has no answers made; the first run of this program makes them.
        return _beyond(connection, asked, Beyond())
    # Hours of which the range holds a part only.
    edges = {_hour(moment) for moment in (start, end) if moment != _hour(moment)}
    codes: dict[str, list[bytes]] = {}
    for name, hour, whole in sorted(rows):
        hours = codes.setdefault(name, [])
        if part := _part(whole, hour, start, end) if hour in edges else whole:
            hours.append(part)
    if len(codes) < len(asked.service_names):
        raise Refusal(ApiError.UNKNOWN_DOMAIN)
    # Services with data come first: a stable sort keeps the order of the request in each group.
    names = sorted(asked.service_names, key=lambda name: not codes[name])
    # An answer may be megabytes, so they are copied once.
    pieces = [piece for name in names for piece in _element(name, codes[name])]
    pieces[0] = b"[" + pieces[0]
    pieces[-1] += b"]"
    return b",".join(pieces)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0)


def _part(buckets: bytes, hour: datetime, start: datetime, end: datetime) -> bytes:
    """The buckets of an hour that begin in the range."""
    opens = _place(buckets, start) if _hour(start) == hour else 0
    closes = _place(buckets, end) if _hour(end) == hour else len(buckets)
    return buckets[opens:closes].removesuffix(b",")


def _place(buckets: bytes, moment: datetime) -> int:
    """Where the first bucket stands that begins at this moment of its hour or later."""
    first = (moment.minute + (moment.second > 0) + 4) // 5 * 5
    for minute in range(first, 60, 5):
        bucket = moment.replace(minute=minute, second=0)
        place = buckets.find(f'{{"timestamp":"{bucket.isoformat()}Z"'.encode())
        if place >= 0:
            return place
    return len(buckets)


def _element(name: str, codes: list[bytes]) -> list[bytes]:
    """The JSON of a service, in pieces with commas between them."""
    opening = f'{{"serviceName":{json.dumps(name, ensure_ascii=False)},"httpCodes":['.encode()
    pieces = [opening + codes[0], *codes[1:]] if codes else [opening]
    pieces[-1] += b"]}"
    return pieces


def _beyond(connection: duckdb.DuckDBPyConnection, asked: Request, beyond: Beyond) -> bytes:
    names = {"names": list(asked.service_names)}
    known = dict(connection.execute(_SQL["services"], names).fetchall())
    if len(known) < len(asked.service_names):
        raise Refusal(ApiError.UNKNOWN_DOMAIN)
    return reshaped(connection, asked, known, beyond)
