"""Counting on Spark beside counting in one process: CPU seconds, with the start apart.

The same files are counted in turn by this process and by `local[2]`, whose tasks are processes of
their own; what both are asked for is Counted, before anything is taken in. Then whole runs of both.
CPU seconds are those of all processes that take part (Java, Python workers, this one).

    python tests/benchmarks/spark.py [--rows 24000000] [--files 24] [--services 1000] [--repeat 3]
    python tests/benchmarks/spark.py --rows 2400000 --files 24 240 2400    # growth with files
    python tests/benchmarks/spark.py --rows 2400000 --services 10 1000 10000  # and counted rows
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from jobs import nightly
from jobs.counts import rollup
from jobs.counts.contents import Content
from jobs.counts.counted import Counted
from jobs.counts.counting import Engine, here
from jobs.engine.engines import Spark, spark_engine
from jobs.logs.options import ReadingOptions, Source
from jobs.store.revision import USUAL, Revision, connect
from queries import snapshot, utc
from queries.config import EngineConfig

CONF = {
    # Java hands on what Python packed: it is not worth being compiled well.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.driver.maxResultSize": "0",
    "spark.ui.enabled": "false",
}
TICK = os.sysconf("SC_CLK_TCK")


def below(pid: int) -> set[int]:
    """A process, and all that it started and is still there."""
    found = {pid}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text(encoding="ascii").split():
            found |= below(int(child))
    return found


def cpu_seconds() -> float:
    """Of this process and all below it, also of those that ended and were waited for."""
    total = 0
    for pid in below(os.getpid()):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, stat[11:15]))
    return total / TICK


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """CPU seconds, seconds, and what came of it."""
    cpu, began = cpu_seconds(), time.monotonic()
    result = work()
    return cpu_seconds() - cpu, time.monotonic() - began, result


def counted(engine: Engine, folder: Path) -> int:
    """How many rows the counters give for these files, before they are taken."""
    terms = replace(USUAL, threads=2)
    connection = connect(terms)
    connection.execute("SET enable_progress_bar = false")
    snapshot.create(connection)
    rollup.define_buckets(connection)
    found = terms.storage.find([str(folder)])
    contents = [Content(file, None, ReadingOptions()) for file in found.files.values()]
    counting = engine(Revision("benchmark", utc.now(), connection, terms))
    rows = 0
    for batch in counting.batches(contents):
        for result in batch.count(batch.contents):
            assert isinstance(result, Counted), result
            rows += result.rows.num_rows
    connection.close()
    return rows


def night(engine: Engine, folder: Path) -> nightly.Summary:
    store = Path(tempfile.mkdtemp(prefix="spark-store-"))
    policy = nightly.Policy(engine=engine, terms=replace(USUAL, threads=2))
    try:
        return nightly.run(
            store, [Source((str(folder),), ReadingOptions())], lambda _: None, policy
        )
    finally:
        shutil.rmtree(store)


def sample(folder: Path, rows: int, files: int, services: int) -> Path:
    """Logs of one day, cut into so many files."""
    told = ["--rows", str(rows), "--services", str(services), "--format", "generic"]
    words = [sys.executable, "-m", "jobs.cli", "sample", str(folder), *told]
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    logs = folder / "generic"
    hourly = sorted(logs.rglob("*.parquet"))
    if files != len(hourly):
        cut(hourly, folder / "cut", files)
        return folder / "cut"
    return logs


def cut(hourly: list[Path], logs: Path, files: int) -> None:
    """The same rows in so many files, each of some rows of one hour."""
    logs.mkdir()
    each = -(-files // len(hourly))
    for hour, file in enumerate(hourly):
        rows = pq.read_table(file)
        size = -(-rows.num_rows // each)
        for part in range(each):
            some = rows.slice(part * size, size)
            pq.write_table(some, logs / f"{hour:02}-{part}.parquet", compression="zstd")


def compared(spark: Spark, logs: Path, repeat: int) -> str:
    """Medians of CPU seconds and seconds, and their ratios."""
    ours: dict[str, list[tuple[float, float, Any]]] = {}
    for _ in range(repeat):
        for name, engine in (("plain", here), ("spark", spark)):
            for what, work in (("counting", counted), ("run", night)):
                ours.setdefault(f"{what} {name}", []).append(timed(lambda: work(engine, logs)))  # noqa: B023
    cpu = {key: statistics.median(c for c, _, _ in some) for key, some in ours.items()}
    wall = {key: statistics.median(s for _, s, _ in some) for key, some in ours.items()}
    lines = [f"  counted rows {ours['counting plain'][0][2]:,}"]
    for what in ("counting", "run"):
        plain, other = cpu[f"{what} plain"], cpu[f"{what} spark"]
        ratio = statistics.median(s[0] / p[0] for p, s in zip(ours[f"{what} plain"], ours[f"{what} spark"], strict=True))  # fmt: skip
        lines.append(
            f"  {what:8}  CPU plain {plain:7.2f} s  spark {other:7.2f} s  ratio {ratio:5.2f}"
            f"   wall plain {wall[f'{what} plain']:7.2f} s  spark {wall[f'{what} spark']:7.2f} s"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[24_000_000])
    parser.add_argument("--files", type=int, nargs="+", default=[24])
    parser.add_argument("--services", type=int, nargs="+", default=[1_000])
    parser.add_argument("--repeat", type=int, default=3)
    told = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(prefix="spark-benchmark-"))
    spark = spark_engine("local[2]", EngineConfig(conf=CONF), folder)
    try:
        cpu, wall, _ = timed(spark.ready)
        print(f"start: {cpu:.1f} s CPU, {wall:.1f} s")
        for rows in told.rows:
            for files in told.files:
                for services in told.services:
                    logs = sample(folder / f"{rows}-{files}-{services}", rows, files, services)
                    counted(spark, logs)
                    print(f"{rows:,} rows, {files:,} files, {services:,} services")
                    print(compared(spark, logs, told.repeat), flush=True)
                    shutil.rmtree(logs.parent)
    finally:
        spark.session.end()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
