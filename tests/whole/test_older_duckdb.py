"""A snapshot opens and answers in the versions of DuckDB that analysts' tools bring along."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
names = connection.execute(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY 1"
).fetchall()
for (name,) in names:
    connection.execute(f"SELECT * FROM {name}").fetchall()
print(duckdb.__version__, len(names), *connection.execute(
    "SELECT sum(requests), (SELECT count(*) FROM access_log) FROM rollup_5m").fetchone())
"""


@pytest.mark.parametrize("version", ["1.4.5", "1.5.0"])
def test_an_older_duckdb_opens_a_snapshot_and_answers(
    version: str, sample_store: Path, tmp_path: Path
) -> None:
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path]
    subprocess.run([*map(str, install), f"duckdb=={version}"], check=True, timeout=600)
    done = subprocess.run(
        [sys.executable, "-c", ASK, str((sample_store / "httpcodes.duckdb").resolve())],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (f"{version} 18 20853 20853\n", "")
