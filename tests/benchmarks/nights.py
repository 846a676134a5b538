"""A night's run, one day of logs, on stores with more and more days of history.

The history is laid out by SQL as runs leave it: counts of every service, bucket and four status
codes, a ledger row a day, whose files are folded after 30 days. Prints medians of what a night
takes, split into its parts, and the ratio to the shortest history.

    python tests/benchmarks/nights.py [--days 1,30,100,365] [--services 1000] [--repeat 3]
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

import jobs.store.reflink
import jobs.store.revision
from jobs import nightly
from jobs.counts import fold, rollup, runs
from jobs.logs.options import ReadingOptions, Source
from jobs.store import access_log_view as shown
from jobs.store.revision import USUAL, revision

PARTS = ("copy", "count", "rollup", "view", "fold", "checkpoint", "publish")
CELLS = """
SELECT service_id, bucket_start, status_code, 1 + hash(service_id, bucket_start, status_code) % 50 AS requests
FROM range(TIMESTAMP '{day}', TIMESTAMP '{day}' + INTERVAL 1 DAY, INTERVAL 5 MINUTE) AS t(bucket_start),
    range(1, {services} + 1) AS s(service_id), (VALUES (200), (304), (404), (500)) AS c(status_code)
ORDER BY ALL
"""
DAY = """
INSERT INTO internal.cells SELECT service_id, bucket_start, status_code, requests FROM ({cells});
INSERT INTO internal.files BY NAME SELECT {number} AS file_id, '/gone/{number}.parquet' AS path, 0 AS size,
    '{number}' AS fingerprint, total AS rows_read, total AS rows_counted, 0 AS rows_rejected,
    TIMESTAMP '{day}' AS first_request, TIMESTAMP '{day}' + INTERVAL 86399 SECOND AS last_request,
    now()::TIMESTAMP AS ingested_at, 'history' AS run_id, 'ingested' AS state, {folded} AS folded
    FROM (SELECT sum(requests)::BIGINT AS total FROM ({cells}));
"""
KEPT_APART = (
    "INSERT INTO internal.sole_buckets SELECT DISTINCT bucket_start, {number} FROM ({cells});"
)
FOLDED = """
INSERT INTO internal.folded_days SELECT file_id, first_request::DATE, rows_counted FROM internal.files WHERE file_id = {number};
INSERT INTO internal.folded_buckets SELECT DISTINCT bucket_start FROM ({cells});
"""


def lay_out(store: Path, first: int, last: int, services: int) -> None:
    """Add days to the history; the longer ago of them are folded."""
    with revision(store, USUAL) as work:
        for days_ago in range(last, first, -1):
            ((day,),) = work.connection.execute(f"SELECT DATE '2025-09-09' - {days_ago}").fetchall()
            cells = CELLS.format(day=day, services=services)
            known = {"number": days_ago, "day": day, "cells": cells, "folded": days_ago > 30}
            work.connection.execute(DAY.format(**known))
            work.connection.execute((FOLDED if days_ago > 30 else KEPT_APART).format(**known))
        work.connection.execute("DELETE FROM internal.services")
        work.connection.execute(
            "INSERT INTO internal.services SELECT i, printf('s%04d.example', i), NULL, NULL, false"
            f" FROM range(1, {services} + 1) AS r(i)"
        )


def write_night(folder: Path, services: int) -> None:
    """A day's logs in 24 files, with a request for each cell."""
    folder.mkdir()
    for hour in range(24):
        duckdb.execute(
            f"""COPY (SELECT bucket_start + to_seconds(i % 300) AS timestamp, printf('s%04d.example', i) AS host, status
            FROM range(TIMESTAMP '2025-09-09' + INTERVAL {hour} HOUR, TIMESTAMP '2025-09-09' + INTERVAL {hour + 1} HOUR,
                INTERVAL 5 MINUTE) AS t(bucket_start),
            range(1, {services} + 1) AS s(i), (VALUES (200), (304), (404), (500)) AS c(status))
            TO '{folder}/{hour:02d}.parquet'"""
        )


class Clock:
    """How long parts of a run took, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = 0.0

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            began = time.monotonic()
            if part == "publish":
                self.seconds["checkpoint"] = began - self.last
            try:
                return function(*arguments, **options)
            finally:
                self.last = time.monotonic()
                self.seconds[part] = self.last - began

        return wrapped


def watch(clock: Clock) -> None:
    """Let the clock see the parts of a run; what follows the last is its checkpoint."""
    for room, name, part in (
        (jobs.store.revision, "copy", "copy"),
        (nightly.Ingest, "take", "count"),
        (rollup, "apply", "rollup"),
        (shown, "show", "view"),
        (fold, "fold", "fold"),
        (runs, "record", "record"),
        (jobs.store.revision, "publish", "publish"),
    ):
        setattr(room, name, clock.timed(part, getattr(room, name)))


def night(store: Path, logs: Path) -> float:
    began = time.monotonic()
    source = Source((str(logs),), ReadingOptions())
    summary = nightly.run(store, [source], lambda _: None, nightly.Policy())
    assert summary.outcome.files_ingested == 24
    return time.monotonic() - began


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", default="1,30,100,365")
    options.add_argument("--services", type=int, default=1_000)
    options.add_argument("--repeat", type=int, default=3)
    given = options.parse_args()
    clock = Clock()
    watch(clock)
    with tempfile.TemporaryDirectory() as folder:
        logs, store = Path(folder, "logs"), Path(folder, "store")
        write_night(logs, given.services)
        lay_out(store, 0, 0, given.services)
        laid_out, shortest = 0, 0.0
        print(f"reflinks: {'yes' if jobs.store.reflink.shares_blocks(store) else 'no'}")
        print("days   MiB    total  ratio  " + "  ".join(f"{part:>10}" for part in PARTS))
        for days in map(int, given.days.split(",")):
            lay_out(store, laid_out, days, given.services)
            laid_out = days
            base = (store / "httpcodes.duckdb").resolve()
            watched: list[dict[str, float]] = []
            for _ in range(given.repeat):
                with_day = Path(folder, "night")
                (with_day / "snapshots").mkdir(parents=True)
                shutil.copy(base, with_day / "snapshots")
                (with_day / "httpcodes.duckdb").symlink_to(Path("snapshots", base.name))
                clock.seconds = {}
                total = night(with_day, logs)
                watched.append(clock.seconds | {"total": total})
                shutil.rmtree(with_day)
            medians = {
                part: statistics.median(seconds.get(part, 0) for seconds in watched)
                for part in (*PARTS, "total")
            }
            shortest = shortest or medians["total"]
            print(
                f"{days:4} {base.stat().st_size >> 20:6,} {medians['total']:6.2f} s "
                f"{medians['total'] / shortest:5.2f}  "
                + "  ".join(f"{medians[part]:8.2f} s" for part in PARTS)
            )


if __name__ == "__main__":
    main()
