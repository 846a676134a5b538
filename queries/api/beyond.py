"""What internal tools ask beyond the document: longer intervals, classes, zeros, final counts.

The documented answer never looks like this; it has to be asked for.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import duckdb

from queries.api.request import Request
from queries.statements import statements

_SQL = statements(__name__)


class Interval(StrEnum):
    """How long a bucket is, if not 5 minutes."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True)
class Beyond:
    """How an answer differs from the documented one; as it stands, not at all.

    Raises ValueError for an unknown interval.
    """

    interval: Interval | Literal["hour", "day"] | None = None
    """Buckets are UTC hours or days, of which only what lies in the range is counted; None: 5
    minutes. `timestamp` is the start of the hour or day."""
    classes: bool = False
    """Counts by class of status code: 2xx is 200 to 299, 0xx is 000 to 099."""
    fill: bool = False
    """Every bucket of the range is there, with zeros for the codes (or classes) that the service
    has elsewhere in the answer; without any, `httpCodeValues` is empty. Nothing is filled in where
    an hour is missing, as `deliveries` has it: that is no zero."""
    final_only: bool = False
    """Only buckets that can't change any more, as in bucket_status; an hour or a day is final
    when all of it that lies in the range is."""

    def __post_init__(self) -> None:
        if self.interval not in (None, *Interval):
            raise ValueError(f"interval is {self.interval!r}; it would have to be hour or day")


def reshaped(
    connection: duckdb.DuckDBPyConnection,
    asked: Request,
    known: Mapping[str, int],
    beyond: Beyond,
) -> bytes:
    """The answer to a request for known services (name to service_id), as UTF-8 JSON."""
    reach = {
        "start": asked.first_bucket.replace(tzinfo=None),
        "end": asked.end.replace(tzinfo=None),
    }
    rows = connection.execute(
        _SQL["http_codes"],
        {
            "services": list(known.values()),
            **reach,
            # Buckets of 5 minutes begin on whole minutes.
            "interval": beyond.interval or "minute",
            "classes": beyond.classes,
            "fill": beyond.fill,
            "missing": _missing(connection, reach) if beyond.fill else [],
            "final_only": beyond.final_only,
        },
    ).fetchall()
    buckets: dict[int, list[dict[str, Any]]] = {service_id: [] for service_id in known.values()}
    for service_id, timestamp, values in rows:
        buckets[service_id].append({"timestamp": timestamp, "httpCodeValues": values})
    elements: list[dict[str, Any]] = [
        {"serviceName": name, "httpCodes": buckets[known[name]]} for name in asked.service_names
    ]
    # Services with data come first, each group in the order of the request.
    elements.sort(key=lambda e: not any(bucket["httpCodeValues"] for bucket in e["httpCodes"]))
    return json.dumps(elements, ensure_ascii=False, separators=(",", ":")).encode()


def _missing(
    connection: duckdb.DuckDBPyConnection, reach: Mapping[str, datetime]
) -> list[datetime]:
    try:
        return [hour for (hour,) in connection.execute(_SQL["missing"], reach).fetchall()]
    except duckdb.CatalogException:
        # Before schema version 4 nobody noted what sources brought.
        return []
