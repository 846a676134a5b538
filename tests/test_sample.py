"""Sample logs: the same for the same seed, countable, and those in sample_data."""

from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, Command, Logs, Store

from jobs.logs.formats import BY_NAME
from jobs.logs.sample import USUAL, Sample, write
from jobs.verify import verify

EVERYTHING = "SELECT format, requested_at, service_name, status_code, method, access_log.path, bytes_sent, client_ip, user_agent, referer, cache_status FROM access_log JOIN source_files ON source_files.path = source_file ORDER BY ALL"  # fmt: skip


def make(folder: Path, **wanted: int) -> None:
    given = {"rows": 3_000, "services": 15, "days": 1, "seed": 1, **wanted}
    write(Sample(**given, formats=USUAL), folder, lambda _: None)


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b")
    make(tmp_path / "c", seed=2)
    for file in sorted((tmp_path / "a").rglob("*.parquet")):
        twin, other = (tmp_path / f / file.relative_to(tmp_path / "a") for f in ("b", "c"))
        assert file.read_bytes() == twin.read_bytes()
        assert file.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("format_name", BY_NAME)
def test_a_sample_of_each_format_is_detected_and_counted(
    format_name: str, logs: Logs, store: Store, httpcodes: Command
) -> None:
    options = ["--rows", 5000, "--services", 30, "--days", 2, "--format", format_name]
    assert httpcodes("sample", logs.folder, *options).returncode == 0
    site = "www.example.com" if format_name == "combined" else None
    summary = store.run(logs.folder, service_name=site)
    assert summary.complete
    assert summary.outcome.files_ingested == 48
    documented = 852 + 1
    assert summary.outcome.rows_counted == 5000 + documented
    assert store.sql("SELECT DISTINCT format FROM source_files") == [(format_name,)]
    assert store.sql("SELECT count(*) FROM services") == [(1 if site else 30,)]
    assert verify(store.folder, deep=True).findings == []
    if not site:
        example = httpcodes("query", PROJECT / "sample_data/request.json", "--store", store.folder)
        assert b'"400":9,"404":424,"405":3' in example.stdout
    shown = store.sql("SELECT count(*), count(requested_at), count(method), count(path), count(client_ip) FROM access_log")  # fmt: skip
    assert shown == [(5000 + documented,) * 5]
    days = store.sql("SELECT DISTINCT bucket_start::VARCHAR FROM rollup_1d ORDER BY 1")
    assert days == [("2025-09-09 00:00:00",), ("2025-09-10 00:00:00",)]


def test_sample_data_is_what_the_command_writes(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    assert httpcodes("sample", logs.folder).returncode == 0
    store.run(logs.folder)
    committed = Store(store.folder.with_name("committed"))
    committed.run(PROJECT / "sample_data" / "logs")
    assert store.sql(EVERYTHING) == committed.sql(EVERYTHING)


def test_sample_data_is_a_varied_day_of_less_than_two_megabytes(sample_store: Path) -> None:
    files = [file for file in (PROJECT / "sample_data").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 2_000_000
    with duckdb.connect((sample_store / "httpcodes.duckdb").resolve(), read_only=True) as snapshot:
        codes = {
            code for (code,) in snapshot.execute("SELECT status_code FROM rollup_1d").fetchall()
        }
        ((services,),) = snapshot.execute("SELECT count(*) FROM services").fetchall()
        ((formats,),) = snapshot.execute(
            "SELECT count(DISTINCT format) FROM source_files"
        ).fetchall()
    assert {0, 206, 304, 499, 503} <= codes
    assert services >= 12
    assert formats == len(USUAL)
