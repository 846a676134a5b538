"""Bad rows as they stand in their files."""

import json
import subprocess
import sys

from conftest import Command, Logs, Store

A = "a.example"
NOON = "2025-09-09T12:00:00Z"


def lines(output: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.decode().splitlines()]


def test_rejected_rows_are_shown_as_they_stand_in_the_file(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    file = logs.write(
        "deep/a.parquet",
        {
            "timestamp": [NOON, "yesterday", NOON, None, NOON],
            "host": ["A.example:80", A, "a b", "-", A],
            "status": ["200", "200", "200", "abc", "-"],
            "path": ["/1", "/2", "/3", "/ü", "/5"],
        },
    )
    logs.requests("fine.parquet", (NOON, A, 200))
    gone = logs.requests("gone.parquet", (NOON, A, 1000))
    store.run(logs.folder)
    gone.unlink()
    shown = httpcodes("rejects", "--store", store.folder)
    assert shown.returncode == 0
    assert shown.stderr.decode().splitlines() == [
        f"{file}: 4 rows rejected",
        f"{gone}: 1 row rejected; the file is gone",
    ]
    assert [(line["path"], line["unreadable"]) for line in lines(shown.stdout)] == [
        (str(file), ["timestamp"]),
        (str(file), ["service"]),
        (str(file), ["timestamp", "service", "status"]),
        (str(file), ["status"]),
    ]
    assert lines(shown.stdout)[2]["row"] == {
        "timestamp": None, "host": "-", "status": "abc", "path": "/ü",
    }  # fmt: skip
    few = httpcodes("rejects", file.parent, "--limit", 1, "--store", store.folder)
    assert len(lines(few.stdout)) == 1
    assert lines(httpcodes("rejects", logs.folder / "fine.parquet", "--store", store.folder).stdout) == []  # fmt: skip


def test_a_log_without_rejects_shows_none(logs: Logs, store: Store, httpcodes: Command) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    shown = httpcodes("rejects", "--store", store.folder)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, b"", b"")


def test_rows_that_nobody_reads_any_more_end_the_command_silently(logs: Logs, store: Store) -> None:
    for number in range(3):
        row = {"timestamp": ["never"] * 300, "host": [A] * 300, "status": [number] * 300}
        logs.write(f"{number}.parquet", {**row, "path": ["/" * 1000] * 300})
    store.run(logs.folder)
    command = [sys.executable, "-m", "jobs.cli", "rejects", "--limit", "300", "--store"]
    with subprocess.Popen(
        [*command, str(store.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode().splitlines()
    assert process.returncode == 0
    assert all(line.endswith("300 rows rejected") for line in said)
