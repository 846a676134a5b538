"""A real S3 server over a folder, and a proxy before it that counts requests and makes trouble."""

import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

from quiet import Quiet

KEY, SECRET = "key-of-the-tests", "secret-of-the-tests"
RCLONE = Path(sys.executable).with_name("rclone")


@dataclass
class Troubled:
    """A store behind a proxy."""

    endpoint: str = ""
    trouble: Callable[[str, str], int | None] = lambda method, key: None
    """Called with each request; a number is the HTTP status that the proxy answers instead."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Methods and keys; a listing has the key ''."""
    bytes_sent: int = 0

    def asked(self) -> list[tuple[str, str]]:
        """The requests since the last time."""
        asked, self.requests = self.requests, []
        return asked


@dataclass
class Bucket(Troubled):
    """A bucket that lies in a folder, behind a proxy."""

    folder: Path = Path()

    def url(self, key: str = "") -> str:
        return f"s3://logs/{key}".rstrip("/")


def serve(root: Path) -> tuple["subprocess.Popen[bytes]", int]:
    """Start a server, which gets a port of the system's; each folder below the root is a bucket."""
    root.mkdir()
    log = root.with_suffix(".log")
    with log.open("wb") as said:
        server = subprocess.Popen(
            [
                RCLONE, "serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", f"{KEY},{SECRET}",
                "--config", "/dev/null", "--dir-cache-time", "0s", "--poll-interval", "0", root,
            ],
            stderr=said,
        )  # fmt: skip
    while not (listens := re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text())):
        assert server.poll() is None, log.read_text()
        time.sleep(0.02)
    return server, int(listens[1])


def bucket_of(port: int, root: Path) -> tuple[Bucket, ThreadingHTTPServer]:
    """An empty bucket called logs, and the proxy that leads to it."""
    bucket = Bucket(folder=root / "logs")
    bucket.folder.mkdir()
    return bucket, proxy(port, bucket, _key_of)


def proxy(
    port: int,
    bucket: Troubled,
    key_of: Callable[[str], str],
    ask: Callable[[str], str] = lambda path: path,
    tell: Callable[[str, bytes], bytes] = lambda path, body: body,
) -> ThreadingHTTPServer:
    """Start a proxy before a server; it may `ask` for another path, and `tell` another answer."""
    handler = _handler(port, bucket, key_of, ask, tell)
    started = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    bucket.endpoint = f"http://127.0.0.1:{started.server_port}"
    Thread(target=started.serve_forever, args=(0.02,), daemon=True).start()
    return started


def _key_of(path: str) -> str:
    return unquote(path.partition("?")[0]).removeprefix("/logs").strip("/")


def _handler(
    port: int,
    bucket: Troubled,
    key_of: Callable[[str], str],
    ask: Callable[[str], str],
    tell: Callable[[str, bytes], bytes],
) -> type[Quiet]:
    class Handler(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
            key = key_of(self.path)
            bucket.requests.append((self.command, key))
            status = bucket.trouble(self.command, key)
            if status is None:
                self._pass_on()
            else:
                self._send(status, [], b"")

        do_HEAD = do_GET  # noqa: N815

        def _pass_on(self) -> None:
            status, headers, body = _asked(port, self.command, ask(self.path), self.headers)
            if (other := tell(self.path, body)) is not body:
                headers = [header for header in headers if header[0].lower() != "content-length"]
            bucket.bytes_sent += len(other)
            self._send(status, headers, other)

        def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            names = {name.lower() for name, _ in headers}
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            if "content-length" not in names:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)
                self.wfile.flush()

    return Handler


def _asked(
    port: int, method: str, path: str, headers: Message
) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheaders(), body


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
