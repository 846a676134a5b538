"""An S3 server that only lists: as many objects as a pattern of names says, none of which is there."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from quiet import Quiet

_PAGE = 1000


@dataclass
class Listing:
    """Keys of a bucket called logs, in order, and what was asked of them."""

    keys: Sequence[str]
    endpoint: str = ""
    prefixes: list[str] = field(default_factory=list)
    """One a request."""
    listed: int = 0


def keys(days: int, serials: int, form: str) -> list[str]:
    """Names of files of each hour of so many days before 2025-09-10, as strftime has them."""
    hours = (datetime(2025, 9, 10) - timedelta(hours=n) for n in range(1, days * 24 + 1))
    return sorted(hour.strftime(form) + f"{n:04}.parquet" for hour in hours for n in range(serials))


@contextmanager
def serve(names: Sequence[str]) -> Iterator[Listing]:
    """Start it."""
    listing = Listing(names)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(listing))
    listing.endpoint = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield listing
    server.shutdown()
    server.server_close()


def _handler(listing: Listing) -> type[Quiet]:
    class Handler(Quiet):
        def do_HEAD(self) -> None:  # noqa: N802 - the name is http.server's
            self.answer(200 if self.path.strip("/") == "logs" else 404, b"")

        def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
            told = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            if told.get("list-type") != "2":
                self.answer(404, b"")
                return
            prefix = unquote(told.get("prefix", ""))
            listing.prefixes.append(prefix)
            start = told.get("continuation-token") or prefix
            first = bisect_left(listing.keys, start)
            most = int(told.get("max-keys", _PAGE))
            page = [key for key in listing.keys[first : first + most] if key.startswith(prefix)]
            more = listing.keys[first + most : first + most + 1]
            is_cut = bool(page and more and more[0].startswith(prefix))
            listing.listed += len(page)
            xml = _xml(prefix, page, more[0] if is_cut else None).encode()
            self.answer(200, xml, {"Content-Type": "application/xml"})

    return Handler


def _xml(prefix: str, page: Sequence[str], token: str | None) -> str:
    objects = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2025-09-09T00:00:00.000Z</LastModified>"
        f'<ETag>"0"</ETag><Size>1000</Size><StorageClass>STANDARD</StorageClass></Contents>'
        for key in page
    )
    more = f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>logs</Name>'
        f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount><MaxKeys>{_PAGE}</MaxKeys>"
        f"<IsTruncated>{str(bool(token)).lower()}</IsTruncated>{more}{objects}</ListBucketResult>"
    )


def day_of(prefix: str) -> str | None:
    """The day that a prefix names."""
    found = re.search(r"\d{4}-\d{2}-\d{2}|\d{4}/\d{2}/\d{2}", prefix)
    return found[0].replace("/", "-") if found else None
