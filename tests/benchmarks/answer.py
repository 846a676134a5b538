"""Answers: ours beside SQLite's JSON functions and ClickHouse, from the same cells.

Builds a snapshot the way runs do, but without log files, and asks it for random services and
hours: ours for the first time, and again. The others hold the cells in tables of their own,
ordered by service and time, and make the same bytes; one more look-up reads by key from SQLite
what runs prepared. Prints medians, ratios, and how our first answers fare as days of history
pile up.

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
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

import chdb.session
import duckdb

import queries
from jobs.counts import rollup, runs
from jobs.counts.ledger import Ledger
from jobs.store.revision import USUAL, Revision, revision

FIRST = datetime(2025, 9, 9)
ROUNDS, WARM_UP = 5, 2
# Services, hours, and minutes past the hour at which the range begins.
KINDS = {
    "1 service, 1 h": (1, 1, 0),
    "5 services, 12 h": (5, 12, 0),
    "50 services, 24 h": (50, 24, 0),
    "50 services, 23 h, unaligned": (50, 23, 7),
}
DAY = """
INSERT INTO incoming
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
        rollup.apply(connection, ledger)
        # As if folded; the next day's contributions have the same shape.
        connection.execute(f"DELETE FROM {ledger.added}; DELETE FROM internal.sole_buckets")
    runs.record(work, runs.Outcome())


Asked = dict[str, object]
Ask = Callable[[Asked], bytes]


def requests(services: int, kind: str, start: datetime) -> Iterator[Asked]:
    """Random services, and a random range of a day, the same for every caller."""
    some, hours, minutes = KINDS[kind]
    chance = random.Random(7)
    while True:
        begins = start + timedelta(hours=chance.randint(0, 24 - hours), minutes=minutes)
        yield {
            # In order: the others sort by name.
            "serviceNames": [name(s) for s in sorted(chance.sample(range(1, services + 1), some))],
            "startTime": f"{begins.isoformat()}Z",
            "endTime": f"{(begins + timedelta(hours=hours)).isoformat()}Z",
        }


def ours(store: Path) -> dict[str, Ask]:
    """One that keeps nothing of what it read, and one that does."""

    def asking(what: str, kept: int) -> Ask:
        # What answers is one for each name of a store.
        link = store.with_name(f"{store.name} {what}")
        if not link.exists():
            link.symlink_to(store)

        def ask(asked: Asked) -> bytes:
            queries.keep_in_memory(kept)
            answer = queries.answer(link, asked)
            assert answer.status == 200, answer.body
            return answer.body

        return ask

    return {"first time": asking("first", 0), "again": asking("again", 1 << 30)}


def others(store: Path, folder: Path) -> dict[str, Ask]:
    """SQLite and ClickHouse with the cells of the store."""
    cells, csv = folder / "cells.parquet", folder / "cells.csv"
    with duckdb.connect((store / "httpcodes.duckdb").resolve(), read_only=True) as connection:
        rows = "SELECT service_name, epoch(bucket_start)::BIGINT, status_code, requests FROM rollup_5m ORDER BY ALL"
        connection.execute(f"COPY ({rows}) TO '{csv}' (HEADER false)")
        prepared = connection.execute(
            "SELECT service_name, epoch(hour_start)::BIGINT, json FROM internal.answers JOIN internal.services USING (service_id) ORDER BY ALL"
        ).fetchall()
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
    # What runs prepared, by key: as fast as reading can be.
    lite.execute(
        "CREATE TABLE answers (name TEXT, hour INTEGER, json TEXT, PRIMARY KEY (name, hour)) WITHOUT ROWID"
    )
    lite.executemany("INSERT INTO answers VALUES (?, ?, ?)", prepared)
    lite.commit()
    click = chdb.session.Session(str(folder / "chdb"))
    click.query(
        "CREATE TABLE cells (name LowCardinality(String), bucket DateTime('UTC'), code UInt16, requests UInt64) ENGINE MergeTree ORDER BY (name, bucket, code)"
    )
    click.query(f"INSERT INTO cells SELECT * FROM file('{cells}', Parquet)")
    click.query("OPTIMIZE TABLE cells FINAL")
    return {
        "by key": partial(by_key, lite),
        "sqlite": lambda asked: lite.execute(bound(SQLITE, asked)).fetchone()[0].encode(),
        "chdb": lambda asked: click.query(bound(CHDB, asked), "RawBLOB").bytes(),
    }


def seconds(asked: Asked) -> tuple[int, int]:
    start, end = (
        int(datetime.fromisoformat(str(asked[key])).timestamp()) for key in ("startTime", "endTime")
    )
    return start, end


def by_key(lite: sqlite3.Connection, asked: Asked) -> bytes:
    """Whole hours: an unaligned range gets more than it asks for."""
    sql = "SELECT json FROM answers WHERE name = ? AND hour >= ? AND hour < ? ORDER BY hour"
    start, end = seconds(asked)
    hours = (start // 3600 * 3600, end)
    elements = [
        f'{{"serviceName":"{one}","httpCodes":[{",".join(json for (json,) in lite.execute(sql, (one, *hours)))}]}}'
        for one in asked["serviceNames"]  # type: ignore[attr-defined]
    ]
    return f"[{','.join(elements)}]".encode()


def bound(sql: str, asked: Asked) -> str:
    start, end = seconds(asked)
    names = ",".join(f"'{one}'" for one in asked["serviceNames"])  # type: ignore[attr-defined]
    return sql.format(names=names, start=start // 300 * 300, end=end)


def medians(
    asks: dict[str, Ask], asked: dict[str, Iterator[Asked]], repeat: int
) -> dict[str, float]:
    """Milliseconds, the engines in turn, several calls at a time, each another request.

    Calls of different engines one by one would measure how they get into each other's way:
    caches, and threads that ClickHouse leaves waiting.
    """
    taken: dict[str, list[float]] = {engine: [] for engine in asks}
    for _ in range(ROUNDS):
        for engine, ask in asks.items():
            for call in range(WARM_UP + repeat):
                request = next(asked[engine])
                if engine == "again":
                    ask(request)
                began = time.perf_counter()
                ask(request)
                if call >= WARM_UP:
                    taken[engine].append((time.perf_counter() - began) * 1000)
    return {engine: statistics.median(times) for engine, times in taken.items()}


def compare(store: Path, folder: Path, services: int, repeat: int) -> None:
    asks = {**ours(store), **others(store, folder)}
    for kind in KINDS:
        for asked in islice(requests(services, kind, FIRST), 5):
            bodies = {engine: ask(asked) for engine, ask in asks.items()}
            if KINDS[kind][2]:
                del bodies["by key"]
            assert len(set(bodies.values())) == 1, {e: b[:300] for e, b in bodies.items()}
        body = bodies["again"]
        cells = sum(len(b["httpCodeValues"]) for e in json.loads(body) for b in e["httpCodes"])
        times = medians(asks, {e: requests(services, kind, FIRST) for e in asks}, repeat)
        key, made = times["by key"], min(times["sqlite"], times["chdb"])
        print(f"{kind}: {cells:,} cells, {len(body):,} bytes, the same from all")
        for engine, ms in times.items():
            print(
                f"  {engine:10} {ms:9.3f} ms  {ms / key:7.2f} x by key  {ms / made:7.3f} x better of those that make JSON"
            )


def history(stores: dict[int, Path], services: int, repeat: int) -> None:
    """The same requests for a day in the middle of each store, in turn, for the first time."""
    asks = {f"{days} days": ours(store)["first time"] for days, store in stores.items()}
    for kind in KINDS:
        starts = {f"{days} days": FIRST + timedelta(days=days // 2) for days in stores}
        asked = {what: requests(services, kind, start) for what, start in starts.items()}
        times = medians(asks, asked, repeat)
        print(f"{kind:28}" + "".join(f"  {what}: {ms:.2f} ms" for what, ms in times.items()))


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
