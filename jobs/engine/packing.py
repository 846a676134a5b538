"""Files packed into tasks: in chunks as the ledger orders them, and within each largest first."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jobs.counts.contents import Content
from jobs.counts.slices import Slice
from queries.config import EngineConfig

Numbered = Mapping[int, Content]
"""Contents by their numbers, in order."""


class Piece(NamedTuple):
    """A file to be counted, or a slice of it."""

    number: int
    content: Content
    part: Slice | None = None

    @property
    def weight(self) -> int:
        """Bytes to be read, and what opening the file is worth."""
        return self.content.file.size // (self.part.of if self.part else 1) + _BYTES_A_FILE


Task = Sequence[Piece]

_BYTES_A_FILE = 64 << 10
"""Opening a file costs as much as reading so much of one."""
_MOST_FILES = 500
"""In a task."""
_CHUNK_FILES = 10_000
_TASKS_A_CORE = 2
_CHUNK_TASKS_A_CORE = 8


@dataclass(frozen=True)
class Packing:
    """How much a task gets, and for how many cores there is to be work."""

    task_bytes: int = EngineConfig.task_bytes
    cores: int = 2

    def chunks(self, contents: Sequence[Content]) -> Iterator[dict[int, Content]]:
        """What is counted by a job of its own, so that its result has a bound."""
        most = self.task_bytes * self.cores * _CHUNK_TASKS_A_CORE
        chunk: dict[int, Content] = {}
        weight = 0
        for number, content in enumerate(contents):
            chunk[number] = content
            weight += Piece(number, content).weight
            if weight >= most or len(chunk) >= _CHUNK_FILES:
                yield chunk
                chunk, weight = {}, 0
        if chunk:
            yield chunk

    def tasks(
        self, numbered: Numbered, in_slices: Callable[[Content], bool] = lambda _: False
    ) -> list[Task]:
        """Largest first into the emptiest of as many tasks as there are to be.

        Files that are larger than tasks are cut, where `in_slices` allows it.
        """
        pieces = [p for n, c in numbered.items() for p in self._pieces(n, c, in_slices)]
        tasks = max(
            -(-sum(piece.weight for piece in pieces) // self.task_bytes),
            -(-len(pieces) // _MOST_FILES),
            min(self.cores * _TASKS_A_CORE, len(pieces)),
        )
        bins: list[list[Piece]] = [[] for _ in range(tasks)]
        emptiest = [(0, task) for task in range(tasks)]
        for piece in sorted(pieces, key=lambda p: (-p.weight, p.number, p.part or ())):
            weight, task = heapq.heappop(emptiest)
            bins[task].append(piece)
            heapq.heappush(emptiest, (weight + piece.weight, task))
        return [sorted(each, key=lambda p: p.number) for each in bins if each]

    def _pieces(
        self, number: int, content: Content, in_slices: Callable[[Content], bool]
    ) -> Iterator[Piece]:
        parts = -(-content.file.size // self.task_bytes)
        if parts < 2 or not in_slices(content):
            yield Piece(number, content)
        else:
            yield from (Piece(number, content, Slice(part, parts)) for part in range(parts))
