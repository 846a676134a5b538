"""What seems to be missing, or to be there twice: told, and never a reason to fail."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from jobs.logs.options import Source
from jobs.store.copies import Copy, suspected
from jobs.store.deliveries import Gap, gaps
from jobs.store.marked import Unmeasured, unmeasured
from jobs.store.overlaps import Overlap, overlaps
from jobs.store.sequences import Loss, losses
from jobs.store.serials import Skipped, skipped

SHOWN = 10
"""Sentences of a kind for people; machines get all."""


@dataclass(frozen=True)
class Hints:
    """Of each kind, what there is to say."""

    gaps: list[Gap] = field(default_factory=list)
    """Hours of the last days in which sources brought less than was to be expected."""
    skipped: list[Skipped] = field(default_factory=list)
    """Serial numbers that files of the last days leave out."""
    losses: list[Loss] = field(default_factory=list)
    """Numbered rows of the last days that are lost, or there twice."""
    suspected: list[Copy] = field(default_factory=list)
    """Files that seem to hold what others hold that count, too."""
    overlaps: list[Overlap] = field(default_factory=list)
    """Files that hold requests of the same ids."""
    unmeasured: list[Unmeasured] = field(default_factory=list)
    """Files of which it is not known."""

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """The machine's form, by kind."""
        return {name: [each.as_json() for each in found] for name, found in self._kinds()}

    @property
    def sentences(self) -> list[str]:
        """For people."""
        sentences = []
        for name, found in self._kinds():
            sentences += [each.sentence for each in found[:SHOWN]]
            if (more := len(found) - SHOWN) > 0:
                sentences.append(f"and {more:,} more {name.replace('_', ' ')}; --json names all")
        return sentences

    def _kinds(
        self,
    ) -> Iterator[tuple[str, Sequence[Gap | Skipped | Loss | Copy | Overlap | Unmeasured]]]:
        yield "gaps", self.gaps
        yield "skipped_serials", self.skipped
        yield "lost_rows", self.losses
        yield "suspected_copies", self.suspected
        yield "overlaps", self.overlaps
        yield "not_measured", self.unmeasured


def look(
    connection: duckdb.DuckDBPyConnection, wanted: Sequence[Source], run_id: str | None = None
) -> Hints:
    """What there is to say of these sources; with a run, of copies only those that it brought."""
    return Hints(
        gaps(connection),
        skipped(connection, wanted),
        losses(connection),
        suspected(connection, run_id),
        overlaps(connection, run_id),
        unmeasured(connection, run_id),
    )
