"""What is the same for everybody who asks: the page at the root, and OpenAPI's document."""

from string import Template

from starlette.responses import Response

from queries.report.palette import stylesheet
from queries.server.connection import JSON_UTF8
from queries.server.encoding import packed
from queries.server.replies import has, tag_of
from queries.statements import beside

_METRICS = '<li><a href="/metrics">/metrics</a>: what this server did, for Prometheus.</li>'
_GUARDED = "It asks for a bearer token: add <code>-H 'Authorization: Bearer TOKEN'</code>."


class Text:
    """A text of a kind, made once."""

    def __init__(self, text: str, kind: str) -> None:
        self._body, self._kind = text.encode(), kind
        self._packed, self._tag = packed(self._body), tag_of(self._body)

    def response(self, known: str, *, gzip: bool) -> Response:
        """The text, or that the client has it already; `known` is its If-None-Match."""
        headers = {"etag": self._tag, "cache-control": "max-age=3600", "vary": "Accept-Encoding"}
        if has(known, self._tag):
            return Response(status_code=304, headers=headers)
        if gzip:
            headers["content-encoding"] = "gzip"
        body = self._packed if gzip else self._body
        return Response(body, media_type=self._kind, headers=headers)


def openapi() -> Text:
    """What there is to ask, for machines."""
    return Text(beside(__name__, "openapi.json"), JSON_UTF8)


def root(path: str, *, guarded: bool, metrics: bool) -> Text:
    """What there is to ask, for people; `path` is the documented one."""
    page = Template(beside(__name__, "root.html")).substitute(
        palette=stylesheet(),
        path=path,
        token=_GUARDED if guarded else "",
        metrics=_METRICS if metrics else "",
    )
    return Text(page, "text/html;charset=UTF-8")
