"""A run that finds nothing new among many known files, and one that finds a single new file.

python tests/benchmarks/known_files.py [--files 10000]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=10_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        logs, store = Path(folder, "logs"), Path(folder, "store")
        logs.mkdir()
        for number in range(given.files + 1):
            duckdb.execute(
                f"""COPY (SELECT TIMESTAMP '2025-09-09' + to_seconds(i * 100 + {number}) AS timestamp,
                's' || i % 40 || '.example' AS host, 200 + i % 5 AS status FROM range(500) AS r(i))
                TO '{logs}/{number:06d}.parquet'"""
            )
        new = shutil.move(logs / f"{given.files:06d}.parquet", folder)
        time.sleep(2.1)

        def run(what: str) -> None:
            began = time.monotonic()
            command = [sys.executable, "-m", "jobs.cli", "run", str(logs), "--store", str(store)]
            subprocess.run([*command, "--quiet"], check=True)
            print(f"{given.files:,} files, {what}: {time.monotonic() - began:.2f} s")

        run("all new")
        run("all known")
        run("all known")
        shutil.move(new, logs)
        run("one new")


if __name__ == "__main__":
    main()
