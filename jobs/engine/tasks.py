"""What a task does: counts its files with the project's own counters, in a session of its own.

The session lives as long as the process, for the tasks that come after.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa

from jobs.counts import rollup
from jobs.counts.contents import Content
from jobs.counts.counting import Here, here
from jobs.counts.results import CHANGED, fingerprints, head, of_counted, results
from jobs.counts.slices import Slice, Slicer
from jobs.engine.packing import Task
from jobs.store.revision import Revision, Terms, connect
from queries import snapshot

_USUAL_MEMORY = "512MB"
_SHARE_OF_ADDRESSES = 2
"""DuckDB gets one part in so many of what a worker may address: pyarrow needs the rest."""


@dataclass(frozen=True)
class Order:
    """What all tasks of a job have in common."""

    started_at: datetime
    """When the run began; naive, UTC."""
    terms: Terms
    """Its terms; memory and threads are a task's."""
    fingerprints_only: bool = False
    """Whether fingerprints are all that is wanted."""


def counted(order: Order, task: Task) -> Iterator[pa.RecordBatch]:
    """Count files by their numbers; batches as results.RESULTS. Raises duckdb.Error."""
    counting = _counting(order)
    standing: dict[int, Content] = {}
    for number, content, part in task:
        found = _as_found(counting, content)
        if part:
            yield from _slice(counting, number, found, part)
        elif isinstance(found, str):
            yield head(number, fingerprint=None, lost=found, everywhere=False)
        else:
            standing[number] = found
    yield from (fingerprints if order.fingerprints_only else results)(counting, standing)


def _slice(
    counting: Here, number: int, content: Content | str, part: Slice
) -> Iterator[pa.RecordBatch]:
    """One slice of a file, in which all of it has to be what it was before."""
    which: dict[str, Any] = {"slice": part.number, "of": part.of}
    if isinstance(content, str):
        # Looked at in one piece, it will be said.
        yield head(number, fingerprint=None, **which)
        return
    storage, path = counting.storage, content.file.path
    try:
        # Of an object its store says it; of a file one slice is to hash all.
        is_asked = part.number == 0 or not storage.is_local(path)
        fingerprint = content.fingerprint or (storage.fingerprint(path) if is_asked else None)
        counts = Slicer(counting.counter).count(content, part)
        if counts and storage.is_untouched(content.file, fingerprint):
            # All but the number of the inode, which is a mount's own.
            which["stamp"] = content.file.stamp.rpartition(".")[0]
            counts = replace(counts, contents={0: replace(content, fingerprint=fingerprint)})
            yield from of_counted({path: number}, counts, **which)
            return
    except OSError:
        pass
    yield head(number, fingerprint=None, **which)


def local_folder() -> str:
    """Where the engine lets its processes write."""
    folders = os.environ.get("SPARK_LOCAL_DIRS") or os.environ.get("LOCAL_DIRS") or ""
    first = folders.partition(",")[0]
    return first if os.path.isdir(first) else tempfile.gettempdir()


def _as_found(counting: Here, content: Content) -> Content | str:
    """The content with the stamp that its file has here; or why it is not the one meant."""
    file = content.file
    if not counting.storage.is_local(file.path):
        # Its ETag is taken before and after it is read.
        return content
    try:
        found = counting.storage.look(file.path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if found is None:
        # Opening it will say so.
        return content
    if (found.size, found.modified_us) != (file.size, file.modified_us):
        return CHANGED
    # Numbers of inodes are those of a mount: where they are others, content is looked at again.
    is_same = found.stamp == file.stamp
    return replace(content, file=found, fingerprint=content.fingerprint if is_same else None)


def session(memory: str | None = None, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """This process's own, within a task's share of the machine."""
    return _session(memory or _share_of_addresses() or _USUAL_MEMORY, threads or 1)


def _counting(order: Order) -> Here:
    terms = replace(order.terms, threads=order.terms.threads or 1)
    connection = session(terms.memory, terms.threads)
    return here(Revision("count", order.started_at, connection, terms))


def _share_of_addresses() -> str | None:
    """Of what Spark lets this process have, where it sets a limit."""
    megabytes = os.environ.get("PYSPARK_EXECUTOR_MEMORY_MB")
    return f"{int(megabytes) // _SHARE_OF_ADDRESSES}MB" if megabytes else None


@cache
def _session(memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    """An empty snapshot in memory, for its macros; it spills to the engine's local folder."""
    # Made by DuckDB when it spills, and deleted by it: a worker that ends would not do it.
    spill = os.path.join(local_folder(), f"httpcodes-{uuid4().hex}")
    connection = connect(Terms(memory=memory, threads=threads), temp_directory=spill)
    connection.execute("SET enable_progress_bar = false")
    snapshot.create(connection)
    rollup.define_buckets(connection)
    return connection
