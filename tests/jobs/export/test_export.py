"""Exported documents: the documented answer's bytes, whole days, an index that is right."""

import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import Command, Logs, Store
from exported import tree, whole

import queries
from jobs.export.day_folders import day_folders, file_name
from jobs.export.documents import export

A, B, ODD = "a.example", "b.example", 'x"\\/%~é:.example'


def deliver(logs: Logs) -> None:
    logs.requests("a.parquet", ("2025-09-09T00:00:00Z", A, 200), ("2025-09-09T23:59:59Z", A, 0), ("2025-09-09T12:00:00Z", "[::1]", 404))  # fmt: skip
    logs.requests("b.parquet", ("2025-09-10T00:00:00Z", A, 200), ("2025-09-10T01:00:00Z", B, 503), ("2025-09-10T01:00:00Z", ODD, 503))  # fmt: skip


def test_a_document_is_the_element_of_the_documented_answer(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    deliver(logs)
    store.run(logs.folder)
    out = tmp_path / "out"
    export(store.folder, out)
    index = whole(out)
    assert index["days"].keys() == {"2025-09-09", "2025-09-10"}
    assert len(index["days"]["2025-09-10"]["services"]) == 3
    for day, following in (("2025-09-09", "2025-09-10"), ("2025-09-10", "2025-09-11")):
        for service, file in index["days"][day]["services"].items():
            request = {"serviceNames": [service], "startTime": f"{day}T00:00:00Z", "endTime": f"{following}T00:00:00Z"}  # fmt: skip
            answer = queries.answer(store.folder, request)
            assert b"[" + (out / file["file"]).read_bytes() + b"]" == answer.body


def test_only_changed_days_are_written_and_a_second_export_is_byte_identical(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    deliver(logs)
    store.run(logs.folder)
    out = tmp_path / "out"
    export(store.folder, out)
    before = tree(out)
    assert export(store.folder, out).unchanged == ["2025-09-09", "2025-09-10"]
    assert tree(out) == before
    logs.requests("b.parquet", ("2025-09-10T00:00:00Z", A, 200))
    store.run(logs.folder)
    done = export(store.folder, out)
    assert (list(done.written), done.unchanged) == (["2025-09-10"], ["2025-09-09"])
    assert whole(out)["days"]["2025-09-10"]["services"].keys() == {A}
    assert not (out / "2025-09-10" / f"{B}.json").exists()


def test_counts_that_two_cells_exchange_are_a_change(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    first, second = ("2025-09-09T00:00:00Z", A, 200), ("2025-09-09T00:00:00Z", B, 200)
    for rows in ([first, first, second], [first, second, second]):
        logs.requests("a.parquet", *rows)
        store.run(logs.folder)
        assert export(store.folder, tmp_path / "out").written


def test_days_without_data_go(logs: Logs, store: Store, tmp_path: Path, httpcodes: Command) -> None:
    deliver(logs)
    store.run(logs.folder)
    out = tmp_path / "out"
    export(store.folder, out)
    httpcodes("forget", logs.folder / "b.parquet", "--store", store.folder)
    assert export(store.folder, out).removed == ["2025-09-10"]
    assert whole(out)["days"].keys() == {"2025-09-09"}
    assert not os.path.lexists(out / "2025-09-10")


@pytest.mark.parametrize("name", [A, ODD, "[::1]", "..a", "a/../b", "100%"])
def test_names_are_safe_as_file_names_and_come_back(name: str) -> None:
    file = file_name(name)
    assert "/" not in file and not file.startswith(".")
    assert unquote(file.removesuffix(".json")) == name


def test_the_longest_names_fit_and_differ() -> None:
    names = {file_name("a" * 252 + end) for end in "bc"} | {file_name("%" * 253)}
    assert len(names) == 3
    assert all(len(name) == 255 for name in names)


def test_the_wrong_place_is_refused_with_a_sentence(
    logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    deliver(logs)
    store.run(logs.folder)
    file = tmp_path / "file"
    file.touch()
    for out, options, sentence in (
        (file, [], "is a file"),
        (logs.folder, [], "is not empty and has no index.json"),
        (logs.folder, ["--format", "csv"], "is a folder"),
        (tmp_path / "new", ["--service", "nobody"], "no service that is known"),
        (tmp_path / "new", ["--format", "xml"], "unknown format"),
    ):
        done = httpcodes("export", out, "--store", store.folder, *options)
        assert done.returncode == 2
        assert sentence in done.stderr.decode()
    out = tmp_path / "out"
    export(store.folder, out)
    done = httpcodes("export", out, "--store", store.folder, "--service", A)
    assert (done.returncode, b"holds all services" in done.stderr) == (2, True)
    with day_folders(out):
        assert httpcodes("export", out, "--store", store.folder).returncode == 11


@pytest.mark.parametrize("format_", ["ndjson", "parquet", "csv"])
def test_one_file_is_byte_identical_twice(
    format_: str, logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    deliver(logs)
    store.run(logs.folder)
    out = tmp_path / "out"
    command = ["export", out, "--store", store.folder, "--format", format_, "--day", "2025-09-10"]
    contents = []
    for _ in range(2):
        assert httpcodes(*command).returncode == 0
        contents.append(out.read_bytes())
    assert contents[0] == contents[1]
    if format_ == "csv":
        assert b"a.example,2025-09-10T00:00:00Z,200,1" in contents[0]
    assert not list(tmp_path.glob(".*"))


def test_a_run_exports_as_its_last_step_and_says_when_that_failed(
    logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    deliver(logs)
    (tmp_path / "httpcodes.toml").write_text(f'store = "{store.folder}"\nexport = "out"\n')
    assert httpcodes("run", logs.folder, cwd=tmp_path).returncode == 0
    assert whole(tmp_path / "out")["snapshot"] + ".duckdb" in store.snapshots()
    assert b"\nexport  " in httpcodes("config", "check", cwd=tmp_path).stdout
    failed = httpcodes("run", logs.folder, "--store", store.folder, "--export", logs.folder)
    assert failed.returncode == 1
    assert b"is published, but the export to" in failed.stderr
