"""Parts of large Parquet files, between borders of row groups: counted apart, and joined again.

A slice is counted only where that comes to the same: by dictionary codes, or by SQL over a range of
rows. What is to be asked of a file as a whole, and any damage, is not decided here: such a file
is counted in one piece.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.counts import beside, by_sql
from jobs.counts.contents import Content
from jobs.counts.counted import PASSED_OVER, ROWS, Counted
from jobs.counts.counter import Counter
from jobs.counts.results import head
from jobs.logs import kinds, parquet, scans
from jobs.logs.columns import Schema
from jobs.logs.reading import Reading, choose
from jobs.logs.roles import UnreadableFile
from jobs.logs.storage import Storage

_SHADOWING = {"file_index", "file_row_number"}
_TROUBLE = (duckdb.Error, pa.ArrowException, UnreadableFile, OSError, MemoryError, ValueError)


class Slice(NamedTuple):
    """Which of how many parts of a file."""

    number: int
    """From 0."""
    of: int

    def groups(self, metadata: pq.FileMetaData) -> list[int]:
        """Its row groups: each belongs to the slice in which its middle byte lies."""
        sizes = [metadata.row_group(g).total_byte_size for g in range(metadata.num_row_groups)]
        total = max(sum(sizes), 1)
        middles = (end - size / 2 for size, end in zip(sizes, accumulate(sizes), strict=True))
        places = [min(int(middle * self.of / total), self.of - 1) for middle in middles]
        return [group for group, slice_number in enumerate(places) if slice_number == self.number]


def serves(content: Content, storage: Storage) -> bool:
    """Whether a file may be counted in slices, as far as its name and its first bytes tell."""
    try:
        return not kinds.is_text(content.file.path, content.options, storage)
    except OSError:
        return False


@dataclass(frozen=True)
class Slicer:
    """Counts slices, in the session of a Counter."""

    counter: Counter

    def count(self, content: Content, part: Slice) -> Counted | None:
        """What a slice holds; None if the file has to be counted in one piece."""
        path = content.file.path
        connection, storage = self.counter.connection, self.counter.storage
        try:
            storage.attach(connection, [path])
            schema = parquet.schema(connection, path)
            reading = scans.beside_own_names(schema, choose(schema, content.options))
            if self._is_asked_as_a_whole(content, schema, reading):
                return None
            ((kind, _),) = self.counter.kinds_of([content])
            metadata = pq.read_metadata(storage.open(path))
            return self._counted(kind, reading, content, metadata, part)
        except duckdb.InterruptException:
            raise
        except _TROUBLE:
            # What is wrong with a file is for a count of all of it to meet and to judge.
            return None

    def _is_asked_as_a_whole(self, content: Content, schema: Schema, reading: Reading) -> bool:
        path, options = content.file.path, content.options
        return (
            reading.scan is not None
            or beside.is_needed(reading)
            or not _SHADOWING.isdisjoint(map(str.lower, schema))
            or bool(options.service_path and options.service_of(path) is None)
            or bool(parquet.encrypted(self.counter.connection, [path]))
        )

    def _counted(
        self, kind: str, reading: Reading, content: Content, metadata: pq.FileMetaData, part: Slice
    ) -> Counted | None:
        groups = part.groups(metadata)
        if not groups:
            nothing = (pa.Table.from_batches([], each) for each in (ROWS, PASSED_OVER))
            return Counted(kind, reading, {0: content}, *nothing)
        if (counted := self.counter.coder.count_part(kind, reading, content, groups)) is not None:
            return counted
        if parquet.page_damage(content.file.path, reading.needed, self.counter.storage, groups):
            return None
        ends = [0, *accumulate(metadata.row_group(g).num_rows for g in range(groups[-1] + 1))]
        rows = range(ends[groups[0]], ends[groups[-1] + 1])
        scanned = by_sql.count_some(self.counter.connection, reading, content.file.path, rows)
        if scanned is None or scanned.met() != scanned.promised:
            return None
        return Counted(kind, reading, {0: content}, scanned.rows, scanned.passed_over)


def joined(results: pa.Table) -> tuple[pa.Table, list[int]]:
    """The results of files in slices (as results.RESULTS) as if each were counted in one piece.

    Also the numbers of those that have to be counted so: a slice is missing, could not be counted
    by itself, or saw another file than the others.
    """
    is_slice = pc.match_substring(pc.fill_null(results["head"], ""), '"slice"')
    heads = results.filter(is_slice).select(["file", "head", "reading"]).to_pylist()
    parts: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in heads:
        parts[row["file"]].append({**json.loads(row["head"]), "reading": row["reading"]})
    again = [number for number, own in parts.items() if not _fit(own)]
    rest = results.filter(pc.invert(is_slice))
    if again:
        rest = rest.filter(pc.invert(pc.is_in(rest["file"], pa.array(again, pa.int32()))))
    whole = [_joined(number, own) for number, own in parts.items() if number not in again]
    return pa.Table.from_batches([*rest.to_batches(), *whole], results.schema), again


def _fit(slices: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these are all slices of one file."""
    numbers = {part["slice"] for part in slices}
    alike = {(p.get("stamp"), p.get("kind"), p["reading"]) for p in slices}
    are_all = len(numbers) == len(slices) == slices[0]["of"]
    fingerprints = {p["fingerprint"] for p in slices if p["fingerprint"]}
    return are_all and len(alike) == len(fingerprints) == 1 and "kind" in slices[0]


def _joined(number: int, slices: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    passed_over: dict[str, int] = defaultdict(int)
    for part in slices:
        for reason, rows in part["passed_over"]:
            passed_over[reason] += rows
    (fingerprint,) = {p["fingerprint"] for p in slices if p["fingerprint"]}
    return head(
        number,
        slices[0]["reading"],
        fingerprint=fingerprint,
        kind=slices[0]["kind"],
        passed_over=list(passed_over.items()),
        groups=sum(part["groups"] for part in slices),
    )
