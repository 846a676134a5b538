"""Columns, files and stores whose names mean something to somebody: none fails a run."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Command, Logs, Store

from jobs import verify as proofs
from jobs.rejects import rejects
from jobs.store.revision import StoreUnusable
from queries.analyst.adhoc import fenced

A = "a.example"
NOON = "2025-09-09T12:00:00Z"
MAPS = ["service=host", "timestamp=timestamp", "status=status"]

COLUMNS = [
    "httpcodes source file", "HTTPCODES Source File", "httpcodes source file_",
    "httpcodes moment", "httpcodes service", "httpcodes unreplaced", "httpcodes line",
    "httpcodes {files}", "filename", "FileName", "requested_at", "service_name", "status_code",
    "source_file", "bucket", "moment", "line", "scanned", "{files}", "{scan}", "$files",
    "a'b", 'a"b', "a;b", "a\nb", "a?b", "%s", "*", "ünïcode", " ", "--", "select",
]  # fmt: skip
SHADOWS = ["file_index", "File_Index", "file_row_number"]


def beside_each_other(columns: list[str]) -> list[list[str]]:
    """The columns of as few files as can be, for letters of both cases are one to many."""
    files: list[list[str]] = []
    for column in columns:
        alike = (file for file in files if column.lower() not in map(str.lower, file))
        if (file := next(alike, None)) is None:
            files.append(file := [])
        file.append(column)
    return files


def delivered(logs: Logs, store: Store, files: list[list[str]], host: bytes) -> None:
    """Files of such columns, with such a host in the last of three rows; and another.

    Hosts are those of the file alone: 0.example in the first one.
    """
    for number, columns in enumerate(files):
        hosts = [f"{number}.example".encode(), b"a b", host]
        hosts = pa.array(hosts, pa.binary()).view(pa.string())
        rows = {"timestamp": [NOON] * 3, "host": hosts, "status": [200] * 3}
        odd = {column: ["x", "y", "z"] for column in columns}
        logs.write(f"{number}.parquet", {**rows, **odd})
    logs.requests("other.parquet", (NOON, A, 404))
    store.run(logs.folder, maps=MAPS)


def named(store: Store) -> list[tuple[int, int]]:
    """Rows of each file in access_log, and those of a service, in order of files."""
    rows = store.sql(
        "SELECT count(*), count(service_name) FROM access_log GROUP BY source_file"
        " ORDER BY TRY_CAST(parse_filename(source_file, true) AS INT)"
    )
    return [(of_file, of_services) for of_file, of_services in rows]


def test_columns_may_have_any_name(logs: Logs, store: Store) -> None:
    files = beside_each_other(COLUMNS + SHADOWS)
    delivered(logs, store, files, A.encode())
    own = {(f"{n}.example", NOON, 200): 1 for n in range(len(files))}
    assert store.counts() == own | {(A, NOON, 200): len(files), (A, NOON, 404): 1}
    assert named(store) == [(3, 2)] * len(files) + [(1, 1)]
    assert [len(file.shown) for file in rejects(store.folder, None, 100)] == [1] * len(files)
    assert not proofs.verify(store.folder, deep=True).findings


def test_so_they_may_beside_bytes_that_are_no_text(logs: Logs, store: Store) -> None:
    files = beside_each_other(COLUMNS)
    delivered(logs, store, files, b"\xff")
    own = {(f"{n}.example", NOON, 200): 1 for n in range(len(files))}
    assert store.counts() == own | {(A, NOON, 404): 1}
    assert named(store) == [(3, 1)] * len(files) + [(1, 1)]
    assert [len(file.shown) for file in rejects(store.folder, None, 100)] == [2] * len(files)
    assert not proofs.verify(store.folder, deep=True).findings


def test_what_can_not_be_told_apart_is_refused(logs: Logs, store: Store) -> None:
    delivered(logs, store, [[column] for column in SHADOWS], b"\xff")
    refused = store.sql(
        "SELECT path, reason FROM source_files WHERE state = 'quarantined' ORDER BY 1"
    )
    assert [Path(path).name for path, _ in refused] == ["0.parquet", "1.parquet", "2.parquet"]
    for column, (_, reason) in zip(SHADOWS, refused, strict=True):
        assert column.lower() in reason
    assert store.counts() == {(A, NOON, 404): 1}


def test_nothing_is_counted_by_a_column_with_a_name_of_ours(logs: Logs, store: Store) -> None:
    columns = {"timestamp": [NOON], "Httpcodes moment": [A], "status": [200]}
    logs.write("a.parquet", columns)
    store.run(logs.folder, maps=["service=Httpcodes moment", *MAPS[1:]])
    assert store.states() == {"a.parquet": "quarantined"}


FILES = [
    "a'b.parquet", 'a"b.parquet', "a;b.parquet", "a\nb.parquet", "a?b.parquet", "a*b.parquet",
    "a[b].parquet", "{a,b}.parquet", "{files}.parquet", "100%.parquet", "%41.parquet",
    "ü/日本.parquet", "#a.parquet", "a\\b.parquet", "$files.parquet", "--.parquet",
    "x=1/host=evil/a.parquet", "a?version=1/a#b.parquet",
]  # fmt: skip


def test_files_may_have_any_name(logs: Logs, store: Store) -> None:
    hosts = {name: f"{number}.example" for number, name in enumerate(FILES)}
    files = {
        str(logs.requests(name, (NOON, host, 200), (NOON, "a b", 200))): host
        for name, host in hosts.items()
    }
    other = logs.requests("other.parquet", (NOON, A, 404), ("never", A, 200))
    store.run(logs.folder)
    expected = {(host, NOON, 200): 1 for host in hosts.values()} | {(A, NOON, 404): 1}
    assert store.counts() == expected
    shown = dict(store.sql("SELECT source_file, min(service_name) FROM access_log GROUP BY ALL"))
    assert shown == files | {str(other): A}
    told = rejects(store.folder, None, 100)
    assert sorted(len(file.shown) for file in told) == [1] * (len(FILES) + 1)
    with fenced(store.folder) as analyst:
        asked = list(analyst.ask("SELECT count(*) AS n FROM access_log"))
    assert asked == [(["n"], [(2 * len(FILES) + 2,)])]
    assert not proofs.verify(store.folder, deep=True).findings


@pytest.mark.parametrize("name", ["""a#b/a'b/a"b/a b/ü日本/a;b/%20/[a*]/$s""", ":memory:"])
def test_a_store_may_have_such_a_name(name: str, logs: Logs, tmp_path: Path) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, "a b", 200))
    store = Store(tmp_path / name)
    for status in (200, 404):
        logs.requests(f"{status}.parquet", (NOON, A, status))
        store.run(logs.folder)
    with fenced(store.folder) as analyst:
        assert list(analyst.ask("SELECT count(*) AS n FROM access_log")) == [(["n"], [(4,)])]
    assert not proofs.verify(store.folder, deep=True).findings


@pytest.mark.parametrize(
    "name", ["a?b", "a\\b", "a?access_mode=read_write/store", "a\nb", "a\udcff"]
)
def test_a_store_that_duckdb_would_lay_elsewhere_is_refused(
    name: str, logs: Logs, tmp_path: Path
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    with pytest.raises(StoreUnusable, match="may hold no question mark"):
        Store(tmp_path / name).run(logs.folder)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_rejects_are_json_whatever_the_row_holds(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.write(
        "a.parquet",
        {
            "timestamp": ["never"] * 3,
            "host": [A] * 3,
            "status": [200] * 3,
            "took": [float("nan"), float("inf"), float("-inf")],
            "parts": [[float("nan")], [], None],
            "raw": pa.array([b"\xff\x00", b"x", None], pa.binary()),
            "fixed": pa.array([b"\xff\x00", b"xy", None], pa.binary(2)),
            "line": ["x", "y", "z"],
            "httpcodes line": ["x", "y", "z"],
        },
    )
    store.run(logs.folder, maps=["service=host", "timestamp=timestamp", "status=status"])
    shown = httpcodes("rejects", "--store", store.folder)

    def fail(constant: str) -> None:
        raise AssertionError(constant)

    rows = [json.loads(line, parse_constant=fail)["row"] for line in shown.stdout.splitlines()]
    assert [row["took"] for row in rows] == ["NaN", "Infinity", "-Infinity"]
    assert [row["line"] for row in rows] == ["x", "y", "z"]
