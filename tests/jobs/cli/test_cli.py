"""What the operator types and sees: streams, exit codes, sentences."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import PROJECT, Command, Logs, Store

A = "a.example"
NOON = "2025-09-09T12:00:00Z"


def test_a_run_says_what_it_did_on_stderr_and_nothing_on_stdout(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    done = httpcodes("run", logs.folder, "--store", store.folder)
    assert (done.returncode, done.stdout) == (0, b"")
    what, published = done.stderr.decode().splitlines()
    assert what == "1 file ingested; 1 row read, all counted"
    assert published.startswith("published 2")
    again = httpcodes("run", logs.folder, "--store", store.folder)
    what, _ = again.stderr.decode().splitlines()
    assert what == "nothing new: no count changed; 1 file unchanged"


def test_json_is_a_machines_summary_on_stdout(logs: Logs, store: Store, httpcodes: Command) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, A, 1000))
    (logs.folder / "b.parquet").write_bytes(b"")
    done = httpcodes("run", logs.folder, "--store", store.folder, "--json", "--quiet")
    assert (done.returncode, done.stderr) == (3, b"")
    summary = json.loads(done.stdout)
    assert summary.pop("seconds") > 0
    assert summary.pop("snapshot") + ".duckdb" in store.snapshots()
    assert summary == {
        "files": {
            "ingested": 1,
            "unchanged": 0,
            "replaced": 0,
            "duplicate": 0,
            "merged": 0,
            "withdrawn": 0,
            "refused": 0,
            "quarantined": 1,
        },
        "rows": {"read": 2, "counted": 1, "rejected": 1, "passed_over": 0},
        "rejected": {"status unreadable": 1},
        "passed_over": {},
        "merged": [],
        "withdrawn": [],
        "refused": [],
        "quarantined": [
            {
                "path": str(logs.folder / "b.parquet"),
                "reason": "cannot be read as Parquet: it is too small to be a Parquet file",
            }
        ],
        "not_kept": [],
        "left": 0,
        "gaps": [],
        "lost_rows": [],
        "not_measured": [],
        "overlaps": [],
        "suspected_copies": [],
        "skipped_serials": [],
    }


def test_what_could_not_be_used_is_named_and_exits_with_3(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.write("a.parquet", {"when": [NOON], "site": [A], "code": [200]})
    done = httpcodes("run", logs.folder, "--store", store.folder)
    assert done.returncode == 3
    assert f"quarantined {logs.folder / 'a.parquet'}: no format fits" in done.stderr.decode()


def test_a_map_is_taken_from_the_command_line(logs: Logs, store: Store, httpcodes: Command) -> None:
    logs.write("a.parquet", {"when": [NOON], "site": [A], "code": [200]})
    maps = ["--map", "service=site", "--map", "timestamp=when", "--map", "status=code"]
    assert httpcodes("run", logs.folder, "--store", store.folder, *maps).returncode == 0
    assert store.counts() == {(A, NOON, 200): 1}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run"], "no source: name one (httpcodes run SOURCE)"),
        (["run", "nowhere"], "nowhere does not exist"),
        (["run", ".", "--format", "x"], "unknown format 'x'; known are generic, cloudfront"),
        (
            ["run", ".", "--map", "x"],
            "--map is needed once for each of service, timestamp and status",
        ),
        (["query"], "give the request as FILE or -, or as --service, --start and --end"),
        (["query", "-", "--service", "a"], "give the request as FILE or -, or as --service"),
        (["query", "nowhere.json"], "nowhere.json can't be read: No such file or directory"),
        (["sample", "x", "--format", "x"], "unknown format 'x'"),
        (["sample", "x", "--services", "2"], "--services: it would have to be"),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_one_sentence(
    arguments: list[str], sentence: str, httpcodes: Command
) -> None:
    done = httpcodes(*arguments)
    said = " ".join(done.stderr.decode().replace("│", " ").split())
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in said
    assert "Traceback" not in said


def test_a_failed_run_exits_with_1_and_names_the_cause(
    logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    done = httpcodes("run", logs.folder, "--store", in_the_way)
    assert done.returncode == 1
    assert done.stderr.decode() == f"httpcodes: the store {in_the_way} can't be written: File exists\n"  # fmt: skip


def test_the_answers_bytes_go_to_stdout(sample_store: Path, httpcodes: Command) -> None:
    answer = (PROJECT / "tests" / "cases" / "documented-answer.json").read_bytes()
    request = PROJECT / "sample_data" / "request.json"
    from_file = httpcodes("query", request, "--store", sample_store)
    assert (from_file.returncode, from_file.stdout, from_file.stderr) == (0, answer, b"")
    from_stdin = httpcodes("query", "-", input=request.read_bytes(), env={"HTTPCODES_STORE": str(sample_store)})  # fmt: skip
    assert from_stdin.stdout == answer
    asked = json.loads(request.read_text())
    services = [part for name in asked["serviceNames"] for part in ("--service", name)]
    times = ["--start", asked["startTime"], "--end", asked["endTime"]]
    from_options = httpcodes("query", *services, *times, "--store", sample_store)
    assert from_options.stdout == answer


def test_the_store_falls_back_to_the_folder_store(
    sample_store: Path, httpcodes: Command, tmp_path: Path
) -> None:
    (tmp_path / "store").symlink_to(sample_store)
    done = httpcodes("query", PROJECT / "sample_data" / "request.json", cwd=tmp_path)
    assert done.returncode == 0


def test_a_documented_error_exits_with_4_its_body_on_stdout(
    sample_store: Path, tmp_path: Path, httpcodes: Command
) -> None:
    times = ["--start", NOON, "--end", "2025-09-09T13:00:00Z"]
    unknown = httpcodes("query", "--service", "nobody", *times, "--store", sample_store)
    assert (unknown.returncode, unknown.stderr) == (4, b"")
    assert unknown.stdout == b'{"code":"Domain.NotFound","message":"Domain is not found."}'
    failed = httpcodes("query", "--service", A, *times, "--store", tmp_path / "nowhere")
    assert failed.returncode == 4
    assert b"GetHttpCodes.OperationFailed" in failed.stdout
    assert b"nothing was published here yet" in failed.stderr
    assert httpcodes("query", "--service", A, "--store", sample_store).returncode == 4


def test_a_store_that_was_moved_works(
    logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    moved = Path(shutil.move(store.folder, tmp_path / "moved"))
    times = ["--start", NOON, "--end", "2025-09-09T13:00:00Z"]
    assert httpcodes("query", "--service", A, *times, "--store", moved).returncode == 0
    assert httpcodes("run", logs.folder, "--store", moved).returncode == 0


def test_an_interrupted_query_says_so_and_exits_with_130(tmp_path: Path) -> None:
    query = subprocess.Popen(
        [sys.executable, "-c", "import jobs.cli.app; print(flush=True); jobs.cli.app.main()", "query", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    assert query.stdout
    query.stdout.readline()
    # The system call that it is in: read (0; 63 on ARM) from stdin, for its request.
    syscall = Path(f"/proc/{query.pid}/syscall")
    while syscall.read_text().split()[:2] not in (["0", "0x0"], ["63", "0x0"]):
        time.sleep(0.01)
    query.send_signal(signal.SIGINT)
    _, stderr = query.communicate()
    assert (query.returncode, stderr) == (130, b"httpcodes: interrupted\n")
