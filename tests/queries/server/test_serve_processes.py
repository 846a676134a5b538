"""Several processes answer on one socket: what ends one of them, and what ends all."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import PROJECT, Logs, Store
from serving import Server, serving
from waiting import until

BODY = (PROJECT / "sample_data" / "request.json").read_bytes()
ANSWER = (PROJECT / "tests" / "cases" / "documented-answer.json").read_bytes()


@contextmanager
def alone(pid: int, server: Server) -> Iterator[None]:
    """Only this process can answer."""
    others = [other for other in server.processes() if other != pid]
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        yield
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)


def test_there_are_as_many_processes_as_cores_or_as_asked_for(sample_store: Path) -> None:
    with serving(sample_store) as server:
        until(lambda: len(server.processes()) == len(os.sched_getaffinity(0)))
    with serving(sample_store, "--processes", 3) as server:
        until(lambda: len(server.processes()) == 3)
        for pid in server.processes():
            with alone(pid, server):
                assert server.ask(BODY).body == ANSWER


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_process_that_ends_is_replaced(number: int, sample_store: Path) -> None:
    with serving(sample_store, "--processes", 2) as server:
        until(lambda: len(server.processes()) == 2)
        first, second = server.processes()
        assert server.ask(BODY).body == ANSWER
        os.kill(first, number)
        until(lambda: first not in server.processes() and len(server.processes()) == 2)
        (third,) = {*server.processes()} - {second}
        with alone(third, server):
            assert server.ask(BODY).body == ANSWER
        assert server.logged(f"process {first} ended with")
        assert server.stop() == 0


FAILING_FORK = """
import os, signal, socket, time
from queries.server import processes
fork, calls = os.fork, []

def failing():
    calls.append(None)
    if len(calls) == 2:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()

def work(_):
    if len(calls) == 1:
        os._exit(1)
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(600)

os.fork, processes.PAUSE_SECONDS = failing, 0.01
print(processes.run(socket.create_server(("127.0.0.1", 0)), 1, work))
"""


def test_a_process_that_can_not_be_replaced_at_once_is_replaced_later() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILING_FORK],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        timeout=600,
    )
    assert done.stdout == b"15\n"


def test_processes_end_when_their_parent_is_gone(sample_store: Path) -> None:
    with serving(sample_store, "--processes", 2) as server:
        until(lambda: len(server.processes()) == 2)
        processes = server.processes()
        server.process.kill()
        server.process.wait()
        until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in processes))


def test_every_process_sees_what_a_run_published_at_its_next_request(
    logs: Logs, store: Store
) -> None:
    moment = "2025-09-09T12:00:00Z"
    request = {
        "serviceNames": ["a.example"],
        "startTime": moment,
        "endTime": "2025-09-09T12:05:00Z",
    }
    logs.requests("first.parquet", (moment, "a.example", 200))
    store.run(logs.folder)
    with serving(store.folder, "--processes", 2) as server:
        until(lambda: len(server.processes()) == 2)
        for count in (1, 2):
            for pid in server.processes():
                with alone(pid, server):
                    assert b'{"200":%d}' % count in server.ask(request).body
            # A second time it is a file that is known.
            logs.requests("second.parquet", ("2025-09-09T12:01:00Z", "a.example", 200))
            store.run(logs.folder)
