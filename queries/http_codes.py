"""The documented request in, the documented answer out."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from queries import snapshot
from queries.errors import ApiError, Refusal
from queries.request import Request, parse
from queries.statements import statements

_log = logging.getLogger("httpcodes")


@dataclass(frozen=True)
class Answer:
    """What the documented API sends back."""

    status: int
    """The HTTP status: 200, 400 or 404."""
    body: bytes
    """UTF-8 JSON without a BOM: the array of services, or `{"code": …, "message": …}`."""


def answer(store: str | os.PathLike[str], request: bytes | str | Mapping[str, Any]) -> Answer:
    """Answer the documented request from the newest snapshot of the store.

    Never raises for what a request or a store may hold: both become documented errors. The
    cause of GetHttpCodes.OperationFailed goes to the logger `httpcodes`.
    """
    try:
        asked = parse(request)
        with snapshot.reading(store) as connection:
            return Answer(200, _http_codes(connection, asked))
    except Refusal as refusal:
        return _refused(refusal.error)
    except (snapshot.SnapshotError, duckdb.Error, OSError) as cause:
        _log.error("the store %s can't answer: %s", os.fspath(store), cause)
        return _refused(ApiError.OPERATION_FAILED)


def _refused(error: ApiError) -> Answer:
    return Answer(error.status, error.body)


def _http_codes(connection: duckdb.DuckDBPyConnection, asked: Request) -> bytes:
    sql = statements("queries", "http_codes.sql")
    known = dict(
        connection.execute(sql["services"], {"names": list(asked.service_names)}).fetchall()
    )
    if len(known) < len(asked.service_names):
        raise Refusal(ApiError.UNKNOWN_DOMAIN)
    codes = dict(
        connection.execute(
            sql["http_codes"],
            {
                "services": list(known.values()),
                "start": asked.start.replace(tzinfo=None),
                "end": asked.end.replace(tzinfo=None),
            },
        ).fetchall()
    )
    # Services with data come first: a stable sort keeps the order of the request in each group.
    names = sorted(asked.service_names, key=lambda name: known[name] not in codes)
    return f"[{','.join(_element(name, codes.get(known[name], '')) for name in names)}]".encode()


def _element(name: str, codes: str) -> str:
    return f'{{"serviceName":{json.dumps(name, ensure_ascii=False)},"httpCodes":[{codes}]}}'
