"""The documented request in, the documented answer out."""

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from queries import snapshot
from queries.beyond import Beyond, reshaped
from queries.errors import ApiError, Refusal
from queries.request import Request, parse
from queries.statements import statements

# The elements of httpCodes, as a run wrote them: {"timestamp":"2025-09-09T12:35:00Z",…}
_BETWEEN_BUCKETS = re.compile(",(?={)")
_TIMESTAMP = slice(14, 34)

_SQL = statements("queries", "http_codes.sql")
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
            known = _known(connection, asked)
            if beyond:
                return Answer(200, reshaped(connection, asked, known, beyond))
            return Answer(200, _http_codes(connection, asked, known))
    except Refusal as refusal:
        return _refused(refusal.error)
    except (snapshot.SnapshotError, duckdb.Error, OSError) as cause:
        _log.error("the store %s can't answer: %s", os.fspath(store), cause)
        return _refused(ApiError.OPERATION_FAILED)


def _refused(error: ApiError) -> Answer:
    return Answer(error.status, error.body)


def _known(connection: duckdb.DuckDBPyConnection, asked: Request) -> dict[str, int]:
    """The services asked for, by name, with what the store calls them."""
    names = {"names": list(asked.service_names)}
    known = dict(connection.execute(_SQL["services"], names).fetchall())
    if len(known) < len(asked.service_names):
        raise Refusal(ApiError.UNKNOWN_DOMAIN)
    return known


def _http_codes(
    connection: duckdb.DuckDBPyConnection, asked: Request, known: Mapping[str, int]
) -> bytes:
    start, end = asked.first_bucket.replace(tzinfo=None), asked.end.replace(tzinfo=None)
    try:
        rows = connection.execute(
            _SQL["http_codes"], {"services": list(known.values()), "start": start, "end": end}
        ).fetchall()
    except duckdb.CatalogException:
        # Schema version 1 has no answers made; the first run of this program makes them.
        return reshaped(connection, asked, known, Beyond())
    # Hours of which the range holds a part only.
    edges = {_hour(moment) for moment in (start, end) if moment != _hour(moment)}
    codes: dict[int, list[str]] = {}
    for service_id, hour, whole in rows:
        if json_text := _part(whole, start, end) if hour in edges else whole:
            codes.setdefault(service_id, []).append(json_text)
    # Services with data come first: a stable sort keeps the order of the request in each group.
    names = sorted(asked.service_names, key=lambda name: known[name] not in codes)
    # One join: an answer may be megabytes.
    pieces = [piece for name in names for piece in _element(name, codes.get(known[name], []))]
    return f"[{','.join(pieces)}]".encode()


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0)


def _part(hour: str, start: datetime, end: datetime) -> str:
    """The buckets of an hour that lie in the range. Timestamps sort as text."""
    first, last = f"{start.isoformat()}Z", f"{end.isoformat()}Z"
    return ",".join(b for b in _BETWEEN_BUCKETS.split(hour) if first <= b[_TIMESTAMP] < last)


def _element(name: str, codes: list[str]) -> list[str]:
    """The JSON of a service, in pieces with commas between them."""
    opening = f'{{"serviceName":{json.dumps(name, ensure_ascii=False)},"httpCodes":['
    pieces = [f"{opening}{codes[0]}", *codes[1:]] if codes else [opening]
    pieces[-1] += "]}"
    return pieces
