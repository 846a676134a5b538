"""Folders that are tables, and sources that hold nothing to count."""

import gzip
from pathlib import Path

import pytest
import s3
from conftest import Logs, Store

A = "a.example"
NOON = "2025-09-09T12:00:00Z"
MARKS = {
    "Delta": "_delta_log/00000000000000000000.json",
    "Hudi": ".hoodie/hoodie.properties",
    "Iceberg": "metadata/v1.metadata.json",
}


def table(folder: Path, kind: str) -> Path:
    """A table of this kind, with a file of one row in it."""
    mark = folder / "t" / MARKS[kind]
    mark.parent.mkdir(parents=True)
    mark.write_text("{}")
    return Logs(folder / "t").requests("data/day=1/a.parquet", (NOON, A, 200))


@pytest.mark.parametrize(
    "source", ["", "t", "t/data", "t/data/*/*.parquet", "**", "t/data/day=1/a.parquet"]
)
@pytest.mark.parametrize("kind", MARKS)
def test_a_table_is_refused_however_a_source_reaches_into_it(
    kind: str, source: str, logs: Logs, store: Store
) -> None:
    table(logs.folder, kind)
    refused = store.run(logs.folder / source).outcome.quarantined
    assert list(refused) == [str(logs.folder / "t")]
    assert f"{kind} table, of whose files only its own log tells" in refused[str(logs.folder / "t")]
    assert store.counts() == {}


def test_a_table_below_a_link_is_refused_and_its_neighbours_are_counted(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    inside = table(tmp_path / "tables", "Delta").parent
    (logs.folder / "linked").symlink_to(inside)
    logs.requests("beside/a.parquet", (NOON, A, 404))
    assert list(store.run(logs.folder).outcome.quarantined) == [str(tmp_path / "tables" / "t")]
    assert store.counts() == {(A, NOON, 404): 1}


@pytest.mark.parametrize(
    "source", ["", "t", "t/data", "t/data/**/*.parquet", "t/data/day=1/a.parquet"]
)
@pytest.mark.parametrize("kind", MARKS)
def test_a_table_in_a_bucket_is_refused(
    kind: str, source: str, bucket: s3.Bucket, store: Store
) -> None:
    table(bucket.folder, kind)
    Logs(bucket.folder).requests("beside/a.parquet", (NOON, A, 404))
    refused = store.run(bucket.url(source), bucket.url("beside")).outcome.quarantined
    assert list(refused) == [bucket.url("t")]
    assert store.counts() == {(A, NOON, 404): 1}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "holds no *.parquet, and no file"),
        (["x.csv.gz", "y.csv.gz"], "there are 2 *.csv.gz (x.csv.gz, y.csv.gz)"),
        (["000000_0"], "there are 1 without an extension (000000_0)"),
        (["x.parq"], "there are 1 *.parq (x.parq)"),
        (
            ["_a.parquet", ".b.parquet"],
            "there are 2 hidden or underscored (.b.parquet, _a.parquet)",
        ),
    ],
)
def test_a_folder_without_logs_says_what_lies_there(
    names: list[str], said: str, logs: Logs, store: Store
) -> None:
    for name in names:
        (logs.folder / name).write_text("x")
    summary = store.run(logs.folder)
    assert said in summary.outcome.quarantined[str(logs.folder)]
    assert not summary.complete


def test_a_glob_that_matches_nothing_and_a_named_file_that_is_passed_over_are_said(
    logs: Logs, store: Store
) -> None:
    hidden = logs.requests("_a.parquet", (NOON, A, 200))
    refused = store.run(logs.folder / "*.pq", hidden).outcome.quarantined
    assert refused[str(logs.folder / "*.pq")] == "matches nothing"
    assert refused[str(hidden)].startswith("is passed over, because its name begins with . or _")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"time host status\n", "text"),
        (gzip.compress(b"x" * 99, mtime=0), "gzip"),
        (b"ORC" + bytes(99), "ORC"),
    ],
)
def test_what_is_only_called_parquet_is_called_what_it_is(
    content: bytes, kind: str, logs: Logs, store: Store
) -> None:
    (logs.folder / "a.parquet").write_bytes(content)
    (reason,) = store.run(logs.folder).outcome.quarantined.values()
    assert reason == f"cannot be read as Parquet: it is {kind}"
