"""Files counted in tasks, however they are split, give what the plain run gives: without Java."""

import os
import pickle
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import Logs, Store
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_logs import deliver
from relations import relations

from jobs import nightly
from jobs.counts import slices
from jobs.counts.contents import Content
from jobs.counts.counting import Batch, Counting
from jobs.counts.results import CHANGED, RESULTS, NoResult, Results, head
from jobs.engine import tasks
from jobs.engine.packing import Packing, Piece
from jobs.engine.tasks import Order
from jobs.logs.options import ReadingOptions, Source
from jobs.store.revision import Revision


@dataclass
class InTasks:
    """Each task by itself; what it gets and gives has travelled."""

    packing: Packing
    chance: random.Random
    again: list[str] = field(default_factory=list)
    """Paths of files that had to be counted in one piece after all."""

    def __call__(self, revision: Revision) -> Counting:
        return _InTasks(self, revision)


@dataclass
class _InTasks:
    engine: InTasks
    revision: Revision

    def batches(
        self, contents: Sequence[Content], *, fingerprints_only: bool = False
    ) -> Iterator[Batch]:
        order = Order(self.revision.started_at, self.revision.terms, fingerprints_only)
        for chunk in self.engine.packing.chunks(contents):
            told: list[pa.RecordBatch] = []
            storage = self.revision.terms.storage
            in_slices = partial(slices.serves, storage=storage)
            bins = self.engine.packing.tasks(
                chunk, (lambda _: False) if fingerprints_only else in_slices
            )
            self.engine.chance.shuffle(bins)
            for task in bins:
                told += tasks.counted(*pickle.loads(pickle.dumps((order, task))))
            table, again = slices.joined(pa.Table.from_batches(told, RESULTS))
            self.engine.again += [chunk[number].file.path for number in again]
            whole = [b for n in again for b in tasks.counted(order, [Piece(n, chunk[n])])]
            yield Results(chunk, pa.concat_tables([table, pa.Table.from_batches(whole, RESULTS)]))


def run(store: Store, folder: Path, **how: Any) -> nightly.Summary:
    """A night over all that lies there, of any kind."""
    source = Source((str(folder / "**"),), ReadingOptions())
    return nightly.run(store.folder, [source], lambda _: None, nightly.Policy(**how))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Any]:
    """A folder, and what the plain run makes of it."""
    folder = tmp_path_factory.mktemp("split")
    logs, store = deliver(folder / "logs"), Store(folder / "store")
    summary = run(store, logs.folder)
    assert {"ingested", "duplicate", "quarantined"} <= set(store.states().values())
    return logs.folder, relations(store), summary.as_json()


@settings(max_examples=2)
@given(task_bytes=st.integers(20_000, 3_000_000), cores=st.integers(1, 9), seed=st.integers(0, 99))
def test_any_split_of_files_into_tasks_gives_the_tables_of_the_plain_run(
    delivered: Any, task_bytes: int, cores: int, seed: int
) -> None:
    folder, plain, summary = delivered
    with tempfile.TemporaryDirectory() as place:
        store = Store(Path(place, "store"))
        engine = InTasks(Packing(task_bytes, cores), random.Random(seed))
        done = run(store, folder, engine=engine).as_json()
        assert relations(store) == plain
    own = ("snapshot", "seconds")
    assert {k: v for k, v in done.items() if k not in own} == {k: v for k, v in summary.items() if k not in own}  # fmt: skip


def test_large_files_are_counted_in_slices_and_one_damaged_slice_condemns_all_of_a_file(
    tmp_path: Path,
) -> None:
    logs = deliver(tmp_path / "logs")
    engine = InTasks(Packing(100_000), random.Random(0))
    store, plain = Store(tmp_path / "store"), Store(tmp_path / "plain")
    done = run(store, logs.folder, engine=engine)
    assert done.outcome.quarantined == run(plain, logs.folder).outcome.quarantined
    assert relations(store) == relations(plain)
    large = [f for f in logs.folder.rglob("*.parquet") if f.stat().st_size > 100_000]
    assert len(large) == 4
    assert done.outcome.rows_passed_over > 10_000
    assert {Path(path).name for path in engine.again} == {"pages.parquet"}
    assert any(path.endswith("pages.parquet") for path in done.outcome.quarantined)


def test_a_touched_file_is_looked_at_and_not_counted(tmp_path: Path) -> None:
    logs, store = Logs(tmp_path / "logs"), Store(tmp_path / "store")
    engine = InTasks(Packing(), random.Random(0))
    for number in range(3):
        logs.requests(f"{number}.parquet", (f"2025-09-09T10:0{number}:00Z", "a.example", 200))
    assert run(store, logs.folder, engine=engine).outcome.files_ingested == 3
    os.utime(logs.folder / "0.parquet")
    logs.requests("1.parquet", ("2025-09-09T11:00:00Z", "a.example", 404))
    done = run(store, logs.folder, engine=engine).outcome
    assert (done.files_ingested, done.files_replaced, done.files_unchanged) == (0, 1, 2)
    assert {bucket[11:16]: status for (_, bucket, status) in store.counts()} == {"10:00": 200, "11:00": 404}  # fmt: skip


def test_a_file_of_which_nothing_is_told_is_no_empty_file(delivered: Any) -> None:
    folder, *_ = delivered
    content = Content(
        nightly.USUAL.storage.look(str(folder / "plain/0.parquet")), None, ReadingOptions()
    )
    with pytest.raises(NoResult, match=r"1 files, .*0\.parquet among them"):
        Results({0: content}, pa.Table.from_batches([], RESULTS))


def test_a_head_without_all_its_groups_is_no_file_with_fewer_rows(delivered: Any) -> None:
    folder, *_ = delivered
    content = Content(
        nightly.USUAL.storage.look(str(folder / "plain/0.parquet")), None, ReadingOptions()
    )
    order = Order(datetime(2025, 9, 10), nightly.USUAL)
    told = list(tasks.counted(order, [Piece(0, content)]))
    assert Results({0: content}, pa.Table.from_batches(told, RESULTS)).contents != []
    heads = [batch for batch in told if batch["head"][0].is_valid]
    assert len(heads) < len(told)
    with pytest.raises(NoResult, match=r"1 files, .*0\.parquet among them"):
        Results({0: content}, pa.Table.from_batches(heads, RESULTS))


def test_content_that_is_another_than_was_looked_at_is_put_off(delivered: Any) -> None:
    folder, *_ = delivered
    file = nightly.USUAL.storage.look(str(folder / "plain/0.parquet"))
    content = Content(file, "of another content", ReadingOptions())
    found = Results(
        {0: content}, pa.Table.from_batches([head(0, fingerprint="of this one")], RESULTS)
    )
    assert found.contents == []
    assert [lost.reason for lost in found.lost] == [CHANGED]
