"""Logs that grew and got another name: what they held under the old one lies in the new file.

A log that grows takes its own place. One that is also renamed is new content at a new path; that
it is the old log and more, its first bytes prove, for the ledger knows the size and the
fingerprint of what was counted. Where the old one is gone, the new one takes its place; where both
are there, or the proof is thin, one of them is refused: the operator knows.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jobs.counts.ledger import Ledger
from jobs.counts.merged import Merging
from jobs.counts.runs import Outcome
from jobs.counts.sums import PROOF
from jobs.logs.roles import UnreadableFile
from jobs.logs.text.audit import beginnings
from jobs.store.revision import Revision
from queries.access_log.text import BROKEN
from queries.statements import statements

_SQL = statements(__name__)
_ANYWAY = "`httpcodes run --count-anyway` counts it beside that"


@dataclass(frozen=True)
class _Pair:
    """A text file that another one begins with."""

    short: int
    short_path: str
    fingerprint: str
    size: int
    short_is_new: bool
    short_is_there: bool
    folded: bool
    rows: int
    long: int
    long_path: str
    long_is_new: bool


@dataclass
class Growing:
    """Watches over one run for logs that grew under another name: before and after merging."""

    work: Revision
    ledger: Ledger
    merging: Merging
    outcome: Outcome
    _grown: list[_Pair] = field(default_factory=list)

    def conclude(self) -> None:
        """Let new files take the place of what they begin with, or refuse them."""
        if self.work.connection.execute(self._sql("any_text"), _TEXT).fetchall() == [(False,)]:
            return
        self.work.connection.execute(self._sql("texts"), _TEXT)
        refused: dict[int, str] = {}
        for pair in self._pairs():
            if doubt := _doubt(pair):
                refused.setdefault(*doubt)
            elif not pair.short_is_there and not pair.folded:
                self._grown.append(pair)
        for file, reason in refused.items():
            self.merging.refuse([file], reason, self.outcome)
        self._grown = [pair for pair in self._grown if pair.long not in refused]
        for pair in self._grown:
            self.ledger.withdraw([pair.short], _reason(pair))

    def confirm(self) -> None:
        """Say what went, but for what a file that was taken back meanwhile had begun with."""
        if not self._grown:
            return
        new = {"file_ids": [pair.long for pair in self._grown]}
        rows = self.work.connection.execute(self._sql("taken_back"), new).fetchall()
        stay = [pair.short for pair in self._grown if (pair.long,) in rows]
        for name in ("undo", "stays"):
            self.work.connection.execute(self._sql(name), {"file_ids": stay})
        self.outcome.withdrawn |= {
            pair.short_path: _reason(pair) for pair in self._grown if pair.short not in stay
        }
        self.ledger.drop_copies()

    def _sql(self, name: str) -> str:
        ledger = self.ledger
        return _SQL[name].format(
            added=ledger.added, present=ledger.present, withdrawn=ledger.withdrawn
        )

    def _pairs(self) -> Iterator[_Pair]:
        """Those that their bytes prove."""
        possible: dict[str, list[_Pair]] = defaultdict(list)
        for row in self.work.connection.execute(_SQL["pairs"]).fetchall():
            possible[row[9]].append(_Pair(*row))
        for path, pairs in possible.items():
            found = self._beginnings(path, pairs)
            yield from (pair for pair in pairs if pair.fingerprint in found.get(pair.size, ()))

    def _beginnings(self, path: str, pairs: Sequence[_Pair]) -> dict[int, set[str]]:
        try:
            return beginnings(path, self.ledger.storage, {pair.size for pair in pairs})
        except (OSError, UnreadableFile):
            # What can't be read again proves nothing.
            return {}


_TEXT = {"broken": BROKEN}


def _reason(pair: _Pair) -> str:
    return f"the log grew, and lies in {pair.long_path} now"


def _doubt(pair: _Pair) -> tuple[int, str] | None:
    """The new file that can't count beside the other, and why."""
    begins = f"begins with all that {pair.short_path} {'holds' if pair.short_is_there else 'held'}"
    lets = f"`httpcodes forget {pair.short_path}` lets it count in its place, {_ANYWAY}"
    if pair.short_is_there:
        if pair.rows < PROOF:
            return None
        if pair.long_is_new and not pair.short_is_new:
            return pair.long, f"{begins}, which is still there and counts; {lets}"
        return pair.short, (
            f"{pair.long_path} begins with all that it holds, and counts; "
            f"`httpcodes forget {pair.long_path}` lets it count in its place, {_ANYWAY}"
        )
    if pair.folded:
        return pair.long, (
            f"{begins}, gone now and counted too long ago to be taken back; `httpcodes rebuild` of "
            f"its days with `--drop-missing` lets it count in its place, {_ANYWAY}"
        )
    if pair.rows < PROOF:
        return pair.long, f"{begins}, gone now, in too few rows to prove that it grew; {lets}"
    return None
