"""A day of logs: our whole run beside the bare GROUP BY of other engines.

Whole process against whole process on the same cores, each writing its result to a file:
ours a published snapshot (with ledger, contributions and fingerprints), the others a Parquet
file of counts. Prints medians, the ratio to the fastest other engine, and peak memory.

    python tests/benchmarks/count.py [--rows 24000000] [--repeat 5]
    python tests/benchmarks/count.py --rows 5000000 --files 10000
    python tests/benchmarks/count.py --rows 50000000 --files 1
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

GLOB = "{logs}/generic/**/*.parquet"
BARE = {
    "duckdb": """
import duckdb
duckdb.execute("SET enable_progress_bar = false")
duckdb.execute('''COPY (SELECT host, epoch_us(timestamp) // 300000000 AS bucket, status, count(*) AS requests
FROM read_parquet('{glob}') GROUP BY ALL) TO '{out}' (FORMAT parquet)''')
""",
    "polars": """
import polars as pl
bucket = (pl.col("timestamp").dt.epoch("us") // 300000000).alias("bucket")
pl.scan_parquet("{glob}").select("host", bucket, "status").group_by("host", "bucket", "status").len().sink_parquet("{out}")
""",
    "chdb": """
import chdb
chdb.query('''SELECT host, intDiv(toUnixTimestamp64Micro(timestamp), 300000000) AS bucket, status, count() AS requests
FROM file('{glob}', Parquet) GROUP BY host, bucket, status INTO OUTFILE '{out}' FORMAT Parquet''')
""",
    "datafusion": """
from datafusion import SessionContext
context = SessionContext()
context.register_parquet("logs", "{logs}/generic/")
context.sql('''SELECT host, CAST(timestamp AS BIGINT) / 300000000 AS bucket, status, count(*) AS requests
FROM logs GROUP BY 1, 2, 3''').write_parquet("{out}")
""",
}


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of a process."""
    code = (
        "import json, resource, subprocess, sys, time\n"
        "began = time.monotonic()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "seconds = time.monotonic() - began\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024\n"
        "print(json.dumps([seconds, peak]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def checked(store: Path, logs: Path) -> int:
    """The cells of our snapshot, after comparing them with a bare GROUP BY."""
    import duckdb  # noqa: PLC0415 - measured processes import for themselves

    with duckdb.connect() as connection:
        file = (store / "httpcodes.duckdb").resolve()
        connection.execute(f"ATTACH '{file}' AS ours (READ_ONLY)")
        theirs = (
            "SELECT host, make_timestamp(epoch_us(timestamp) // 300000000 * 300000000), status,"
            f" count(*) FROM '{GLOB.format(logs=logs)}' GROUP BY ALL"
        )
        ((differing,),) = connection.execute(
            f"SELECT count(*) FROM (({theirs}) EXCEPT FROM ours.rollup_5m)"
        ).fetchall()
        ((cells,),) = connection.execute("SELECT count(*) FROM ours.rollup_5m").fetchall()
    assert differing == 0
    return cells


def reshape(logs: Path, files: int) -> None:
    """The same rows in so many files, in a folder each if they are several."""
    import duckdb  # noqa: PLC0415

    old = logs.with_name("as sampled")
    logs.rename(old)
    (logs / "generic").mkdir(parents=True)
    if files == 1:
        duckdb.execute(f"COPY (FROM '{GLOB.format(logs=old)}') TO '{logs}/generic/one.parquet'")
    else:
        rows = f"SELECT *, ntile({files}) OVER () AS part FROM '{GLOB.format(logs=old)}'"
        duckdb.execute(
            f"COPY ({rows}) TO '{logs}/generic' (FORMAT parquet, PARTITION_BY part, OVERWRITE_OR_IGNORE)"
        )
    shutil.rmtree(old)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=24_000_000)
    options.add_argument("--services", type=int, default=1_000)
    options.add_argument("--files", type=int, help="else one an hour")
    options.add_argument("--repeat", type=int, default=5)
    given = options.parse_args()
    command = [sys.executable, "-m", "jobs.cli"]
    with tempfile.TemporaryDirectory() as folder:
        logs, store, out = Path(folder, "logs"), Path(folder, "store"), Path(folder, "out.parquet")
        wanted = ["--rows", str(given.rows), "--services", str(given.services)]
        sample = [*command, "sample", str(logs), *wanted, "--format", "generic"]
        subprocess.run(sample, check=True, stderr=subprocess.DEVNULL)
        if given.files:
            reshape(logs, given.files)
        figures: dict[str, list[tuple[float, float]]] = {}
        for _ in range(given.repeat):
            shutil.rmtree(store, ignore_errors=True)
            ours = [*command, "run", str(logs), "--store", str(store), "--quiet"]
            figures.setdefault("httpcodes", []).append(measured(ours))
            for engine, code in BARE.items():
                shutil.rmtree(out) if out.is_dir() else out.unlink(missing_ok=True)
                bare = code.format(logs=logs, glob=GLOB.format(logs=logs), out=out)
                figures.setdefault(engine, []).append(measured([sys.executable, "-c", bare]))
        cells = checked(store, logs)
    medians = {engine: statistics.median(s for s, _ in runs) for engine, runs in figures.items()}
    fastest = min(seconds for engine, seconds in medians.items() if engine != "httpcodes")
    print(f"{given.rows:,} rows, {cells:,} cells, {os.cpu_count()} cores, {given.repeat} rounds")
    for engine, runs in figures.items():
        seconds, peak = medians[engine], max(peak for _, peak in runs)
        print(
            f"{engine:12} {seconds:7.2f} s  {given.rows / seconds / 1e6:6.1f} M rows/s  "
            f"{peak:7.0f} MiB  {seconds / fastest:5.2f} x fastest other"
        )


if __name__ == "__main__":
    main()
