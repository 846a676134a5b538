"""A real S3 server over a folder, and a proxy before it that counts requests and makes trouble."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

KEY, SECRET = "key-of-the-tests", "secret-of-the-tests"
RCLONE = Path(sys.executable).with_name("rclone")


@dataclass
class Bucket:
    """A bucket that lies in a folder, behind a proxy."""

    folder: Path
    endpoint: str
    trouble: Callable[[str, str], int | None] = lambda method, key: None
    """Called with each request; a number is the HTTP status that the proxy answers instead."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Methods and keys; a listing has the key ''."""
    bytes_sent: int = 0

    def url(self, key: str = "") -> str:
        return f"s3://logs/{key}".rstrip("/")

    def asked(self) -> list[tuple[str, str]]:
        """The requests since the last time."""
        asked, self.requests = self.requests, []
        return asked


def serve(root: Path) -> tuple["subprocess.Popen[bytes]", ThreadingHTTPServer, Bucket]:
    """Start both; each folder below the root is a bucket, and the one called logs is given."""
    port = _free_port()
    (root / "logs").mkdir(parents=True)
    server = subprocess.Popen(
        [
            RCLONE, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}",
            "--config", "/dev/null", "--dir-cache-time", "0s", "--poll-interval", "0", root,
        ],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not _answers(port):
        time.sleep(0.02)
    bucket = Bucket(root / "logs", "")
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(port, bucket))
    bucket.endpoint = f"http://127.0.0.1:{proxy.server_port}"
    Thread(target=proxy.serve_forever, daemon=True).start()
    return server, proxy, bucket


def _handler(port: int, bucket: Bucket) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer in two packets would wait for the client to acknowledge the first.
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            key = unquote(self.path.partition("?")[0]).removeprefix("/logs").strip("/")
            bucket.requests.append((self.command, key))
            status = bucket.trouble(self.command, key)
            if status is None:
                self._pass_on()
            else:
                self._send(status, [], b"")

        do_HEAD = do_GET  # noqa: N815

        def _pass_on(self) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            bucket.bytes_sent += len(body)
            self._send(answer.status, answer.getheaders(), body)
            connection.close()

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


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
