"""A server as its operator runs it: a process of its own, asked over real sockets."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from waiting import until

PATH = "/cdn/v1.0/analytics/httpCodes"
TRACE = "x-sfd-trace-id"


class Response:
    """What came back."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        self.body = answer.read()

    @property
    def code(self) -> str:
        """The error code in the body."""
        return str(json.loads(self.body)["code"])


class Server:
    """A server that runs."""

    def __init__(self, process: subprocess.Popen[bytes], stderr: Path) -> None:
        self.process, self._stderr = process, stderr
        self.host, self.port = self._address()

    def _address(self) -> tuple[str, int]:
        """Where it listens, which it says last of what it says at its start."""
        while True:
            ended = self.process.poll() is not None
            said = self._stderr.read_text()
            if address := re.search(r"^listening on http://(\S+):(\d+)\n", said, re.MULTILINE):
                return address[1], int(address[2])
            assert not ended, said
            time.sleep(0.01)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=600)

    def ask(
        self,
        request: Any,
        method: str = "POST",
        path: str = PATH,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """One request; JSON from whatever is not bytes."""
        body = request if isinstance(request, bytes | None) else json.dumps(request).encode()
        connection = self.connection()
        connection.request(method, path, body, dict(headers or {}))
        try:
            return Response(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str) -> Response:
        return self.ask(None, "GET", path)

    def socket(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=600)

    def raw(self, *pieces: bytes) -> bytes:
        """Send these bytes; everything that comes back until the server closes."""
        with self.socket() as client:
            for piece in pieces:
                client.sendall(piece)
            return received(client)

    def log(self) -> list[dict[str, Any]]:
        """The lines of JSON on stderr that are there by now."""
        return [json.loads(line) for line in self._said() if line[0] == "{"]

    def logged(self, told: str) -> dict[str, Any]:
        """The first of these lines that holds this, once it is there: they are written later."""
        until(lambda: told in str(self.log()))
        return next(line for line in self.log() if told in str(line))

    def narration(self) -> list[str]:
        return [line for line in self._said() if line[0] != "{"]

    def _said(self) -> list[str]:
        """The lines on stderr that are whole."""
        return self._stderr.read_text().rpartition("\n")[0].splitlines()

    def processes(self) -> list[int]:
        """The processes that answer."""
        pid = self.process.pid
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]

    def peak_memory(self) -> int:
        """MiB of memory that a process that answers ever held."""
        told = [Path(f"/proc/{pid}/status").read_text() for pid in self.processes()]
        return max(int(status.partition("VmHWM:")[2].split()[0]) for status in told) >> 10

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=600)


def received(client: socket.socket) -> bytes:
    """Everything that comes until the other side closes."""
    pieces = []
    while piece := client.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


@contextmanager
def serving(
    store: Path, *options: object, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server on a free port; it is stopped at the end, if it still runs."""
    command = [sys.executable, "-m", "jobs.cli", "serve", "--store", store, "--port", "0", *options]
    with tempfile.TemporaryDirectory() as folder:
        stderr = Path(folder, "stderr")
        with stderr.open("wb") as sink:
            process = subprocess.Popen(
                [str(part) for part in command], stderr=sink, cwd=folder,
                env={**os.environ, **(environment or {})},
            )  # fmt: skip
        try:
            yield Server(process, stderr)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=600)
