"""What every test needs: log files, runs, and the counts that come out."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3
from hypothesis import HealthCheck, settings

from jobs import nightly
from jobs.counts.fold import WINDOW
from jobs.logs.choice import Choice, Source
from jobs.logs.selection import EVERYTHING, Selection
from jobs.store.revision import USUAL, Terms

Counts = dict[tuple[str, str, int], int]

PROJECT = Path(__file__).parents[1]

# No test depends on the machine being quiet: nothing is too slow, and no bar comes up for it.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
duckdb.execute("SET enable_progress_bar = false")


SLOW = {
    "test_answer_load", "test_beyond", "test_cases", "test_counter", "test_documents",
    "test_export_readers", "test_machine", "test_merges", "test_month", "test_names",
    "test_pages", "test_serve_abuse", "test_serve_publishing", "test_store",
}  # fmt: skip
"""Modules whose longest tests take more than ten seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long, so that `-m 'not slow'` leaves it out."""
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)


class Logs:
    """A folder that log files are delivered to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, columns: Mapping[str, Any], **options: Any) -> Path:
        """A Parquet file with these columns."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(dict(columns)), file, **options)
        return file

    def requests(self, name: str, *rows: tuple[str | datetime, str, int]) -> Path:
        """A file in the generic format: time (text or moment), host, status."""
        times, hosts, statuses = zip(*rows, strict=True) if rows else ((), (), ())
        text = all(isinstance(time, str) for time in times)
        return self.write(
            name,
            {
                "timestamp": pa.array(times, pa.string() if text else pa.timestamp("us")),
                "host": pa.array(hosts, pa.string()),
                "status": pa.array(statuses, pa.int32()),
            },
        )


class Store:
    """A store, and what its newest snapshot holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(
        self,
        *sources: Path | str,
        maps: Sequence[str] = (),
        retry: bool = False,
        window: timedelta = WINDOW,
        terms: Terms = USUAL,
        selection: Selection = EVERYTHING,
        **how: Any,
    ) -> nightly.Summary:
        """Run the nightly job in this process."""
        choice = Choice.of(maps=maps, **how)
        source = Source(tuple(str(source) for source in sources), choice)
        policy = nightly.Policy(retry, window, terms, selection)
        return nightly.run(self.folder, [source], lambda _: None, policy)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the newest snapshot, as an analyst would."""
        file = (self.folder / "httpcodes.duckdb").resolve()
        with duckdb.connect(file, read_only=True) as connection:
            connection.execute("SET enable_progress_bar = false")
            return connection.execute(query).fetchall()

    def counts(self) -> Counts:
        """rollup_5m as a dictionary, and a check that it has no cell twice."""
        rows = self.sql(
            "SELECT service_name, strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), status_code, requests"
            " FROM rollup_5m"
        )
        counts = {(service, bucket, status): n for service, bucket, status, n in rows}
        assert len(counts) == len(rows)
        return counts

    def rejected(self) -> dict[str, int]:
        """Rows by the reason for which they were not counted."""
        return dict(self.sql("SELECT reason, sum(rows)::BIGINT FROM rejected_rows GROUP BY reason"))

    def states(self) -> dict[str, str]:
        """The state of each file in the ledger that was not replaced, by its name."""
        rows = self.sql("SELECT path, state FROM source_files WHERE state <> 'replaced'")
        return {Path(path).name: state for path, state in rows}

    def snapshots(self) -> list[str]:
        """Names of the published snapshots, in order."""
        return sorted(file.name for file in (self.folder / "snapshots").iterdir())


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path / "logs")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


Command = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def httpcodes(tmp_path: Path) -> Command:
    """The command, as a process of its own, from an empty folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def command(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
        options.setdefault("cwd", elsewhere)
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **options.pop("env", {})}
        return subprocess.run(
            [sys.executable, "-m", "jobs.cli", *map(str, arguments)],
            capture_output=True, check=False, timeout=600, env=environment, **options,
        )  # fmt: skip

    return command


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Path]:
    """A small disk of its own, as this folder."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MB."""
    with mounted(tmp_path / "disk", 6) as folder:
        yield folder


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Bucket]:
    """A bucket that the environment leads to."""
    server, proxy, bucket = s3.serve(tmp_path / "s3")
    environment = {
        "AWS_ACCESS_KEY_ID": s3.KEY,
        "AWS_SECRET_ACCESS_KEY": s3.SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": bucket.endpoint,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield bucket
    proxy.shutdown()
    proxy.server_close()
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with the sample data in it; tests only read it."""
    store = Store(tmp_path_factory.mktemp("sample") / "store")
    store.run(PROJECT / "sample_data" / "logs")
    yield store.folder
