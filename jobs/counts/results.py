"""Results of counting, as one process gives them to another: a table of heads and groups.

A file has one head, which says what became of it, and its groups, if it was counted. Groups are
packed, many to a row, so that what hands them on has little to look at.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.counts.contents import Content
from jobs.counts.counted import PASSED_OVER, ROWS, Counted, PutOff, Unusable
from jobs.counts.counter import Result
from jobs.counts.counting import Counting
from jobs.logs.arrays import column_of, numbers_of, whole
from jobs.logs.reading import Reading
from jobs.logs.written import read, written

RESULTS = pa.schema(
    [
        ROWS.field(0),
        ("until", pa.int32()),
        ("head", pa.string()),
        ("reading", pa.string()),
        ("groups", pa.binary()),
    ]
)
"""Heads and groups.

file     which of the files that were asked for; of groups, the first that they are of
until    of groups, the last
head     of a head: JSON; null in groups
reading  of a head of a file that was counted: how it was read, as JSON
groups   a stream of Arrow's, as counted.ROWS; its services are a dictionary
"""

_MOST_ROWS = 1 << 20
"""In a row of groups."""
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")
CHANGED = "changed while it was read; the next run looks at it again"


class NoResult(Exception):
    """Files without a result; the message names one."""


def results(counting: Counting, asked: Mapping[int, Content]) -> Iterator[pa.RecordBatch]:
    """Count files, by numbers that the caller gives; batches as RESULTS."""
    numbers = {content.file.path: number for number, content in asked.items()}
    for batch in counting.batches(list(asked.values())):
        known = {content.file.path: content.fingerprint for content in batch.contents}
        yield from (_lost(numbers, put_off) for put_off in batch.lost)
        for result in batch.count(batch.contents):
            if isinstance(result, Counted):
                yield from of_counted(numbers, result)
            elif isinstance(result, Unusable):
                path = result.content.file.path
                yield head(numbers[path], fingerprint=known[path], unusable=result.reason)
            elif isinstance(result, PutOff):
                yield _lost(numbers, result)


def fingerprints(counting: Counting, asked: Mapping[int, Content]) -> Iterator[pa.RecordBatch]:
    """Only the fingerprints of files."""
    numbers = {content.file.path: number for number, content in asked.items()}
    for batch in counting.batches(list(asked.values()), fingerprints_only=True):
        yield from (_lost(numbers, put_off) for put_off in batch.lost)
        for content in batch.contents:
            yield head(numbers[content.file.path], fingerprint=content.fingerprint)


def head(number: int, reading: str | None = None, **what: Any) -> pa.RecordBatch:
    """What became of one file."""
    return _heads([(number, reading, what)])


def _heads(said: Sequence[tuple[int, str | None, Mapping[str, Any]]]) -> pa.RecordBatch:
    rows = [{"file": n, "head": json.dumps(what), "reading": reading} for n, reading, what in said]
    return pa.RecordBatch.from_pylist(rows, RESULTS)


def _lost(numbers: Mapping[str, int], lost: PutOff) -> pa.RecordBatch:
    number, fingerprint = numbers[lost.content.file.path], lost.content.fingerprint
    return head(number, fingerprint=fingerprint, lost=lost.reason, everywhere=lost.everywhere)


def of_counted(
    numbers: Mapping[str, int], counted: Counted, **besides: Any
) -> Iterator[pa.RecordBatch]:
    """What was counted, by numbers of the paths; `besides` stands in each head."""
    reading = written(counted.reading)
    passed_over: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for row in counted.passed_over.to_pylist():
        passed_over[row["file"]].append((row["reason"], row["rows"]))
    given = np.full(max(counted.contents, default=0) + 1, -1, np.int32)
    for file, content in counted.contents.items():
        given[file] = numbers[content.file.path]
    rows = _renumbered(counted.rows, given)
    groups = np.bincount(numbers_of(whole(rows["file"])), minlength=int(given.max()) + 1)
    yield _heads(
        [
            (
                number := int(given[file]),
                reading,
                {
                    "fingerprint": content.fingerprint,
                    "kind": counted.kind,
                    "passed_over": passed_over[file],
                    "groups": int(groups[number]),
                    **besides,
                },
            )
            for file, content in counted.contents.items()
        ]
    )
    for start in range(0, rows.num_rows, _MOST_ROWS):
        yield _packed(rows.slice(start, _MOST_ROWS))


def _renumbered(rows: pa.Table, given: np.ndarray[Any, np.dtype[np.int32]]) -> pa.Table:
    """Rows with the given numbers of their files; what is given less than 0 counts nowhere."""
    files = numbers_of(whole(rows["file"]))
    stands = np.zeros(len(files), bool)
    within = files < len(given)
    stands[within] = given[files[within]] >= 0
    if not stands.all():
        rows = rows.filter(pa.array(stands))
        files = numbers_of(whole(rows["file"]))
    service = rows["service"]
    if not pa.types.is_dictionary(service.type):
        service = service.dictionary_encode()
    others = [rows[name].cast(ROWS.field(name).type) for name in ROWS.names[2:]]
    return pa.Table.from_arrays(
        [column_of(given[files]), service.unify_dictionaries(), *others], names=ROWS.names
    )


def _packed(rows: pa.Table) -> pa.RecordBatch:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_PACKED) as stream:
        stream.write_table(rows)
    numbers = numbers_of(whole(rows["file"]))
    ends = {"file": int(numbers.min()), "until": int(numbers.max())}
    return pa.RecordBatch.from_pylist([{**ends, "groups": sink.getvalue().to_pybytes()}], RESULTS)


def _unpacked(groups: pa.ChunkedArray) -> pa.Table:
    tables = [pa.ipc.open_stream(each.as_buffer()).read_all() for each in groups if each.is_valid]
    return pa.concat_tables(tables) if tables else ROWS.empty_table()


@dataclass
class Results:
    """A batch that others counted: `asked` in order, by the numbers of the table."""

    asked: Mapping[int, Content]
    table: pa.Table
    contents: list[Content] = field(default_factory=list)
    lost: list[PutOff] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises NoResult if a file is missing, or any of its groups."""
        is_head = pc.is_valid(self.table["head"])
        heads = self.table.filter(is_head).select(["file", "head", "reading"]).to_pylist()
        self._rows = _unpacked(self.table["groups"])
        self._said = {
            row["file"]: {**json.loads(row["head"]), "reading": row["reading"]} for row in heads
        }
        here = self._groups_here()
        missing = [
            content.file.path
            for number, content in self.asked.items()
            if number not in self._said or self._said[number].get("groups", 0) != here[number]
        ]
        if missing:
            raise NoResult(f"{len(missing):,} files, {missing[0]} among them")
        self._numbers = {content.file.path: number for number, content in self.asked.items()}
        for number, content in self.asked.items():
            self._meet(content, self._said[number])

    def _groups_here(self) -> list[int]:
        """How many groups there are of each number that was asked for."""
        files = numbers_of(whole(self._rows["file"]))
        counts: list[int] = np.bincount(files, minlength=max(self.asked, default=0) + 1).tolist()
        return counts

    def _meet(self, content: Content, said: Mapping[str, Any]) -> None:
        fingerprint = said["fingerprint"]
        if fingerprint is None:
            self.lost.append(PutOff(content, said["lost"], said["everywhere"]))
        elif content.fingerprint not in (None, fingerprint):
            self.lost.append(PutOff(content, CHANGED))
        else:
            self.contents.append(replace(content, fingerprint=fingerprint))

    def count(self, contents: Sequence[Content]) -> Iterator[Result]:
        alike: dict[tuple[str, str], dict[int, Content]] = defaultdict(dict)
        for content in contents:
            number = self._numbers[content.file.path]
            said = self._said[number]
            if "lost" in said:
                yield PutOff(content, said["lost"], said["everywhere"])
            elif "unusable" in said:
                yield Unusable(content, said["unusable"])
            else:
                alike[said["kind"], said["reading"]][number] = content
        for (kind, reading), files in alike.items():
            passed_over = [
                {"file": number, "reason": reason, "rows": rows}
                for number in files
                for reason, rows in self._said[number]["passed_over"]
            ]
            yield Counted(
                kind,
                _reading(reading),
                files,
                _of(self._rows, files),
                pa.Table.from_pylist(passed_over, PASSED_OVER),
            )


@lru_cache(maxsize=1024)
def _reading(text: str) -> Reading:
    return read(Reading, text)


def _of(rows: pa.Table, files: Iterable[int]) -> pa.Table:
    """The rows of these files."""
    numbers = numbers_of(whole(rows["file"]))
    wanted = np.zeros(int(max(numbers, default=0)) + 1, bool)
    some = np.fromiter(files, np.int64)
    wanted[some[some < len(wanted)]] = True
    chosen = wanted[numbers]
    return rows if chosen.all() else rows.filter(pa.array(chosen))
