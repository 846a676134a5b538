"""The documented endpoint over HTTP: its routes, its bounds, its errors.

HTTP is Starlette's and uvicorn's. Where the document has no error of its own (another path or
method, no token, a malformed or slow request, too much at once), the status is the usual one
of HTTP and the body is the nearest documented one.
"""

import asyncio
import hmac
import json
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import anyio.to_thread
import duckdb
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from queries.api.errors import ApiError, Refusal
from queries.api.http_codes import answer
from queries.api.request import MAX_BYTES
from queries.server.connection import JSON_UTF8, MAX_HEADER_BYTES, Connection
from queries.server.exchange import Exchanges
from queries.server.health import health
from queries.snapshot import SnapshotError
from queries.statements import beside

PATH = "/cdn/v1.0/analytics/httpCodes"
# Smaller answers fit into a packet or two.
GZIP_FROM_BYTES = 2048
# The largest answer, 1.7 MB: 28 ms and 0.38 MB, against 142 ms and 0.31 MB at level 6.
GZIP_LEVEL = 2
# nginx's code for it; seen in the log only.
CLIENT_LEFT = 499

_log = logging.getLogger("httpcodes")
T = TypeVar("T")


@dataclass(frozen=True)
class Terms:
    """On which terms a server answers."""

    store: Path
    workers: int
    """Threads that answer."""
    queue: int
    """Requests that may wait for one of them; more are refused with 503."""
    seconds: float
    """For how long a client may take over the headers, the body, or the answer; also for how
    long requests in flight are waited for at the end."""
    token: str | None
    """What clients have to bring; None: nothing."""


def serve(listener: socket.socket, terms: Terms) -> None:
    """Answer whoever connects, until SIGTERM or SIGINT; requests in flight are answered first.

    The signal is then raised again for the handler that was in place before.
    """
    config = uvicorn.Config(
        application(terms),
        http=Connection.within(terms.seconds),
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_graceful_shutdown=max(1, round(terms.seconds)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def application(terms: Terms) -> ASGIApp:
    """The ASGI application."""
    endpoint = _Endpoint(terms)
    app = Starlette(
        routes=[
            Route(PATH, endpoint.http_codes, methods=["POST"]),
            Route("/healthz", endpoint.health, methods=["GET"]),
            Route("/openapi.json", _openapi, methods=["GET"]),
        ],
        middleware=[
            Middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL)
        ],
        exception_handlers={HTTPException: _http_error, Exception: _bug},
    )
    app.router.redirect_slashes = False
    return Exchanges(app)


class _Endpoint:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._threads = _Threads(terms.workers, terms.queue)

    async def http_codes(self, request: Request) -> Response:
        """The documented request."""
        if self._terms.token is not None and not _brings(request, self._terms.token):
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        # Before the body is read, and again when it has been.
        self._threads.check()
        try:
            async with asyncio.timeout(self._terms.seconds):
                body = await _body(request)
        except (Refusal, TimeoutError):
            return _error(400, ApiError.BAD_REQUEST)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)
        given = await self._threads.run(lambda: answer(self._terms.store, body))
        return Response(given.body, given.status, media_type=JSON_UTF8)

    async def health(self, _: Request) -> Response:
        """Whether the store can be read, and how fresh it is."""
        try:
            found = await anyio.to_thread.run_sync(health, self._terms.store)
        except (SnapshotError, duckdb.Error, OSError) as cause:
            _log.error("the store %s is not healthy: %s", self._terms.store, cause)
            return _error(503, ApiError.OPERATION_FAILED)
        told = {
            "snapshot": found.snapshot,
            "age_seconds": found.age_seconds,
            "watermark": {
                "newest_bucket": _utc(found.newest_bucket),
                "final_until": _utc(found.final_until),
            },
        }
        return Response(json.dumps(told), media_type=JSON_UTF8)


class _Threads:
    """Threads that answer, off the event loop, and a bounded queue before them."""

    def __init__(self, workers: int, queue: int) -> None:
        self._limiter = anyio.CapacityLimiter(workers)
        self._places = workers + queue
        self._taken = 0

    def check(self) -> None:
        """Raise HTTPException, 503, if the queue is full."""
        if self._taken >= self._places:
            raise HTTPException(503, headers={"Retry-After": "1"})

    async def run(self, call: Callable[[], T]) -> T:
        """Call it in a thread. Raises as `check` does."""
        self.check()
        self._taken += 1
        try:
            return await anyio.to_thread.run_sync(call, limiter=self._limiter)
        finally:
            self._taken -= 1


async def _body(request: Request) -> bytes:
    """Raises Refusal as soon as it is known to be too large, ClientDisconnect if it is cut."""
    if int(request.headers.get("content-length", 0)) > MAX_BYTES:
        raise Refusal(ApiError.BAD_REQUEST)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BYTES:
            raise Refusal(ApiError.BAD_REQUEST)
    return bytes(body)


def _brings(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    matches = hmac.compare_digest(given.strip().encode("latin-1"), token.encode("latin-1"))
    return scheme.lower() == "bearer" and matches


async def _openapi(_: Request) -> Response:
    return Response(beside(__name__, "openapi.json"), media_type=JSON_UTF8)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    ours = ApiError.OPERATION_FAILED if error.status_code >= 500 else ApiError.BAD_REQUEST
    response = _error(error.status_code, ours)
    response.headers.update(error.headers or {})
    return response


async def _bug(_: Request, __: Exception) -> Response:
    # Starlette raises it again, for the log.
    return _error(500, ApiError.OPERATION_FAILED)


def _error(status: int, error: ApiError) -> Response:
    return Response(error.body, status, media_type=JSON_UTF8)


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
