"""Logs that grew and were renamed: their first part counts once, or a sentence says why not."""

import gzip
import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Logs, Store

from jobs.forget import forget
from jobs.verify import verify

SERVICES = [f"s{n}.example" for n in range(6)]


def text(rows: int, hour: int) -> str:
    chance = random.Random(hour)
    clocks = sorted((chance.randrange(60), chance.randrange(60)) for _ in range(rows))
    return "".join(
        json.dumps(
            {
                "timestamp": f"2025-09-09T{hour:02d}:{minute:02d}:{second:02d}Z",
                "host": chance.choice(SERVICES),
                "status": chance.choice((200, 404, 503)),
            }
        )
        + "\n"
        for minute, second in clocks
    )


class Log:
    """A folder with one log that was counted, and what becomes of it."""

    def __init__(self, logs: Logs, store: Store, rows: int, **how: timedelta) -> None:
        self.folder, self.store = logs.folder, store
        self.file = logs.folder / "access.log"
        self.file.write_text(text(rows, 11))
        self.run(**how)

    def run(self, **how: timedelta) -> tuple[int, dict[str, str]]:
        done = self.store.run(str(self.folder / "*.log*"), **how)
        assert verify(self.store.folder, deep=True).findings == []
        refused = {Path(path).name: why for path, why in done.outcome.refused.items()}
        return sum(self.store.counts().values()), refused

    def grown(self, name: str, rows: int) -> Path:
        held = self.file.read_bytes() + text(rows, 12).encode()
        file = self.folder / name
        file.write_bytes(gzip.compress(held) if name.endswith(".gz") else held)
        return file


@pytest.mark.parametrize(("name", "more"), [("access.log.1", 3), ("access.log.1.gz", 400)])
def test_a_log_that_grew_and_was_renamed_takes_the_place_of_what_it_was(
    name: str, more: int, logs: Logs, store: Store
) -> None:
    log = Log(logs, store, 20)
    log.grown(name, more)
    log.file.unlink()
    assert log.run() == (20 + more, {})
    assert store.states() == {name: "ingested"}
    assert log.run() == (20 + more, {})
    # What it was comes back, and lies in it.
    log.file.write_text(text(20, 11))
    counted, refused = log.run()
    assert (counted, list(refused)) == (20 + more, ["access.log"])
    assert "begins with all that it holds" in refused["access.log"]


def test_what_went_before_it_from_its_new_name_keeps_its_counts(logs: Logs, store: Store) -> None:
    """Two nights of logrotate of which the second leaves no new log behind."""
    log = Log(logs, store, 20)
    (log.folder / "access.log.1").write_text(text(50, 9))
    assert log.run() == (70, {})
    log.grown("access.log.1", 30)
    log.file.unlink()
    assert log.run() == (100, {})


def test_where_both_are_there_or_little_proves_it_the_new_one_is_refused(
    logs: Logs, store: Store
) -> None:
    log = Log(logs, store, 20)
    log.grown("access.log.1", 300)
    counted, refused = log.run()
    assert (counted, list(refused)) == (20, ["access.log.1"])
    assert refused["access.log.1"] == (
        f"begins with all that {log.file} holds, which is still there and counts; `httpcodes forget "
        f"{log.file}` lets it count in its place, `httpcodes run --count-anyway` counts it beside that"
    )
    forget(store.folder, [str(log.file)])
    assert log.run() == (320, {})


def test_a_few_rows_prove_nothing_and_what_is_folded_stays(logs: Logs, store: Store) -> None:
    log = Log(logs, store, 5)
    log.grown("access.log.1", 300)
    log.file.unlink()
    counted, refused = log.run()
    assert (counted, list(refused)) == (5, ["access.log.1"])
    assert "in too few rows to prove that it grew" in refused["access.log.1"]
    forget(store.folder, [str(log.file)])
    assert log.run() == (305, {})


def test_what_was_counted_too_long_ago_to_be_taken_back_counts_once(
    logs: Logs, store: Store
) -> None:
    log = Log(logs, store, 20, window=timedelta(0))
    log.grown("access.log.1", 300)
    log.file.unlink()
    counted, refused = log.run()
    assert (counted, list(refused)) == (20, ["access.log.1"])
    assert "too long ago to be taken back; `httpcodes rebuild`" in refused["access.log.1"]


def test_logs_that_only_begin_at_the_same_time_count_beside_each_other(
    logs: Logs, store: Store
) -> None:
    log = Log(logs, store, 20)
    held = log.file.read_text()
    (log.folder / "other.log").write_text(held.replace("example", "Example") + held)
    assert log.run() == (20 + 40, {})
