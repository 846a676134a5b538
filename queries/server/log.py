"""What a server says on stderr: one JSON object a line, for whatever collects logs.

Neither addresses of clients nor bodies are ever written; an answer's trace id leads from a
customer's report to its line, and to the cause of a failure.
"""

import json
import logging
import os
import select
import threading
from collections import deque
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TextIO

from queries import utc

TRACE_ID: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""Of the request at work; threads that answer it inherit it."""

MOST_LINES = 10_000
"""That wait to be written."""
FLUSH_SECONDS = 1

_access = logging.getLogger("httpcodes.access")


def log_as_json(stream: TextIO) -> None:
    """Send every log record of this process to the stream, as JSON lines."""
    handler = _Writer(stream)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    _access.setLevel(logging.INFO)
    # Its warnings repeat what the access log says of refused requests.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


@dataclass(frozen=True, kw_only=True)
class Access:
    """A line of the access log."""

    method: str | None = None
    """None, like the path: no request could be read."""
    path: str | None = None
    """Without the query."""
    status: int
    bytes: int
    """Of the body as it went out, compressed or not."""
    ms: float = 0.0
    trace_id: str


def count(counter: logging.Handler) -> None:
    """Have this handler see the access log, too."""
    _access.addHandler(counter)


def log_access(access: Access) -> None:
    """Write a line of the access log."""
    _access.info(vars(access))


class _Writer(logging.Handler):
    """Lines are written by a thread, so that a full pipe or a slow reader holds nobody up.

    While many wait to be written, more are lost, and their number is told.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._file = stream.fileno()
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._lost = 0
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._waiting) >= MOST_LINES:
            self._lost += 1
            return
        if self._lost:
            self._waiting.append(self._line(_lost(self._lost)))
            self._lost = 0
        self._waiting.append(self._line(record))
        self._idle.clear()
        self._wake.set()
        # Not before there is something to write: processes are forked from one without threads.
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, daemon=True)
            self._thread.start()

    def flush(self) -> None:
        """Waits for a moment until all is written."""
        if self._thread:
            self._idle.wait(FLUSH_SECONDS)

    def _line(self, record: logging.LogRecord) -> bytes:
        return self.format(record).encode() + b"\n"

    def _write(self) -> None:
        while self._wake.wait():
            self._wake.clear()
            while self._waiting:
                self._write_some()
            if not self._wake.is_set():
                self._idle.set()

    def _write_some(self) -> None:
        # Other processes write to the same pipe: so much at once is not torn apart.
        lines = self._waiting.popleft()
        while self._waiting and len(lines) + len(self._waiting[0]) <= select.PIPE_BUF:
            lines += self._waiting.popleft()
        # Where nobody reads any more there is nobody to tell.
        with suppress(OSError):
            while lines:
                lines = lines[os.write(self._file, lines) :]


def _lost(lines: int) -> logging.LogRecord:
    lost = f"{lines} lines were lost: they were not read as fast as they were written"
    return logging.LogRecord("httpcodes", logging.WARNING, "", 0, lost, None, None)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = utc.after_1970(record.created)
        line: dict[str, Any] = {"time": utc.written(time, "milliseconds")}
        if isinstance(record.msg, dict):
            return json.dumps({**line, **record.msg})
        line |= {"level": record.levelname.lower(), "message": record.getMessage().strip()}
        if trace_id := TRACE_ID.get():
            line["trace_id"] = trace_id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
