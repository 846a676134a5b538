"""What a server says on stderr: one JSON object a line, for whatever collects logs.

Neither addresses of clients nor bodies are ever written; an answer's trace id leads from a
customer's report to its line, and to the cause of a failure.
"""

import json
import logging
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

TRACE_ID: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""Of the request at work; threads that answer it inherit it."""

_access = logging.getLogger("httpcodes.access")


def log_as_json(stream: TextIO) -> None:
    """Send every log record of this process to the stream, as JSON lines."""
    handler = logging.StreamHandler(stream)
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


def log_access(access: Access) -> None:
    """Write a line of the access log."""
    _access.info(vars(access))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time.replace("+00:00", "Z")}
        if isinstance(record.msg, dict):
            return json.dumps({**line, **record.msg})
        line |= {"level": record.levelname.lower(), "message": record.getMessage().strip()}
        if trace_id := TRACE_ID.get():
            line["trace_id"] = trace_id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
