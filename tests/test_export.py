"""Exported documents: the documented answer's bytes, whole days, an index that is right."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import Command, Logs, Store

import queries
from jobs.day_folders import day_folders, file_name
from jobs.export import export

A, B, ODD = "a.example", "b.example", 'x"\\/%~é:.example'


def deliver(logs: Logs) -> None:
    logs.requests("a.parquet", ("2025-09-09T00:00:00Z", A, 200), ("2025-09-09T23:59:59Z", A, 0), ("2025-09-09T12:00:00Z", "[::1]", 404))  # fmt: skip
    logs.requests("b.parquet", ("2025-09-10T00:00:00Z", A, 200), ("2025-09-10T01:00:00Z", B, 503), ("2025-09-10T01:00:00Z", ODD, 503))  # fmt: skip


def index_of(out: Path) -> dict:
    """The index, after a check that every file is as it says."""
    index = json.loads((out / "index.json").read_bytes())
    for day in index["days"].values():
        for file in day["services"].values():
            content = (out / file["file"]).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])  # fmt: skip
    return index


def tree(out: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}


def test_a_document_is_the_element_of_the_documented_answer(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    deliver(logs)
    store.run(logs.folder)
    out = tmp_path / "out"
    export(store.folder, out)
    index = index_of(out)
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
    assert index_of(out)["days"]["2025-09-10"]["services"].keys() == {A}
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
    assert index_of(out)["days"].keys() == {"2025-09-09"}
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
    assert index_of(tmp_path / "out")["snapshot"] + ".duckdb" in store.snapshots()
    assert b"exported to      " in httpcodes("config", "check", cwd=tmp_path).stdout
    failed = httpcodes("run", logs.folder, "--store", store.folder, "--export", logs.folder)
    assert failed.returncode == 1
    assert b"is published, but the export to" in failed.stderr


def test_killed_anywhere_an_export_leaves_whole_days(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for turn in range(4):
        rows = [(f"2025-09-0{d}T12:00:00Z", f"s{s}.example", 200 + turn) for d in range(1, 5) for s in range(50)]  # fmt: skip
        logs.requests("a.parquet", *rows)
        store.run(logs.folder)
        command = [sys.executable, "-m", "jobs.cli", "export", str(out), "--store", str(store.folder)]  # fmt: skip
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as killed:
            time.sleep(random.Random(turn).uniform(0.2, 0.8))
            killed.send_signal(signal.SIGKILL)
        if (out / "index.json").exists():
            for day in json.loads((out / "index.json").read_bytes())["days"].values():
                for name, file in day["services"].items():
                    content = (out / day["folder"] / file_name(name)).read_bytes()
                    assert hashlib.sha256(content).hexdigest() == file["sha256"]
        for link in out.glob("2025-*"):
            assert len(list(link.iterdir())) == 50
        export(store.folder, out)
        assert len(index_of(out)["days"]) == 4
        assert not list(out.glob(".tmp-*"))
