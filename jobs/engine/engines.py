"""Which engine counts: this process, or Spark, as `--engine` and `[engine]` say."""

import errno
import os
import pickle
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.counts.contents import Content
from jobs.counts.counted import PutOff
from jobs.counts.counting import Batch, Counting, Engine, here
from jobs.counts.rereading import Known, Reread, Rereader
from jobs.counts.results import NoResult, Results
from jobs.counts.slices import joined, serves
from jobs.engine import again
from jobs.engine import share as shares
from jobs.engine.again import travelling
from jobs.engine.handshake import make
from jobs.engine.headway import Headway
from jobs.engine.packing import Numbered, Packing, Piece, Task
from jobs.engine.session import EngineFailed, Mapped, Session
from jobs.engine.share import Share
from jobs.engine.tasks import Order
from jobs.logs.storage import Storage
from jobs.store.revision import Revision
from queries.config import BadConfig, EngineConfig

LOCAL = "local"
_ACCEPTED = r"spark|yarn|local\[(\d+|\*)(,\d+)?\]|local-cluster\[\d+,\d+,\d+\]|(spark|sc|k8s)://.+"
_JOBS_AT_ONCE = 2
"""The next one fills cores that the last tasks of one leave idle."""
_FINGERPRINTED_HERE_BYTES = 64 << 20
"""So much is hashed sooner than a session begins."""
_BY_SHARE_BYTES = 1 << 30
"""Of logs: what less than this gives goes straight to the driver."""
_SCHEMA = "file int, until int, head string, reading string, groups binary"
"""RESULTS, as Spark writes it."""


@dataclass
class Spark:
    """Counts on Spark; called with a revision, it counts for it."""

    session: Session
    task_bytes: int = Packing.task_bytes
    share: Share | None = None
    by_share_bytes: int = _BY_SHARE_BYTES
    _met: bool = False

    def __call__(self, revision: Revision) -> Counting:
        return _Counting(self, revision, Headway(self.session))

    def reread(self, storage: Storage, files: Sequence[Known]) -> Reread:
        """Read known files again. Raises EngineFailed."""
        if not files:
            return Reread()
        self.ready()
        return again.reread(self.session, travelling(storage), files)

    def ready(self) -> None:
        """Begin, if that has not been done. Raises EngineMissing, EngineFailed or OtherMake."""
        if not self._met:
            self.session.meet()
            if self.share:
                self.share.clear()
            self._met = True


def engine(named: str | None, config: EngineConfig, store: Path) -> AbstractContextManager[Engine]:
    """The engine that an option or the configuration names, for as long as it is entered.

    Whatever it has under way is stopped when the body raises. Raises BadConfig or EngineMissing.
    """
    master = named or config.spark or LOCAL
    return nullcontext(here) if master == LOCAL else _at_work(spark_engine(master, config, store))


@contextmanager
def rereader(named: str | None, config: EngineConfig, store: Path) -> Iterator[Rereader | None]:
    """The same to read known files again; None: this process does it."""
    master = named or config.spark or LOCAL
    if master == LOCAL:
        yield None
        return
    with _at_work(spark_engine(master, config, store)) as spark:
        yield spark.reread


@contextmanager
def _at_work(spark: Spark) -> Iterator[Spark]:
    try:
        yield spark
    except BaseException:
        spark.session.interrupt()
        raise
    finally:
        spark.session.end()


def spark_engine(master: str, config: EngineConfig, store: Path) -> Spark:
    """Spark as named, not begun yet. Raises BadConfig or EngineMissing."""
    if not re.fullmatch(_ACCEPTED, master):
        raise BadConfig(
            f"--engine {master} is not known; local, spark://HOST:7077, local[4], yarn, k8s://…, "
            "sc://HOST:15002 and spark, the session that is there, are"
        )
    share = Share(config.share, store) if config.share else None
    session = Session(master, config.conf, config.archive)
    session.check_installed()
    return Spark(session, config.task_bytes, share)


@dataclass(frozen=True)
class _Counting:
    spark: Spark
    revision: Revision
    headway: Headway

    def bytes_scanned(self) -> int:
        return self.headway.bytes_done()

    def batches(
        self, contents: Sequence[Content], *, fingerprints_only: bool = False
    ) -> Iterator[Batch]:
        if not contents:
            return
        if (
            fingerprints_only
            and sum(content.file.size for content in contents) < _FINGERPRINTED_HERE_BYTES
        ):
            yield from here(self.revision).batches(contents, fingerprints_only=True)
            return
        self.spark.ready()
        packing = Packing(self.spark.task_bytes, self.spark.session.cores)
        there = travelling(self.revision.terms.storage)
        terms = replace(
            self.revision.terms, storage=there, memory=None, threads=self.spark.session.task_cpus
        )
        order = Order(self.revision.started_at, terms, fingerprints_only)
        chunks = list(packing.chunks(contents))
        with ThreadPoolExecutor(_JOBS_AT_ONCE, "engine") as pool:
            jobs: deque[Future[pa.Table | Path]] = deque()
            begun = 0
            try:
                for number, chunk in enumerate(chunks):
                    while begun < len(chunks) and len(jobs) < _JOBS_AT_ONCE:
                        jobs.append(pool.submit(self._done, order, packing, chunks[begun], begun))
                        begun += 1
                    for batch in self._batches(order, chunk, jobs.popleft().result()):
                        yield batch
                        self.headway.take(number, batch.contents)
                    self.headway.end(number)
            except BaseException:
                self.spark.session.interrupt()
                raise
            finally:
                pool.shutdown(cancel_futures=True)

    def _batches(self, order: Order, chunk: Numbered, result: pa.Table | Path) -> Iterator[Batch]:
        is_left = isinstance(result, Path)
        parts = shares.in_order(result, chunk) if is_left else [(chunk, result)]
        for asked, table in parts:
            yield self._batch(asked, self._whole(order, asked, table))

    def _done(
        self, order: Order, packing: Packing, chunk: Numbered, number: int
    ) -> pa.Table | Path:
        """Their results: a table, or the folder on the share that has it."""
        spark = self.spark
        storage = self.revision.terms.storage
        self.headway.begin(number, chunk.values())
        # To know a file all of it is hashed.
        tasks = packing.tasks(chunk, lambda c: not order.fingerprints_only and serves(c, storage))
        frame = self._frame(order, tasks)
        size = sum(content.file.size for content in chunk.values())
        if spark.share and size > spark.by_share_bytes and not order.fingerprints_only:
            return spark.share.written(spark.session, frame, f"{self.revision.run_id}-{number}")
        return spark.session.collected(frame)

    def _whole(self, order: Order, asked: Numbered, table: pa.Table) -> pa.Table:
        """Results, with files whose slices don't fit counted in one piece."""
        table, cut = joined(table)
        if not cut:
            return table
        tasks = [[Piece(number, asked[number])] for number in cut]
        return pa.concat_tables([table, self._straight(order, tasks)])

    def _straight(self, order: Order, tasks: Sequence[Task]) -> pa.Table:
        return self.spark.session.collected(self._frame(order, tasks))

    def _frame(self, order: Order, tasks: Sequence[Task]) -> Any:
        bins = [pickle.dumps((order, task)) for task in tasks]
        return self.spark.session.mapped(len(bins), _work(bins, make()), _SCHEMA)

    def _batch(self, asked: Numbered, table: pa.Table) -> Batch:
        try:
            batch = Results(asked, table)
        except NoResult as error:
            raise EngineFailed(f"the engine lost {error}; nothing changed") from error
        storage = self.revision.terms.storage
        batch.lost = [as_seen_here(lost, storage) for lost in batch.lost]
        return batch


def as_seen_here(lost: PutOff, storage: Storage) -> PutOff:
    """What executors do not find, though it is there, is no fault of the file."""
    path = lost.content.file.path
    if not lost.reason.endswith(os.strerror(errno.ENOENT)) or storage.is_gone(path):
        return lost
    why = "cannot be read: it is there for the driver, and the executors don't see it"
    return replace(lost, reason=why, everywhere=True)


def _work(bins: Sequence[bytes], expected: str) -> Mapped:
    """Travels by value; the files of each task by themselves, for a task reads only its own."""

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pickle  # noqa: PLC0415 - travels along

        from pyspark import TaskContext  # noqa: PLC0415 - an extra

        from jobs.engine import handshake, isolated, tasks  # noqa: PLC0415 - in the task

        handshake.require(expected)
        context = TaskContext.get()
        is_repeated = context is not None and context.attemptNumber() > 0
        counted = isolated.in_children if is_repeated else tasks.counted
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from counted(*pickle.loads(bins[number]))  # noqa: S301 - the driver's own

    return work
