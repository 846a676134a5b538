"""A site: an index, a page for each day, a page for each service and day; whole days swap in."""

import os
from collections.abc import Iterator, Set
from datetime import date, datetime, time, timedelta
from hashlib import md5
from pathlib import Path
from typing import NamedTuple

import duckdb

from queries import snapshot
from queries.report import page, site_pages
from queries.report.figures import Counting, Report
from queries.report.lacking import Lacking, lacking, spoken
from queries.report.service_days import Day, days, lines, service_days, totals
from queries.report.site_folders import SiteFolders, file_name, site_folders
from queries.report.site_pages import Beside, IndexDay

LATEST = 7
"""So many days are brought up to date where none are named."""

# Raised when pages change their looks, so that every day is written anew.
_LOOKS = "2"
_MOVED = ".moved.html"


class Published(NamedTuple):
    """What became of the days, as 2025-09-09."""

    snapshot: str
    written: list[str]
    unchanged: list[str]
    bytes: int


def publish(
    store: str | os.PathLike[str],
    out: Path,
    bounds: tuple[date | None, date | None] = (None, None),
    services: tuple[str, ...] | None = None,
) -> Published:
    """Bring the days between these, else the latest, up to the store's newest snapshot.

    Other days stay as they are. Raises BadSite, NothingToReport, SnapshotError, duckdb.Error or
    OSError; then every day is as it was or as it is to be.
    """
    with snapshot.reading(store) as connection:
        counting = Counting(connection, services)
        asked = days(connection, counting.services, bounds, LATEST)
        with site_folders(out) as folders:
            return _published(connection, counting, asked, folders)


def _published(
    connection: duckdb.DuckDBPyConnection,
    counting: Counting,
    asked: list[Day],
    folders: SiteFolders,
) -> Published:
    known = {each.day for each in asked} | set(folders.days)
    lacks = _lacking(connection, known)
    written, unchanged, size = [], [], 0
    for each in asked:
        beside = _beside(each.day, known)
        digest = (
            f"{each.digest}-{_LOOKS}{'b' if beside.before else ''}{'a' if beside.after else ''}"
            f"{_digest(lacks.get(each.day))}"
        )
        if folders.holds(each.day, digest):
            unchanged.append(each.day)
            continue
        on = date.fromisoformat(each.day)
        files = _pages(connection, counting, counting.of(on, on), beside)
        size += folders.write(each.day, digest, files)
        written.append(each.day)
    index_days = [
        IndexDay(total, folders.read(total.day, _MOVED), spoken(lacks.pop(total.day, [])))
        for total in totals(connection, counting.services, sorted(known))
    ]
    undelivered = {day: spoken(found) for day, found in lacks.items()}
    unusable = page.unusable(counting.quarantine())
    folders.index(site_pages.index(counting.snapshot, index_days, undelivered, unusable))
    return Published(counting.snapshot, written, unchanged, size)


def _lacking(connection: duckdb.DuckDBPyConnection, known: Set[str]) -> dict[str, list[Lacking]]:
    """By day, from the first that is published on, what sources did not deliver."""
    if not known:
        return {}
    first = datetime.combine(date.fromisoformat(min(known)), time())
    found: dict[str, list[Lacking]] = {}
    for each in lacking(connection, first, datetime.max):
        found.setdefault(f"{each.hour_start:%Y-%m-%d}", []).append(each)
    return found


def _digest(gaps: list[Lacking] | None) -> str:
    """A gap opens when its grace is over, and closes, without a count of the day that changes."""
    return f"g{md5(repr(gaps).encode(), usedforsecurity=False).hexdigest()[:16]}" if gaps else ""


def _pages(
    connection: duckdb.DuckDBPyConnection, counting: Counting, report: Report, beside: Beside
) -> Iterator[tuple[str, bytes]]:
    services = service_days(connection, counting.services, report)
    yield "index.html", site_pages.day(report, services, beside)
    yield _MOVED, site_pages.moved(report.standouts, f"{report.period}").encode()
    codes = lines(connection, counting.services, report.period.start, report.period.until)
    for each in services:
        shown = site_pages.service(report, each, codes, beside)
        yield f"services/{file_name(each.service_name)}", shown


def _beside(day: str, known: set[str]) -> Beside:
    """The days next to it, where there are pages of them."""
    near = (f"{date.fromisoformat(day) + timedelta(days=away)}" for away in (-1, 1))
    before, after = (each if each in known else None for each in near)
    return Beside(before, after)
