"""Counting: files in; for each its fingerprint, and its rows or a reason why there are none.

Here, in this process, or by an engine that has others at work. Whoever takes the counts in says
between the two what the ledger knows, and asks not where they come from.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from jobs.counts.coder import Coder
from jobs.counts.contents import Content
from jobs.counts.counted import PutOff
from jobs.counts.counter import Counter, Result
from jobs.counts.trouble import is_everywhere
from jobs.logs.storage import Storage
from jobs.store.revision import Revision

BATCH_BYTES = 256 << 20
BATCH_FILES = 2_000


class Batch(Protocol):
    """Some files in the order in which they were asked for."""

    @property
    def contents(self) -> list[Content]:
        """Those that could be read, with their fingerprints."""

    @property
    def lost(self) -> list[PutOff]:
        """The others."""

    def count(self, contents: Sequence[Content]) -> Iterator[Result]:
        """What some of the contents hold: each is one of several counted, or not counted.

        Between them may come how far large ones are.
        """


class Counting(Protocol):
    """Counts files for one revision."""

    def batches(
        self, contents: Sequence[Content], *, fingerprints_only: bool = False
    ) -> Iterator[Batch]:
        """These files, batch by batch; those that have a fingerprint were looked at before.

        With `fingerprints_only` the fingerprints are all that is wanted: nothing is counted.
        """

    def bytes_scanned(self) -> int:
        """Of files whose results are still to come, how many bytes are read, about.

        Any thread may ask, as often as it likes.
        """


Engine = Callable[[Revision], Counting]
"""Who counts for a revision."""


@dataclass
class Here:
    """Counts in this process, over a connection whose current database is a snapshot.

    The session has to have the macros of `rollup`.
    """

    counter: Counter
    storage: Storage

    def batches(
        self, contents: Sequence[Content], *, fingerprints_only: bool = False
    ) -> Iterator[Batch]:
        # Fingerprints are taken ahead, on a thread of their own, while DuckDB counts.
        at_once = self.storage.at_once(content.file.path for content in contents)
        with ThreadPoolExecutor(at_once, "fingerprint") as ahead:
            try:
                pending = [(content, ahead.submit(self._held, content)) for content in contents]
                yield from self._grouped(pending)
            finally:
                ahead.shutdown(cancel_futures=True)

    def bytes_scanned(self) -> int:
        return self.counter.progress.bytes_done()

    def _held(self, content: Content) -> str:
        return content.fingerprint or self.storage.fingerprint(content.file.path)

    def _grouped(self, pending: Sequence[tuple[Content, Future[str]]]) -> Iterator["_LocalBatch"]:
        batch = _LocalBatch(self.counter)
        size = 0
        for content, promised in pending:
            try:
                batch.contents.append(replace(content, fingerprint=promised.result()))
            except OSError as error:
                why = f"cannot be read: {error.strerror}"
                batch.lost.append(PutOff(content, why, is_everywhere(error)))
                continue
            size += content.file.size
            if size >= BATCH_BYTES or len(batch.contents) >= BATCH_FILES:
                yield batch
                batch, size = _LocalBatch(self.counter), 0
        if batch.contents or batch.lost:
            yield batch


@dataclass
class _LocalBatch:
    counter: Counter
    contents: list[Content] = field(default_factory=list)
    lost: list[PutOff] = field(default_factory=list)

    def count(self, contents: Sequence[Content]) -> Iterator[Result]:
        return self.counter.count(contents)


def here(revision: Revision) -> Here:
    """Counting for this revision, in its own session."""
    terms = revision.terms
    until = revision.started_at + terms.plausible_ahead
    coder = Coder(revision.connection, terms.plausible_from, until, terms.threads, terms.storage)
    return Here(Counter(revision.connection, coder, terms.storage), terms.storage)
