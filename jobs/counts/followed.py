"""Tables are followed: what they hold no more is taken back in the run that counts what they hold.

A table's log says which files it consists of. What is in force below it and is none of these any
more (overwritten, deleted, rolled back, compacted) goes, in one change with what came in its
place; so its counts are those of its rows, whatever happened to it in between. As long as one of
its files can't be counted, nothing is taken back; what was counted too long ago to be taken back
stays, and what may hold the same rows stays away.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs.counts.contents import InForce
from jobs.counts.ledger import Ledger
from jobs.counts.merged import Merging
from jobs.counts.runs import Outcome
from jobs.logs.sources import NamedTable
from jobs.store.revision import Revision
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Following:
    """Lets the counts of a run follow the tables that it was told."""

    work: Revision
    ledger: Ledger
    merging: Merging
    outcome: Outcome

    def conclude(self, tables: Iterable[NamedTable], *, count_anyway: bool) -> None:
        """Take back what the tables hold no more, or refuse what can't count beside it."""
        for table in tables:
            self._follow(table, count_anyway=count_anyway)
            self._tell_copies(table)
        if self.outcome.withdrawn:
            self.ledger.drop_copies()

    def _follow(self, table: NamedTable, *, count_anyway: bool) -> None:
        known = self.ledger.below(table.root)
        current = set(table.files)
        added = self._added()
        new = [file for file in known if file.file_id in added and file.path in current]
        gone = [file for file in known if file.path not in current]
        # What can't be taken back was told of before, and may be held by new files ever since.
        left = [file for file in gone if not (file.folded and file.displaced)]
        if left and (open_ := self._open(table)):
            reason = f"{open_} is not counted, and what {table.name} was before it counts on"
            self._refuse(new, reason)
            return
        wrong = [] if count_anyway else self._wrong(table, left, new)
        kept = {file.file_id for reason, held in wrong for file in held}
        for reason, held in wrong:
            self._refuse(held, reason)
        folded = [file for file in gone if file.folded]
        stay = _touching(gone, new)
        if blocked := [file for file in new if file.file_id in stay]:
            self._refuse(blocked, _folded([file for file in folded if file.file_id in stay]))
        self._keep([f for f in left if f.folded and f.file_id not in stay], table)
        going = [f for f in left if f.file_id not in stay | kept and not f.folded]
        self._withdraw(going, current, table)

    def _tell_copies(self, table: NamedTable) -> None:
        """Of equal objects one counts; to a table they are rows that it has more than once."""
        which = {"paths": list(table.files)}
        for path, twin in self.work.connection.execute(_SQL["copies"], which).fetchall():
            self.outcome.refused[path] = (
                f"holds what {twin} holds; both are rows of {table.name}, and of objects that are "
                "equal one counts: compact the table"
            )

    def _added(self) -> set[int]:
        rows = self.work.connection.execute(f"FROM {self.ledger.added}").fetchall()
        return {number for (number,) in rows}

    def _open(self, table: NamedTable) -> str | None:
        """A file of the table that is not counted, if there is one."""
        which = {"paths": list(table.files)}
        rows = self.work.connection.execute(_SQL["uncounted"], which).fetchall()
        return str(rows[0][0]) if rows else None

    def _wrong(
        self, table: NamedTable, left: Sequence[InForce], new: Sequence[InForce]
    ) -> list[tuple[str, list[InForce]]]:
        """Files that hold other rows than those that they were made of, and these, with why."""
        here = {file.path: file for file in [*left, *new] if not file.folded}
        gone, fresh = ({file.path for file in some} for some in (left, new))
        wrong = []
        for old, made in _ends(table, gone, fresh):
            if old <= here.keys() and made <= here.keys():
                which = {
                    "old": [here[path].file_id for path in old],
                    "new": [here[path].file_id for path in made],
                }
                compared = _SQL["compared"].format(incoming=self.ledger.incoming)
                ((more, fewer),) = self.work.connection.execute(compared, which).fetchall()
                if more or fewer:
                    reason = (
                        f"{table.name} says that it holds what {_named(old)} held, and it holds "
                        f"{more:,} requests more and {fewer:,} fewer; "
                        "`httpcodes run --count-anyway` counts the table as it is"
                    )
                    wrong.append((reason, [here[path] for path in old | made]))
        return wrong

    def _refuse(self, files: Sequence[InForce], reason: str) -> None:
        numbers = [file.file_id for file in files if file.file_id in self._added()]
        self.merging.refuse(numbers, reason, self.outcome)

    def _keep(self, folded: Sequence[InForce], table: NamedTable) -> None:
        """What can't be taken back counts on, and is told of once."""
        if not folded:
            return
        numbers = [file.file_id for file in folded]
        self.work.connection.execute(_SQL["keep"], {"file_ids": numbers})
        reason = f"{table.name} holds it no more; {_folded(folded)}"
        self.outcome.refused |= dict.fromkeys((file.path for file in folded), reason)

    def _withdraw(self, going: Sequence[InForce], current: set[str], table: NamedTable) -> None:
        for file in going:
            # The same content may be one of its files under another name.
            heirs = current & set(self.ledger.copies(file))
            if heirs:
                self.ledger.pass_on(file, min(heirs))
                continue
            reason = f"{table.name} holds it no more"
            self.ledger.withdraw([file.file_id], reason)
            self.outcome.withdrawn[file.path] = reason


def _ends(
    table: NamedTable, gone: Collection[str], fresh: Collection[str]
) -> list[tuple[frozenset[str], frozenset[str]]]:
    """What was only written anew, from the files that were counted to those that count now."""
    ends: list[tuple[frozenset[str], frozenset[str]]] = []
    for one in table.compactions():
        old, new = set(one.old), set(one.new)
        # What was compacted into files that were compacted again ends in those.
        for known in [pair for pair in ends if pair[1] & old]:
            ends.remove(known)
            old, new = (old - known[1]) | known[0], new | (known[1] - old)
        ends.append((frozenset(old), frozenset(new)))
    return [pair for pair in ends if pair[0] <= set(gone) and pair[1] <= set(fresh)]


def _touching(gone: Sequence[InForce], new: Sequence[InForce]) -> set[int]:
    """Files whose times reach those of folded ones, or of others that do; none without new ones.

    What has no time has no row that counts.
    """
    timed = [file for file in [*gone, *new] if file.first_request and file.last_request]
    together: list[list[InForce]] = []
    last = datetime.min
    for file in sorted(timed, key=lambda file: file.first_request or datetime.min):
        if not together or (file.first_request or last) > last:
            together.append([])
        together[-1].append(file)
        last = max(last, file.last_request or last)
    stay: set[int] = set()
    for some in together:
        numbers = {file.file_id for file in some}
        if any(file.folded for file in some) and any(file.file_id in numbers for file in new):
            stay |= numbers
    return stay


def _folded(folded: Sequence[InForce]) -> str:
    days = [day for file in folded for day in (file.first_request, file.last_request) if day]
    way = f"--from {min(days):%Y-%m-%d} --to {max(days):%Y-%m-%d} " if days else ""
    return (
        f"what {_named([file.path for file in folded])} held was counted too long ago to be taken "
        f"back; `httpcodes rebuild {way}--drop-missing` counts those days afresh"
    )


def _named(paths: Collection[str]) -> str:
    others = len(paths) - 1
    more = f" and {others:,} other{'s' if others > 1 else ''}" if others else ""
    return f"{min(paths)}{more}"
