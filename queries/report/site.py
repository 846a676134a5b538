"""A site: an index, a page for each day, a page for each service and day; whole days swap in."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb

from queries import snapshot
from queries.report import page, site_pages
from queries.report.figures import Counting, Report
from queries.report.service_days import Day, days, lines, service_days, totals
from queries.report.site_folders import SiteFolders, file_name, site_folders
from queries.report.site_pages import Beside, Told

LATEST = 7
"""So many days are brought up to date where none are named."""

# Raised when pages change their looks, so that every day is written anew.
_LOOKS = "1"
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
    written, unchanged, size = [], [], 0
    for each in asked:
        beside = _beside(each.day, known)
        digest = (
            f"{each.digest}-{_LOOKS}{'b' if beside.before else ''}{'a' if beside.after else ''}"
        )
        if folders.holds(each.day, digest):
            unchanged.append(each.day)
            continue
        on = date.fromisoformat(each.day)
        files = _pages(connection, counting, counting.of(on, on), beside)
        size += folders.write(each.day, digest, files)
        written.append(each.day)
    told = [
        Told(total, folders.read(total.day, _MOVED))
        for total in totals(connection, counting.services, sorted(known))
    ]
    folders.index(site_pages.index(counting.snapshot, told, page.unusable(counting.quarantine())))
    return Published(counting.snapshot, written, unchanged, size)


def _pages(
    connection: duckdb.DuckDBPyConnection, counting: Counting, found: Report, beside: Beside
) -> Iterator[tuple[str, bytes]]:
    services = service_days(connection, counting.services, found)
    yield "index.html", site_pages.day(found, services, beside)
    yield _MOVED, site_pages.moved(found.standouts, f"{found.period}").encode()
    codes = lines(connection, counting.services, found.period.start, found.period.until)
    for each in services:
        shown = site_pages.service(found, each, codes, beside)
        yield f"services/{file_name(each.service_name)}", shown


def _beside(day: str, known: set[str]) -> Beside:
    """The days next to it, where there are pages of them."""
    near = (f"{date.fromisoformat(day) + timedelta(days=away)}" for away in (-1, 1))
    before, after = (each if each in known else None for each in near)
    return Beside(before, after)
