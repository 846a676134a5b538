"""A day of logs: our whole run beside the bare GROUP BY of other engines.

Whole process against whole process on the same cores, each writing its result to a file:
ours a published snapshot (with ledger, contributions and fingerprints), the others a Parquet
file of counts. Prints medians, the ratios to the fastest other engine (of seconds, and of CPU
seconds, which a busy machine disturbs less), and peak memory.

    python tests/benchmarks/count.py [--rows 24000000] [--repeat 5] [--engines duckdb,polars]
    python tests/benchmarks/count.py --format cloudfront             # all columns are text
    python tests/benchmarks/count.py --rows 5000000 --files 10000
    python tests/benchmarks/count.py --rows 50000000 --files 1
    python tests/benchmarks/count.py --shards 50                     # 50 files an hour
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

GLOB = "{logs}/{format}/**/*.parquet"
# What a service, a bucket and a status are, to each engine, of what each format has.
COLUMNS = {
    "generic": {
        "duckdb": "host, epoch_us(timestamp) // 300000000 AS bucket, status",
        "polars": """pl.col("host"), (pl.col("timestamp").dt.epoch("us") // 300000000).alias("bucket"), pl.col("status")""",
        "chdb": "host, intDiv(toUnixTimestamp64Micro(timestamp), 300000000) AS bucket, status",
        "datafusion": "host, CAST(timestamp AS BIGINT) / 300000000 AS bucket, status",
    },
    "cloudfront": {
        "duckdb": """"x-host-header" AS host, epoch_us(CAST(date || ' ' || time AS TIMESTAMP)) // 300000000 AS bucket, CAST("sc-status" AS SMALLINT) AS status""",
        "polars": """pl.col("x-host-header").alias("host"), ((pl.col("date") + " " + pl.col("time")).str.to_datetime("%Y-%m-%d %H:%M:%S").dt.epoch("us") // 300000000).alias("bucket"), pl.col("sc-status").cast(pl.Int16).alias("status")""",
        "chdb": """`x-host-header` AS host, intDiv(toUnixTimestamp(toDateTime(concat(date, ' ', time), 'UTC')), 300) AS bucket, toInt16(`sc-status`) AS status""",
        "datafusion": """"x-host-header" AS host, to_unixtime(concat(date, 'T', time)) / 300 AS bucket, CAST("sc-status" AS SMALLINT) AS status""",
    },
}
BARE = {
    "duckdb": """
import duckdb
duckdb.execute("SET enable_progress_bar = false")
duckdb.execute('''COPY (SELECT {columns}, count(*) AS requests
FROM read_parquet('{glob}', hive_partitioning = false) GROUP BY ALL) TO '{out}' (FORMAT parquet)''')
""",
    "polars": """
import polars as pl
logs = pl.scan_parquet("{glob}", hive_partitioning=False).select({columns})
logs.group_by("host", "bucket", "status").len().sink_parquet("{out}")
""",
    "chdb": """
import chdb
chdb.query('''SELECT {columns}, count() AS requests
FROM file('{glob}', Parquet) GROUP BY host, bucket, status INTO OUTFILE '{out}' FORMAT Parquet''')
""",
    "datafusion": """
from datafusion import SessionContext
context = SessionContext()
context.register_parquet("logs", "{logs}/{format}/")
context.sql('''SELECT {columns}, count(*) AS requests
FROM logs GROUP BY 1, 2, 3''').write_parquet("{out}")
""",
}


def measured(command: list[str]) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak memory (MiB) of a process."""
    code = (
        "import json, resource, subprocess, sys, time\n"
        "began = time.monotonic()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "seconds = time.monotonic() - began\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    seconds, cpu, peak = json.loads(done.stdout)
    return seconds, cpu, peak


def checked(store: Path, logs: Path, form: str) -> int:
    """The cells of our snapshot, after comparing them with a bare GROUP BY."""
    import duckdb  # noqa: PLC0415 - measured processes import for themselves

    with duckdb.connect() as connection:
        file = (store / "httpcodes.duckdb").resolve()
        connection.execute(f"ATTACH '{file}' AS ours (READ_ONLY)")
        theirs = (
            f"SELECT {COLUMNS[form]['duckdb']}, count(*) AS requests"
            f" FROM read_parquet('{GLOB.format(logs=logs, format=form)}', hive_partitioning = false)"
            " GROUP BY ALL"
        )
        ((differing,),) = connection.execute(
            "SELECT count(*) FROM (SELECT host, make_timestamp(bucket * 300000000), status, requests"
            f" FROM ({theirs}) EXCEPT FROM ours.rollup_5m)"
        ).fetchall()
        ((cells,),) = connection.execute("SELECT count(*) FROM ours.rollup_5m").fetchall()
    assert differing == 0
    return cells


def reshape(logs: Path, form: str, part: str | None) -> None:
    """The same rows in other files: one, or one for each value of an expression."""
    import duckdb  # noqa: PLC0415

    old = logs.with_name("as sampled")
    logs.rename(old)
    (logs / form).mkdir(parents=True)
    rows = f"read_parquet('{GLOB.format(logs=old, format=form)}', filename = '__file')"
    if part is None:
        duckdb.execute(
            f"COPY (SELECT * EXCLUDE (__file) FROM {rows}) TO '{logs}/{form}/one.parquet'"
        )
    else:
        duckdb.execute(
            f"COPY (SELECT * EXCLUDE (__file), {part} AS part FROM {rows}) TO '{logs}/{form}'"
            " (FORMAT parquet, PARTITION_BY part, OVERWRITE_OR_IGNORE)"
        )
    shutil.rmtree(old)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=24_000_000)
    options.add_argument("--services", type=int, default=1_000)
    options.add_argument("--files", type=int, help="else one an hour")
    options.add_argument("--shards", type=int, help="so many an hour, each with rows of all of it")
    options.add_argument("--format", choices=COLUMNS, default="generic")
    options.add_argument("--engines", default=",".join(BARE))
    options.add_argument("--repeat", type=int, default=5)
    given = options.parse_args()
    command = [sys.executable, "-m", "jobs.cli"]
    with tempfile.TemporaryDirectory() as folder:
        logs, store, out = Path(folder, "logs"), Path(folder, "store"), Path(folder, "out.parquet")
        wanted = ["--rows", str(given.rows), "--services", str(given.services)]
        sample = [*command, "sample", str(logs), *wanted, "--format", given.format]
        subprocess.run(sample, check=True, stderr=subprocess.DEVNULL)
        if given.shards:
            each = (
                f"concat(parse_filename(__file), CAST(floor(random() * {given.shards}) AS INTEGER))"
            )
            reshape(logs, given.format, each)
        elif given.files:
            each = f"ntile({given.files}) OVER ()" if given.files > 1 else None
            reshape(logs, given.format, each)
        figures: dict[str, list[tuple[float, float, float]]] = {}
        for _ in range(given.repeat):
            shutil.rmtree(store, ignore_errors=True)
            ours = [*command, "run", str(logs), "--store", str(store), "--quiet"]
            figures.setdefault("httpcodes", []).append(measured(ours))
            for engine in given.engines.split(","):
                shutil.rmtree(out) if out.is_dir() else out.unlink(missing_ok=True)
                where = {"logs": logs, "format": given.format, "out": out}
                glob = GLOB.format(**where)
                bare = BARE[engine].format(
                    columns=COLUMNS[given.format][engine], glob=glob, **where
                )
                figures.setdefault(engine, []).append(measured([sys.executable, "-c", bare]))
        cells = checked(store, logs, given.format)
    tell(figures, f"{given.rows:,} rows, {cells:,} cells, {os.cpu_count()} cores", given.rows)


def tell(figures: dict[str, list[tuple[float, float, float]]], what: str, rows: int) -> None:
    """Print medians, and the ratios to the fastest other engine and to the most frugal one."""
    medians = {
        engine: tuple(statistics.median(run[n] for run in runs) for n in range(3))
        for engine, runs in figures.items()
    }
    others = [median for engine, median in medians.items() if engine != "httpcodes"]
    fastest, frugal = (min(other[n] for other in others) for n in range(2))
    print(f"{what}, {len(figures['httpcodes'])} rounds")
    for engine, (seconds, cpu, peak) in medians.items():
        print(
            f"{engine:12} {seconds:7.2f} s  {rows / seconds / 1e6:6.1f} M rows/s  {peak:7.0f} MiB  "
            f"{seconds / fastest:5.2f} x fastest other  CPU {cpu:7.2f} s  {cpu / frugal:5.2f} x"
        )


if __name__ == "__main__":
    main()
