"""Repeated attempts: files counted in child processes, halved until a culprit stands alone.

What ended a process once may end it again, and with it the job. A file that does so by itself is
judged; one whose process was killed from outside is not, for it may have lacked memory only.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from jobs.counts.results import RESULTS, head
from jobs.engine.packing import Piece, Task
from jobs.engine.tasks import Order, counted, local_folder

_ITS_OWN = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)


class ChildFailed(Exception):
    """A child process ended with an error of its own; the message is what it said."""


def in_children(order: Order, task: Task) -> Iterator[pa.RecordBatch]:
    """As tasks.counted, and whatever ends a process. Raises ChildFailed."""
    with tempfile.TemporaryDirectory(prefix="httpcodes-", dir=local_folder()) as folder:
        yield from _halving(order, task, Path(folder, "results.arrows"))


def _halving(order: Order, task: Task, out: Path) -> Iterator[pa.RecordBatch]:
    ended = _child(order, task, out)
    if ended == 0:
        yield from _results(out)
    elif len(task) == 1:
        yield from _culprit(order, task[0], signal.Signals(-ended), out)
    else:
        middle = len(task) // 2
        for some in (task[:middle], task[middle:]):
            yield from _halving(order, some, out)


def _results(out: Path) -> list[pa.RecordBatch]:
    with pa.OSFile(str(out)) as source:
        return list(pa.ipc.open_stream(source))


def _child(order: Order, task: Task, out: Path) -> int:
    """Count files in a process of their own; 0, or less the number of the signal that ended it."""
    done = subprocess.run(  # noqa: S603 - this program itself
        [sys.executable, "-m", __name__, str(out)],
        input=pickle.dumps((order, task)),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    if done.returncode > 0:
        said = done.stderr.decode(errors="replace").strip()
        raise ChildFailed(said.rpartition("\n")[2] or f"it exited with {done.returncode}")
    return done.returncode


def _culprit(order: Order, piece: Piece, by: signal.Signals, out: Path) -> Iterator[pa.RecordBatch]:
    number, _, part = piece
    looking = replace(order, fingerprints_only=True)
    if part:
        # A verdict is on the file: it is counted in one piece, and meets with the same.
        yield head(number, fingerprint=None, slice=part.number, of=part.of)
        return
    # A verdict needs to know of which content.
    if by in _ITS_OWN and not order.fingerprints_only and _child(looking, [piece], out) == 0:
        ((said,),) = (batch.to_pylist() for batch in _results(out))
        kept = json.loads(said["head"])
        if kept["fingerprint"] is not None:
            why = f"reading it ends the process that reads it ({by.name})"
            kept = {"fingerprint": kept["fingerprint"], "unusable": why}
        yield head(number, **kept)
        return
    why = f"the process that read it was ended ({by.name}); the next run tries again"
    yield head(number, fingerprint=None, lost=why, everywhere=False)


def main() -> None:
    """Count what stdin names into the file that the command line names."""
    order, task = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started it
    with pa.OSFile(sys.argv[1], "wb") as sink, pa.ipc.new_stream(sink, RESULTS) as stream:
        for batch in counted(order, task):
            stream.write_batch(batch)


if __name__ == "__main__":
    main()
