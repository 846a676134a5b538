"""Trouble of the machine and of the file system: no file is judged by it, and none is silent."""

import errno
import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Command, Logs, Store

from jobs.counts import rollup
from jobs.counts.counter import Counter
from jobs.counts.trouble import MachineTrouble, of_system
from jobs.logs import parquet

NOON = "2025-09-09T12:00:00Z"
A = "a.example"
ONE = {(A, NOON, 200): 1}


@contextmanager
def nobody() -> Iterator[None]:
    """As a user to whom what is closed is closed."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that nobody may enter and write to, with a good log below logs/."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        Logs(folder / "logs").requests("good.parquet", (NOON, A, 200))
        yield folder


def test_what_can_not_be_entered_or_followed_is_named_and_the_rest_counts(place: Path) -> None:
    logs, store = Logs(place / "logs"), Store(place / "store")
    for name in ("listed/a.parquet", "closed/b.parquet", "listed/below/c.parquet"):
        logs.requests(name, ("2025-09-09T13:00:00Z", A, 200))
    (logs.folder / "loop").symlink_to("loop")
    (logs.folder / "into").symlink_to("closed/below")
    (logs.folder / "nothing.parquet").symlink_to("nothing")
    (logs.folder / "listed").chmod(0o744)
    (logs.folder / "closed").chmod(0)
    named = {"listed/a.parquet", "listed/below", "closed", "loop", "into", "nothing.parquet"}
    with nobody():
        summary = store.run(logs.folder)
    reasons = summary.outcome.quarantined
    assert reasons.keys() == {str(logs.folder / name) for name in named}
    assert reasons[str(logs.folder / "listed/a.parquet")] == "cannot be read: Permission denied"
    assert store.counts() == ONE
    (logs.folder / "listed").chmod(0o755)
    (logs.folder / "closed").chmod(0o755)
    store.run(logs.folder)
    assert sum(store.counts().values()) == 2


@pytest.mark.parametrize("pattern", ["*/*.parquet", "**/*.parquet", "*/a.parquet", "**"])
def test_a_glob_names_what_is_closed_to_it(place: Path, pattern: str) -> None:
    logs, store = Logs(place / "logs"), Store(place / "store")
    logs.requests("open/a.parquet", (NOON, A, 200))
    logs.requests("closed/a.parquet", ("2025-09-09T13:00:00Z", A, 200))
    (logs.folder / "closed").chmod(0)
    with nobody():
        summary = store.run(f"{logs.folder}/{pattern}")
    ((path, reason),) = summary.outcome.quarantined.items()
    assert path.startswith(str(logs.folder / "closed")) and "Permission denied" in reason
    assert store.counts() == ONE


@pytest.mark.parametrize("source", ["closed", "closed/a.parquet", "closed/*.parquet", "loop"])
def test_a_source_that_is_closed_does_not_fail_the_others(place: Path, source: str) -> None:
    logs, store = Logs(place / "logs"), Store(place / "store")
    logs.requests("closed/a.parquet", ("2025-09-09T13:00:00Z", A, 200))
    (logs.folder / "closed").chmod(0)
    (logs.folder / "loop").symlink_to("loop")
    with nobody():
        summary = store.run(logs.folder / "good.parquet", logs.folder / source)
    assert len(summary.outcome.quarantined) == 1
    assert store.counts() == ONE


def test_a_file_that_was_closed_for_a_while_is_read_by_the_next_run(place: Path) -> None:
    file, store = place / "logs" / "good.parquet", Store(place / "store")
    file.chmod(0)
    os.utime(file, (1e9, 1e9))
    with nobody():
        (reason,) = store.run(file).outcome.quarantined.values()
    assert reason == "cannot be read: Permission denied"
    assert store.states() == {}
    # As root, to whom it never was closed: nothing about the file changes.
    if os.geteuid() != 0:
        file.chmod(0o644)
    assert store.run(file).complete
    assert store.counts() == ONE


TROUBLE: list[Exception] = [
    duckdb.OutOfMemoryException("Out of Memory Error: failed to pin block of size 256.0 KiB"),
    duckdb.IOException('IO Error: Could not read from file "a": Input/output error'),
    duckdb.IOException('IO Error: Could not write file "b": No space left on device'),
    duckdb.IOException('IO Error: Could not write file "b": Disk quota exceeded'),
    duckdb.IOException('IO Error: Could not write file "b": File too large'),
    duckdb.IOException('IO Error: Cannot open file "a": Too many open files'),
    duckdb.IOException("IO Error: something that nobody has met"),
    duckdb.Error("std::bad_alloc"),
    duckdb.Error("Resource temporarily unavailable"),
    MemoryError(),
]


def test_trouble_of_the_machine_is_no_verdict(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = {f"{number}.parquet": error for number, error in enumerate(TROUBLE)}
    for number, name in enumerate(errors):
        logs.requests(name, (f"2025-09-09T13:{number:02}:00Z", A, 200))
    logs.requests("good.parquet", (NOON, A, 200))
    scan = Counter._scan

    def troubled(self: Counter, reading: Any, file_index: str, contents: list) -> Any:  # type: ignore[type-arg]
        for content in contents:
            if error := errors.get(Path(content.file.path).name):
                raise error
        return scan(self, reading, file_index, contents)

    with monkeypatch.context() as bad_night:
        bad_night.setattr(Counter, "_scan", troubled)
        for _ in range(2):
            summary = store.run(logs.folder)
            assert not summary.complete
            assert {Path(path).name for path in summary.outcome.quarantined} == errors.keys()
            assert store.counts() == ONE
            assert store.states() == {"good.parquet": "ingested"}
    assert store.run(logs.folder).complete
    assert sum(store.counts().values()) == 1 + len(errors)


@pytest.mark.parametrize(
    "error",
    [
        duckdb.InvalidInputException("Invalid Input Error: No magic bytes found at end of file"),
        duckdb.Error("TProtocolException: Invalid data"),
        duckdb.IOException('IO Error: Could not read enough bytes from file "a": attempted to'),
    ],
)
def test_damage_is_the_files_own_fault(error: duckdb.Error) -> None:
    assert of_system(error) is None


def test_where_the_machine_fails_for_every_file_the_run_fails_and_says_of_what(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    done = httpcodes("run", logs.folder, "--store", store.folder, "--memory-limit", "1MB")
    assert done.returncode == 1
    assert "not enough memory" in done.stderr.decode() and "Traceback" not in done.stderr.decode()
    assert not (store.folder / "httpcodes.duckdb").exists()
    assert store.run(logs.folder).complete


def test_too_few_open_files_give_a_sentence(logs: Logs, store: Store, httpcodes: Command) -> None:
    logs.requests("a.parquet", (NOON, A, 200))

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))

    done = httpcodes("run", logs.folder, "--store", store.folder, preexec_fn=few)
    assert done.returncode == 1
    assert "Too many open files" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_memory_that_ends_after_the_scan_fails_the_run_in_our_sentence(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))

    def fail(*_: Any) -> None:
        raise duckdb.OutOfMemoryException("Out of Memory Error: failed to pin block")

    with monkeypatch.context() as bad_night:
        bad_night.setattr(rollup, "apply", fail)
        with pytest.raises(
            MachineTrouble, match=r"limits set: failed .* nothing changed; --memory-limit"
        ):
            store.run(logs.folder)
    assert not (store.folder / "httpcodes.duckdb").exists()
    assert store.run(logs.folder).complete


def test_a_disk_that_fills_in_the_middle_fails_the_run_in_our_sentence(
    disk: Path, tmp_path: Path, httpcodes: Command
) -> None:
    file = tmp_path / "many.parquet"
    duckdb.sql(
        f"""COPY (SELECT TIMESTAMP '2025-09-09' + to_seconds(i % 86400) AS timestamp,
        concat(md5(CAST(i AS VARCHAR)), '.example') AS host, 200 AS status
        FROM range(200_000) AS r(i)) TO '{file}'"""
    )
    done = httpcodes("run", file, "--store", disk / "store", "--threads", 1)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert "No space left on device" in said and "nothing was published" in said
    assert "invalidated" not in said
    assert not (disk / "store" / "httpcodes.duckdb").exists()


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), MemoryError()])
def test_a_file_whose_checksums_can_not_be_read_is_not_counted_without_them(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))

    def troubled(path: str, storage: object) -> bytes:
        raise error

    with monkeypatch.context() as bad_night:
        bad_night.setattr(parquet, "_start", troubled)
        try:
            assert not store.run(logs.folder).complete
            assert (store.counts(), store.states()) == ({}, {})
        except MachineTrouble:
            assert isinstance(error, MemoryError)
    assert store.run(logs.folder).complete
    assert store.counts() == ONE


def test_the_first_cause_is_named_where_the_database_was_given_up() -> None:
    error = duckdb.FatalException(
        "FATAL Error: The database has been invalidated because of a previous fatal error.\n"
        'Original error: "IO Error: Could not write file "a": No space left on device"'
    )
    assert "invalidated" not in (said := str(of_system(error))) and "No space left" in said
