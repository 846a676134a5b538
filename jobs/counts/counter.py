"""Files become Counted, in this process.

Files are read many at a time: a scan of thousands costs little more than a scan of one. What can't
be read is lost (`losses`), and what it held in a scan counts nowhere. Large Parquet files whose
columns allow it are counted by their dictionary codes instead, and text by its lines.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import duckdb

from jobs.counts import beside, by_sql
from jobs.counts.by_lines import LineCounter
from jobs.counts.by_sql import Scanned
from jobs.counts.coder import Coder
from jobs.counts.contents import Content
from jobs.counts.counted import Counted, PutOff, UnderWay, Unusable, define_words
from jobs.counts.losses import Losses
from jobs.counts.scan_progress import ScanProgress
from jobs.logs import kinds, parquet, scans
from jobs.logs.columns import Schema
from jobs.logs.options import ReadingOptions
from jobs.logs.reading import PassedOver, Reading, choose
from jobs.logs.roles import UnreadableFile
from jobs.logs.storage import Storage
from queries.access_log import scan
from queries.statements import statements

Result = Counted | Unusable | PutOff | UnderWay

_SQL = statements(__name__)


class Counter:
    """Counts files over a connection whose current database is a snapshot.

    The session has to have the macros of `rollup`.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, coder: Coder, storage: Storage
    ) -> None:
        self.connection = connection
        self.storage = storage
        self.coder = coder
        self._losses = Losses(storage, parquet.damage)
        self.progress = ScanProgress(connection)
        self._lines = LineCounter(connection, storage, self.progress)
        define_words(connection)

    def count(self, contents: Sequence[Content]) -> Iterator[Result]:
        """Count these files: each is one of several that were counted, or one that was not.

        Between them comes how far large ones are.
        """
        self.storage.attach(self.connection, (content.file.path for content in contents))
        of_lines = [content for content in contents if self._is_text(content)]
        lost = self._losses.taken()
        yield from lost
        yield from self._lines.count(of_lines)
        known = {content.file.path for content in [*of_lines, *(one.content for one in lost)]}
        yield from self._count_parquet([c for c in contents if c.file.path not in known])

    def _is_text(self, content: Content) -> bool:
        try:
            return kinds.is_text(content.file.path, content.options, self.storage)
        except OSError as error:
            self._losses.blame(content, error)
            return False

    def _count_parquet(self, contents: Sequence[Content]) -> Iterator[Result]:
        for (kind, options), alike in self._kinds(contents).items():
            for some, schema in self._losses.halving(alike, self._schema):
                yield from self._count(kind, options, schema, some)
                yield from self._losses.taken()
        yield from self._losses.taken()

    def _kinds(
        self, contents: Sequence[Content]
    ) -> dict[tuple[str, ReadingOptions], list[Content]]:
        """The files that can be opened, by their kind and how the caller wants them read.

        Files of one kind have the same columns.
        """
        by_path = {content.file.path: content for content in contents}
        kinds: dict[tuple[str, ReadingOptions], list[Content]] = {}
        for _, rows in self._losses.halving(contents, self.kinds_of):
            for kind, paths in rows:
                for content in (by_path[path] for path in sorted(paths)):
                    kinds.setdefault((kind, content.options), []).append(content)
        return kinds

    def kinds_of(self, contents: Sequence[Content]) -> list[tuple[str, list[str]]]:
        """Kinds of files, each with the paths of those that are of it. Raises duckdb.Error."""
        if not contents:
            return []
        return self.connection.execute(_SQL["kinds"], {"files": _patterns(contents)}).fetchall()

    def _schema(self, contents: Sequence[Content]) -> Schema:
        return parquet.schema(self.connection, contents[0].file.path)

    def _count(
        self, kind: str, options: ReadingOptions, schema: Schema, alike: Sequence[Content]
    ) -> Iterator[Result]:
        try:
            reading = scans.beside_own_names(schema, choose(schema, options))
        except UnreadableFile as refusal:
            yield from (Unusable(content, str(refusal)) for content in alike)
            return
        by_codes, others = self.coder.split(reading, self._named(alike))
        for counted in self.coder.count(kind, reading, by_codes):
            match counted:
                case Content():
                    others.append(counted)
                case Counted():
                    yield self._losses.standing(counted)
                case UnderWay():
                    yield counted
        usable = [content for content in others if self._is_whole(content, reading)]
        encrypted = parquet.encrypted(self.connection, [c.file.path for c in usable])
        sound = [content for content in usable if content.file.path not in encrypted]
        yield from self._scan_all(kind, schema, reading, sound)
        for content in usable:
            if content.file.path in encrypted:
                its_own = scans.without_encrypted(self.connection, content.file.path, reading)
                yield from self._scan_all(kind, schema, its_own, [content])

    def _named(self, contents: Iterable[Content]) -> list[Content]:
        named = []
        for content in contents:
            if (
                content.options.service_path
                and content.options.service_of(content.file.path) is None
            ):
                why = "its path names no service as --service-from-path has it"
                self._losses.lose(Unusable(content, why))
            else:
                named.append(content)
        return named

    def _is_whole(self, content: Content, reading: Reading) -> bool:
        """Whether no checksum speaks against the file; if one does, or nobody knows, it is lost."""
        try:
            damage = parquet.page_damage(content.file.path, reading.needed, self.storage)
        except (OSError, MemoryError) as error:
            self._losses.blame(content, error)
            return False
        if damage:
            self._losses.lose(Unusable(content, damage))
        return damage is None

    def _scan_all(
        self, kind: str, schema: Schema, reading: Reading, contents: Sequence[Content]
    ) -> Iterator[Result]:
        # DuckDB's number of a file in a scan gives way to a column of that name.
        shadowed = "file_index" in map(str.lower, schema)
        file_index = "0" if shadowed else "file_index"
        for together in [[c] for c in contents] if shadowed else filter(None, [contents]):
            for own, files in self._readings(reading, file_index, together):
                for some, scanned in self._losses.halving(
                    files, partial(self._scan, own, file_index)
                ):
                    if scanned is None:
                        yield from self._scan_twice(kind, schema, own, some)
                    else:
                        yield self._complete(kind, own, some, scanned)
                    self.progress.forget()

    def _scan_twice(
        self, kind: str, schema: Schema, reading: Reading, contents: Sequence[Content]
    ) -> Iterator[Result]:
        """Count one file, of which some bytes are no text."""
        try:
            reading = scans.twice(schema, reading)
        except UnreadableFile as refusal:
            yield from (Unusable(content, str(refusal)) for content in contents)
            return
        for some, scanned in self._losses.halving(contents, partial(self._scan, reading, "0")):
            if scanned:
                yield self._complete(kind, reading, some, scanned)

    def _scan(
        self, reading: Reading, file_index: str, contents: Sequence[Content]
    ) -> Scanned | None:
        paths = [content.file.path for content in contents]
        with self.progress.scanning(sum(content.file.size for content in contents)):
            return by_sql.count(self.connection, reading, paths, file_index, self.storage)

    def _readings(
        self, reading: Reading, file_index: str, contents: Sequence[Content]
    ) -> Iterable[tuple[Reading, list[Content]]]:
        """Each file's own: some rows are passed over only beside others of the same file."""
        if not beside.is_needed(reading):
            return [(reading, list(contents))]

        def rules_of(some: Sequence[Content]) -> list[PassedOver]:
            return beside.passed_over(
                self.connection, reading, file_index, [c.file.path for c in some]
            )

        own: dict[PassedOver, list[Content]] = {}
        for some, rules in self._losses.halving(contents, rules_of):
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
                if self._losses.stands(whole[file]):
                    self._losses.lose(Unusable(whole[file], why))
                del whole[file]
        counted = Counted(kind, reading, whole, scanned.rows, scanned.passed_over)
        return self._losses.standing(counted)


def _patterns(contents: Sequence[Content]) -> list[str]:
    return [scan.pattern(content.file.path) for content in contents]
