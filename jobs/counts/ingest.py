"""A batch of files becomes contributions and ledger rows.

The ledger says what is known; a counter counts the rest, and what it gave is taken.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from jobs.counts import taking
from jobs.counts.contents import Content, Verdict
from jobs.counts.counted import Counted, PutOff, UnderWay, Unusable, define_words
from jobs.counts.counting import Batch, Engine, here
from jobs.counts.ledger import Ledger
from jobs.counts.runs import Outcome
from jobs.counts.taking import Taken
from jobs.counts.trouble import MachineTrouble
from jobs.logs.options import ReadingOptions
from jobs.logs.sources import SourceFile
from jobs.store.revision import Revision


class Ingest:
    """Reads files into a revision; `outcome` grows, `on_batch` is called as it does."""

    def __init__(
        self,
        revision: Revision,
        ledger: Ledger,
        options_of: Callable[[str], ReadingOptions],
        on_batch: Callable[[Outcome], None],
        engine: Engine = here,
    ) -> None:
        self._revision = revision
        self._storage = revision.terms.storage
        self._ledger = ledger
        self._options_of = options_of
        self._on_batch = on_batch
        # Whoever counts, what comes is taken in here.
        define_words(revision.connection)
        self._counting = engine(revision)
        self._troubled: dict[str, str] = {}
        self._under_way: dict[str, UnderWay] = {}
        self.outcome = Outcome()

    def look(self, files: Sequence[SourceFile]) -> list[Content]:
        """Read what these files hold, and count nothing; what can't be read goes to quarantine."""
        self._storage.attach(self._revision.connection, (file.path for file in files))
        contents: list[Content] = []
        for batch in self._counting.batches(self._asked(files, {}), fingerprints_only=True):
            self._lose(batch)
            contents += batch.contents
        return contents

    def recognise(self, contents: list[Content]) -> dict[str, Content]:
        """Deal with what the ledger knows; by path, what is left to be counted."""
        self.outcome.bytes_done += sum(content.file.size for content in contents)
        new = self._recognise(contents)
        self.outcome.bytes_done -= sum(content.file.size for content in new)
        return {content.file.path: content for content in new}

    def take(
        self, files: Sequence[SourceFile], known: Mapping[str, Content] = MappingProxyType({})
    ) -> None:
        """Count these files, or say in the ledger why not; some were looked at before."""
        self._storage.attach(self._revision.connection, (file.path for file in files))
        for batch in self._counting.batches(self._asked(files, known)):
            self._lose(batch)
            self._take(batch)
            self._under_way.clear()
            self.outcome.bytes_under_way = self.outcome.rows_under_way = 0
            self.outcome.bytes_done += sum(content.file.size for content in batch.contents)
            self._on_batch(self.outcome)

    def bytes_scanned(self) -> int:
        """Beside those of `outcome`: of files whose results are still to come. On any thread."""
        return self._counting.bytes_scanned()

    def check_machine(self, tried: int) -> None:
        """Raise MachineTrouble if so many files were tried, and none could be read for one."""
        if len(self._troubled) == tried > 0:
            path, reason = next(iter(self._troubled.items()))
            raise MachineTrouble(f"none of {tried:,} files could be read; {path} {reason}")

    def _asked(self, files: Sequence[SourceFile], known: Mapping[str, Content]) -> list[Content]:
        return [known.get(f.path) or Content(f, None, self._options_of(f.path)) for f in files]

    def _lose(self, batch: Batch) -> None:
        for lost in batch.lost:
            self._put_off(lost)

    def _take(self, batch: Batch) -> None:
        contents = batch.contents
        while new := self._recognise(contents):
            # Of equal contents one is counted first; what becomes of the others hangs on it.
            firsts = {(c.fingerprint, c.named_service): c for c in reversed(new)}
            for result in batch.count(list(firsts.values())):
                match result:
                    case Counted():
                        taken = taking.take(self._revision, self._ledger, result)
                        self._read(result.contents.values())
                        self._note(taken)
                    case UnderWay():
                        self._advance(result)
                    case Unusable(content, reason):
                        self._quarantine(content, reason)
                    case PutOff():
                        self._put_off(result)
            contents = [c for c in new if firsts[c.fingerprint, c.named_service] is not c]

    def _recognise(self, contents: list[Content]) -> list[Content]:
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

    def _quarantine(self, content: Content, reason: str) -> None:
        self._ledger.record([(content, reason)], "quarantined")
        self.outcome.quarantined[content.file.path] = reason

    def _put_off(self, put_off: PutOff) -> None:
        """Leave the file to the next run, which tries again: the ledger learns nothing of it."""
        path = put_off.content.file.path
        self.outcome.quarantined[path] = put_off.reason
        if put_off.everywhere:
            self._troubled[path] = put_off.reason

    def _advance(self, far: UnderWay) -> None:
        path = far.content.file.path
        before = self._under_way.get(path, replace(far, bytes_done=0, rows_read=0))
        self._under_way[path] = far
        self.outcome.bytes_under_way += far.bytes_done - before.bytes_done
        self.outcome.rows_under_way += far.rows_read - before.rows_read

    def _read(self, contents: Iterable[Content]) -> None:
        """Their rows are among those read from now on; their bytes, when their batch is done."""
        for content in contents:
            self._advance(UnderWay(content, bytes_done=content.file.size, rows_read=0))

    def _note(self, taken: Taken) -> None:
        done = self.outcome
        done.files_ingested += taken.files - taken.replaced
        done.files_replaced += taken.replaced
        done.rows_read += taken.read
        done.rows_counted += taken.counted
        for reasons, more in (
            (done.rejected, taken.rejected),
            (done.passed_over, taken.passed_over),
        ):
            for reason, rows in more.items():
                reasons[reason] = reasons.get(reason, 0) + rows
        done.rows_rejected += sum(taken.rejected.values())
        done.rows_passed_over += sum(taken.passed_over.values())
        for unusable in taken.unusable:
            self._quarantine(unusable.content, unusable.reason)
