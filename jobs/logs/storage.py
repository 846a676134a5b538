"""Where log files lie: this machine's disks and object stores, behind one interface.

Which of them a path leads to is asked here and nowhere else.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import duckdb

from jobs.logs import named_tables
from jobs.logs.disk import Disk
from jobs.logs.hours import EVER, Pattern, Reach, as_glob, is_pattern
from jobs.logs.named_tables import ExtraMissing, TableRefused, is_table
from jobs.logs.objects.buckets import SCHEMES, Buckets
from jobs.logs.objects.clients import Clients
from jobs.logs.objects.links import SCHEMES as WEB
from jobs.logs.objects.links import SOURCE as LINKS
from jobs.logs.objects.links import Links
from jobs.logs.sources import Listing, SourceFile
from queries import utc

_CHUNK = 8 << 20


class _Kind(Protocol):
    """What each kind of storage can do; `Storage` says what it means."""

    @property
    def at_once(self) -> int: ...
    def find(
        self,
        sources: Iterable[str],
        *,
        may_be_missing: bool,
        wanted: Callable[[str], bool] = ...,
    ) -> Listing: ...
    def look(self, path: str) -> SourceFile | None: ...
    def fingerprint(self, path: str) -> str: ...
    def is_untouched(self, file: SourceFile, fingerprint: str | None) -> bool: ...
    def open(self, path: str) -> Any: ...
    def absolute(self, path: str) -> str: ...
    def folder(self, source: str) -> str: ...


class Storage:
    """All that a path or URL can lead to.

    `endpoints` has URLs of servers by scheme (`s3`), where a store is not where the environment
    says. It may be pickled: connections stay behind and are made anew.
    """

    def __init__(self, endpoints: Mapping[str, str] = MappingProxyType({})) -> None:
        self.endpoints = dict(endpoints)
        self.reach = EVER
        self._disk = Disk()
        self._clients = Clients(self.endpoints)
        self._buckets = Buckets(self._clients)
        self._links = Links()

    def __reduce__(self) -> tuple[type["Storage"], tuple[dict[str, str]]]:
        return Storage, (self.endpoints,)

    def is_local(self, path: str) -> bool:
        """Whether any program of this machine can open it by its path."""
        return self._of(path) is self._disk

    def within(self, reach: Reach) -> "Storage":
        """The same, of which sources that name hours are listed for these only."""
        narrowed = object.__new__(Storage)
        # What one has opened or learnt, the other knows.
        vars(narrowed).update(vars(self), reach=reach)
        return narrowed

    def find(self, sources: Iterable[str], *, may_be_missing: bool = False) -> Listing:
        """The log files that the sources name, each once.

        A source is a file, a folder (all `*.parquet` below it) or a glob (`**` crosses folders),
        or a URL of an object store of which the same holds; a list of links (`links:FILE`); or a
        table by name (`named_tables`),
        of which all files are meant. Of one that names hours, those `within` are listed.
        Names that begin with `.` or `_`, and unfinished uploads, are passed over. A source that
        holds nothing is refused with what lies there instead, as are the files of tables. Raises
        SourceNotFound for a plain path that does not exist, unless it `may_be_missing`, and
        ExtraMissing.
        """
        found = Listing({}, {})
        named = list(sources)
        plain = [source for source in named if not is_table(source) and not is_pattern(source)]
        for kind, own in groupby(plain, self._of):
            found.add(kind.find(own, may_be_missing=may_be_missing))
        for source in filter(is_pattern, named):
            self._add_hours(source, found)
        for source in filter(is_table, named):
            self._add_table(source, found)
        return found

    def _add_hours(self, source: str, found: Listing) -> None:
        pattern = Pattern(self._of(source).absolute(source), self.reach)
        globs = pattern.globs(utc.now())
        there = self._of(source).find(globs, may_be_missing=True, wanted=pattern.reaches)
        # No day has to have anything.
        refused = {path: why for path, why in there.unlisted.items() if path not in there.missing}
        why = "holds nothing of the hours asked for"
        missing = {} if there.files or refused else {self._of(source).absolute(source): why}
        found.add(Listing(there.files, refused | missing, missing))

    def _add_table(self, source: str, found: Listing) -> None:
        try:
            table = named_tables.read(source, self)
        except TableRefused as refusal:
            found.unlisted[source] = str(refusal)
            return
        found.tables.append(table)
        # A folder above it is no reason to refuse what is named.
        found.unlisted.pop(table.root, None)
        for path in table.files:
            try:
                file = self.look(path)
            except OSError as error:
                found.unlisted[path] = f"cannot be read: {error.strerror}"
                continue
            if file is None:
                found.unlisted[path] = f"is not there, though {source} names it as its own"
            else:
                found.files[path] = file

    def look(self, path: str) -> SourceFile | None:
        """The file as it stands now, or None if it is gone. Raises OSError if nobody can tell."""
        return self._of(path).look(path)

    def is_gone(self, path: str) -> bool:
        """Whether certainly nothing lies there any more."""
        try:
            return self.look(path) is None
        except OSError:
            return False

    def fingerprint(self, path: str) -> str:
        """What tells contents apart; of an object, what the store says of it. Raises OSError."""
        return self._of(path).fingerprint(path)

    def holds(self, path: str, fingerprint: str) -> bool:
        """Whether a file with this fingerprint lies at the path."""
        try:
            file = self.look(path)
            return file is not None and file.regular and self.fingerprint(path) == fingerprint
        except OSError:
            return False

    def is_untouched(self, file: SourceFile, fingerprint: str | None) -> bool:
        """Whether the file still is what it was when its fingerprint was taken. Raises OSError."""
        return self._of(file.path).is_untouched(file, fingerprint)

    def open(self, path: str) -> Any:
        """The content as pyarrow reads it: `size()` and `read_at(count, offset)`, in bytes, from
        any thread. Raises OSError."""
        return self._of(path).open(path)

    def absolute(self, path: str) -> str:
        """A path as the ledger knows it; of a table, the folder that it names."""
        if is_table(path):
            return named_tables.located(path)
        return self._of(path).absolute(as_glob(path))

    def below(self, paths: Iterable[str], sources: Iterable[str]) -> set[str]:
        """Those of the paths that lie below a folder where the sources look for files.

        That is a folder itself; where a file lies, for others beside it may be named the next
        time; and what comes before the first wildcard of a glob. The log of a table tells by
        itself what it lost.
        """
        places = (source for source in sources if not is_table(source))
        folders = tuple(
            self._of(place).folder(as_glob(place)).rstrip("/") + "/" for place in places
        )
        return {path for path in paths if path.startswith(folders)}

    def at_once(self, paths: Iterable[str]) -> int:
        """How many to read at the same time: of files one, of objects, which are far, some."""
        return max((self._of(path).at_once for path in paths), default=1)

    def download(self, path: str, target: Path) -> None:
        """Write the content to a new file. Raises OSError."""
        source = self.open(path)
        with target.open("xb") as new:
            for start in range(0, source.size(), _CHUNK):
                with self._far(path).trouble(path):
                    content = source.read_at(_CHUNK, start)
                new.write(content)

    def names_in(self, folder: str) -> list[str]:
        """Names right below a URL, as far as its store lets them be seen."""
        return self._buckets.names_in(folder)

    def endpoint(self, url: str) -> str | None:
        """The URL of the server that a URL's store is at, if it is said."""
        return self._clients.endpoint(url)

    def failure(self, path: str) -> OSError | None:
        """What went wrong at last with reading a file through DuckDB, where only we know."""
        return None if self.is_local(path) else self._far(path).failure(path)

    def attach(self, connection: duckdb.DuckDBPyConnection, paths: Iterable[str]) -> None:
        """Let DuckDB read those of the paths that are far. Raises ExtraMissing."""
        if all(map(self.is_local, paths)):
            return
        try:
            from jobs.logs.objects.handles import Reader  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ExtraMissing(
                "reading from an object store needs the extra s3: pip install 'cdn-httpcodes[s3]'"
            ) from error
        known = connection.list_filesystems()
        for scheme in (*SCHEMES, *WEB):
            if scheme not in known:
                connection.register_filesystem(Reader(scheme, self._far(f"{scheme}://")))
        # It would hand out bytes of an object that has changed since.
        connection.execute("SET enable_external_file_cache = false")

    def _of(self, path: str) -> _Kind:
        # A local path never holds `://`.
        scheme, there, _ = path.partition("://")
        is_far = path.startswith(LINKS) or (there and scheme in (*SCHEMES, *WEB))
        return self._far(path) if is_far else self._disk

    def _far(self, path: str) -> Buckets | Links:
        return self._buckets if path.partition("://")[0] in SCHEMES else self._links
