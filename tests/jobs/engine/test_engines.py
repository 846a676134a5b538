"""Which engine counts, as options and the configuration say: without Java."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Logs, Store

from jobs import nightly
from jobs.counts.contents import Content
from jobs.counts.counted import PutOff
from jobs.counts.trouble import MachineTrouble
from jobs.engine.engines import as_seen_here, engine
from jobs.engine.session import EngineMissing
from jobs.logs.options import ReadingOptions, Source
from jobs.logs.storage import Storage
from queries.config import BadConfig, EngineConfig, load


def test_nothing_of_spark_is_imported_for_a_plain_run(logs: Logs, tmp_path: Path) -> None:
    logs.requests("a.parquet", ("2025-09-09T10:00:00Z", "a.example", 200))
    code = (
        "import sys; from jobs.cli.app import main; sys.argv[0] = 'httpcodes'\n"
        "try: main()\n"
        "finally: sys.exit([name for name in sys.modules if name.startswith(('pyspark', 'py4j'))] != [])"
    )
    words = ["run", str(logs.folder), "--store", str(tmp_path / "store"), "--quiet"]
    assert subprocess.run([sys.executable, "-c", code, *words], check=False).returncode == 0
    assert (tmp_path / "store" / "httpcodes.duckdb").exists()


@pytest.mark.parametrize("named", ["mesos", "local[x]", "spark:", "local[2", "yarn-cluster", ""])
def test_an_engine_that_is_not_known_is_refused_with_those_that_are(
    named: str, tmp_path: Path
) -> None:
    if named:
        with pytest.raises(BadConfig, match="is not known; local, spark://HOST:7077, local"):
            engine(named, EngineConfig(), tmp_path)
    with engine("local", EngineConfig(spark="yarn"), tmp_path) as plain:
        assert plain.__module__ == "jobs.counts.counting"


@pytest.mark.parametrize(("named", "extra"), [("yarn", "spark"), ("sc://host", "spark-connect")])
def test_a_missing_package_is_named_by_its_extra(
    named: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyspark"]:
        monkeypatch.delitem(sys.modules, name)
    without = [place for place in sys.path if not Path(place, "pyspark").exists()]
    monkeypatch.setattr(sys, "path", without)
    with pytest.raises(EngineMissing) as refused:
        engine(None, EngineConfig(spark=named), tmp_path)
    assert str(refused.value) == f"the engine {named} needs the extra {extra}: pip install 'cdn-httpcodes[{extra}]'"  # fmt: skip


def test_what_executors_do_not_see_is_no_fault_of_the_files(logs: Logs, store: Store) -> None:
    there = logs.requests("a.parquet", ("2025-09-09T10:00:00Z", "a.example", 200))
    storage = Storage()
    found = storage.look(str(there))
    assert found
    lost = PutOff(
        Content(found, None, ReadingOptions()), "cannot be read: No such file or directory"
    )
    unseen = as_seen_here(lost, storage)
    assert unseen.reason == "cannot be read: it is there for the driver, and the executors don't see it"  # fmt: skip

    class Blind:
        contents: list[Content] = []  # noqa: RUF012
        lost = [unseen]  # noqa: RUF012

        def __call__(self, _: object) -> "Blind":
            return self

        def batches(self, *_: object, **__: object) -> list["Blind"]:
            return [self]

    policy = nightly.Policy(engine=Blind())
    with pytest.raises(MachineTrouble, match=r"none of 1 files could be read; .*a\.parquet cannot be read: it is there for the driver"):  # fmt: skip
        nightly.run(
            store.folder, [Source((str(logs.folder),), ReadingOptions())], lambda _: None, policy
        )
    there.unlink()
    assert as_seen_here(lost, storage) == lost


def test_the_configuration_of_an_engine_is_read(tmp_path: Path) -> None:
    file = tmp_path / "httpcodes.toml"
    file.write_text(
        '[engine]\nspark = "yarn"\nshare = "share"\narchive = "hdfs:///env.tar.gz"\n'
        'task_bytes = "64MiB"\n[engine.conf]\n"spark.executor.memory" = "2g"\n',
        encoding="utf-8",
    )
    told = load(file).engine
    assert told == EngineConfig(
        "yarn", tmp_path / "share", "hdfs:///env.tar.gz", 64 << 20, {"spark.executor.memory": "2g"}
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('task_bytes = "50%"', "\"task_bytes\" is '50%'; it would have to be a size such as 256MB"),
        ('task_bytes = "0MB"', "\"task_bytes\" is '0MB'; it would have to be a size such as 256MB"),
        ("conf = { a = 1 }", '"conf" is {\'a\': 1}; it would have to be a table of Spark\'s settings, each a text'),
        ('master = "yarn"', 'unknown key "master"; known are spark, share, archive, task_bytes, conf'),
    ],
)  # fmt: skip
def test_what_an_engine_can_not_be_told_is_refused(line: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "httpcodes.toml"
    file.write_text(f"[engine]\n{line}\n", encoding="utf-8")
    with pytest.raises(BadConfig) as refused:
        load(file)
    assert str(refused.value) == f"{file}, engine: {why}"
