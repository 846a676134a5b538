"""Text files become Counted: many at a time, each line a row or a line that is none.

While DuckDB counts, the bytes of the files are looked at apart (`audit`): a file whose stream is
damaged, or of which other lines were met than it has, adds nothing.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import md5

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from jobs.counts import beside, by_sql
from jobs.counts.contents import Content
from jobs.counts.counted import PASSED_OVER, Counted, PutOff, Unusable
from jobs.counts.losses import Losses
from jobs.counts.scan_progress import ScanProgress
from jobs.counts.trouble import of_system
from jobs.logs import kinds
from jobs.logs.options import ReadingOptions
from jobs.logs.reading import PassedOver, Reading
from jobs.logs.roles import UnreadableFile
from jobs.logs.storage import Storage
from jobs.logs.text.audit import Audit, Damaged, audit
from jobs.logs.text.delimited import HEADER, OTHER_HEADER
from jobs.logs.text.layout import Layout
from jobs.logs.text.lines import Way, ways
from jobs.logs.text.segments import followed

GROWS_FOR_SECONDS = 300
"""For how long after it was written to a file may be one that is written to."""
_MOST_THREADS = 4

Result = Counted | Unusable | PutOff


class LineCounter:
    """Counts text files over a connection that a Counter has made ready."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, storage: Storage, progress: ScanProgress
    ) -> None:
        self._connection = connection
        self._storage = storage
        self._progress = progress
        self._losses = Losses(storage, _damage)

    def count(self, contents: Sequence[Content]) -> Iterator[Result]:
        """Count these files: each is one of several that were counted, or one that was not."""
        if not contents:
            return
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS), "audit") as pool:
            try:
                for layout, options, alike in self._alike(contents):
                    audits = {
                        c.file.path: pool.submit(audit, c.file.path, self._storage) for c in alike
                    }
                    attempt = _Attempt(layout, options, audits, ways(layout))
                    if layout.is_dated:
                        for content in alike:
                            yield from self._follow(attempt, content)
                    else:
                        yield from self._count(attempt, alike)
                    yield from self._losses.taken()
            finally:
                pool.shutdown(cancel_futures=True)
        yield from self._losses.taken()

    def _alike(
        self, contents: Sequence[Content]
    ) -> list[tuple[Layout, ReadingOptions, list[Content]]]:
        """Files that are read by one scan."""
        found: dict[tuple[str, ReadingOptions], tuple[Layout, ReadingOptions, list[Content]]] = {}
        for content in contents:
            options = content.options
            try:
                layout = kinds.look(content.file.path, options, self._storage)
                reading = kinds.read_lines(layout, options, ways(layout)[0])
                if options.service_path and options.service_of(content.file.path) is None:
                    raise UnreadableFile("its path names no service as --service-from-path has it")
            except UnreadableFile as refusal:
                self._refuse(content, refusal)
            except OSError as error:
                self._losses.blame(content, error)
            else:
                key = (repr(reading), options)
                found.setdefault(key, (layout, options, []))[2].append(content)
        return list(found.values())

    def _count(self, attempt: "_Attempt", contents: Sequence[Content]) -> Iterator[Result]:
        reading = kinds.read_lines(attempt.layout, attempt.options, attempt.ways[0])
        for own, files in self._readings(reading, contents):
            for some, scanned in self._losses.halving(files, partial(self._scan, own, attempt)):
                again = list(some)
                if scanned:
                    counted, again = self._judged(own, attempt, some, *scanned)
                    yield counted
                self._progress.forget()
                for content in again:
                    if scanned and _is_of_other_columns(scanned[1], some.index(content)):
                        yield from self._follow(attempt, content)
                    elif following := self._following(attempt, content):
                        yield from self._count(following, [content])

    def _follow(self, attempt: "_Attempt", content: Content) -> Iterator[Result]:
        """Count a file whose lines mean what `#` lines above them say."""
        path = content.file.path

        def action(_: Sequence[Content]) -> Layout | UnreadableFile:
            try:
                return followed(self._connection, path, attempt.layout)
            except UnreadableFile as refusal:
                return refusal

        for _, layout in self._losses.halving([content], action):
            if isinstance(layout, Layout):
                yield from self._count(replace(attempt, layout=layout), [content])
            else:
                self._refuse(content, layout)

    def _readings(
        self, reading: Reading, contents: Sequence[Content]
    ) -> Iterable[tuple[Reading, list[Content]]]:
        """Each file's own: some rows are passed over only beside others of the same file."""
        if not beside.is_needed(reading):
            return [(reading, list(contents))]

        def rules_of(some: Sequence[Content]) -> list[PassedOver]:
            paths = [content.file.path for content in some]
            try:
                return beside.passed_over(self._connection, reading, beside.OF_LINES, paths)
            except duckdb.InvalidInputException:
                if len(some) > 1:
                    raise
                # The scan will fail as well, and the file be read in another way.
                return [()]

        own: dict[PassedOver, list[Content]] = {}
        for some, rules in self._losses.halving(contents, rules_of):
            for content, each in zip(some, rules, strict=True):
                own.setdefault(each, []).append(content)
        return [(replace(reading, passed_over=rules), files) for rules, files in own.items()]

    def _scan(
        self, reading: Reading, attempt: "_Attempt", contents: Sequence[Content]
    ) -> tuple[pa.Table, pa.Table] | None:
        """None if a file that stands alone has to be read in another way."""
        try:
            with self._progress.scanning(sum(content.file.size for content in contents)):
                paths = [content.file.path for content in contents]
                return by_sql.count_lines(self._connection, reading, paths)
        except (duckdb.InterruptException, duckdb.FatalException):
            raise
        except duckdb.Error as error:
            if len(contents) > 1:
                raise
            is_damaged = self._audited(attempt, contents[0]) is None
            if is_damaged or (len(attempt.ways) > 1 and of_system(error) is None):
                return None
            raise

    def _judged(
        self,
        reading: Reading,
        attempt: "_Attempt",
        contents: Sequence[Content],
        rows: pa.Table,
        passed_over: pa.Table,
    ) -> tuple[Counted, list[Content]]:
        """What counts of a scan, and the files to be read in another way."""
        if not attempt.ways[0].by_line:
            passed_over = _with_headers(passed_over, len(contents))
        met = _met(len(contents), rows, passed_over)
        whole, again = {}, []
        for number, content in enumerate(contents):
            audited = self._audited(attempt, content)
            if audited is None:
                continue
            is_met = not attempt.layout.is_of_lines or met[number] == audited.lines
            if not is_met or _is_of_other_columns(passed_over, number):
                again.append(content)
            else:
                whole[number] = content
        kind = md5(str(reading.scan).encode(), usedforsecurity=False).hexdigest()
        return self._losses.standing(Counted(kind, reading, whole, rows, passed_over)), again

    def _audited(self, attempt: "_Attempt", content: Content) -> Audit | None:
        """What its bytes tell; None if they say that it does not count, or not this time."""
        if content.file.path in attempt.lost:
            return None
        try:
            audited = attempt.audits[content.file.path].result()
        except (Damaged, OSError) as error:
            attempt.lost.add(content.file.path)
            if isinstance(error, Damaged):
                self._refuse(content, error)
            else:
                self._losses.blame(content, error)
            return None
        if attempt.layout.compression == "none" and not audited.finished and _is_fresh(content):
            attempt.lost.add(content.file.path)
            self._grows(content)
            return None
        return audited

    def _following(self, attempt: "_Attempt", content: Content) -> "_Attempt | None":
        """Another way to read a file; if there is none, it is lost."""
        if self._audited(attempt, content) is None:
            return None
        if attempt.ways[1:]:
            return _Attempt(attempt.layout, attempt.options, attempt.audits, attempt.ways[1:])
        self._refuse(
            content, UnreadableFile("other lines were met in it than it has: it can't be counted")
        )
        return None

    def _grows(self, content: Content) -> None:
        minutes = GROWS_FOR_SECONDS // 60
        why = (
            f"its end is not finished, and it was written to less than {minutes} minutes ago: "
            "the next run looks at it again"
        )
        self._losses.lose(PutOff(content, why))

    def _refuse(self, content: Content, refusal: UnreadableFile) -> None:
        if isinstance(refusal, Damaged) and _is_fresh(content):
            self._grows(content)
        elif self._losses.stands(content):
            self._losses.lose(Unusable(content, str(refusal)))


@dataclass
class _Attempt:
    """Files of a layout that are read in the first of these ways."""

    layout: Layout
    options: ReadingOptions
    audits: dict[str, "Future[Audit]"]
    ways: list[Way]

    def __post_init__(self) -> None:
        self.lost: set[str] = set()
        """Files of which it is said already why they do not count."""


def _met(count: int, *tables: pa.Table) -> list[int]:
    """How many lines of each file there were."""
    met = [0] * count
    for table in tables:
        sums = table.select(["file", "rows"]).group_by("file").aggregate([("rows", "sum")])
        for row in sums.to_pylist():
            met[row["file"]] += row["rows_sum"]
    return met


def _is_of_other_columns(passed_over: pa.Table, file: int) -> bool:
    reasons = passed_over.filter(pc.equal(passed_over["file"], file))["reason"].to_pylist()
    return OTHER_HEADER in reasons


def _with_headers(passed_over: pa.Table, count: int) -> pa.Table:
    """A line of each file names the columns, which the reader of CSV leaves out."""
    headers = {"file": range(count), "reason": [HEADER] * count, "rows": [1] * count}
    return pa.concat_tables([passed_over, pa.table(headers, schema=PASSED_OVER)])


def _is_fresh(content: Content) -> bool:
    age = time.time() - content.file.modified_us / 1_000_000
    return 0 <= age < GROWS_FOR_SECONDS


def _damage(error: Exception, _: str, __: Storage) -> str:
    first_line = str(error).partition("\n")[0].strip()
    return f"cannot be read as text: {first_line.partition(' Error: ')[2] or first_line}"
