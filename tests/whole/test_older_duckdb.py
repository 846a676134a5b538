"""A snapshot opens and answers in the versions of DuckDB that analysts' tools bring along."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Store

from jobs.forget import forget
from jobs.store import sidecars

ASK = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
names = connection.execute(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY 1"
).fetchall()
for (name,) in names:
    connection.execute(f"SELECT * FROM {name}").fetchall()
print(duckdb.__version__, len(names), *connection.execute(
    "SELECT sum(requests), (SELECT count(*) FROM access_log), (SELECT sum(requests) FROM contributions)"
    " FROM rollup_5m").fetchone())
"""


@pytest.fixture(scope="module")
def store_of_sidecars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample data, and what its files share in sidecars, of some of which not all counts."""
    store = Store(tmp_path_factory.mktemp("sidecars") / "store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sidecars, "LEAST", 1)
        store.run(PROJECT / "sample_data" / "logs")
        ((path,),) = store.sql(
            "SELECT min(path) FROM contributions JOIN source_files USING (file_id)"
        )
        forget(store.folder, [path])
    ((kept, held),) = store.sql("SELECT sum(kept_apart.rows), max(sidecars.rows) FROM internal.kept_apart, internal.sidecars")  # fmt: skip
    assert 0 < kept < held
    return store.folder


@pytest.mark.parametrize("version", ["1.4.5", "1.5.0"])
def test_an_older_duckdb_opens_a_snapshot_and_answers(
    version: str, sample_store: Path, store_of_sidecars: Path, tmp_path: Path
) -> None:
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path]
    subprocess.run([*map(str, install), f"duckdb=={version}"], check=True, timeout=600)
    for store in (sample_store, store_of_sidecars):
        requests = sum(Store(store).counts().values())
        done = subprocess.run(
            [sys.executable, "-c", ASK, str((store / "httpcodes.duckdb").resolve())],
            env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path,
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (f"{version} 18{3 * f' {requests}'}\n", "")
