"""Questions of analysts: ours beside bare DuckDB, on the same cells, rows and files.

Cells: the views of a snapshot, through the fence, beside a table of a DuckDB file that holds
nothing but the counts, with names, in order of time. Rows: access_log through the fence beside
read_parquet with a query written for these files. Files: what it takes to open the fence, and to
ask about one hour, when many files of five minutes each are known; bare DuckDB reads all of them,
or those of the hour, if somebody names them. Prints medians and ratios.

    python tests/benchmarks/analyst.py [--services 1000] [--days 30] [--rows 100000000]
        [--files 100 10000 100000] [--repeat 5]
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from answer import FIRST, fill

from jobs.store.revision import USUAL, revision
from queries.analyst.adhoc import fenced

CELLS = {
    "error spikes of a day": """
        SELECT service_name, bucket_start, round(sum(requests) FILTER (status_code >= 500) / sum(requests), 9) AS ratio
        FROM rollup_5m WHERE bucket_start >= $day AND bucket_start < $day + INTERVAL 1 DAY
        GROUP BY ALL ORDER BY ratio DESC, service_name, bucket_start LIMIT 3""",
    "share of 499 by service": """
        SELECT service_name, sum(requests) FILTER (status_code = 499) / sum(requests) AS share
        FROM rollup_5m GROUP BY ALL ORDER BY share DESC, service_name LIMIT 3""",
    "an hour and a week before": """
        SELECT status_code, sum(requests) FILTER (bucket_start >= $day) AS now, sum(requests) AS both
        FROM rollup_5m WHERE bucket_start >= $day AND bucket_start < $day + INTERVAL 1 HOUR
            OR bucket_start >= $day - INTERVAL 7 DAY AND bucket_start < $day - INTERVAL 167 HOUR
        GROUP BY ALL ORDER BY ALL""",
    "one service, all its days": """
        SELECT date_trunc('day', bucket_start) AS day, status_code, sum(requests) AS requests
        FROM rollup_5m WHERE service_name = 's00007.example' GROUP BY ALL ORDER BY ALL""",
    "everything by day and code": """
        SELECT date_trunc('day', bucket_start) AS day, status_code, sum(requests) AS requests
        FROM rollup_5m GROUP BY ALL ORDER BY ALL""",
}
ROWS = {
    "paths behind 5xx of an hour": """
        SELECT regexp_extract(path, '^/[^/?]*') AS under, count(*) AS errors FROM access_log
        WHERE status_code >= 500 AND requested_at >= $noon AND requested_at < $noon + INTERVAL 1 HOUR
        GROUP BY ALL ORDER BY errors DESC, under LIMIT 3""",
    "rows of an hour": """
        SELECT count(*) FROM access_log WHERE requested_at >= $noon AND requested_at < $noon + INTERVAL 1 HOUR""",
    "codes of a service": """
        SELECT status_code, count(*) FROM access_log WHERE service_name = 'site7.example.com' GROUP BY ALL ORDER BY ALL""",
    "bytes by status": """
        SELECT status_code, sum(bytes_sent) FROM access_log GROUP BY ALL ORDER BY ALL""",
    "slowest paths": """
        SELECT path, quantile_cont(duration_ms, 0.99) AS p99 FROM access_log WHERE status_code = 503
        GROUP BY ALL ORDER BY p99 DESC, path LIMIT 3""",
}  # fmt: skip
BARE_ROWS = """
    CREATE VIEW access_log AS SELECT timestamp AS requested_at, host AS service_name, status AS status_code, path,
        bytes_sent, duration_ms FROM read_parquet('{logs}/*.parquet')
"""
HOUR = """
    SELECT status_code, count(*) FROM access_log
    WHERE requested_at >= $hour AND requested_at < $hour + INTERVAL 1 HOUR GROUP BY ALL ORDER BY ALL
"""
Ask = Callable[[], object]


def medians(asks: dict[str, Ask], repeat: int) -> dict[str, float]:
    """Seconds, each in turn, after one call to warm up; all must give the same."""
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for turn in range(repeat + 1):
        answers = []
        for name, ask in asks.items():
            began = time.perf_counter()
            answers.append(ask())
            if turn:
                taken[name].append(time.perf_counter() - began)
        assert all(answer == answers[0] for answer in answers), answers
    return {name: statistics.median(times) for name, times in taken.items()}


def line(what: str, times: dict[str, float]) -> None:
    ratio = times["ours"] / times["bare"]
    each = "  ".join(f"{name} {seconds * 1000:,.1f} ms" for name, seconds in times.items())
    print(f"  {what:28} {each}  ratio {ratio:.2f}")


def questions(
    store: Path, bare: duckdb.DuckDBPyConnection, asked: dict[str, str], moment: str, repeat: int
) -> None:
    """Each question to both; ours through a fence that is open, with values as text."""
    with fenced(store) as analyst:
        for what, sql in asked.items():
            name = moment.partition("=")[0]
            text = sql.replace(f"${name}", f"${name}::TIMESTAMP")
            value = {name: moment.partition("=")[2]} if f"${name}" in sql else {}
            asks: dict[str, Ask] = {
                "ours": lambda text=text, value=value: next(analyst.ask(text, value))[1],  # type: ignore[misc]
                "bare": lambda text=text, value=value: bare.execute(text, value).fetchall(),  # type: ignore[misc]
            }
            line(what, medians(asks, repeat))


def cells(folder: Path, services: int, days: int, repeat: int) -> None:
    store = folder / "cells"
    with revision(store, USUAL) as work:
        fill(work, services, range(days))
    bare = duckdb.connect(folder / "bare.duckdb")
    bare.execute(f"ATTACH '{(store / 'httpcodes.duckdb').resolve()}' AS ours (READ_ONLY)")
    bare.execute(
        "CREATE TABLE rollup_5m AS FROM ours.rollup_5m ORDER BY bucket_start, service_name, status_code"
    )
    bare.execute("DETACH ours; CHECKPOINT")
    ((count,),) = bare.execute("SELECT count(*) FROM rollup_5m").fetchall()
    print(f"{count:,} cells of {services:,} services and {days} days")
    questions(store, bare, CELLS, f"day={FIRST + timedelta(days=days - 1)}", repeat)
    bare.close()


def rows(folder: Path, how_many: int, repeat: int) -> None:
    logs, store = folder / "logs", folder / "rows"
    command("sample", logs, "--rows", how_many, "--services", 1000, "--format", "generic")
    command("run", logs, "--store", store, "--quiet")
    bare = duckdb.connect()
    logs = logs / "generic"
    bare.execute(BARE_ROWS.format(logs=logs))
    print(f"{how_many:,} rows in {len(list(logs.iterdir()))} files")
    questions(store, bare, ROWS, f"noon={FIRST + timedelta(hours=12)}", repeat)
    shutil.rmtree(logs)


def files(folder: Path, how_many: int, repeat: int) -> None:
    logs, store = folder / f"logs {how_many}", folder / f"files {how_many}"
    logs.mkdir()
    for number in range(how_many):
        pq.write_table(five_minutes(number), logs / f"{number:06d}.parquet")
    command("run", logs, "--store", store, "--quiet")
    first = how_many // 2 // 12 * 12
    hour = FIRST + timedelta(minutes=5 * first)
    value = {"hour": f"{hour}"}
    named = [f"{logs}/{number:06d}.parquet" for number in range(first, first + 12)]

    def fence() -> None:
        with fenced(store):
            pass

    def ours() -> list[tuple[object, ...]]:
        with fenced(store) as analyst:
            return next(analyst.ask(HOUR.replace("$hour", "$hour::TIMESTAMP"), value))[1]

    def snapshot() -> list[tuple[object, ...]]:
        with duckdb.connect((store / "httpcodes.duckdb").resolve(), read_only=True) as connection:
            return connection.execute(HOUR.replace("$hour", "$hour::TIMESTAMP"), value).fetchall()

    def bare(which: object) -> list[tuple[object, ...]]:
        sql = HOUR.replace("$hour", "$hour::TIMESTAMP").replace(
            "access_log", f"(SELECT timestamp AS requested_at, status AS status_code FROM read_parquet({which}))"
        )  # fmt: skip
        with duckdb.connect() as connection:
            return connection.execute(sql, value).fetchall()

    opening = medians({"fence": fence}, repeat)["fence"]
    asks: dict[str, Ask] = {
        "fence and hour": ours,
        "snapshot and hour": snapshot,
        "bare, all files": partial(bare, f"'{logs}/*.parquet'"),
        "bare, the hour's": partial(bare, named),
    }
    times = {"fence": opening, **medians(asks, repeat)}
    print(f"{how_many:,} files known")
    for what, seconds in times.items():
        print(f"  {what:18} {seconds * 1000:9,.1f} ms")


def five_minutes(number: int) -> pa.Table:
    start = FIRST + timedelta(minutes=5 * number)
    return pa.table(
        {
            "timestamp": pa.array(
                [start + timedelta(seconds=15 * i) for i in range(20)], pa.timestamp("us")
            ),
            "host": [f"s{i % 5}.example" for i in range(20)],
            "status": pa.array([200 + (number + i) % 5 for i in range(20)], pa.int32()),
        }
    )


def command(*arguments: object) -> None:
    line = [sys.executable, "-m", "jobs.cli", *map(str, arguments)]
    subprocess.run(line, check=True, capture_output=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=1000)
    options.add_argument("--days", type=int, default=30)
    options.add_argument("--rows", type=int, default=100_000_000)
    options.add_argument("--files", type=int, nargs="+", default=[100, 10_000, 100_000])
    options.add_argument("--repeat", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cells(Path(folder), given.services, given.days, given.repeat)
        rows(Path(folder), given.rows, given.repeat)
        for how_many in given.files:
            files(Path(folder), how_many, given.repeat)


if __name__ == "__main__":
    main()
