"""How far a scan is, seen from another thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from conftest import Store

from jobs.counts.scan_progress import ScanProgress
from jobs.logs.options import ReadingOptions, Source
from jobs.nightly import Policy, Progress, run

LINE = '192.0.2.{0} - - [09/Sep/2025:{1:02}:00:00 +0000] "GET /{0} HTTP/1.1" 200 {0} "-" "{2}"\n'


@contextmanager
def watched(asked: Callable[[], int]) -> Iterator[list[int]]:
    """What is answered while the body is at it, each once."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.001):
            if (now := asked()) not in seen[-1:]:
                seen.append(now)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def test_a_scan_moves_and_stands_before_its_end_until_others_tell_of_it() -> None:
    with duckdb.connect() as connection:
        progress = ScanProgress(connection)
        assert progress.bytes_done() == 0
        with watched(progress.bytes_done) as seen, progress.scanning(1_000):
            connection.execute("SELECT count(*) FROM range(100_000_000) t(i) WHERE hash(i) % 7 = 1")
        assert progress.bytes_done() == 990
        assert len(seen) > 2 and seen == sorted(seen)
        progress.forget()
        assert progress.bytes_done() == 0
    assert progress.bytes_done() == 0


def test_what_ends_a_scan_is_said_as_it_was() -> None:
    with duckdb.connect() as connection:
        connection.begin()
        with (
            pytest.raises(duckdb.ConversionException, match="'x'"),
            ScanProgress(connection).scanning(1),
        ):
            connection.execute("SELECT CAST('x' AS INTEGER)")


def test_a_run_moves_within_one_large_text_file(store: Store, tmp_path: Path) -> None:
    log, noted = tmp_path / "access.log", list[Progress]()
    lines = "".join(LINE.format(n % 250, n % 24, "x" * 200) for n in range(1_000))
    log.write_text(lines * 250)
    source = Source((str(log),), ReadingOptions.of(service_name="a.example", kind="lines"))
    with watched(lambda: noted[-1].bytes_done if noted else 0) as seen:
        summary = run(store.folder, [source], noted.append, Policy())
    assert summary.outcome.rows_counted == 250_000
    assert seen[-1] == noted[-1].bytes_to_do == log.stat().st_size
    assert len([done for done in seen if 0 < done < seen[-1]]) > 1
