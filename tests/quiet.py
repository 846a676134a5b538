"""A handler of HTTP requests that says nothing and answers in one packet."""

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler


class Quiet(BaseHTTPRequestHandler):
    """What the tests' own servers are made of."""

    protocol_version = "HTTP/1.1"
    # An answer in two packets would wait for the client to acknowledge the first.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:  # fmt: skip
        self.send_response_only(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
