"""Counting on a real Spark: a master, two workers, and what befalls them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Logs, Store
from odd_logs import deliver
from relations import relations
from spark_cluster import Cluster, cluster, executor_of
from waiting import until

from jobs import nightly
from jobs.engine import handshake
from jobs.engine.engines import Spark, spark_engine
from jobs.engine.handshake import OtherMake
from jobs.engine.share import Share
from jobs.engine.sight import ask
from jobs.logs.options import ReadingOptions, Source
from jobs.logs.storage import Storage
from jobs.rebuild import Days, rebuild
from jobs.store.revision import Revision
from jobs.verify import verify
from queries.config import EngineConfig

pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
    pytest.mark.xdist_group("spark"),
    # Spark's client leaves sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(scope="module")
def engine(spark_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    """One session for all tests; a task gets few files."""
    conf = EngineConfig(conf=spark_cluster.conf, task_bytes=300_000)
    found = spark_engine(spark_cluster.master, conf, tmp_path_factory.mktemp("any"))
    try:
        yield found
    finally:
        found.session.end()


def run(store: Store, folder: Path, **how: Any) -> nightly.Summary:
    """A night over all that lies there, of any kind."""
    source = Source((str(folder / "**"),), ReadingOptions())
    return nightly.run(store.folder, [source], lambda _: None, nightly.Policy(**how))


def requests(logs: Logs, *names: str) -> None:
    """Files of one request each, and which of them it is tells its service."""
    for name in names:
        logs.requests(f"{name}.parquet", ("2025-09-09T10:00:00Z", f"{name}.example", 200))


def services(store: Store) -> set[str]:
    counts = store.counts()
    assert set(counts.values()) <= {1}
    return {service.removesuffix(".example") for service, _, _ in counts}


def test_spark_gives_the_tables_of_the_plain_run_straight_and_through_the_share(
    engine: Spark, tmp_path: Path
) -> None:
    logs = deliver(tmp_path / "logs")
    plain = Store(tmp_path / "plain")
    summary = run(plain, logs.folder).as_json()
    share = Share(tmp_path / "share", tmp_path / "share-store")
    left = tmp_path / "share" / f"{share._prefix}-of-a-dead-run"
    left.mkdir(parents=True)
    share.clear()
    assert not left.exists()
    for name, counting in {
        "straight": engine,
        "by-share": replace(engine, share=share, by_share_bytes=0),
    }.items():
        store = Store(tmp_path / name)
        done = run(store, logs.folder, engine=counting).as_json()
        assert relations(store) == relations(plain)
        own = ("snapshot", "seconds")
        assert {k: v for k, v in done.items() if k not in own} == {k: v for k, v in summary.items() if k not in own}  # fmt: skip
    assert list(share.folder.iterdir()) == []


def test_finished_tasks_tell_how_far_the_engine_is(engine: Spark, logs: Logs, store: Store) -> None:
    requests(logs, *"abcdefghijkl")
    noted: list[nightly.Progress] = []
    seen: set[int] = set()
    source = Source((str(logs.folder),), ReadingOptions())
    # A file is weighed as 64 KiB at the least.
    one_each = replace(engine, task_bytes=1 << 16)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(
            nightly.run, store.folder, [source], noted.append, nightly.Policy(engine=one_each)
        )
        while not running.done():
            seen |= {noted[-1].bytes_done} if noted else set()
            time.sleep(0.01)
        assert running.result().outcome.files_ingested == 12
    assert noted[-1].bytes_done == noted[-1].bytes_to_do
    assert len([done for done in seen if 0 < done < noted[-1].bytes_to_do]) > 1
    assert one_each.session.share_done("nothing of the kind") == 0


def test_days_are_rebuilt_and_proven_on_spark(engine: Spark, tmp_path: Path) -> None:
    logs, store, plain = deliver(tmp_path / "logs"), Store(tmp_path / "store"), Store(tmp_path / "plain")  # fmt: skip
    for each in (store, plain):
        run(each, logs.folder)
    first, second = logs.folder / "plain" / "0.parquet", logs.folder / "plain" / "2.parquet"
    sound = verify(store.folder, deep=True, rereader=engine.reread)
    assert sound == replace(verify(plain.folder, deep=True), snapshot=sound.snapshot)
    assert sound.findings == [] and sound.files_read > 10
    logs.requests("plain/0.parquet", ("2025-09-09T12:00:00Z", "new.example", 200))
    second.unlink()
    found = verify(store.folder, deep=True, rereader=engine.reread)
    assert found.findings == verify(store.folder, deep=True).findings != []
    assert [finding.where for finding in found.findings] == [str(first)]
    assert found.files_missing == [str(second)]
    days = Days(date(2025, 9, 1), date(2025, 9, 30))
    rebuild(store.folder, days, lambda _: ReadingOptions(), engine=engine)
    rebuild(plain.folder, days, lambda _: ReadingOptions())
    assert relations(store) == relations(plain)


def test_the_doctor_asks_the_engine_what_it_is_and_what_it_sees(
    engine: Spark, logs: Logs, tmp_path: Path
) -> None:
    requests(logs, "a")
    source = Source((str(logs.folder),), ReadingOptions())
    there = list(ask(engine.session, tmp_path, [source], Storage()))
    assert [(f.check, f.state) for f in there] == [("engine", "ok"), ("share", "ok"), ("engine sees", "ok")]  # fmt: skip
    assert there[0].says.startswith(f"{engine.session.master} answers, of the same make, on ")
    assert [f.says for f in there[1:]] == [f"executors write to {tmp_path}", f"executors read {logs.folder / 'a.parquet'}"]  # fmt: skip
    _, blind = ask(engine.session, tmp_path / "none", [], Storage())
    assert (blind.check, blind.state) == ("share", "fail")
    assert blind.says.endswith(f"can't write to {tmp_path / 'none'}")


@pytest.mark.parametrize("victim", [int, executor_of], ids=["python worker", "executor"])
def test_what_was_counted_by_a_process_that_is_killed_counts_once(
    victim: Callable[[int], int], engine: Spark, spark_cluster: Cluster, logs: Logs, store: Store
) -> None:
    slow = f"slow-{victim.__name__}"
    requests(logs, "a", "b", "c", slow)
    with ThreadPoolExecutor() as pool:
        night = pool.submit(run, store, logs.folder, engine=engine)
        os.kill(victim(spark_cluster.waiting_on(f"{slow}.parquet")), signal.SIGKILL)
        assert night.result().outcome.files_ingested == 4
    assert services(store) == {"a", "b", "c", slow}


def test_a_task_that_stands_still_is_overtaken_and_counts_once(
    engine: Spark, spark_cluster: Cluster, logs: Logs, store: Store
) -> None:
    requests(logs, "a", "b", "c", "slow-overtaken")
    assert run(store, logs.folder, engine=engine).outcome.files_ingested == 4
    assert services(store) == {"a", "b", "c", "slow-overtaken"}
    assert spark_cluster.waiting_on("slow-overtaken.parquet")


def test_files_that_end_the_process_stand_alone_and_fail_no_night(
    engine: Spark, logs: Logs, store: Store
) -> None:
    requests(logs, "a", "b", "c", "d", "segv", "kill")
    done = run(store, logs.folder, engine=replace(engine, task_bytes=1 << 30)).outcome
    assert services(store) == {"a", "b", "c", "d"}
    assert {Path(path).stem: why for path, why in done.quarantined.items()} == {
        "segv": "reading it ends the process that reads it (SIGSEGV)",
        "kill": "the process that read it was ended (SIGKILL); the next run tries again",
    }
    # A verdict holds; what was only killed is no verdict.
    assert store.states() == {f"{n}.parquet": "ingested" for n in "abcd"} | {"segv.parquet": "quarantined"}  # fmt: skip


def test_a_file_that_changes_between_the_listing_and_its_task_is_put_off(
    engine: Spark, logs: Logs, store: Store
) -> None:
    requests(logs, "a", "b", "gone")

    def later(revision: Revision) -> Any:
        """The listing is done when a run asks for its engine."""
        logs.requests("b.parquet", ("2025-09-09T10:00:00Z", "changed.example", 200))
        (logs.folder / "gone.parquet").unlink()
        return engine(revision)

    done = run(store, logs.folder, engine=later).outcome
    assert services(store) == {"a"}
    assert {Path(path).stem: why for path, why in done.quarantined.items()} == {
        "b": "changed while it was read; the next run looks at it again",
        "gone": "cannot be read: No such file or directory",
    }
    run(store, logs.folder, engine=engine)
    assert services(store) == {"a", "changed"}


def test_an_executor_of_another_make_is_refused_before_anything_counts(
    engine: Spark, logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests(logs, "a")
    there = duckdb.__version__
    monkeypatch.setattr(duckdb, "__version__", "9.9")
    handshake.make.cache_clear()
    try:
        with pytest.raises(OtherMake, match=rf"^the executor on \S+ has duckdb {there}, and the driver 9.9; give both the same environment"):  # fmt: skip
            run(store, logs.folder, engine=replace(engine, _met=False))
    finally:
        handshake.make.cache_clear()
    assert not (store.folder / "httpcodes.duckdb").exists()


def test_sigterm_ends_the_job_on_the_cluster(
    spark_cluster: Cluster, logs: Logs, tmp_path: Path
) -> None:
    requests(logs, "a", "slow-term")
    conf = "".join(f'"{key}" = "{value}"\n' for key, value in spark_cluster.conf.items())
    config = tmp_path / "httpcodes.toml"
    config.write_text(f'[engine]\nspark = "{spark_cluster.master}"\n[engine.conf]\n{conf}')
    before = set(spark_cluster.running())
    words = ["run", str(logs.folder), "--store", str(tmp_path / "store"), "--config", str(config)]
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    worker = spark_cluster.waiting_on("slow-term.parquet")
    assert len(set(spark_cluster.running()) - before) == 1
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert err.decode().splitlines()[-1] == "httpcodes: interrupted; the newest snapshot stands"
    assert until(lambda: set(spark_cluster.running()) <= before)
    assert until(lambda: not Path(f"/proc/{worker}").exists())
    assert not (tmp_path / "store" / "httpcodes.duckdb").exists()
