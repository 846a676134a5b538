"""Sample logs: the same for the same seed, countable, and those in sample_data."""

from pathlib import Path

import duckdb
from conftest import PROJECT, Command, Logs, Store

from jobs import nightly
from jobs.logs.formats import BY_NAME
from jobs.logs.options import ReadingOptions, Source
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


def test_a_sample_of_each_format_is_detected_and_counted(tmp_path: Path, store: Store) -> None:
    sources = []
    for name in BY_NAME:
        write(Sample(3_000, 10, 1, 1, [name]), tmp_path / name, lambda _: None)
        # Two hours tell as much as a day of them.
        for file in (tmp_path / name).rglob("*.parquet"):
            if file.stem[-2:] not in ("12", "13"):
                file.unlink()
        site = "www.example.com" if name == "combined" else None
        sources.append(Source((str(tmp_path / name),), ReadingOptions.of(service_name=site)))
    assert nightly.run(store.folder, sources, lambda _: None, nightly.Policy()).complete
    requests = 2 * 3_000 // 24 + 852 + 1
    files = store.sql("SELECT format, count(*), sum(rows_counted)::INTEGER FROM source_files GROUP BY format")  # fmt: skip
    assert sorted(files) == sorted((name, 2, requests) for name in BY_NAME)
    by_path = "SELECT count(*) FROM source_files WHERE path NOT LIKE format('%/{}/%', format)"
    assert store.sql(by_path) == [(0,)]
    services = "SELECT format, count(DISTINCT service_name) FROM contributions JOIN source_files USING (file_id) GROUP BY format"
    assert dict(store.sql(services)) == {name: 10 for name in BY_NAME} | {"combined": 1}
    assert verify(store.folder, deep=True).findings == []
    example = "SELECT format, status_code, requests FROM contributions JOIN source_files USING (file_id) WHERE service_name LIKE 'api53-core%' AND bucket_start = '2025-09-09 12:35:00' ORDER BY ALL"
    codes = [(400, 9), (404, 424), (405, 3)]
    assert store.sql(example) == [(name, *code) for name in sorted(BY_NAME.keys() - {"combined"}) for code in codes]  # fmt: skip
    shown = "SELECT format, count(*), count(requested_at), count(method), count(access_log.path), count(client_ip) FROM access_log JOIN source_files ON source_files.path = source_file GROUP BY format"
    assert sorted(store.sql(shown)) == sorted((name, *(requests,) * 5) for name in BY_NAME)


def test_a_sample_has_as_many_days_as_are_asked_for(logs: Logs, httpcodes: Command) -> None:
    options = ["--rows", 100, "--days", 2, "--format", "generic"]
    assert httpcodes("sample", logs.folder, *options).returncode == 0
    days = {file.name[:10] for file in logs.folder.rglob("*.parquet")}
    assert days == {"2025-09-09", "2025-09-10"}


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
