"""Whether executors are of the same make as the driver: what counts has to be the same program."""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import duckdb

from queries.failures import Failed

_COUNTING = ("counts", "engine", "logs", "store")
"""The rooms of jobs that define what a row means, or how that is told."""

MET = "host string, make string, share boolean, file boolean"


class OtherMake(Failed):
    """Executors that would not count as the driver does; the message says what differs."""


@dataclass(frozen=True)
class Met:
    """One executor, as it answered."""

    host: str
    make: str
    """Its make() as JSON, or why it has none."""
    share: bool | None
    """Whether it can write to the share, if it was asked."""
    file: bool | None
    """Whether it can read one file of the sources, if it was asked."""


@cache
def make() -> str:
    """Versions, and a hash of what defines counting, as JSON."""
    text = hashlib.sha256()
    for file in _files():
        text.update(file.name.encode() + b"\\0" + file.read_bytes())
    return json.dumps(
        {
            "httpcodes": _version(),
            "duckdb": duckdb.__version__,
            "python": ".".join(map(str, sys.version_info[:2])),
            "counting": text.hexdigest()[:12],
        }
    )


def check(others: Iterable[Met]) -> None:
    """Raises OtherMake if one of them is not of this make."""
    for other in others:
        if said := difference(other.make):
            raise OtherMake(f"the executor on {other.host} {said}; {_REMEDY}")


def require(expected: str) -> None:
    """Raises OtherMake in an executor that is of another make than the driver."""
    if make() != expected:
        raise OtherMake(f"an executor has {make()}, and the driver {expected}; {_REMEDY}")


def difference(other: str) -> str | None:
    """What of another make is not as it is here, in words after its owner; None: nothing."""
    if other == make():
        return None
    try:
        theirs: Mapping[str, Any] = json.loads(other)
    except ValueError:
        return f"can't count: {other}"
    for name, here in json.loads(make()).items():
        if (there := theirs.get(name)) != here and name != "counting":
            return f"has {name} {there}, and the driver {here}"
    return "counts by other rules than the driver"


_REMEDY = (
    "give both the same environment: archive in [engine] names one, as jobs/engine/README.md tells"
)


def _files() -> Iterator[Path]:
    base = Path(__file__).parents[2]
    for folder in (*(base / "jobs" / room for room in _COUNTING), base / "queries/access_log"):
        yield from sorted((*folder.rglob("*.py"), *folder.rglob("*.sql")))
    yield from sorted((base / "queries").glob("*.sql"))


def _version() -> str:
    try:
        return version("cdn-httpcodes")
    except PackageNotFoundError:
        return "unknown"
