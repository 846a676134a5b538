"""Buckets and containers: what lies in them, and what tells that an object is what it was.

A source is a URL: `s3://bucket/key`, `gs://bucket/key` or
`abfs://container@account.dfs.core.windows.net/key`; the file systems and the usual chain of
credentials are pyarrow's. A listing gives sizes and times a thousand objects at a time; what an
object holds is headers by the checksum that its store keeps, which takes one request.
"""

import base64
import glob
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from jobs.logs import originals, overlooked, tables
from jobs.logs.objects.clients import Clients
from jobs.logs.objects.trouble import SILENT, ObjectError, Patience, why
from jobs.logs.sources import Listing, SourceFile, SourceNotFound, gather, is_log

if TYPE_CHECKING:
    from pyarrow import fs

SCHEMES = ("s3", "gs", "abfs")
# Opening one is a request; an open one holds next to nothing, but of GCS a connection.
_MOST_OPEN = {"s3": 8192, "gs": 64, "abfs": 8192}

# What `convert` makes is called as the log, with another suffix behind.
_MADE_OF_LOGS = re.compile(r"\.[^/.]+\.parquet$", re.I)
_FOOTER_BYTES = 64 << 10

# The times of objects are whole seconds of a clock that may be off.
_AT_REST_AFTER_SECONDS = 60


class Buckets:
    """Objects by their URLs; see `Storage` for what each method does."""

    at_once = 8

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._opened: dict[str, dict[str, fs.NativeFile]] = {scheme: {} for scheme in SCHEMES}
        self._patience = Patience()
        self._failures: dict[str, ObjectError] = {}
        self._made: dict[tuple[str, str], str] = {}

    def find(
        self,
        sources: Iterable[str],
        *,
        may_be_missing: bool,
        wanted: Callable[[str], bool] = bool,
    ) -> Listing:
        find = partial(self._find, reached=wanted)
        return gather(sources, find, may_be_missing=may_be_missing)

    def look(self, path: str) -> SourceFile | None:
        with self.trouble(path):
            info = self._clients.of(path).get_file_info(_path(path))
        return _object(path, info) if info.is_file else None

    def fingerprint(self, path: str) -> str:
        """A checksum and the size; equal for equal content at two URLs, but where the store has
        none that is made of the content."""
        file = self._open(path)
        with self.trouble(path):
            headers = {str(name).lower(): value.decode() for name, value in file.metadata().items()}
            size = file.size()
            content = _identity(headers, size, path)
            return self._original(path, file, size, content)

    def _original(self, url: str, file: "fs.NativeFile", size: int, content: str) -> str:
        """What tells the content of Parquet that `convert` made of a log: as of the log."""
        if not _MADE_OF_LOGS.search(url):
            return content
        if (url, content) not in self._made:
            start = max(size - _FOOTER_BYTES, 0)
            named = content
            if originals.may_name(file.read_at(size - start, start)):
                # The open one is for any thread, and has no place of its own.
                with self._clients.of(url).open_input_file(_path(url)) as whole:
                    named = originals.stored_identity(whole, content)
            self._made[url, content] = named
        return self._made[url, content]

    def is_untouched(self, file: SourceFile, fingerprint: str | None) -> bool:
        return self.fingerprint(file.path) == fingerprint

    def open(self, path: str) -> "fs.NativeFile":
        """As of when the fingerprint was last asked for; for any thread, never to be closed."""
        return self._opened[path.partition("://")[0]].get(path) or self._open(path)

    def absolute(self, path: str) -> str:
        return path

    def folder(self, source: str) -> str:
        steps = source.split("/")
        if source.lower().endswith(".parquet"):
            return "/".join(steps[:-1])
        wild = (number for number, step in enumerate(steps) if glob.has_magic(step))
        return "/".join(steps[: next(wild, len(steps))])

    @contextmanager
    def noting_failure(self, path: str) -> Iterator[None]:
        """Errors of a store's client become ObjectError, and are kept to be asked for: DuckDB
        passes errors on as text."""
        try:
            with self.trouble(path):
                yield
        except FileNotFoundError as error:
            self._failures[path] = ObjectError("it is gone")
            raise self._failures[path] from error
        except ObjectError as error:
            self._failures[path] = error
            raise

    def failure(self, path: str) -> ObjectError | None:
        """What went wrong at last with an object, said once."""
        return self._failures.pop(path, None)

    def _find(self, source: str, found: Listing, reached: Callable[[str], bool]) -> None:
        """As files are found: an object by its name, all *.parquet below a name, or a glob."""
        steps = source.rstrip("/").split("/")
        fixed = next((n for n, step in enumerate(steps) if glob.has_magic(step)), len(steps))
        is_glob = fixed < len(steps)
        root = "/".join(steps[:fixed])
        try:
            there = list(self._listed(root))
        except FileNotFoundError:
            if self._clients.is_anonymous(root):
                # Azure says so also of what it does not show to everybody.
                nothing = (
                    "nothing is there that may be seen without credentials, and none were found"
                )
                found.unlisted[source] = f"can't be listed: {nothing}"
                return
            if not is_glob:
                nothing = f"{source} does not exist; nothing is there or below it"
                raise SourceNotFound(nothing) from None
            found.missing[source] = overlooked.among((), source)
            return
        except OSError as error:
            found.unlisted[source] = f"can't be listed: {error.strerror}"
            return
        wanted = re.compile(_regex(steps) if is_glob else re.escape("/".join(steps)))
        chosen = {
            f.path: f
            for f in sorted(there)
            if _is_wanted(f.path, wanted, fixed) and reached(f.path)
        }
        if not chosen:
            found.missing[source] = overlooked.among((file.path for file in there), source)
        known = tables.among(file.path for file in there)
        if chosen and not known and (outer := tables.above(root, self.names_in)):
            known = dict([outer])
        inside = {url: t for url in chosen for t in known if url.startswith(f"{t}/")}
        found.unlisted.update({table: tables.sentence(known[table]) for table in inside.values()})
        found.files.update({url: file for url, file in chosen.items() if url not in inside})

    def _listed(self, url: str) -> Iterator[SourceFile]:
        """Objects at or below a URL.

        Raises ObjectError if it can't be listed, FileNotFoundError if nothing is there.
        """
        from pyarrow import fs  # noqa: PLC0415 - slow to import

        path = _path(url)
        self._patience.renew(_store(url))
        with self.trouble(url):
            filesystem = self._clients.of(url)
            there = filesystem.get_file_info(path)
            if there.type == fs.FileType.NotFound:
                raise FileNotFoundError(url)
            selector = fs.FileSelector(path, recursive=True)
            infos = [there] if there.is_file else filesystem.get_file_info(selector)
        for info in infos:
            if info.is_file:
                yield _object(f"{_store(url)}/{info.path.partition('/')[2]}", info)

    def names_in(self, url: str) -> list[str]:
        """Names right below a URL; none where the store does not let them be seen."""
        from pyarrow import fs  # noqa: PLC0415 - slow to import

        try:
            with self.trouble(url):
                selector = fs.FileSelector(_path(url), allow_not_found=True)
                return [info.base_name for info in self._clients.of(url).get_file_info(selector)]
        except OSError:
            return []

    def _open(self, url: str) -> "fs.NativeFile":
        with self.trouble(url):
            try:
                file = self._clients.of(url).open_input_file(_path(url))
            except FileNotFoundError as error:
                raise ObjectError("it is gone") from error
        scheme = url.partition("://")[0]
        opened = self._opened[scheme]
        opened.pop(url, None)
        if len(opened) >= _MOST_OPEN[scheme]:
            del opened[next(iter(opened))]
        opened[url] = file
        return file

    @contextmanager
    def trouble(self, url: str) -> Iterator[None]:
        """Errors of a store's client become ObjectError; one that keeps silent is left alone."""
        store = _store(url)
        if self._patience.is_at_an_end(store):
            raise ObjectError(SILENT)
        began = time.monotonic()
        try:
            yield
        except (FileNotFoundError, ObjectError):
            raise
        except ValueError as error:
            # An object of GCS is asked for only when it is first read, and else counts as closed.
            is_closed = "closed file" in str(error)
            raise ObjectError(self._cause(url) if is_closed else str(error)) from error
        except OSError as error:
            reason = why(error, anonymous=self._clients.is_anonymous(url))
            if reason == SILENT:
                self._patience.wear(store, time.monotonic() - began)
            else:
                self._patience.renew(store)
            raise ObjectError(reason) from error
        self._patience.renew(store)

    def _cause(self, url: str) -> str:
        """Why the content of an object can't be read, as far as its store tells."""
        try:
            gone = self.look(url) is None
        except ObjectError as error:
            return str(error.strerror)
        return "it is gone" if gone else "its content can't be had; it may have been overwritten"


def _is_wanted(url: str, wanted: re.Pattern[str], fixed: int) -> bool:
    own = url.split("/")
    if not all(map(is_log, own[min(fixed, len(own) - 1) :])):
        return False
    named = wanted.fullmatch(url) is not None
    below = url.lower().endswith(".parquet") and any(
        wanted.fullmatch("/".join(own[:n])) for n in range(fixed, len(own))
    )
    return named or below


def _regex(steps: Sequence[str]) -> str:
    """`*` and `?` stay within a step, `**` crosses steps, `[ab]` is one of these."""
    wild = {"*": "[^/]*", "?": "[^/]"}
    parts: list[str] = []
    for number, step in enumerate(steps, 1):
        if step == "**" and number == len(steps):
            # What is below a name, and an object of that name.
            return "".join(parts).rstrip("/") + "(?:/.*)?"
        if step == "**":
            parts.append("(?:[^/]+/)*")
            continue
        pieces = re.split(r"(\*|\?|\[[^]]+\])", step)
        kept = (
            p if p[:1] == "[" and p[-1:] == "]" else wild.get(p) or re.escape(p) for p in pieces
        )
        parts.append("".join(kept) + "/")
    return "".join(parts).rstrip("/")


def _object(url: str, info: "fs.FileInfo") -> SourceFile:
    modified_us = int(info.mtime.timestamp()) * 1_000_000
    # Whether the last change lies so far back that the next one would move the time.
    at_rest = time.time() - modified_us / 1_000_000 > _AT_REST_AFTER_SECONDS
    return SourceFile(url, info.size, modified_us, f"{info.size}.{modified_us}", True, at_rest)


def identity_of_md5(md5: str, size: int) -> str:
    """What an object of this MD5 (hexadecimal) is known by, where its store keeps that."""
    return f"etag {md5.lower()} {size}"


def _identity(headers: Mapping[str, str], size: int, url: str) -> str:
    """What an object's metadata say of its content: an MD5 where there is one, in the form of
    S3's ETags, so that copies in other stores are known."""
    if md5 := headers.get("content-hash") or _hexadecimal(headers.get("md5hash", "")):
        return identity_of_md5(md5, size)
    if crc := headers.get("crc32c"):
        # Of an object that was composed of others, Google keeps no other.
        return f"crc32c {_hexadecimal(crc)} {size}"
    tag = headers["etag"].strip('"')
    # Other ETags are numbers of versions, which two objects may share.
    of_content = re.fullmatch(r"[0-9a-f]{32}(-[0-9]+)?", tag)
    return f"etag {tag} {size}" + ("" if of_content else f" {url}")


def _hexadecimal(base64_: str) -> str:
    return base64.b64decode(base64_).hex()


def _store(url: str) -> str:
    """The bucket's or container's own URL."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _path(url: str) -> str:
    """What pyarrow calls the object: the bucket or container, then the key."""
    place, _, key = url.partition("://")[2].partition("/")
    return f"{place.partition('@')[0]}/{key}".rstrip("/")
