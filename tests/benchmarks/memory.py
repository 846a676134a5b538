"""Many rows under a bound on memory: does it hold, and does the run finish by spilling?

Prints rows a second and the peak memory of the whole process beside a run without the bound.

    python tests/benchmarks/memory.py [--rows 100000000] [--services 1000] [--memory-limit 512MB]
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb


def write(folder: Path, rows: int, services: int) -> None:
    """A day's logs in 24 files: random services, moments and status codes."""
    folder.mkdir()
    for hour in range(24):
        duckdb.execute(
            f"""COPY (SELECT TIMESTAMP '2025-09-09' + to_seconds({hour} * 3600 + CAST(hash(i) % 3600 AS BIGINT)) AS timestamp,
            printf('s%07d.example', hash(i, 1) % {services}) AS host,
            [200, 200, 200, 206, 301, 304, 404, 500][1 + CAST(hash(i, 2) % 8 AS INTEGER)] AS status
            FROM range({rows * hour // 24}, {rows * (hour + 1) // 24}) AS r(i)) TO '{folder}/{hour:02d}.parquet'"""
        )


def run(logs: Path, store: Path, *options: str) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of a run; the peak is that of the largest run so far."""
    began = time.monotonic()
    command = [sys.executable, "-m", "jobs.cli", "run", str(logs), "--store", str(store), "--quiet"]
    subprocess.run([*command, "--threads", "2", *options], check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    shutil.rmtree(store)
    return time.monotonic() - began, peak


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100_000_000)
    options.add_argument("--services", type=int, default=1_000)
    options.add_argument("--memory-limit", default="512MB")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        logs, store = Path(folder, "logs"), Path(folder, "store")
        write(logs, given.rows, given.services)
        for what, bound in (("bound", ["--memory-limit", given.memory_limit]), ("free", [])):
            seconds, peak = run(logs, store, *bound)
            print(
                f"{what:6} {given.rows:,} rows {seconds:7.1f} s "
                f"{given.rows / seconds:12,.0f} rows/s {peak:7,.0f} MiB"
            )


if __name__ == "__main__":
    main()
