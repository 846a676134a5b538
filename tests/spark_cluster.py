"""A cluster of Spark on this machine: a master, and two workers on addresses of their own."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ports
from waiting import until

FAULTS = Path(__file__).parent / "faults"
HOSTS = ("127.0.0.1", "127.0.0.2")
_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass(frozen=True)
class Cluster:
    """Where it is, and where its processes leave marks."""

    master: str
    page: str
    marks: Path

    @property
    def conf(self) -> dict[str, str]:
        """How a session has to begin."""
        return {
            "spark.cores.max": "2",
            "spark.driver.extraJavaOptions": _QUICK,
            "spark.driver.host": "127.0.0.1",
            "spark.driver.memory": "512m",
            "spark.executor.cores": "1",
            "spark.executor.extraJavaOptions": _QUICK,
            "spark.executor.memory": "512m",
            "spark.executorEnv.HTTPCODES_FAULTS": str(self.marks),
            "spark.executorEnv.PYTHONPATH": str(FAULTS),
            "spark.speculation": "true",
            "spark.speculation.interval": "200ms",
            "spark.speculation.minTaskRuntime": "6s",
            "spark.speculation.multiplier": "1.1",
            "spark.speculation.quantile": "0.1",
            "spark.ui.enabled": "false",
        }

    def running(self) -> list[str]:
        """The applications that the master knows to be at work."""
        return [app["id"] for app in self._told()["activeapps"]]

    def waiting_on(self, name: str) -> int:
        """The process that waits on a slow file, once it does."""
        mark = self.marks / name
        return int(until(lambda: mark.exists() and mark.read_text()))

    def _told(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.page}/json/") as answer:
            return json.load(answer)

    def workers(self) -> int:
        """How many are there."""
        try:
            return int(self._told()["aliveworkers"])
        except (OSError, ValueError):  # of its pages this one may be the last to be there
            return 0


def parents(pid: int) -> Iterator[int]:
    """The process's parent, and so on."""
    while pid > 1:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        pid = int(status.rpartition(")")[2].split()[1])
        yield pid


def executor_of(pid: int) -> int:
    """The Java process above one of its Python workers."""
    return next(p for p in parents(pid) if b"CoarseGrainedExecutor" in _command(p))


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Started, and ended with all that belongs to it."""
    (home,) = importlib.util.find_spec("pyspark").submodule_search_locations
    marks = folder / "marks"
    marks.mkdir(parents=True)
    port, page = ports.free(), ports.free()
    master = f"spark://127.0.0.1:{port}"
    of_workers = ("-c", "2", "-m", "2g", "--work-dir", str(folder / "work"), "--webui-port", "0", master)  # fmt: skip
    roles = [
        ("master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page)),
        *(("worker.Worker", "--host", host, *of_workers) for host in HOSTS),
    ]
    env = {
        **os.environ, "SPARK_HOME": home, "SPARK_DAEMON_MEMORY": "256m", "SPARK_LOCAL_DIRS": str(folder / "local"),
        "SPARK_DAEMON_JAVA_OPTS": _QUICK, "PYSPARK_PYTHON": sys.executable,
    }  # fmt: skip
    (folder / "local").mkdir()
    daemons = []
    with (folder / "log").open("wb") as log:
        for role, *words in roles:
            command = [f"{home}/bin/spark-class", f"org.apache.spark.deploy.{role}", *words]
            daemons.append(
                subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
            )
    found = Cluster(master, f"http://127.0.0.1:{page}", marks)
    try:
        until(lambda: found.workers() == len(HOSTS))
        yield found
    finally:
        for daemon in reversed(daemons):
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
