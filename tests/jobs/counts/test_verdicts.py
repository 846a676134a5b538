"""A verdict holds for the options that it was taken under, and a content for its service."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Logs, Store, age
from published import tamper

from jobs import nightly
from jobs.counts.fold import WINDOW
from jobs.logs.options import ReadingOptions, Source
from jobs.prune import Retention, prune
from jobs.store.revision import USUAL
from jobs.verify import verify

A, B = "a.example", "b.example"
NOON = "2025-09-09T12:00:00Z"
WRONG = {
    "maps": ["service=site", "timestamp=timestamp", "status=status"],
    "format_name": "cloudfront",
}


@pytest.fixture
def old(logs: Logs) -> Path:
    """A file that was written long enough ago for its version to be trusted."""
    file = logs.requests("a.parquet", (NOON, A, 200))
    age(file)
    return file


@pytest.mark.parametrize("option", WRONG)
def test_a_file_that_wrong_options_put_into_quarantine_is_read_without_them(
    option: str, old: Path, store: Store
) -> None:
    assert not store.run(old, **{option: WRONG[option]}).complete
    again = store.run(old, **{option: WRONG[option]}).outcome
    assert (len(again.quarantined), again.rows_read) == (1, 0)
    assert store.run(old).complete
    assert store.counts() == {(A, NOON, 200): 1}


def test_a_file_in_force_stays_as_it_is_when_options_change(old: Path, store: Store) -> None:
    store.run(old)
    summary = store.run(old, service_name=B)
    assert (summary.changed, summary.complete) == (False, True)
    old.touch()
    assert not store.run(old, service_name=B).changed
    assert store.counts() == {(A, NOON, 200): 1}


def plain(logs: Logs, name: str) -> Path:
    return logs.write(
        name, {"timestamp": pa.array([NOON, NOON]), "status": pa.array([200, 404], pa.int32())}
    )


def test_the_same_content_under_two_services_is_two_contents(logs: Logs, store: Store) -> None:
    first = plain(logs, f"{A}/day.parquet")
    plain(logs, f"{B}/day.parquet")
    shutil.copy(first, logs.folder / A / "copy.parquet")
    how = {"service_from_path": "{service}/*.parquet"}
    store.run(logs.folder, **how)
    expected = {(name, NOON, status): 1 for name in (A, B) for status in (200, 404)}
    assert store.counts() == expected
    assert verify(store.folder, deep=True).findings == []
    (logs.folder / A / "day.parquet").rename(logs.folder / A / "moved.parquet")
    plain(logs, "c.example/day.parquet")
    assert store.run(logs.folder, **how).outcome.files_ingested == 1
    assert store.counts() == expected | {("c.example", NOON, status): 1 for status in (200, 404)}


def test_two_sources_that_name_services_give_the_same_content_to_both(
    logs: Logs, store: Store
) -> None:
    files = [plain(logs, f"{number}.parquet") for number in range(2)]
    sources = [
        Source((str(file),), ReadingOptions.of(service_name=name))
        for file, name in zip(files, (A, B), strict=True)
    ]
    for _ in range(2):
        nightly.run(store.folder, sources, lambda _: None, nightly.Policy(window=WINDOW))
    assert store.counts() == {(name, NOON, status): 1 for name in (A, B) for status in (200, 404)}
    assert len(set(store.sql("SELECT fingerprint FROM source_files"))) == 1


def test_a_ledger_of_an_earlier_program_stays_valid_and_its_missing_service_is_counted(
    logs: Logs, store: Store
) -> None:
    plain(logs, f"{A}/day.parquet")
    how = {"service_from_path": "{service}/*.parquet"}
    store.run(logs.folder, **how)
    forgetful = "UPDATE internal.files SET named_service = '', read_under = NULL"
    tamper(store, forgetful)
    assert not store.run(logs.folder, **how).changed
    shutil.copytree(logs.folder / A, logs.folder / B)
    tamper(store, forgetful)
    store.run(logs.folder, **how)
    assert store.counts() == {(name, NOON, status): 1 for name in (A, B) for status in (200, 404)}


def test_what_was_refused_is_counted_once_prune_removed_the_cause(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder, window=timedelta(0))
    logs.requests("a.parquet", ("2025-09-11T00:00:00Z", A, 404))
    age(logs.folder / "a.parquet")
    for _ in range(2):
        assert len(store.run(logs.folder).outcome.refused) == 1
    days = (datetime.now(UTC).date() - date(2025, 9, 10)).days
    prune(store.folder, Retention(days, WINDOW, USUAL))
    assert store.run(logs.folder).complete
    assert store.counts() == {(A, "2025-09-11T00:00:00Z", 404): 1}


def test_a_file_in_quarantine_that_is_gone_leaves_it(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", ("2025-09-09T12:00:00Z", "a.example", 200))
    broken = logs.folder / "b.parquet"
    broken.write_bytes(b"PAR1 and no more")
    assert not store.run(logs.folder).complete
    store.run(logs.folder / "a.parquet")
    assert store.states()["b.parquet"] == "quarantined"
    broken.unlink()
    assert store.run(logs.folder).complete
    assert store.states() == {"a.parquet": "ingested"}
