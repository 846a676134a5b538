"""What a connection may cost: how many there are, and for how long a client may keep one busy.

uvicorn reads a request's headers for as long as they take, holds an answer until the client
has taken it, and refuses malformed HTTP in words of its own. These bounds and the documented
error are added here; parsing and writing HTTP stay with uvicorn and h11.
"""

import asyncio
import socket
from http import HTTPStatus
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from queries.api.errors import ApiError
from queries.server.log import Access, log_access
from queries.server.metrics import Metrics
from queries.server.middleware import TRACE_HEADER, new_trace_id

MAX_CONNECTIONS = 256
MAX_HEADER_BYTES = 16 << 10
JSON_UTF8 = "application/json;charset=UTF-8"


class Connection(H11Protocol):
    """One client's connection."""

    seconds: ClassVar[float]
    """For how long a client may take over the headers of a request, or over an answer."""

    metrics: ClassVar[Metrics]

    _awaiting: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None

    @classmethod
    def within(cls, seconds: float, metrics: Metrics) -> type["Connection"]:
        """The class of connections with this time limit, counted here."""
        return type("Connection", (cls,), {"seconds": seconds, "metrics": metrics})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuses the connection with 503 if there are too many."""
        super().connection_made(transport)
        # asyncio sets it where the listener was made with proto=IPPROTO_TCP only. Without it, an
        # answer on a kept connection waits 40 ms for the client's delayed acknowledgement. Not on
        # the listener: who connects before it is set there goes without.
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.metrics.connected(len(self.connections))
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(503, ApiError.OPERATION_FAILED)
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Watches how long headers take."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Watches how long the client takes over the answer."""
        super().on_response_complete()
        self._cancel(self._sending)
        if self.transport.get_write_buffer_size():
            self._sending = self.loop.call_later(self.seconds, self._drop_answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watches nothing any more."""
        super().connection_lost(exc)
        self.metrics.connected(len(self.connections))
        self._cancel(self._awaiting)
        self._cancel(self._sending)

    def send_400_response(self, msg: str) -> None:
        """Malformed HTTP: the documented error; `msg` has uvicorn's words for it."""
        self._refuse(400, ApiError.BAD_REQUEST)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._cancel(self._awaiting)
            self._awaiting = None
        elif self._awaiting is None:
            self._awaiting = self.loop.call_later(self.seconds, self._headers_overdue)

    def _headers_overdue(self) -> None:
        begun, _ = self.conn.trailing_data
        if begun:
            self._refuse(400, ApiError.BAD_REQUEST)
        else:
            self.transport.close()

    def _drop_answer(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _refuse(self, status: int, error: ApiError) -> None:
        # Once an answer has begun, there is no place for another.
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            trace_id = new_trace_id()
            headers = [
                *self.server_state.default_headers,
                (b"content-type", JSON_UTF8.encode()),
                (b"content-length", b"%d" % len(error.body)),
                (TRACE_HEADER, trace_id.encode()),
                (b"connection", b"close"),
                *([(b"retry-after", b"1")] if status == 503 else []),
            ]
            reason = HTTPStatus(status).phrase.encode()
            answer = h11.Response(status_code=status, headers=headers, reason=reason)
            for event in (answer, h11.Data(data=error.body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            log_access(Access(status=status, bytes=len(error.body), trace_id=trace_id))
        self.transport.close()

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
