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
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread
import duckdb
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from queries import utc
from queries.api.errors import ApiError, Refusal
from queries.api.prepared import keep_in_memory
from queries.api.request import MAX_BYTES
from queries.server import processes
from queries.server.connection import JSON_UTF8, MAX_HEADER_BYTES, Connection
from queries.server.cors import Cors
from queries.server.encoding import accepts_gzip
from queries.server.health import Health, health
from queries.server.log import count
from queries.server.metrics import Metrics
from queries.server.middleware import RequestMiddleware
from queries.server.replies import Ages, Replies, Reply, Wish
from queries.server.texts import Text, openapi, root
from queries.snapshot import SnapshotError

PATH = "/cdn/v1.0/analytics/httpCodes"
# nginx's code for it; seen in the log only.
CLIENT_LEFT = 499
# Connections that wait to be accepted.
BACKLOG = 1024

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_NOT_KEPT = {"cache-control": "no-store"}

_log = logging.getLogger("httpcodes")
T = TypeVar("T")


@dataclass(frozen=True)
class Terms:
    """On which terms a server answers."""

    store: Path
    processes: int
    """That answer on the same socket."""
    workers: int
    """Threads that answer, in each."""
    queue: int
    """Requests that may wait for one of them; more are refused with 503."""
    seconds: float
    """For how long a client may take over the headers, the body, or the answer; also for how
    long requests in flight are waited for at the end."""
    token: str | None
    """What clients have to bring; None: nothing."""
    ages: Ages
    origins: Collection[str]
    """Of pages that may ask, as browsers write them."""
    memory: int
    """Bytes of answers that each process keeps."""
    metrics: bool
    """Whether they can be asked for."""


def serve(listener: socket.socket, terms: Terms) -> int:
    """Answer whoever connects, until SIGTERM or SIGINT; requests in flight are answered first.

    Returns the number of the signal.
    """
    metrics = Metrics(terms.processes)
    return processes.run(listener, terms.processes, partial(_work, listener, terms, metrics))


def _work(listener: socket.socket, terms: Terms, metrics: Metrics, process: int) -> None:
    metrics.count_as(process)
    count(metrics)
    keep_in_memory(terms.memory)
    config = uvicorn.Config(
        application(terms, metrics),
        loop="asyncio",
        http=Connection.within(terms.seconds, metrics),
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_graceful_shutdown=max(1, round(terms.seconds)),
        # How many connections a process accepts at a time: the others get their share.
        backlog=1,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)


def application(terms: Terms, metrics: Metrics) -> ASGIApp:
    """The ASGI application."""
    endpoint = _Endpoint(terms, metrics)
    read = ["GET", "HEAD", "OPTIONS"]
    page = root(PATH, guarded=terms.token is not None, metrics=terms.metrics)
    app = Starlette(
        routes=[
            Route(PATH, endpoint.http_codes, methods=["POST"]),
            Route("/healthz", _readable(endpoint.health), methods=read),
            Route("/openapi.json", _readable(_static(openapi())), methods=read),
            Route("/", _readable(_static(page)), methods=read),
            *([Route("/metrics", _readable(endpoint.metrics), methods=read)] * terms.metrics),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _bug},
    )
    app.router.redirect_slashes = False
    return RequestMiddleware(Cors(app, terms.origins) if terms.origins else app)


class _Endpoint:
    def __init__(self, terms: Terms, metrics: Metrics) -> None:
        self._terms, self._metrics = terms, metrics
        self._threads = _Threads(terms.workers, terms.queue)
        self._replies = Replies(terms.store, terms.ages)

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
        wish = Wish(_accepts_gzip(request), _known(request))
        reply = self._replies.at_hand(body, wish)
        if reply is None:
            reply = await self._threads.run(lambda: self._replies.reply(body, wish))
        return _response(reply)

    async def health(self, _: Request) -> Response:
        """Whether the store can be read, and how fresh it is."""
        found = await self._health()
        if found is None:
            return _error(503, ApiError.OPERATION_FAILED)
        said = {
            "snapshot": found.snapshot,
            "age_seconds": found.age_seconds,
            "watermark": {
                "newest_bucket": utc.written_if(found.newest_bucket),
                "final_until": utc.written_if(found.final_until),
            },
        }
        return Response(json.dumps(said), media_type=JSON_UTF8, headers=_NOT_KEPT)

    async def metrics(self, _: Request) -> Response:
        """What this server did, as Prometheus reads it."""
        text = self._metrics.text(await self._health())
        return Response(text, media_type=PROMETHEUS, headers=_NOT_KEPT)

    async def _health(self) -> Health | None:
        try:
            return await anyio.to_thread.run_sync(health, self._terms.store)
        except (SnapshotError, duckdb.Error, OSError) as cause:
            _log.error("the store %s is not healthy: %s", self._terms.store, cause)
            return None


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


def _accepts_gzip(request: Request) -> bool:
    return accepts_gzip(request.headers.getlist("accept-encoding"))


def _known(request: Request) -> str:
    return ",".join(request.headers.getlist("if-none-match"))


def _static(text: Text) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return text.response(_known(request), gzip=_accepts_gzip(request))

    return endpoint


def _readable(endpoint: Callable[[Request], Awaitable[Response]]) -> Any:
    """The endpoint, and what may be done with it."""

    async def ours(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": "GET, HEAD, OPTIONS"})
        return await endpoint(request)

    return ours


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
    return Response(error.body, status, media_type=JSON_UTF8, headers=_NOT_KEPT)


def _response(reply: Reply) -> Response:
    kind = None if reply.status == 304 else JSON_UTF8
    return Response(reply.body, reply.status, media_type=kind, headers=reply.headers)
