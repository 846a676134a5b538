"""What holds for every exchange, whatever answers it: a trace id, a line in the access log,
and a clean end for a body that nobody will read.

A server that closes a connection while the client is still sending makes the client's
system throw the answer away, so the rest of a refused body is read for a moment, and dropped.
"""

import asyncio
import secrets
import time
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queries.server.log import TRACE_ID, Access, log_access

TRACE_HEADER = b"x-sfd-trace-id"
LINGER_SECONDS = 2
LINGER_BYTES = 8 << 20


def new_trace_id() -> str:
    """32 hex digits."""
    return secrets.token_hex(16)


class RequestMiddleware:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send)
        TRACE_ID.set(exchange.trace_id)
        await self._app(scope, exchange.receive, exchange.send)


class _Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.trace_id = new_trace_id()
        self._scope, self._receive, self._send = scope, receive, send
        self._began = time.perf_counter()
        self._unread = _has_body(Headers(scope=scope))
        self._status, self._sent = 0, 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._unread = message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
        else:
            await self._body(message)

    async def _start(self, message: Message) -> None:
        self._status = message["status"]
        headers = [*message["headers"], (TRACE_HEADER, self.trace_id.encode())]
        if self._unread:
            headers.append((b"connection", b"close"))
        await self._send({**message, "headers": headers})

    async def _body(self, message: Message) -> None:
        if self._scope["method"] != "HEAD":
            self._sent += len(message.get("body", b""))
        last = not message.get("more_body", False)
        if last:
            self._log()
        if last and self._unread:
            await self._send({**message, "more_body": True})
            await self._drop_rest()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _drop_rest(self) -> None:
        left = LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while self._unread and left > 0:
                    left -= len((await self.receive()).get("body", b""))

    def _log(self) -> None:
        ms = round((time.perf_counter() - self._began) * 1000, 3)
        log_access(
            Access(
                method=self._scope["method"],
                path=self._scope["path"],
                status=self._status,
                bytes=self._sent,
                ms=ms,
                trace_id=self.trace_id,
            )
        )


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
