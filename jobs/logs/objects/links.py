"""Files behind links that expire: a vendor hands out a list of them, signed anew each time.

A source `links:FILE` is a file of URLs, one a line. What a link leads to is known by its URL
without the signature, by its size and by its ETag; a link that no list names any more is as a file
that is gone.
"""

import http.client
import io
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from jobs.logs.objects.trouble import DENIED, SILENT, ObjectError, Patience
from jobs.logs.sources import Listing, SourceFile, SourceNotFound, gather

if TYPE_CHECKING:
    import pyarrow as pa

SOURCE = "links:"
SCHEMES = ("http", "https")
_ATTEMPTS, _SECONDS = 3, 30
_BUFFER = 1 << 20

# What the signatures of clouds and CDNs are called; what else follows a question mark is the name.
_SIGNATURE = re.compile(
    r"(?i)x-(amz|goog|oss|tos|cos|obs)-.*|q-(sign|ak|header|url|key|signature).*|policy|key-pair-id|"
    r"(aws|oss|google)?access_?(key_?)?id|hdnts|"
    r"(.*[-_])?(sign|signature|sig|token|expires?|expiry|auth|auth_?key|credential|secret)"
)
# Such short names are one's only beside `sig`.
_OF_AZURE = re.compile(r"s[evtpri]|sip|spr|sk[eo]?id|sktid|sk[tesv]|skoid|sdd|ss|srt")
_TROUBLE = {
    401: DENIED,
    403: DENIED,
    404: "it is gone",
    410: "it is gone",
    412: "it was overwritten",
}


@dataclass(frozen=True)
class _Seen:
    """What a server says of a file."""

    size: int
    modified_us: int
    version: str
    """Its ETag, or when it was modified."""

    @property
    def of_content(self) -> bool:
        return re.fullmatch(r"[0-9a-f]{32}(-[0-9]+)?", self.version) is not None


class Links:
    """Files by URLs without their signatures; see `Storage` for what each method does."""

    at_once = 8

    def __init__(self) -> None:
        self._signed: dict[str, str] = {}
        self._patience = Patience()
        self._failures: dict[str, ObjectError] = {}

    def find(
        self,
        sources: Iterable[str],
        *,
        may_be_missing: bool,
        wanted: Callable[[str], bool] = bool,
    ) -> Listing:
        return gather(sources, self._find, may_be_missing=may_be_missing)

    def look(self, path: str) -> SourceFile | None:
        return _file(path, self._seen(path)) if path in self._signed else None

    def fingerprint(self, path: str) -> str:
        seen = self._seen(path)
        # What follows a question mark may be a signature of a kind that nobody knows here.
        where = "" if seen.of_content else f" {path.partition('?')[0]}"
        return f"etag {seen.version} {seen.size}{where}"

    def is_untouched(self, file: SourceFile, fingerprint: str | None) -> bool:
        return self.fingerprint(file.path) == fingerprint

    def open(self, path: str) -> "pa.NativeFile":
        import pyarrow as pa  # noqa: PLC0415 - slow to import

        seen = self._seen(path)
        return pa.PythonFile(io.BufferedReader(_Content(self, path, seen.size), _BUFFER), "r")

    def absolute(self, path: str) -> str:
        return f"{SOURCE}{os.path.abspath(path.removeprefix(SOURCE))}" if _is_list(path) else path

    def folder(self, source: str) -> str:
        # No list says what else is there.
        return self.absolute(source)

    @contextmanager
    def trouble(self, path: str) -> Iterator[None]:
        """As of Buckets; what goes wrong is ObjectError already."""
        yield

    @contextmanager
    def noting_failure(self, path: str) -> Iterator[None]:
        """As of Buckets."""
        try:
            yield
        except ObjectError as error:
            self._failures[path] = error
            raise

    def failure(self, path: str) -> ObjectError | None:
        """As of Buckets."""
        return self._failures.pop(path, None)

    def read(self, path: str, start: int, size: int) -> bytes:
        """Some bytes of a file. Raises ObjectError."""
        return self._asked(self._link(path), start, size)[1]

    def _find(self, source: str, found: Listing) -> None:
        if not _is_list(source):
            raise SourceNotFound(
                f"{unsigned(source)} is a link; {SOURCE}FILE counts what a file of links names"
            )
        name = source.removeprefix(SOURCE)
        try:
            with open(name, encoding="utf-8") as lines:
                links = [line.strip() for line in lines]
        except FileNotFoundError:
            raise SourceNotFound(f"{name} does not exist; {SOURCE}FILE is a file of URLs") from None
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            found.unlisted[self.absolute(source)] = f"can't be read: {why}"
            return
        signed: dict[str, set[str]] = {}
        for number, link in enumerate(links, 1):
            if urlsplit(link).scheme in SCHEMES and urlsplit(link).hostname:
                signed.setdefault(unsigned(link), set()).add(link)
            elif link and not link.startswith("#"):
                here = f"{self.absolute(source)}, line {number}"
                found.unlisted[here] = "is no URL of http:// or https://"
        if not signed:
            found.missing[self.absolute(source)] = "names no URL"
        with ThreadPoolExecutor(self.at_once, "links") as pool:
            paths = sorted(signed)
            for path, seen in zip(paths, pool.map(self._one, map(signed.get, paths)), strict=True):
                if isinstance(seen, _Seen):
                    self._signed[path] = min(signed[path])
                    found.files[path] = _file(path, seen)
                else:
                    found.unlisted[path] = f"cannot be read: {seen}"

    def _one(self, links: set[str]) -> _Seen | str:
        """What links lead to that are one without their signatures, or why that is not said."""
        try:
            seen = {_see(self._asked(link, 0, 1)[0]) for link in links}
        except ObjectError as error:
            return str(error.strerror)
        return seen.pop() if len(seen) == 1 else "several links are one without their signatures"

    def _seen(self, path: str) -> _Seen:
        return _see(self._asked(self._link(path), 0, 1)[0])

    def _link(self, path: str) -> str:
        if path not in self._signed:
            raise ObjectError("no list of links names it")
        return self._signed[path]

    def _asked(self, link: str, start: int, size: int) -> tuple[Message, bytes]:
        """What a server answers when it is asked for some bytes. Raises ObjectError."""
        store = urlsplit(link).netloc
        for attempt in range(_ATTEMPTS):
            if self._patience.is_at_an_end(store):
                break
            began = time.monotonic()
            if answered := _answered(link, start, size):
                self._patience.renew(store)
                return answered
            self._patience.wear(store, time.monotonic() - began)
            time.sleep(0.1 * 3**attempt)
        raise ObjectError(SILENT)


def _answered(link: str, start: int, size: int) -> tuple[Message, bytes] | None:
    """What a server answers; None if it is worth asking again. Raises ObjectError."""
    asked = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "identity"}
    try:
        with urlopen(Request(link, headers=asked), timeout=_SECONDS) as answer:  # noqa: S310 - http or https
            headers, content = answer.headers, answer.read(size)
            parts = answer.status == http.client.PARTIAL_CONTENT
    except HTTPError as error:
        error.close()
        if error.code >= 500 or error.code == http.client.TOO_MANY_REQUESTS:
            return None
        why = _TROUBLE.get(error.code, f"its server answers {error.code}")
        raise ObjectError(f"{why}; its link may have expired" if why == DENIED else why) from None
    except (OSError, http.client.HTTPException):
        return None
    if not parts:
        raise ObjectError("its server gives no parts of files (Range)")
    return (headers, content) if len(content) == size else None


def _see(headers: Message) -> _Seen:
    modified = headers.get("Last-Modified")
    version = (headers.get("ETag") or modified or "").removeprefix("W/").strip('"')
    if not version:
        raise ObjectError("its server says neither an ETag nor when it was modified")
    size = int(headers["Content-Range"].rpartition("/")[2])
    moment = parsedate_to_datetime(modified).timestamp() if modified else 0
    return _Seen(size, int(moment) * 1_000_000, version)


class _Content(io.RawIOBase):
    """A file as Python reads files, by ranges."""

    def __init__(self, links: Links, path: str, size: int) -> None:
        self._links, self._path, self._size, self._at = links, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        buffer[:wanted] = self._links.read(self._path, self._at, wanted)
        self._at += wanted
        return wanted


def unsigned(link: str) -> str:
    """A URL without what expires of it."""
    parts = urlsplit(link)
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    is_azure = any(name == "sig" for name, _ in parameters)
    named = [
        (name, value)
        for name, value in parameters
        if not (_SIGNATURE.fullmatch(name) or (is_azure and _OF_AZURE.fullmatch(name)))
    ]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, urlencode(sorted(named)), ""))


def _is_list(path: str) -> bool:
    return path.startswith(SOURCE)


def _file(path: str, seen: _Seen) -> SourceFile:
    return SourceFile(path, seen.size, seen.modified_us, f"{seen.size}.{seen.version}", True, True)
