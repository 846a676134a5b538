"""Object stores: what lies in a bucket, and what tells that an object is what it was.

A source is a URL: `s3://bucket/key`, `gs://bucket/key` or
`abfs://container@account.dfs.core.windows.net/key`; the file systems and the usual chain of
credentials are pyarrow's. A listing gives sizes and times a thousand objects at a time; what an
object holds is told by its ETag, which takes one request and no byte of it.
"""

import errno
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from queries.failures import Failed

if TYPE_CHECKING:
    from pyarrow import fs

SCHEMES = ("s3", "gs", "abfs")
_ATTEMPTS = 3
_CONNECT_SECONDS, _REQUEST_SECONDS = 5, 30
# So many requests that a store left unanswered are enough to know that it does.
_PATIENCE = 16
# Opening one is a request; an open one holds next to nothing.
_MOST_OPEN = 8192

# The times of objects are whole seconds of a clock that may be off.
_SETTLED_AFTER_SECONDS = 60

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")

failures: dict[str, "ObjectError"] = {}
"""What went wrong at last with objects, by URL: DuckDB passes errors on as text."""
_opened: dict[str, "fs.NativeFile"] = {}
_unanswered: dict[str, int] = {}
_reached_at: dict[str, str] = {}


class ObjectError(Failed, OSError):
    """An object or bucket that can't be had; strerror says why, in a few words."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EIO, why)


_SILENT = "the store can't be reached or does not answer"
# What the stores' clients say, in an operator's words.
_TROUBLE = {
    r"NO_SUCH_BUCKET|NoSuchBucket": "there is no such bucket",
    r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE|Forbidden|HTTP status 40[13]": "access is denied",
    r"NO_SUCH_KEY|NOT_FOUND|HTTP status 404": "it is gone",
    r"NETWORK_CONNECTION|curlCode|timed? ?out|INTERNAL_FAILURE|SLOW_DOWN|HTTP status 50\d": _SILENT,
}


def at_once(paths: Iterable[str]) -> int:
    """How many to read at the same time: of files one, of objects, which are far, some."""
    return 8 if any(map(is_object, paths)) else 1


def is_object(path: str) -> bool:
    """Whether a path is a URL of an object store; a local path never holds `://`."""
    scheme, there, _ = path.partition("://")
    return bool(there) and scheme in SCHEMES


def reach_at(endpoint: str | None) -> None:
    """Where S3 is, if not where the environment says; the URL of a server."""
    _reached_at.clear()
    if endpoint:
        _reached_at["s3"] = endpoint


def listed(url: str) -> Iterator[tuple[str, int, int]]:
    """Objects at or below a URL: their URLs, bytes, and microseconds since 1970.

    Raises ObjectError if it can't be listed, FileNotFoundError if nothing is there.
    """
    from pyarrow import fs  # noqa: PLC0415 - slow to import

    path, filesystem = _path(url), _filesystem(url)
    _unanswered.pop(_store(url), None)
    with trouble(url):
        there = filesystem.get_file_info(path)
        if there.type == fs.FileType.NotFound:
            raise FileNotFoundError(url)
        selector = fs.FileSelector(path, recursive=True)
        infos = [there] if there.is_file else filesystem.get_file_info(selector)
    for info in infos:
        if info.is_file:
            yield f"{_store(url)}/{info.path.partition('/')[2]}", info.size, _microseconds(info)


def names_in(url: str) -> list[str]:
    """Names right below a URL; none where the store does not let them be seen."""
    from pyarrow import fs  # noqa: PLC0415 - slow to import

    try:
        with trouble(url):
            selector = fs.FileSelector(_path(url), allow_not_found=True)
            return [info.base_name for info in _filesystem(url).get_file_info(selector)]
    except OSError:
        return []


def headed(url: str) -> tuple[int, int] | None:
    """Bytes and microseconds since 1970 of an object, or None if it is gone. Raises ObjectError."""
    with trouble(url):
        info = _filesystem(url).get_file_info(_path(url))
    return (info.size, _microseconds(info)) if info.is_file else None


def is_settled(modified_us: int) -> bool:
    """Whether the last change lies so far back that the next one would move the time."""
    return time.time() - modified_us / 1_000_000 > _SETTLED_AFTER_SECONDS


def etag(url: str) -> str:
    """What the store says that an object holds; equal for equal content at two URLs only where
    the ETag is made of the content. Raises ObjectError."""
    file = _open(url)
    told = {str(name).lower(): value for name, value in file.metadata().items()}
    tag = told["etag"].decode().strip('"')
    # Other ETags are numbers of versions, which two objects may share.
    of_content = re.fullmatch(r"[0-9a-f]{32}(-[0-9]+)?", tag)
    return f"etag {tag} {file.size()}" + ("" if of_content else f" {url}")


def opened(url: str) -> "fs.NativeFile":
    """An object as of when its ETag was last asked for, for reading anywhere in it with read_at
    from any thread; never to be closed. Raises ObjectError."""
    return _opened.get(url) or _open(url)


def _open(url: str) -> "fs.NativeFile":
    with trouble(url):
        try:
            file = _filesystem(url).open_input_file(_path(url))
        except FileNotFoundError as error:
            raise ObjectError("it is gone") from error
    _opened.pop(url, None)
    if len(_opened) >= _MOST_OPEN:
        del _opened[next(iter(_opened))]
    _opened[url] = file
    return file


@contextmanager
def trouble(url: str) -> Iterator[None]:
    """Errors of a store's client become ObjectError; a store that keeps silent is left alone."""
    store = _store(url)
    if _unanswered.get(store, 0) >= _PATIENCE:
        raise ObjectError(_SILENT)
    try:
        yield
    except (FileNotFoundError, ObjectError):
        raise
    except OSError as error:
        why = next((w for signs, w in _TROUBLE.items() if re.search(signs, str(error))), None)
        _unanswered[store] = _unanswered.get(store, 0) + 1 if why == _SILENT else 0
        raise ObjectError(why or str(error).partition("\n")[0]) from error
    _unanswered[store] = 0


def _microseconds(info: "fs.FileInfo") -> int:
    return int(info.mtime.timestamp()) * 1_000_000


def _store(url: str) -> str:
    """The bucket's or container's own URL."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _path(url: str) -> str:
    """What pyarrow calls the object: the bucket or container, then the key."""
    place, _, key = url.partition("://")[2].partition("/")
    return f"{place.partition('@')[0]}/{key}".rstrip("/")


def _filesystem(url: str) -> "fs.FileSystem":
    scheme, _, rest = url.partition("://")
    account = rest.partition("/")[0].partition("@")[2].partition(".")[0]
    named = (_reached_at.get("s3"), *map(os.environ.get, _ENDPOINTS))
    endpoint = next(filter(None, named), None)
    return _connected(scheme, account, endpoint)


@cache
def _connected(scheme: str, account: str, endpoint: str | None) -> "fs.FileSystem":
    from pyarrow import fs  # noqa: PLC0415 - slow to import

    if scheme == "gs":
        return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=_REQUEST_SECONDS))
    if scheme == "abfs":
        return fs.AzureFileSystem(account)
    elsewhere = urlsplit(endpoint) if endpoint else None
    return fs.S3FileSystem(
        endpoint_override=elsewhere.netloc if elsewhere else None,
        scheme=elsewhere.scheme if elsewhere else "https",
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_REQUEST_SECONDS,
    )
