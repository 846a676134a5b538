"""A batch of files becomes contributions and ledger rows.

The ledger says what is known; a counter counts the rest, and what it gave is taken.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType

from jobs.counts import taking
from jobs.counts.coder import Coder
from jobs.counts.contents import Content, Verdict
from jobs.counts.counted import Counted, PutOff, Unusable
from jobs.counts.counter import Counter
from jobs.counts.ledger import Ledger
from jobs.counts.runs import Outcome
from jobs.counts.taking import Taken
from jobs.counts.trouble import MachineTrouble, is_everywhere
from jobs.logs import objects, parquet
from jobs.logs.choice import Choice
from jobs.logs.sources import SourceFile, fingerprint
from jobs.store.revision import Revision

BATCH_BYTES = 64 << 20
BATCH_FILES = 2_000


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
        self._ledger = ledger
        self._choice_of = choice_of
        self._on_batch = on_batch
        self._counter = Counter(revision.connection, _coder(revision))
        self._troubled: dict[str, str] = {}
        self.outcome = Outcome()

    def look(self, files: Sequence[SourceFile]) -> list[Content]:
        """Read what these files hold, and count nothing; what can't be read goes to quarantine."""
        parquet.attach(self._revision.connection, (file.path for file in files))
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
        """Count these files, or say in the ledger why not; some were looked at before."""
        parquet.attach(self._revision.connection, (file.path for file in files))
        for contents in self._batches(files, known):
            self._take(contents)
            self.outcome.bytes_done += sum(content.file.size for content in contents)
            self._on_batch(self.outcome)

    def check_machine(self, tried: int) -> None:
        """Raise MachineTrouble if so many files were tried, and none could be read for one."""
        if len(self._troubled) == tried > 0:
            path, reason = next(iter(self._troubled.items()))
            raise MachineTrouble(f"none of {tried:,} files could be read; {path} {reason}")

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
                lost = Content(file, None, self._choice_of(file.path))
                why = f"cannot be read: {error.strerror}"
                self._put_off(PutOff(lost, why, is_everywhere(error)))
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
            for result in self._counter.count(list(firsts.values())):
                match result:
                    case Counted():
                        self._note(taking.take(self._revision, self._ledger, result))
                    case Unusable(content, reason):
                        self._quarantine(content, reason)
                    case PutOff():
                        self._put_off(result)
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

    def _quarantine(self, content: Content, reason: str) -> None:
        self._ledger.record([(content, reason)], "quarantined")
        self.outcome.quarantined[content.file.path] = reason

    def _put_off(self, put_off: PutOff) -> None:
        """Leave the file to the next run, which tries again: the ledger learns nothing of it."""
        path = put_off.content.file.path
        self.outcome.quarantined[path] = put_off.reason
        if put_off.everywhere:
            self._troubled[path] = put_off.reason

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


def _add(reasons: dict[str, int], more: Mapping[str, int]) -> None:
    for reason, rows in more.items():
        reasons[reason] = reasons.get(reason, 0) + rows


def _coder(revision: Revision) -> Coder:
    terms = revision.terms
    until = revision.started_at + terms.plausible_ahead
    return Coder(revision.connection, terms.plausible_from, until, terms.threads)
