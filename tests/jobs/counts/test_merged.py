"""Files that are merged into others: their rows count once, whatever their names."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import Command, Logs, Store

from jobs.forget import NotInLedger, forget
from jobs.nightly import Summary
from jobs.verify import verify

Row = tuple[datetime, str, int]

MIDNIGHT = datetime(2025, 9, 9)


class Producer:
    """Delivers small files, and merges them."""

    def __init__(self, logs: Logs, store: Store) -> None:
        self.logs, self.store = logs, store
        self.chance = random.Random(7)
        self.lying: dict[str, list[Row]] = {}

    def rows(self, hour: int, how_many: int = 60) -> list[Row]:
        """What an hour gives."""
        start = MIDNIGHT + timedelta(hours=hour)
        return [
            (
                start + timedelta(seconds=self.chance.randrange(3600)),
                self.chance.choice("aaab") + ".example",
                self.chance.choices((200, 304, 404, 502), (20, 6, 3, 1))[0],
            )
            for _ in range(how_many)
        ]

    def write(self, name: str, rows: Iterable[Row]) -> Path:
        self.lying[name] = sorted(rows)
        return self.logs.requests(f"{name}.parquet", *self.lying[name])

    def remove(self, *names: str) -> list[Row]:
        """What they held."""
        for name in names:
            (self.logs.folder / f"{name}.parquet").unlink()
        return [row for name in names for row in self.lying.pop(name)]

    def path(self, name: str) -> str:
        return str(self.logs.folder / f"{name}.parquet")

    def run(self, **how: object) -> Summary:
        summary = self.store.run(self.logs.folder, **how)  # type: ignore[arg-type]
        assert verify(self.store.folder, deep=True).findings == []
        return summary


def names(paths: Iterable[str]) -> list[str]:
    return sorted(Path(path).stem for path in paths)


@pytest.fixture
def producer(logs: Logs, store: Store) -> Producer:
    """Three hours, counted."""
    producer = Producer(logs, store)
    for hour, name in enumerate("abc"):
        producer.write(name, producer.rows(hour))
    producer.run()
    return producer


def test_small_files_merged_into_one_count_once(producer: Producer) -> None:
    before = producer.store.counts()
    producer.write("abc", producer.remove("a", "b", "c"))
    summary = producer.run()
    assert names(summary.outcome.merged) == ["a", "b", "c"]
    assert summary.complete
    assert summary.as_json()["files"]["merged"] == 3
    assert producer.store.counts() == before
    assert producer.store.states() == {
        "a.parquet": "merged", "b.parquet": "merged", "c.parquet": "merged", "abc.parquet": "ingested",
    }  # fmt: skip
    assert producer.store.sql("SELECT files_merged FROM runs ORDER BY run_id") == [(0,), (3,)]
    assert not producer.run().changed


def test_a_file_that_holds_more_than_what_is_gone_is_refused_until_that_is_forgotten(
    producer: Producer, httpcodes: Command
) -> None:
    before = producer.store.counts()
    rows = producer.remove("a", "b")
    producer.write("ab", [*rows, *producer.rows(1, 1)])
    done = httpcodes("run", producer.logs.folder, "--store", producer.store.folder)
    assert done.returncode == 3
    said = done.stderr.decode()
    assert (
        f"refused {producer.path('ab')}: holds nearly what {producer.path('a')} and 1 other" in said
    )
    assert "1 requests more and 0 fewer" in said
    assert producer.store.counts() == before
    assert verify(producer.store.folder, deep=True).findings == []
    forget(producer.store.folder, [producer.path("a"), producer.path("b")])
    assert producer.run().complete
    assert sum(producer.store.counts().values()) == 181


def test_count_anyway_counts_it_beside_what_is_gone(producer: Producer, httpcodes: Command) -> None:
    producer.write("ab", producer.remove("a", "b"))
    arguments = ("run", producer.logs.folder, "--store", producer.store.folder, "--count-anyway")
    assert httpcodes(*arguments).returncode == 0
    assert sum(producer.store.counts().values()) == 300
    assert producer.run().complete


def test_a_handful_of_equal_counts_proves_nothing(logs: Logs, store: Store) -> None:
    producer = Producer(logs, store)
    producer.write("a", producer.rows(0, 3))
    producer.run()
    logs.requests("b.parquet", *reversed(producer.remove("a")))
    (reason,) = producer.run().outcome.refused.values()
    assert "too few different counts" in reason
    assert sum(store.counts().values()) == 3


def test_merged_files_that_are_merged_again_or_come_back_count_once(producer: Producer) -> None:
    before = producer.store.counts()
    back = {name: producer.lying[name] for name in "ab"}
    producer.write("ab", producer.remove("a", "b"))
    producer.run()
    producer.write("all", producer.remove("ab", "c"))
    assert names(producer.run().outcome.merged) == ["ab", "c"]
    for name, rows in back.items():
        producer.write(name, rows)
    producer.write("elsewhere", back["a"])
    for _ in range(2):
        assert producer.run().complete
        assert producer.store.counts() == before


def test_several_new_files_may_hold_what_several_held(producer: Producer) -> None:
    before = producer.store.counts()
    rows = sorted(producer.remove("a", "b", "c"))
    producer.write("x/1", rows[:70])
    producer.write("x/2", rows[70:])
    assert names(producer.run().outcome.merged) == ["a", "b", "c"]
    assert producer.store.counts() == before


def test_a_file_merged_over_the_name_of_a_small_one_counts_once(producer: Producer) -> None:
    before = producer.store.counts()
    producer.write("a", [*producer.lying["a"], *producer.remove("b")])
    assert names(producer.run().outcome.merged) == ["a", "b"]
    assert producer.store.counts() == before


def test_small_files_that_are_still_there_keep_the_merged_one_waiting(producer: Producer) -> None:
    before = producer.store.counts()
    producer.write("abc", producer.lying["a"] + producer.lying["b"] + producer.lying["c"])
    producer.remove("a")
    (reason,) = producer.run().outcome.refused.values()
    assert "some are still there" in reason
    producer.remove("b", "c")
    assert names(producer.run().outcome.merged) == ["a", "b", "c"]
    assert producer.store.counts() == before


def test_forgetting_the_merged_file_takes_all_back_and_a_small_one_leads_to_it(
    producer: Producer,
) -> None:
    producer.write("ab", producer.remove("a", "b"))
    producer.run()
    with pytest.raises(NotInLedger, match=r"lie in .*ab\.parquet by now; `httpcodes forget"):
        forget(producer.store.folder, [producer.path("a")])
    forget(producer.store.folder, [producer.path("ab")])
    assert sum(producer.store.counts().values()) == 60
    assert producer.store.states()["a.parquet"] == "forgotten"
    assert verify(producer.store.folder, deep=True).findings == []


def test_a_correction_of_what_was_merged_is_refused(producer: Producer) -> None:
    back = producer.lying["a"]
    producer.write("ab", producer.remove("a", "b"))
    producer.run()
    before = producer.store.counts()
    producer.write("a", back[:50])
    (reason,) = producer.run().outcome.refused.values()
    assert "was merged into" in reason
    assert producer.store.counts() == before


def test_what_was_folded_away_can_not_be_compared(logs: Logs, store: Store) -> None:
    producer = Producer(logs, store)
    producer.write("a", producer.rows(0))
    producer.run(window=timedelta(0))
    logs.requests("b.parquet", *reversed(producer.remove("a")))
    (reason,) = producer.run().outcome.refused.values()
    assert "--from 2025-09-09 --to 2025-09-09 --drop-missing" in reason
    assert sum(store.counts().values()) == 60


def test_what_a_source_held_that_is_not_asked_has_not_left(producer: Producer) -> None:
    producer.write("other/d", producer.lying["a"] + producer.rows(30))
    producer.remove("a")
    producer.store.run(producer.logs.folder / "other")
    assert producer.store.states()["a.parquet"] == "ingested"
    assert producer.store.states()["d.parquet"] == "ingested"


def test_rejected_rows_have_to_agree_too(producer: Producer) -> None:
    producer.write("d", [*producer.rows(5), (MIDNIGHT, "a.example", 1000)])
    producer.run()
    producer.write("e", [row for row in producer.remove("d") if row[2] < 1000])
    (reason,) = producer.run().outcome.refused.values()
    assert "0 requests more and 0 fewer" in reason
