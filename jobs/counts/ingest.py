"""A batch of files becomes contributions and ledger rows.

Files are read many at a time: a scan of thousands costs little more than a scan of one. One
broken file fails the scan that it is part of, so a scan that fails is halved until the
culprits stand alone; they go to quarantine, and what they held in that scan counts nowhere.
Where it is the machine that failed, no file is judged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TypeVar

import duckdb

from jobs.counts import beside, misfit, readings
from jobs.counts import by_sql as counting
from jobs.counts.ledger import Content, Ledger, Verdict
from jobs.counts.runs import Outcome
from jobs.counts.trouble import MachineTrouble, is_everywhere, of_system
from jobs.logs import expressions, objects, parquet, scans
from jobs.logs.choice import Choice
from jobs.logs.columns import Schema
from jobs.logs.reading import FileRefused, PassedOver, Reading, choose
from jobs.logs.sources import SourceFile, fingerprint, untouched
from jobs.store.revision import Revision
from queries.access_log import scan
from queries.service_name import canonical
from queries.statements import statements

BATCH_BYTES = 64 << 20
BATCH_FILES = 2_000

T = TypeVar("T")

_SQL = statements(__name__)


class Ingest:
    """Reads files into a revision; `outcome` grows, `on_batch` is called as it does."""

    def __init__(
        self,
        revision: Revision,
        ledger: Ledger,
        choice_of: Callable[[str], Choice],
        on_batch: Callable[[Outcome], None],
    ) -> None:
        self._revision = revision
        self._connection = revision.connection
        self._ledger = ledger
        self._choice_of = choice_of
        self._on_batch = on_batch
        self._registered_only = revision.terms.registered_only
        self.outcome = Outcome()
        self._troubled: dict[str, str] = {}
        self._connection.execute(_SQL["macros"])

    def look(self, files: Sequence[SourceFile]) -> list[Content]:
        """Read what these files hold, and count nothing; what can't be read goes to quarantine."""
        parquet.attach(self._connection, (file.path for file in files))
        return [content for batch in self._batches(files, {}) for content in batch]

    def settle(self, contents: list[Content]) -> dict[str, Content]:
        """Deal with what the ledger knows; by path, what is left to be counted."""
        self.outcome.bytes_done += sum(content.file.size for content in contents)
        new = self._settle(contents)
        self.outcome.bytes_done -= sum(content.file.size for content in new)
        return {content.file.path: content for content in new}

    def take(
        self, files: Sequence[SourceFile], known: Mapping[str, Content] = MappingProxyType({})
    ) -> None:
        """Count these files, or say in the ledger why not; some were looked at before.

        Raises MachineTrouble if none can be read.
        """
        parquet.attach(self._connection, (file.path for file in files))
        for contents in self._batches(files, known):
            self._take(contents)
            self.outcome.bytes_done += sum(content.file.size for content in contents)
            self._on_batch(self.outcome)
        if len(self._troubled) == len(files) > 0:
            path, reason = next(iter(self._troubled.items()))
            raise MachineTrouble(f"none of {len(files):,} files could be read; {path} {reason}")

    def _batches(
        self, files: Sequence[SourceFile], known: Mapping[str, Content]
    ) -> Iterator[list[Content]]:
        def held(path: str) -> str:
            looked_at = known.get(path)
            return (looked_at and looked_at.fingerprint) or fingerprint(path)

        # Fingerprints are taken ahead, on a thread of their own, while DuckDB counts.
        with ThreadPoolExecutor(
            objects.at_once(file.path for file in files), "fingerprint"
        ) as ahead:
            try:
                pending = [(file, ahead.submit(held, file.path)) for file in files]
                yield from self._grouped(pending)
            finally:
                ahead.shutdown(cancel_futures=True)

    def _grouped(
        self, pending: Sequence[tuple[SourceFile, Future[str]]]
    ) -> Iterator[list[Content]]:
        batch: list[Content] = []
        size = 0
        for file, promised in pending:
            try:
                content = Content(file, promised.result(), self._choice_of(file.path))
            except OSError as error:
                self._put_off(
                    Content(file, None, self._choice_of(file.path)), error.strerror, error
                )
                continue
            batch.append(content)
            size += file.size
            if size >= BATCH_BYTES or len(batch) >= BATCH_FILES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _take(self, contents: list[Content]) -> None:
        while new := self._settle(contents):
            # Of equal contents one is counted first; what becomes of the others hangs on it.
            firsts = {(c.fingerprint, c.named_service): c for c in reversed(new)}
            for (kind, choice), alike in self._kinds(list(firsts.values())).items():
                for some, schema in self._halving(alike, self._schema):
                    self._count(kind, choice, schema, some)
            contents = [c for c in new if firsts[c.fingerprint, c.named_service] is not c]

    def _settle(self, contents: list[Content]) -> list[Content]:
        """Deal with what the ledger knows; the contents that it has never met."""
        verdicts = self._ledger.judge(contents)
        new, touched, duplicates, forgotten = [], [], [], []
        for content in contents:
            match verdicts[content.file.path]:
                case Verdict.UNCHANGED, _:
                    touched.append(content)
                    self.outcome.files_unchanged += 1
                case Verdict.QUARANTINED, reason:
                    touched.append(content)
                    self.outcome.quarantined[content.file.path] = str(reason)
                case Verdict.REFUSED, reason:
                    self._ledger.record([(content, str(reason))], "refused")
                    self.outcome.refused[content.file.path] = str(reason)
                case Verdict.DUPLICATE, twin:
                    duplicates.append((content, f"holds what {twin} holds"))
                case Verdict.FORGOTTEN, twin:
                    forgotten.append((content, f"holds what {twin} held, which was forgotten"))
                case _:
                    new.append(content)
        if touched:
            self._ledger.touch(touched)
        for state, copies in (("duplicate", duplicates), ("forgotten", forgotten)):
            if copies:
                self._ledger.replace([content for content, _ in copies])
                self._ledger.record(copies, state)
                self.outcome.files_duplicate += len(copies)
        return new

    def _kinds(self, contents: Sequence[Content]) -> dict[tuple[str, Choice], list[Content]]:
        """The files that can be opened, by their kind and how the caller wants them read.

        Files of one kind have the same columns.
        """
        by_path = {content.file.path: content for content in contents}
        kinds: dict[tuple[str, Choice], list[Content]] = {}
        for _, rows in self._halving(contents, self._kinds_of):
            for kind, paths in rows:
                for path in sorted(paths):
                    kinds.setdefault((kind, by_path[path].choice), []).append(by_path[path])
        return kinds

    def _kinds_of(self, contents: Sequence[Content]) -> list[tuple[str, list[str]]]:
        return self._connection.execute(_SQL["kinds"], {"files": _patterns(contents)}).fetchall()

    def _schema(self, contents: Sequence[Content]) -> Schema:
        return parquet.schema(self._connection, contents[0].file.path)

    def _count(self, kind: str, choice: Choice, schema: Schema, alike: Sequence[Content]) -> None:
        try:
            reading = scans.beside_own_names(schema, choose(schema, choice))
        except FileRefused as refusal:
            self._quarantine_all(alike, refusal)
            return
        contents = self._usable(alike, choice, reading)
        paths = [content.file.path for content in contents]
        encrypted = parquet.encrypted(self._connection, paths)
        sound = [content for content in contents if content.file.path not in encrypted]
        self._count_alike(kind, choice, schema, reading, sound)
        for content in contents:
            if content.file.path in encrypted:
                its_own = scans.without_encrypted(self._connection, content.file.path, reading)
                self._count_alike(kind, choice, schema, its_own, [content])

    def _count_alike(
        self,
        kind: str,
        choice: Choice,
        schema: Schema,
        reading: Reading,
        contents: Sequence[Content],
    ) -> None:
        # DuckDB's number of a file in a scan gives way to a column of that name.
        shadowed = "file_index" in map(str.lower, schema)
        file_index = "0" if shadowed else "file_index"
        for together in [[c] for c in contents] if shadowed else filter(None, [contents]):
            for own, files in self._readings(reading, file_index, together):
                for some, is_text in self._halving(files, partial(self._scan, own, file_index)):
                    if is_text:
                        self._take_scan(some, choice, kind, own)
                    else:
                        self._count_twice(kind, choice, schema, own, some)

    def _count_twice(
        self,
        kind: str,
        choice: Choice,
        schema: Schema,
        reading: Reading,
        contents: Sequence[Content],
    ) -> None:
        """Count one file, of which some bytes are no text."""
        try:
            reading = scans.twice(schema, reading)
        except FileRefused as refusal:
            self._quarantine_all(contents, refusal)
            return
        for some, _ in self._halving(contents, partial(self._scan, reading, "0")):
            self._take_scan(some, choice, kind, reading)

    def _usable(
        self, contents: Sequence[Content], choice: Choice, reading: Reading
    ) -> list[Content]:
        usable = []
        for content in contents:
            path = content.file.path
            if choice.service_path and choice.service_of(path) is None:
                self._quarantine(content, "its path names no service as --service-from-path has it")
            elif self._is_sound(content, reading):
                usable.append(content)
        return usable

    def _is_sound(self, content: Content, reading: Reading) -> bool:
        """Whether no checksum speaks against the file; if not, or nobody knows, say so."""
        try:
            damage = parquet.page_damage(content.file.path, reading.needed)
        except (OSError, MemoryError) as error:
            self._blame(content, error)
            return False
        if damage:
            self._quarantine(content, damage)
        return not damage

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

    def _scan(self, reading: Reading, file_index: str, contents: Sequence[Content]) -> bool:
        paths = [content.file.path for content in contents]
        return counting.count(self._connection, reading, paths, file_index)

    def _take_scan(
        self, contents: Sequence[Content], choice: Choice, kind: str, reading: Reading
    ) -> None:
        """What the last scan gave, into contributions, rejects and the ledger, in one go."""
        taken = self._sound(contents, reading)
        while taken:
            self._connection.begin()
            if len(taken) < len(contents):
                self._connection.execute(_SQL["leave_out"], {"indexes": list(taken)})
            self._add_rows(taken, reading)
            misfits = self._misfits(choice, reading)
            if not misfits:
                self._record(taken, kind, reading)
                return
            # What they name leaves no trace; the others are taken without them.
            self._connection.rollback()
            for index, role, rows in misfits:
                content = taken.pop(index)
                path = content.file.path
                reason = misfit.sentence(self._connection, path, reading, role, rows)
                self._quarantine(content, reason)

    def _misfits(self, choice: Choice, reading: Reading) -> list[tuple[int, str, int]]:
        """Files of the batch that a reading which nobody asked for fits in no row."""
        if choice.format or choice.mapping:
            return []
        roles = {"in_text": misfit.looked_for_in_text(reading), "texts": misfit.texts(reading)}
        return self._connection.execute(_SQL["misfits"], roles).fetchall()

    def _add_rows(self, taken: dict[int, Content], reading: Reading) -> None:
        connection = self._connection
        self._describe_batch(taken)
        if reading.service_path:
            named = expressions.service_in_path(reading, "batch.path")
            connection.execute(_SQL["name_by_path"].format(service_in_path=named))
        self._name_services()
        self._bound(reading)
        status_code = expressions.status_code(reading, "status")
        connection.execute(_SQL["judge"].format(status_code=status_code))
        connection.execute(_SQL["take"])

    def _record(self, taken: dict[int, Content], kind: str, reading: Reading) -> None:
        connection = self._connection
        replaced = self._ledger.replace(list(taken.values()))
        connection.execute(
            _SQL["record"],
            {
                "format": reading.format,
                "reading_id": readings.number(connection, kind, reading),
                "ingested_at": self._revision.started_at,
                "run_id": self._revision.run_id,
                "registered_only": self._registered_only,
            },
        )
        readings.note_long_names(connection, kind, reading)
        connection.commit()
        self._note(replaced)

    def _sound(self, contents: Sequence[Content], reading: Reading) -> dict[int, Content]:
        """The files of the scan, by their index in it, whose rows may be taken."""
        incomplete = self._connection.execute(_SQL["incomplete"]).fetchall()
        other_rows = {index: (promised, met) for index, promised, met in incomplete}
        doubts: dict[int, str] = {}
        if reading.doubt:
            told = {"clientless": reading.doubt.clientless, "detailed": reading.doubt.detailed}
            doubts = dict(self._connection.execute(_SQL["doubts"], told).fetchall())
        sound = {}
        for index, content in enumerate(contents):
            if not self._stands(content):
                continue
            if index in other_rows:
                promised, met = other_rows[index]
                self._quarantine(
                    content,
                    f"its footer promises {promised:,} rows and {met:,} were read: it is damaged, "
                    "or a broken program wrote it",
                )
            elif reading.doubt and index in doubts:
                self._quarantine(content, reading.doubt.sentence(doubts[index]))
            else:
                sound[index] = content
        return sound

    def _describe_batch(self, taken: dict[int, Content]) -> None:
        files = [content.file for content in taken.values()]
        self._connection.execute(
            _SQL["batch"],
            {
                "indexes": list(taken),
                "file_ids": self._ledger.new_file_ids(len(taken)),
                "paths": [file.path for file in files],
                "sizes": [file.size for file in files],
                "modified_us": [file.modified_us for file in files],
                "versions": [file.version for file in files],
                "fingerprints": [content.fingerprint for content in taken.values()],
                "named_services": [content.named_service for content in taken.values()],
                "read_under": [content.choice.as_text for content in taken.values()],
            },
        )

    def _bound(self, reading: Reading) -> None:
        """Say which moments are plausible: by the run's start, so that a proof can say it again."""
        terms, started_at = self._revision.terms, self._revision.started_at
        self._connection.execute(
            _SQL["plausible"],
            {
                "earliest": terms.plausible_from,
                "until": started_at + terms.plausible_ahead,
                "says_by_type": expressions.says_by_type(reading),
            },
        )

    def _name_services(self) -> None:
        named = {"longest": expressions.LONGEST_SERVICE}
        rows = self._connection.execute(_SQL["logged_names"], named).fetchall()
        logged = [name for (name,) in rows]
        self._connection.execute(
            _SQL["canonical"], {"logged": logged, "canonical": [canonical(n) for n in logged]}
        )
        names = _SQL["name_services"].format(registered_only=self._registered_only)
        self._connection.execute(names)

    def _halving(
        self, contents: Sequence[Content], action: Callable[[Sequence[Content]], T]
    ) -> Iterator[tuple[Sequence[Content], T]]:
        """Do it with all of them, or with as many together as it goes; quarantine the rest."""
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

    def _quarantine_all(self, contents: Sequence[Content], refusal: FileRefused) -> None:
        for content in contents:
            self._quarantine(content, str(refusal))

    def _quarantine(self, content: Content, reason: str) -> None:
        self._ledger.record([(content, reason)], "quarantined")
        self.outcome.quarantined[content.file.path] = reason

    def _blame(self, content: Content, error: Exception) -> None:
        """Say whose fault it is that this file can't be read: its own, or the machine's."""
        path = content.file.path
        if failure := objects.failures.pop(path, None):
            self._put_off(content, failure.strerror, failure)
        elif trouble := getattr(error, "strerror", None) or of_system(error):
            self._put_off(content, trouble, error)
        elif self._stands(content):
            self._quarantine(content, parquet.damage(error, content.file.path))

    def _put_off(self, content: Content, why: str | None, error: Exception) -> None:
        """Leave the file to the next run, which tries again: the ledger learns nothing of it."""
        reason = f"cannot be read: {why}"
        self.outcome.quarantined[content.file.path] = reason
        if is_everywhere(error):
            self._troubled[content.file.path] = reason

    def _stands(self, content: Content) -> bool:
        """Whether the file still is what it was when it was found; if not, say so."""
        try:
            stands = untouched(content.file, content.fingerprint)
        except OSError as error:
            self._put_off(content, error.strerror, error)
            return False
        if not stands:
            self.outcome.quarantined[content.file.path] = (
                "changed while it was read; the next run looks at it again"
            )
        return stands

    def _note(self, replaced: int) -> None:
        taken = self._connection.execute(_SQL["taken"]).fetchall()
        ((files, read, counted, rejected, passed_over),) = taken
        self.outcome.files_ingested += files - replaced
        self.outcome.files_replaced += replaced
        self.outcome.rows_read += read
        self.outcome.rows_counted += counted
        self.outcome.rows_rejected += rejected
        self.outcome.rows_passed_over += passed_over
        self._add("rejected", self.outcome.rejected)
        self._add("reasons_passed_over", self.outcome.passed_over)

    def _add(self, reasons: str, known: dict[str, int]) -> None:
        for reason, rows in self._connection.execute(_SQL[reasons]).fetchall():
            known[reason] = known.get(reason, 0) + rows


def _patterns(contents: Sequence[Content]) -> list[str]:
    return [scan.pattern(content.file.path) for content in contents]
