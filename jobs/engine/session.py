"""A session of Spark: begun, asked, interrupted and ended. Nothing else imports pyspark."""

import os
import pickle
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pyarrow as pa

from jobs.engine import handshake
from jobs.engine.handshake import MET, Met
from jobs.logs.storage import Storage
from queries.failures import Failed, Misused

HERE = "spark"
"""The name of the session that is there: spark-submit's, or a notebook's."""
_ENVIRONMENT = "environment"
"""What an archive is unpacked as, where tasks run."""
_CORES = 8
"""Where nobody can tell how many there are."""


class EngineMissing(Misused):
    """The engine's package is not installed; the message names the extra."""


class EngineFailed(Failed):
    """The engine could not do its work; the message says why. Nothing has changed."""


Mapped = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


@dataclass
class Session:
    """Begun when it is first needed; all work in it carries one tag."""

    master: str
    """As `--engine` names it."""
    conf: Mapping[str, str] = field(default_factory=dict)
    archive: str | None = None
    _tag: str = field(default_factory=lambda: f"httpcodes-{uuid4().hex[:8]}")
    _begun: bool = False
    _asked: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Over Spark Connect: finished tasks and all, of what is under way."""

    @property
    def is_remote(self) -> bool:
        """Whether it is asked over Spark Connect."""
        return self.master.startswith("sc://")

    def check_installed(self) -> None:
        """Raises EngineMissing."""
        if find_spec("pyspark") is None:
            extra = "spark-connect" if self.is_remote else "spark"
            raise EngineMissing(
                f"the engine {self.master} needs the extra {extra}: "
                f"pip install 'cdn-httpcodes[{extra}]'"
            )

    @cached_property
    def spark(self) -> Any:
        """The session. Raises EngineFailed."""
        # Of versions of pandas, which has no part in this.
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"pyspark\.")
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

        with _own_signals(), _failures(f"the engine {self.master} can't be reached"):
            there = SparkSession.getActiveSession()
            if there is not None and self.master == HERE:
                return there
            begun = self._begin(SparkSession.builder.appName("httpcodes"))
            self._begun = self.master != HERE
            return begun

    def _begin(self, builder: Any) -> Any:
        for name, value in self.conf.items():
            builder = builder.config(name, value)
        if self.is_remote:
            spark = builder.remote(self.master).getOrCreate()
            spark.registerProgressHandler(self._note)
            if self.archive:
                spark.addArtifacts(f"{self.archive}#{_ENVIRONMENT}", archive=True)
                python = f"{_ENVIRONMENT}/bin/python"
                spark.conf.set("spark.sql.execution.pyspark.python", python)
            return spark
        if self.archive:
            builder = builder.config("spark.archives", f"{self.archive}#{_ENVIRONMENT}")
            os.environ["PYSPARK_PYTHON"] = f"./{_ENVIRONMENT}/bin/python"
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
        if self.master == HERE:
            return builder.getOrCreate()
        builder = builder.master(_repeating(self.master))
        if "spark.ui.showConsoleProgress" not in self.conf:
            builder = builder.config("spark.ui.showConsoleProgress", "false")
        with _quiet() as log:
            try:
                return builder.getOrCreate()
            except Exception as error:
                raise EngineFailed(
                    f"the engine {self.master} can't be reached: "
                    f"{_logged(log) or _cause(str(error))}; nothing changed"
                ) from error

    @cached_property
    def cores(self) -> int:
        """How many tasks run at a time, as far as it can be told."""
        with suppress(Exception):
            return max(int(self.spark.sparkContext.defaultParallelism), 1)
        with suppress(Exception):
            return max(int(self.spark.conf.get("spark.default.parallelism")), 1)
        return _CORES

    @cached_property
    def task_cpus(self) -> int:
        """How many cores a task has."""
        with suppress(Exception):
            return max(int(self.spark.conf.get("spark.task.cpus", "1")), 1)
        return 1

    def mapped(self, tasks: int, work: Mapped, schema: str) -> Any:
        """A frame: `work` done on each of so many tasks, which get their numbers."""
        self.spark.addTag(self._tag)
        return self.spark.range(0, tasks, 1, tasks).mapInArrow(work, schema)

    def name_jobs(self, name: str) -> None:
        """Give what this thread asks for from now on a name, by which it is found again."""
        with suppress(Exception):
            self.spark.sparkContext.setJobGroup(name, "httpcodes counts logs")

    def share_done(self, name: str) -> float:
        """Which part of the tasks of these jobs is finished, 0 to 1; where nobody tells it, 0."""
        asked = list(self._asked.values())
        # Not to begin a session for it.
        if "spark" in vars(self) and not self.is_remote:
            with suppress(Exception):
                tracker = self.spark.sparkContext.statusTracker()
                jobs = map(tracker.getJobInfo, tracker.getJobIdsForGroup(name))
                stages = [tracker.getStageInfo(stage) for job in jobs for stage in job.stageIds]
                asked = [(stage.numCompletedTasks, stage.numTasks) for stage in stages]
        done, tasks = (sum(numbers) for numbers in zip(*asked, (0, 0), strict=True))
        return done / tasks if tasks else 0

    def _note(self, stages: Any, operation_id: str, done: bool, **_: Any) -> None:
        """What Spark Connect says of what it was asked; it knows no names."""
        self._asked[operation_id] = (
            sum(stage.num_completed_tasks for stage in stages or ()),
            sum(stage.num_tasks for stage in stages or ()),
        )
        if done:
            del self._asked[operation_id]

    def meet(self, share: Path | None = None, file: tuple[str, Storage] | None = None) -> list[Met]:
        """Ask executors what they are, and what they see. Raises OtherMake or EngineFailed."""
        with _failures(f"the engine {self.master} can't be asked"):
            # More than one, for several executors to answer; which do is for Spark to say.
            greeting = _greeting(str(share) if share else None, file and pickle.dumps(file))
            frame = self.mapped(min(self.cores, 16), greeting, MET)
            met = [Met(**row) for row in frame.toArrow().to_pylist()]
        handshake.check(met)
        return met

    def collected(self, frame: Any) -> pa.Table:
        """What a frame holds. Raises EngineFailed."""
        with _failures("counting on the engine failed"):
            return frame.toArrow()

    def written(self, frame: Any, folder: Path) -> None:
        """Let the engine write what a frame holds as Parquet. Raises EngineFailed."""
        with _failures(f"the engine can't leave its results in {folder}"):
            frame.write.option("compression", "zstd").parquet(folder.absolute().as_uri())

    def interrupt(self) -> None:
        """Stop what is under way, also on the cluster."""
        # Not to begin one for it.
        if "spark" in vars(self):
            with suppress(Exception):
                self.spark.interruptTag(self._tag)

    def end(self) -> None:
        """End a session that was begun here."""
        if self._begun:
            with suppress(Exception):
                self.spark.stop()
            self._begun = False


def _greeting(share: str | None, file: bytes | None) -> Mapped:
    """Travels by value, for an executor may lack this program."""

    def greet(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import os  # noqa: PLC0415
        import pickle  # noqa: PLC0415

        import pyarrow as arrow  # noqa: PLC0415

        sees = None
        try:
            from jobs.engine.handshake import make  # noqa: PLC0415

            made = make()
            if file:
                path, storage = pickle.loads(file)  # noqa: S301 - the driver's own
                sees = storage.is_gone(path) is False and (
                    not storage.is_local(path) or os.access(path, os.R_OK)
                )
        except Exception as error:  # whatever it is, it is why nothing can be counted there
            made = f"{type(error).__name__}: {error}"
        writes = os.access(share, os.W_OK) if share else None
        for _ in batches:
            yield arrow.RecordBatch.from_pydict(
                {
                    "host": [socket.gethostname()],
                    "make": [made],
                    "share": arrow.array([writes], arrow.bool_()),
                    "file": arrow.array([sees], arrow.bool_()),
                }
            )

    return greet


def _repeating(master: str) -> str:
    """Without a number of its own, Spark repeats no task where it runs in one process."""
    if master == "local":
        return "local[1,4]"
    if master.startswith("local[") and "," not in master:
        return f"{master[:-1]},4]"
    return master


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """Whatever Spark raises, as one sentence."""
    try:
        yield
    except (Failed, Misused):
        raise
    except Exception as error:
        raise EngineFailed(f"{what}: {_cause(str(error))}; nothing changed") from error


_KNOWN = {
    "spark.driver.maxResultSize": (
        "its results are larger than the driver takes: name a share in [engine], or raise "
        "spark.driver.maxResultSize"
    ),
    "PYTHON_VERSION_MISMATCH": (
        "the executors' Python is another one than the driver's: give both the same environment"
    ),
    "JAVA_GATEWAY_EXITED": "Java did not start: Spark 4 needs Java 17 or later",
}


def _cause(said: str) -> str:
    """The innermost cause that a message with a trace in it names."""
    for sign, meaning in _KNOWN.items():
        if sign in said:
            return meaning
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("at ")]
    causes = [line for line in lines if line.startswith("Caused by: ")]
    own = [
        line
        for line in lines
        if line.split(":")[0].endswith(("Error", "Exception", "Failed", "OtherMake"))
    ]
    found = (causes or own or lines or ["it said nothing"])[-1]
    return found.removeprefix("Caused by: ")[:400]


@contextmanager
def _own_signals() -> Iterator[None]:
    """Spark puts a handler of its own in the place of ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _logged(log: IO[bytes]) -> str | None:
    """The last error that Java wrote before it gave up."""
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    errors = [line.partition(" ERROR ")[2] for line in lines if " ERROR " in line]
    reasons = [line for line in errors if "Reason: " in line] or errors
    return reasons[-1].rpartition("Reason: ")[2][:400] if reasons else None


@contextmanager
def _quiet() -> Iterator[IO[bytes]]:
    """What Java writes goes elsewhere: stdout is data, and on stderr are our sentences."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    try:
        with tempfile.TemporaryFile() as log:
            for number, _ in kept:
                os.dup2(log.fileno(), number)
            yield log
    finally:
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
