"""Answers: ours beside SQLite's JSON functions and ClickHouse, from the same cells.

Builds a snapshot the way runs do, but without log files, and asks it for a large request (50
services, 24 hours) and small ones. The others hold the cells in tables of their own, ordered by
service and time, and make the same bytes. Prints medians, ratios to the faster other, and
how our answers fare as days of history pile up.

    python tests/benchmarks/answer.py [--services 100] [--days 1 30 365] [--repeat 10]
"""

import argparse
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import chdb.session
import duckdb

import queries
from jobs.counts import rollup, runs
from jobs.counts.ledger import Ledger
from jobs.store.revision import USUAL, Revision, revision

FIRST = datetime(2025, 9, 9)
ROUNDS, WARM_UP = 5, 2
DAY = """
INSERT INTO internal.contributions
SELECT {day}, service_id, TIMESTAMP '{start}' + to_seconds(bucket * 300), code,
    1 + hash(service_id, bucket, code) % CAST(base / service_id * 1000 + 2 AS BIGINT)
FROM range(1, {services} + 1) AS s(service_id), range(288) AS b(bucket),
    (VALUES (200, 20.0), (206, 3.0), (304, 5.0), (403, 0.3), (404, 1.0), (499, 0.3)) AS v(code, base);
INSERT INTO added VALUES ({day});
"""
SQLITE = """
SELECT json_group_array(json_object('serviceName', name, 'httpCodes', json(codes))) FROM (
    SELECT name, json_group_array(json_object('timestamp', strftime('%Y-%m-%dT%H:%M:%SZ', bucket, 'unixepoch'), 'httpCodeValues', json(codes))) AS codes
    FROM (
        SELECT name, bucket, json_group_object(printf('%03d', code), requests) AS codes
        FROM (SELECT * FROM cells WHERE name IN ({names}) AND bucket >= {start} AND bucket < {end} ORDER BY name, bucket, code)
        GROUP BY name, bucket
    ) GROUP BY name
)
"""
CHDB = """
SELECT concat('[', arrayStringConcat(groupArray(concat('{{"serviceName":', toJSONString(name), ',"httpCodes":[', codes, ']}}')), ','), ']') FROM (
    SELECT name, arrayStringConcat(groupArray(concat('{{"timestamp":"', formatDateTime(bucket, '%Y-%m-%dT%H:%i:%SZ', 'UTC'), '","httpCodeValues":{{', codes, '}}}}')), ',') AS codes
    FROM (
        SELECT name, bucket, arrayStringConcat(groupArray(concat('"', leftPad(toString(code), 3, '0'), '":', toString(requests))), ',') AS codes
        FROM (SELECT * FROM cells WHERE name IN ({names}) AND bucket >= toDateTime({start}, 'UTC') AND bucket < toDateTime({end}, 'UTC') ORDER BY name, bucket, code)
        GROUP BY name, bucket ORDER BY name, bucket
    ) GROUP BY name ORDER BY name
)
"""


def name(service: int) -> str:
    return f"s{service:05d}.example"


def fill(work: Revision, services: int, days: range) -> None:
    """Count days as a night does, but for the log files."""
    connection = work.connection
    ledger = Ledger(work)
    rollup.define_buckets(connection)
    connection.execute(
        f"INSERT INTO internal.services SELECT i, printf('s%05d.example', i), NULL, NULL, false"
        f" FROM range(1, {services} + 1) AS r(i)"
    )
    for day in days:
        start = FIRST + timedelta(days=day)
        connection.execute(DAY.format(day=day, start=start, services=services))
        rollup.settle(connection, ledger)
        # As if folded; the next day's contributions have the same shape.
        connection.execute(f"DELETE FROM {ledger.added}; DELETE FROM internal.contributions")
    runs.record(work, runs.Outcome())


def request(services: list[int], start: datetime, hours: int) -> dict[str, object]:
    return {
        "serviceNames": [name(service) for service in services],
        "startTime": f"{start.isoformat()}Z",
        "endTime": f"{(start + timedelta(hours=hours)).isoformat()}Z",
    }


def requests(services: int, start: datetime) -> dict[str, dict[str, object]]:
    some = sorted(random.Random(7).sample(range(1, services + 1), 50))
    return {
        "50 services, 24 h": request(some, start, 24),
        "50 services, 24 h, unaligned": request(some, start + timedelta(minutes=7), 23),
        "5 services, 24 h": request(some[:5], start, 24),
        "1 service, 1 h": request(some[:1], start + timedelta(hours=12), 1),
    }


def ours(store: Path) -> Callable[[dict[str, object]], bytes]:
    def ask(asked: dict[str, object]) -> bytes:
        answer = queries.answer(store, asked)
        assert answer.status == 200, answer.body
        return answer.body

    return ask


def others(store: Path, folder: Path) -> dict[str, Callable[[dict[str, object]], bytes]]:
    """SQLite and ClickHouse with the cells of the store."""
    cells, csv = folder / "cells.parquet", folder / "cells.csv"
    with duckdb.connect((store / "httpcodes.duckdb").resolve(), read_only=True) as connection:
        rows = "SELECT service_name, epoch(bucket_start)::BIGINT, status_code, requests FROM rollup_5m ORDER BY ALL"
        connection.execute(f"COPY ({rows}) TO '{csv}' (HEADER false)")
        connection.execute(
            f"COPY (SELECT service_name AS name, bucket_start AS bucket, status_code AS code, requests FROM rollup_5m) TO '{cells}'"
        )
    lite = sqlite3.connect(folder / "cells.sqlite")
    lite.execute(
        "CREATE TABLE cells (name TEXT, bucket INTEGER, code INTEGER, requests INTEGER, PRIMARY KEY (name, bucket, code)) WITHOUT ROWID"
    )
    with csv.open() as lines:
        lite.executemany(
            "INSERT INTO cells VALUES (?, ?, ?, ?)", (line.rstrip().split(",") for line in lines)
        )
    lite.commit()
    click = chdb.session.Session(str(folder / "chdb"))
    click.query(
        "CREATE TABLE cells (name LowCardinality(String), bucket DateTime('UTC'), code UInt16, requests UInt64) ENGINE MergeTree ORDER BY (name, bucket, code)"
    )
    click.query(f"INSERT INTO cells SELECT * FROM file('{cells}', Parquet)")
    click.query("OPTIMIZE TABLE cells FINAL")
    return {
        "sqlite": lambda asked: lite.execute(bound(SQLITE, asked)).fetchone()[0].encode(),
        "chdb": lambda asked: click.query(bound(CHDB, asked), "RawBLOB").bytes(),
    }


def bound(sql: str, asked: dict[str, object]) -> str:
    start, end = (
        int(datetime.fromisoformat(str(asked[key])).timestamp()) for key in ("startTime", "endTime")
    )
    names = ",".join(f"'{one}'" for one in asked["serviceNames"])  # type: ignore[attr-defined]
    return sql.format(names=names, start=start // 300 * 300, end=end)


def medians(
    asks: dict[str, Callable[[dict[str, object]], bytes]], asked: dict[str, object], repeat: int
) -> dict[str, float]:
    """Milliseconds, the engines in turn, several calls at a time.

    Calls of different engines one by one would measure how they get into each other's way:
    caches, and threads that ClickHouse leaves waiting.
    """
    taken: dict[str, list[float]] = {engine: [] for engine in asks}
    for _ in range(ROUNDS):
        for engine, ask in asks.items():
            for call in range(WARM_UP + repeat):
                began = time.perf_counter()
                ask(asked)
                if call >= WARM_UP:
                    taken[engine].append((time.perf_counter() - began) * 1000)
    return {engine: statistics.median(times) for engine, times in taken.items()}


def compare(store: Path, folder: Path, services: int, repeat: int) -> None:
    asks = {"httpcodes": ours(store), **others(store, folder)}
    for what, asked in requests(services, FIRST).items():
        bodies = {engine: ask(asked) for engine, ask in asks.items()}
        body = bodies["httpcodes"]
        assert set(bodies.values()) == {body}, {e: b[:300] for e, b in bodies.items()}
        cells = sum(len(b["httpCodeValues"]) for e in json.loads(body) for b in e["httpCodes"])
        times = medians(asks, asked, repeat)
        better = min(ms for engine, ms in times.items() if engine != "httpcodes")
        print(f"{what}: {cells:,} cells, {len(body):,} bytes, the same from all")
        for engine, ms in times.items():
            print(f"  {engine:10} {ms:8.2f} ms  {ms / better:6.3f} x better other")


def history(stores: dict[int, Path], services: int, repeat: int) -> None:
    """The same requests for a day in the middle of each store, in turn."""
    for what in requests(services, FIRST):
        asks = {}
        for days, store in stores.items():
            asked = requests(services, FIRST + timedelta(days=days // 2))[what]
            asks[f"{days} days"] = partial(lambda ask, asked, _: ask(asked), ours(store), asked)
        times = medians(asks, {}, repeat)
        print(f"{what:28}" + "".join(f"  {days}: {ms:.2f} ms" for days, ms in times.items()))


def space(store: Path) -> str:
    """What the tables take on disk."""
    with duckdb.connect((store / "httpcodes.duckdb").resolve(), read_only=True) as connection:
        ((cells, width),) = connection.execute(
            "SELECT count(*), any_value(block_size) FROM internal.cells, pragma_database_size()"
        ).fetchall()
        blocks = {
            table: connection.execute(
                f"SELECT count(DISTINCT block_id) FROM pragma_storage_info('internal.{table}') WHERE block_id >= 0"
            ).fetchall()[0][0]
            for table in ("cells", "answers")
        }
    sizes = ", ".join(f"{table} {n * width / cells:.1f}" for table, n in blocks.items())
    return f"{cells:,} cells; bytes a cell: {sizes}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=100)
    options.add_argument("--days", type=int, nargs="+", default=[1, 30, 365])
    options.add_argument("--repeat", type=int, default=10)
    given = options.parse_args()
    if given.services < 50:
        sys.exit("--services: the largest request needs 50")
    with tempfile.TemporaryDirectory() as folder:
        stores = {days: Path(folder, f"{days}") for days in sorted(given.days)}
        for days, store in stores.items():
            began = time.monotonic()
            with revision(store, USUAL) as work:
                fill(work, given.services, range(days))
            seconds = time.monotonic() - began
            print(f"{days} days, counted in {seconds:.1f} s: {space(store)}")
        compare(stores[min(stores)], Path(folder), given.services, given.repeat)
        history(stores, given.services, given.repeat)


if __name__ == "__main__":
    main()
