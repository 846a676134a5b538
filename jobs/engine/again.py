"""Known files read again by tasks, for a proof of what was counted."""

import pickle
from collections.abc import Iterator, Sequence

import pyarrow as pa

from jobs.counts import rereading
from jobs.counts.rereading import Known, Reread
from jobs.engine.handshake import make
from jobs.engine.session import EngineFailed, Mapped, Session
from jobs.logs.objects.buckets import SCHEMES
from jobs.logs.storage import Storage

_TASKS_A_CORE = 4
_MOST_FILES = 500
"""In a task."""
_SCHEMA = (
    "head string, path string, service string, bucket bigint, status_code smallint, requests bigint"
)
"""rereading.REREAD, as Spark writes it."""


def reread(session: Session, storage: Storage, files: Sequence[Known]) -> Reread:
    """What lies at the paths of these files. Raises EngineFailed."""
    tasks = max(-(-len(files) // _MOST_FILES), min(session.cores * _TASKS_A_CORE, len(files)))
    bins = [pickle.dumps((storage, files[first::tasks])) for first in range(tasks)]
    found = rereading.of(session.collected(session.mapped(tasks, _work(bins, make()), _SCHEMA)))
    if missing := {file.path for file in files} - found.fingerprints.keys():
        raise EngineFailed(f"the engine lost {len(missing):,} files, {min(missing)} among them")
    return found


def travelling(storage: Storage) -> Storage:
    """For a process elsewhere: where stores are is said, and not asked of its environment."""
    named = {scheme: storage.endpoint(f"{scheme}://") for scheme in SCHEMES}
    return Storage({scheme: url for scheme, url in named.items() if url})


def _work(bins: Sequence[bytes], expected: str) -> Mapped:
    """Travels by value; the files of each task by themselves."""

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pickle  # noqa: PLC0415 - travels along

        from jobs.counts import rereading  # noqa: PLC0415 - where the task runs
        from jobs.engine import handshake, tasks  # noqa: PLC0415 - where the task runs

        handshake.require(expected)
        for batch in batches:
            for number in batch.column(0).to_pylist():
                storage, files = pickle.loads(bins[number])  # noqa: S301 - the driver's own
                yield from rereading.reread(tasks.session(), storage, files)

    return work
