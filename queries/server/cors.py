"""Pages of other origins may ask, if their origin was named (CORS, fetch.spec.whatwg.org)."""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PREFLIGHT = {
    "access-control-allow-methods": "GET, HEAD, POST",
    "access-control-allow-headers": "Authorization, Content-Type, If-None-Match",
    "access-control-max-age": "600",
}
_EXPOSED = "ETag, X-Sfd-Trace-Id"


def is_origin(text: str) -> bool:
    """Whether it is one as browsers write it: scheme, host, port if it is not the usual."""
    try:
        parts = urlsplit(text)
        written = f"{parts.scheme}://{parts.netloc}"
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and text == written.lower()
        )
    except ValueError:
        return False


class Cors:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._mark(MutableHeaders(scope=message), origin)
            await send(message)

        preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if preflight and origin in self._origins:
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, marked)
        else:
            await self._app(scope, receive, marked)

    def _mark(self, headers: MutableHeaders, origin: str) -> None:
        # Also where it is another's: a cache must not give one origin what another may not read.
        headers.add_vary_header("Origin")
        if origin in self._origins:
            headers["access-control-allow-origin"] = origin
            headers["access-control-expose-headers"] = _EXPOSED
