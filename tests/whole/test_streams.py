"""Streams that are full, closed or left: a sentence, and no word that is not true."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Logs, Store

NOON = "2025-09-09T12:00:00Z"
A = "a.example"
QUERY = ("query", "--service", A, "--start", NOON, "--end", "2025-09-09T13:00:00Z")
TELLING = [
    QUERY,
    ("sql", "SELECT * FROM range(100000)"),
    ("sql", "--format", "parquet", "SELECT * FROM range(100000)"),
    ("status",),
    ("status", "--json"),
    ("snapshots",),
    ("services", "list"),
    ("verify", "--json"),
    ("tables",),
]

Spoken = Callable[..., subprocess.CompletedProcess[bytes]]


def speaking(logs: Logs, store: Store) -> Spoken:
    """The command on a store, its streams as told; what it says on stderr is kept."""
    logs.requests("a.parquet", (NOON, A, 200))

    def command(*arguments: str, **streams: object) -> subprocess.CompletedProcess[bytes]:
        streams.setdefault("stderr", subprocess.PIPE)
        return subprocess.run(
            [sys.executable, "-m", "jobs.cli", *arguments, "--store", str(store.folder)],
            check=False, timeout=600, cwd=logs.folder, env={**os.environ, "NO_COLOR": "1"},
            **streams,
        )  # type: ignore[call-overload, no-any-return]  # fmt: skip

    return command


@pytest.fixture
def spoken(logs: Logs, store: Store) -> Spoken:
    """The command on a store that is not there yet."""
    return speaking(logs, store)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Spoken:
    """The command on a store that was counted once, for all that only ask it."""
    folder = tmp_path_factory.mktemp("asked")
    logs, store = Logs(folder / "logs"), Store(folder / "store")
    spoken = speaking(logs, store)
    store.run(logs.folder)
    return spoken


def closed(*descriptors: int) -> dict[str, object]:
    """A process in which these are closed."""
    return {"preexec_fn": lambda: [os.close(number) for number in descriptors]}


def test_a_run_whose_summary_nobody_can_read_has_published(spoken: Spoken, store: Store) -> None:
    with Path("/dev/full").open("wb") as full:
        done = spoken("run", ".", "--json", "--quiet", stdout=full)
    assert done.returncode == 3
    assert done.stderr.decode() == (
        "httpcodes: it is done and in force, but stdout can't be written: No space left on device\n"
    )
    assert store.counts() == {(A, NOON, 200): 1}
    assert json.loads((store.folder / "last_run.json").read_text())["outcome"] == "partly_done"
    for command in (("rebuild", "--from", "2025-09-09", "--to", "2025-09-09"), ("prune",)):
        with Path("/dev/full").open("wb") as full:
            done = spoken(*command, "--json", stdout=full)
        assert (done.returncode, b"it is done" in done.stderr) == (3, True)


@pytest.mark.parametrize("told", TELLING, ids=" ".join)
def test_what_can_not_be_told_fails_with_one_sentence(asked: Spoken, told: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        streams = ({"stdout": full}, closed(1))
        failed = [asked(*told, **stream) for stream in streams]
    sentence = "httpcodes: stdout can't be written: {}\n".format
    said = [(done.returncode, done.stderr.decode()) for done in failed]
    assert said == [
        (1, sentence("No space left on device")),
        (1, sentence("Bad file descriptor")),
    ]


@pytest.mark.parametrize("told", TELLING, ids=" ".join)
def test_a_reader_who_has_seen_enough_hears_no_complaint(
    asked: Spoken, told: tuple[str, ...]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = asked(*told, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_run_needs_no_streams(spoken: Spoken, store: Store) -> None:
    assert spoken("run", ".", **closed(0, 1, 2)).returncode == 0
    with Path("/dev/full").open("wb") as full:
        assert spoken("run", ".", stderr=full).returncode == 0
    assert store.counts() == {(A, NOON, 200): 1}


@pytest.mark.parametrize("asking", ["query", "sql"])
def test_a_closed_stdin_is_named(asked: Spoken, asking: str) -> None:
    done = asked(asking, "-", **closed(0))
    assert done.returncode == 2
    assert "stdin can't be read" in done.stderr.decode()
