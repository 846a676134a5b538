"""What every test needs: log files, runs, and the counts that come out."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import laid_out
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3
from clouds import Cloud, azurite, gcs, serve
from forked import LONGEST, Parent
from hypothesis import HealthCheck, settings

from jobs import nightly
from jobs.counts.fold import WINDOW
from jobs.logs.options import ReadingOptions, Source
from jobs.logs.selection import EVERYTHING, Selection
from jobs.store.revision import USUAL, Terms
from queries.quoting import literal

Counts = dict[tuple[str, str, int], int]

PROJECT = Path(__file__).parents[1]

# No test depends on the machine being quiet: nothing is too slow, and no bar comes up for it.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
duckdb.sql("SET enable_progress_bar = false")
laid_out.once()
# Whoever starts tests in the background of a shell ignores ^C, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# What tests start finds compiled what was started before.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


SLOW = {
    "test_adhoc", "test_answer_load", "test_beyond", "test_cases", "test_charts", "test_clouds",
    "test_columns", "test_commands", "test_config", "test_convert", "test_deliveries",
    "test_digests", "test_documents", "test_export", "test_export_days", "test_export_disk",
    "test_export_file", "test_export_readers", "test_forget", "test_grown", "test_http_codes",
    "test_init", "test_inspect", "test_limits", "test_machine", "test_merged", "test_merges",
    "test_misfit", "test_month", "test_named_tables", "test_names", "test_narration",
    "test_nightly", "test_objects", "test_odd_names", "test_older_duckdb", "test_options",
    "test_pages", "test_partitions", "test_plan", "test_plausible", "test_prune",
    "test_publication", "test_raw_copies", "test_rebuild", "test_report", "test_sample",
    "test_schedule", "test_serve", "test_serve_abuse", "test_serve_publishing", "test_services",
    "test_shell", "test_sidecars", "test_signals", "test_site", "test_snapshots", "test_spark",
    "test_split", "test_sql", "test_status", "test_store", "test_streams", "test_tables",
    "test_text", "test_text_damage", "test_text_files", "test_text_objects", "test_top",
    "test_trace", "test_trouble", "test_types", "test_upgrade", "test_vendors", "test_verdicts",
    "test_verify",
}  # fmt: skip
"""Modules that take more than eight seconds of a quiet machine, or keep all of it busy meanwhile."""

LONGEST_TESTS = {"test_documents", "test_machine", "test_month", "test_schedule", "test_spark"}
"""Modules of tests that work or wait for half a minute: they begin first, so that none ends last."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is left out need not be read, which takes longer than reading the rest."""
    is_left_out = config.option.markexpr == "not slow" and collection_path.stem in SLOW
    return is_left_out or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long, so that `-m 'not slow'` leaves it out; begin with what takes longest;
    and let tests that share what is made once a module run where it was made."""
    items.sort(key=lambda item: item.path.stem not in LONGEST_TESTS)
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)
        fixtures = item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
        if any(fixture.scope == "module" for each in fixtures for fixture in each):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def age(*files: Path) -> None:
    """Wait until the last changes of files lie so far back that their versions can be trusted."""
    for file in files:
        while (left := file.stat().st_ctime + 2.1 - time.time()) > 0:
            time.sleep(left)


def open_files(process: int) -> set[str]:
    """The names of what a process holds open."""
    names = set()
    for link in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            names.add(os.readlink(link))
    return names


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


# An instance of DuckDB takes longer to start than most questions to be answered.
_ANALYST = duckdb.connect()


@contextmanager
def attached(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose current database is this one, read only."""
    connection = _ANALYST.cursor()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"ATTACH {literal(str(file.resolve()))} AS asked (READ_ONLY)")
    try:
        yield connection.execute("USE asked")
    finally:
        connection.execute("USE memory; DETACH asked")
        connection.close()


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
        options = ReadingOptions.of(maps=maps, **how)
        source = Source(tuple(str(source) for source in sources), options)
        policy = nightly.Policy(retry, window, terms, selection)
        return nightly.run(self.folder, [source], lambda _: None, policy)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the newest snapshot, as an analyst would."""
        with attached(self.folder / "httpcodes.duckdb") as connection:
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

    def of_each(self) -> dict[str, Counts]:
        """What each file in force added, by its name."""
        rows = self.sql(
            "SELECT path, service_name, strftime(bucket_start, '%Y-%m-%dT%H:%M:%SZ'), status_code,"
            " requests FROM contributions JOIN source_files USING (file_id)"
        )
        found: dict[str, Counts] = {}
        for path, service, bucket, status, requests in rows:
            found.setdefault(Path(path).name, {})[service, bucket, status] = requests
        return found

    def rejected_of_each(self) -> dict[str, dict[str, int]]:
        """Rows of each file by the reason for which they were not counted, by its name."""
        found: dict[str, dict[str, int]] = {}
        for path, reason, many in self.sql("SELECT path, reason, rows FROM rejected_rows"):
            found.setdefault(Path(path).name, {})[reason] = many
        return found

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

READ_AT_THE_START = {"PYTHONPATH", "TMPDIR", "TZ"}
"""What Python looks at before a command does: who sets it gets a process of its own."""


@pytest.fixture(scope="session")
def parent() -> Iterator[Parent]:
    """The process that commands are forked from."""
    parent = Parent()
    yield parent
    parent.close()


@pytest.fixture
def httpcodes(tmp_path: Path, parent: Parent) -> Command:
    """The command, as a process of its own, from an empty folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def command(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
        options.setdefault("cwd", elsewhere)
        told = list(map(str, arguments))
        wanted = options.pop("env", {})
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **wanted}
        if options.keys() <= {"cwd", "input"} and READ_AT_THE_START.isdisjoint(wanted):
            given = options.get("input", b"")
            return parent.run(told, cwd=options["cwd"], env=environment, given=given)
        return subprocess.run(
            [sys.executable, "-m", "jobs.cli", *told],
            capture_output=True, check=False, timeout=LONGEST, env=environment, **options,
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
    """A disk of 8 MB."""
    with mounted(tmp_path / "disk", 8) as folder:
        yield folder


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of a server, and the folder of its buckets."""
    root = tmp_path_factory.mktemp("s3") / "buckets"
    server, port = s3.serve(root)
    yield port, root
    server.terminate()
    server.wait()


@pytest.fixture
def bucket(s3_server: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Bucket]:
    """A bucket that the environment leads to."""
    bucket, proxy = s3.bucket_of(*s3_server)
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
    for each in bucket.folder.parent.iterdir():
        shutil.rmtree(each)


@pytest.fixture(scope="session")
def clouds() -> Iterator[Callable[[str], Cloud]]:
    """Emulators by their schemes, started when they are first asked for."""
    ends = []

    @cache
    def started(scheme: str) -> Cloud:
        command = gcs() if scheme == "gs" else azurite()
        if command is None:
            pytest.skip("azurite is not installed (npm install -g azurite)")
        cloud, end = serve(scheme, command)
        ends.append(end)
        return cloud

    yield started
    for end in ends:
        end()


@pytest.fixture(params=["gs", "abfs"])
def cloud(
    request: pytest.FixtureRequest,
    clouds: Callable[[str], Cloud],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Cloud]:
    """A bucket or container that the environment has the keys of."""
    cloud = clouds(request.param)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    yield cloud
    cloud.empty()


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with the sample data in it; tests only read it."""
    store = Store(tmp_path_factory.mktemp("sample") / "store")
    store.run(PROJECT / "sample_data" / "logs")
    yield store.folder
