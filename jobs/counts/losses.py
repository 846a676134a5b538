"""Files that can't be counted, and whose fault it is: their own, or the machine's.

One broken file fails the scan that it is part of, so a scan that fails is halved until the culprits
stand alone. Where it is the machine that failed, no file is judged.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import duckdb

from jobs.counts.contents import Content
from jobs.counts.counted import Counted, PutOff, Unusable
from jobs.counts.trouble import is_everywhere, of_system
from jobs.logs.storage import Storage

T = TypeVar("T")


class Losses:
    """What was lost since it was last taken."""

    def __init__(self, storage: Storage, damage: Callable[[Exception, str, Storage], str]) -> None:
        """`damage` says what an error tells of the file at a path, in a sentence."""
        self._storage = storage
        self._damage = damage
        self._lost: list[Unusable | PutOff] = []

    def taken(self) -> list[Unusable | PutOff]:
        """What was lost, which is known here no more."""
        lost, self._lost = self._lost, []
        return lost

    def lose(self, lost: Unusable | PutOff) -> None:
        """Note that a file does not count, or not this time."""
        self._lost.append(lost)

    def standing(self, counted: Counted) -> Counted:
        """What was counted, without files that changed meanwhile."""
        standing = {n: content for n, content in counted.contents.items() if self.stands(content)}
        return replace(counted, contents=standing)

    def stands(self, content: Content) -> bool:
        """Whether the file still is what it was when it was found; if not, it is put off."""
        try:
            stands = self._storage.is_untouched(content.file, content.fingerprint)
        except OSError as error:
            self.put_off(content, error.strerror, error)
            return False
        if not stands:
            why = "changed while it was read; the next run looks at it again"
            self.lose(PutOff(content, why))
        return stands

    def halving(
        self, contents: Sequence[Content], action: Callable[[Sequence[Content]], T]
    ) -> Iterator[tuple[Sequence[Content], T]]:
        """Do it with all of them, or with as many together as it goes; the rest is lost."""
        try:
            result = action(contents)
        except (duckdb.InterruptException, duckdb.FatalException):
            # After the one nothing is to go on, and after the other nothing can.
            raise
        except (duckdb.Error, MemoryError, UnicodeDecodeError) as error:
            if len(contents) == 1:
                self.blame(contents[0], error)
            else:
                middle = len(contents) // 2
                yield from self.halving(contents[:middle], action)
                yield from self.halving(contents[middle:], action)
            return
        yield contents, result

    def blame(self, content: Content, error: Exception) -> None:
        """Say whose fault it is that this file can't be read: its own, or the machine's."""
        path = content.file.path
        if failure := self._storage.failure(path):
            self.put_off(content, failure.strerror, failure)
        elif trouble := getattr(error, "strerror", None) or of_system(error):
            self.put_off(content, trouble, error)
        elif self.stands(content):
            self.lose(Unusable(content, self._damage(error, path, self._storage)))

    def put_off(self, content: Content, why: str | None, error: Exception) -> None:
        """Leave a file to the next run, for a trouble of the machine."""
        self.lose(PutOff(content, f"cannot be read: {why}", is_everywhere(error)))
