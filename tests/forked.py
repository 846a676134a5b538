"""Commands as processes of their own, forked from one that has imported what commands import.

Starting Python and its libraries takes longer than most commands do, and the tests start
commands by the hundred. What a command loads, and in which environment, is tried elsewhere.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import select

LONGEST = 600  # seconds; as subprocess.run's timeout
_MOST = 1 << 20


class Parent:
    """The process that commands are forked from."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()

    def close(self) -> None:
        self._control.close()
        self._process.wait()

    def run(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], given: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """`python -m jobs.cli ARGUMENTS`, to its end. Raises subprocess.TimeoutExpired."""
        ours, theirs = zip(*_pipes(), strict=True)
        asked = json.dumps([list(arguments), os.fspath(cwd), dict(env)]).encode()
        socket.send_fds(self._control, [asked], list(theirs))
        for end in theirs:
            os.close(end)
        with ThreadPoolExecutor(3) as threads:
            feeding = threads.submit(_feed, ours[0], given)
            out, err, status = (os.fdopen(end, "rb") for end in ours[1:])
            reading = [threads.submit(stream.read) for stream in (out, err)]
            with out, err, status:
                pid = int(status.readline())
                if not select([status], [], [], LONGEST)[0]:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(arguments, LONGEST)
                ended = os.waitstatus_to_exitcode(int(status.readline()))
                output = [stream.result() for stream in reading]
            feeding.result()
        return subprocess.CompletedProcess(arguments, ended, *output)


def _pipes() -> Iterator[tuple[int, int]]:
    """stdin, stdout, stderr and how it goes: our end of each, and the command's."""
    read, write = os.pipe()
    yield write, read
    for _ in range(3):
        yield os.pipe()


def _feed(end: int, given: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(end, "wb") as stream:
        stream.write(given)


def serve(control: socket.socket) -> None:
    """Fork as often as asked; returns in each command's process, and never in this one."""
    while True:
        message, ends, _, _ = socket.recv_fds(control, _MOST, 4)
        if not message:
            os._exit(0)
        if os.fork():
            for end in ends:
                os.close(end)
            continue
        control.close()
        _become(message, ends)
        return


def _become(message: bytes, ends: Sequence[int]) -> None:
    """Returns in the command's process; the one between tells how it goes, and ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status = ends[3]
    if command := os.fork():
        for end in ends[:3]:
            os.close(end)
        os.write(status, f"{command}\n".encode())
        os.write(status, f"{os.waitpid(command, 0)[1]}\n".encode())
        os._exit(0)
    arguments, folder, environment = json.loads(message)
    for number, end in enumerate(ends[:3]):
        os.dup2(end, number)
    for end in ends:
        os.close(end)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["httpcodes", *arguments]


if __name__ == "__main__":
    import gc
    import importlib
    import runpy

    import laid_out
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401
    import rich.table  # noqa: F401
    import typer._adapters  # noqa: F401
    from matplotlib.backends import backend_agg, backend_svg  # noqa: F401

    from jobs.cli.app import Table

    for group in Table.groups.values():
        for line in group:
            importlib.import_module(line.module)
    laid_out.once()
    laid_out.empty()
    gc.freeze()  # what is never looked at stays shared
    sys.path[0] = ""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("jobs.cli", run_name="__main__", alter_sys=True)
