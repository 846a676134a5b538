"""The documented answer with what HTTP says beside it: for how long it holds, whether the client
has it already, and its bytes as the client accepts them.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

import duckdb

from queries.api import prepared
from queries.api.errors import ApiError, Refusal
from queries.api.http_codes import answered, at_hand
from queries.api.prepared import Prepared
from queries.api.request import Request, parse
from queries.server.encoding import FROM_BYTES, packed
from queries.snapshot import SnapshotError

# What is asked in more bytes, or for more hours of services, is better answered by a thread.
_SMALL_BYTES, _SMALL_HOURS = 4096, 48

_log = logging.getLogger("httpcodes")


@dataclass(frozen=True)
class Reply:
    """What goes out."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ages:
    """For how many seconds clients and caches may keep an answer."""

    final: int
    """One whose buckets can't change any more, but by hand."""
    other: int


@dataclass(frozen=True)
class Wish:
    """What a client says of the answer that it wants."""

    gzip: bool
    has: str = ""
    """If-None-Match."""


class Replies:
    """Answers from a store."""

    def __init__(self, store: Path, ages: Ages) -> None:
        self._store, self._ages = store, ages
        self._snapshots = prepared.of(store)

    def reply(self, body: bytes, wish: Wish) -> Reply:
        """The reply to a request; may wait for the store."""
        try:
            asked = parse(body)
            with self._snapshots.held() as snapshot:
                tag = _tag(snapshot, asked)
                known = self._known(snapshot, asked, wish, tag)
                return known or self._made(snapshot, asked, wish, answered(snapshot, asked), tag)
        except Refusal as refusal:
            return refused(refusal.error)
        except (SnapshotError, duckdb.Error, OSError) as cause:
            _log.error("the store %s can't answer: %s", self._store, cause)
            return refused(ApiError.OPERATION_FAILED)

    def at_hand(self, body: bytes, wish: Wish) -> Reply | None:
        """The same, if it can be had from memory in no time."""
        if len(body) > _SMALL_BYTES:
            return None
        try:
            asked = parse(body)
            with self._snapshots.at_hand() as snapshot:
                return self._small(snapshot, asked, wish) if snapshot and _is_small(asked) else None
        except Refusal as refusal:
            return refused(refusal.error)
        except SnapshotError:
            return None

    def _small(self, snapshot: Prepared, asked: Request, wish: Wish) -> Reply | None:
        tag = _tag(snapshot, asked)
        if known := self._known(snapshot, asked, wish, tag):
            return known
        body = at_hand(snapshot, asked)
        return None if body is None else self._made(snapshot, asked, wish, body, tag)

    def _known(self, snapshot: Prepared, asked: Request, wish: Wish, tag: str) -> Reply | None:
        """What needs no answer made; an unknown service has none, whatever the client holds."""
        if not snapshot.services.keys() >= set(asked.service_names):
            return None
        if has(wish.has, tag):
            return Reply(304, b"", self._headers(snapshot, asked, tag))
        kept = snapshot.packed.get(tag) if wish.gzip else None
        return self._packed(snapshot, asked, kept, tag) if kept else None

    def _made(self, snapshot: Prepared, asked: Request, wish: Wish, body: bytes, tag: str) -> Reply:
        if not wish.gzip or len(body) < FROM_BYTES:
            return Reply(200, body, self._headers(snapshot, asked, tag))
        small = packed(body)
        snapshot.packed.keep(tag, small, len(small))
        return self._packed(snapshot, asked, small, tag)

    def _packed(self, snapshot: Prepared, asked: Request, body: bytes, tag: str) -> Reply:
        headers = self._headers(snapshot, asked, tag)
        return Reply(200, body, {**headers, "content-encoding": "gzip"})

    def _headers(self, snapshot: Prepared, asked: Request, tag: str) -> dict[str, str]:
        final = asked.end.timestamp() <= snapshot.final_until
        return {
            "etag": tag,
            "cache-control": f"max-age={self._ages.final if final else self._ages.other}",
            "last-modified": formatdate(snapshot.modified, usegmt=True),
            "vary": "Accept-Encoding",
        }


def refused(error: ApiError) -> Reply:
    """A documented error."""
    return Reply(error.status, error.body, {"cache-control": "no-store"})


def has(if_none_match: str, tag: str) -> bool:
    """Whether the client holds what has this tag. Weak or not, and in which encoding, is one."""
    tags: Iterable[str] = (one.strip() for one in if_none_match.split(","))
    return any(one == "*" or one.removeprefix("W/") == tag.removeprefix("W/") for one in tags)


def tag_of(*parts: object) -> str:
    """An ETag; weak, for it stands for the compressed bytes as well."""
    return f'W/"{hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()}"'


def _tag(snapshot: Prepared, asked: Request) -> str:
    seconds = asked.first_bucket.timestamp(), asked.end.timestamp()
    return tag_of(snapshot.file.name, asked.service_names, *seconds)


def _is_small(asked: Request) -> bool:
    hours = (asked.end - asked.start).total_seconds() / 3600 + 1
    return len(asked.service_names) * hours <= _SMALL_HOURS
