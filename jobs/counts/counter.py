"""Files become Counted, in this process.

Files are read many at a time: a scan of thousands costs little more than a scan of one. One
broken file fails the scan that it is part of, so a scan that fails is halved until the culprits
stand alone; they are unusable, and what they held in that scan counts nowhere. Where it is the
machine that failed, no file is judged. Large files whose columns allow it are counted by their
dictionary codes instead.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import duckdb

from jobs.counts import beside, by_sql
from jobs.counts.by_sql import Scanned
from jobs.counts.coder import Coder
from jobs.counts.contents import Content
from jobs.counts.counted import Counted, PutOff, Unusable, define_words
from jobs.counts.trouble import is_everywhere, of_system
from jobs.logs import objects, parquet, scans
from jobs.logs.choice import Choice
from jobs.logs.columns import Schema
from jobs.logs.reading import FileRefused, PassedOver, Reading, choose
from jobs.logs.sources import untouched
from queries.access_log import scan
from queries.statements import statements

T = TypeVar("T")
Result = Counted | Unusable | PutOff

_SQL = statements(__name__)


class Counter:
    """Counts files over a connection whose current database is a snapshot.

    The session has to have the macros of `rollup`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, coder: Coder) -> None:
        self._connection = connection
        self._coder = coder
        self._lost: list[Unusable | PutOff] = []
        define_words(connection)

    def count(self, contents: Sequence[Content]) -> Iterator[Result]:
        """Count these files: each is one of several that were counted, or one that was not."""
        parquet.attach(self._connection, (content.file.path for content in contents))
        for (kind, choice), alike in self._kinds(contents).items():
            for some, schema in self._halving(alike, self._schema):
                yield from self._count(kind, choice, schema, some)
                yield from self._losses()
        yield from self._losses()

    def _losses(self) -> list[Unusable | PutOff]:
        lost, self._lost = self._lost, []
        return lost

    def _kinds(self, contents: Sequence[Content]) -> dict[tuple[str, Choice], list[Content]]:
        """The files that can be opened, by their kind and how the caller wants them read.

        Files of one kind have the same columns.
        """
        by_path = {content.file.path: content for content in contents}
        kinds: dict[tuple[str, Choice], list[Content]] = {}
        for _, rows in self._halving(contents, self._kinds_of):
            for kind, paths in rows:
                for content in (by_path[path] for path in sorted(paths)):
                    kinds.setdefault((kind, content.choice), []).append(content)
        return kinds

    def _kinds_of(self, contents: Sequence[Content]) -> list[tuple[str, list[str]]]:
        return self._connection.execute(_SQL["kinds"], {"files": _patterns(contents)}).fetchall()

    def _schema(self, contents: Sequence[Content]) -> Schema:
        return parquet.schema(self._connection, contents[0].file.path)

    def _count(
        self, kind: str, choice: Choice, schema: Schema, alike: Sequence[Content]
    ) -> Iterator[Result]:
        try:
            reading = scans.beside_own_names(schema, choose(schema, choice))
        except FileRefused as refusal:
            yield from (Unusable(content, str(refusal)) for content in alike)
            return
        by_codes, others = self._coder.split(reading, self._named(alike))
        for counted in self._coder.count(kind, reading, by_codes):
            if isinstance(counted, Content):
                others.append(counted)
            else:
                yield self._standing(counted)
        usable = [content for content in others if self._is_whole(content, reading)]
        encrypted = parquet.encrypted(self._connection, [c.file.path for c in usable])
        sound = [content for content in usable if content.file.path not in encrypted]
        yield from self._scan_all(kind, schema, reading, sound)
        for content in usable:
            if content.file.path in encrypted:
                its_own = scans.without_encrypted(self._connection, content.file.path, reading)
                yield from self._scan_all(kind, schema, its_own, [content])

    def _named(self, contents: Iterable[Content]) -> list[Content]:
        named = []
        for content in contents:
            if content.choice.service_path and content.choice.service_of(content.file.path) is None:
                why = "its path names no service as --service-from-path has it"
                self._lost.append(Unusable(content, why))
            else:
                named.append(content)
        return named

    def _is_whole(self, content: Content, reading: Reading) -> bool:
        """Whether no checksum speaks against the file; if one does, or nobody knows, it is lost."""
        try:
            damage = parquet.page_damage(content.file.path, reading.needed)
        except (OSError, MemoryError) as error:
            self._blame(content, error)
            return False
        if damage:
            self._lost.append(Unusable(content, damage))
        return damage is None

    def _scan_all(
        self, kind: str, schema: Schema, reading: Reading, contents: Sequence[Content]
    ) -> Iterator[Result]:
        # DuckDB's number of a file in a scan gives way to a column of that name.
        shadowed = "file_index" in map(str.lower, schema)
        file_index = "0" if shadowed else "file_index"
        for together in [[c] for c in contents] if shadowed else filter(None, [contents]):
            for own, files in self._readings(reading, file_index, together):
                for some, scanned in self._halving(files, partial(self._scan, own, file_index)):
                    if scanned is None:
                        yield from self._scan_twice(kind, schema, own, some)
                    else:
                        yield self._complete(kind, own, some, scanned)

    def _scan_twice(
        self, kind: str, schema: Schema, reading: Reading, contents: Sequence[Content]
    ) -> Iterator[Result]:
        """Count one file, of which some bytes are no text."""
        try:
            reading = scans.twice(schema, reading)
        except FileRefused as refusal:
            yield from (Unusable(content, str(refusal)) for content in contents)
            return
        for some, scanned in self._halving(contents, partial(self._scan, reading, "0")):
            if scanned:
                yield self._complete(kind, reading, some, scanned)

    def _scan(
        self, reading: Reading, file_index: str, contents: Sequence[Content]
    ) -> Scanned | None:
        paths = [content.file.path for content in contents]
        return by_sql.count(self._connection, reading, paths, file_index)

    def _readings(
        self, reading: Reading, file_index: str, contents: Sequence[Content]
    ) -> Iterable[tuple[Reading, list[Content]]]:
        """Each file's own: some rows are passed over only beside others of the same file."""
        if not beside.is_needed(reading):
            return [(reading, list(contents))]

        def rules_of(some: Sequence[Content]) -> list[PassedOver]:
            return beside.passed_over(self._connection, reading, file_index, _patterns(some))

        own: dict[PassedOver, list[Content]] = {}
        for some, rules in self._halving(contents, rules_of):
            for content, each in zip(some, rules, strict=True):
                own.setdefault(each, []).append(content)
        return [(replace(reading, passed_over=rules), files) for rules, files in own.items()]

    def _complete(
        self, kind: str, reading: Reading, contents: Sequence[Content], scanned: Scanned
    ) -> Counted:
        """What a scan gave, without files of which other rows were met than they promise."""
        whole = dict(enumerate(contents))
        for file, met in scanned.met().items():
            if met != (promised := scanned.promised[file]):
                why = (
                    f"its footer promises {promised:,} rows and {met:,} were read: it is damaged, "
                    "or a broken program wrote it"
                )
                if self._stands(whole[file]):
                    self._lost.append(Unusable(whole[file], why))
                del whole[file]
        counted = Counted(kind, reading, whole, scanned.rows, scanned.passed_over)
        return self._standing(counted)

    def _standing(self, counted: Counted) -> Counted:
        """What was counted, without files that changed meanwhile."""
        standing = {n: content for n, content in counted.contents.items() if self._stands(content)}
        return replace(counted, contents=standing)

    def _stands(self, content: Content) -> bool:
        """Whether the file still is what it was when it was found; if not, it is put off."""
        try:
            stands = untouched(content.file, content.fingerprint)
        except OSError as error:
            self._put_off(content, error.strerror, error)
            return False
        if not stands:
            why = "changed while it was read; the next run looks at it again"
            self._lost.append(PutOff(content, why))
        return stands

    def _halving(
        self, contents: Sequence[Content], action: Callable[[Sequence[Content]], T]
    ) -> Iterator[tuple[Sequence[Content], T]]:
        """Do it with all of them, or with as many together as it goes; the rest is lost."""
        try:
            result = action(contents)
        except (duckdb.InterruptException, duckdb.FatalException):
            # After the one nothing is to go on, and after the other nothing can.
            raise
        except (duckdb.Error, MemoryError, UnicodeDecodeError) as error:
            if len(contents) == 1:
                self._blame(contents[0], error)
            else:
                middle = len(contents) // 2
                yield from self._halving(contents[:middle], action)
                yield from self._halving(contents[middle:], action)
            return
        yield contents, result

    def _blame(self, content: Content, error: Exception) -> None:
        """Say whose fault it is that this file can't be read: its own, or the machine's."""
        path = content.file.path
        if failure := objects.failures.pop(path, None):
            self._put_off(content, failure.strerror, failure)
        elif trouble := getattr(error, "strerror", None) or of_system(error):
            self._put_off(content, trouble, error)
        elif self._stands(content):
            self._lost.append(Unusable(content, parquet.damage(error, path)))

    def _put_off(self, content: Content, why: str | None, error: Exception) -> None:
        self._lost.append(PutOff(content, f"cannot be read: {why}", is_everywhere(error)))


def _patterns(contents: Sequence[Content]) -> list[str]:
    return [scan.pattern(content.file.path) for content in contents]
