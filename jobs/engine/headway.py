"""How far chunks of files are on the engine: by its finished tasks, asked on any thread."""

from collections.abc import Iterable
from uuid import uuid4

from jobs.counts.contents import Content
from jobs.engine.session import Session


class Headway:
    """Of the chunks that are under way, by their numbers."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._name = f"httpcodes-{uuid4().hex[:8]}"
        self._sizes: dict[int, int] = {}

    def begin(self, number: int, contents: Iterable[Content]) -> None:
        """On the thread that asks the engine for this chunk."""
        self._sizes[number] = _size(contents)
        self._session.name_jobs(self._jobs(number))

    def take(self, number: int, contents: Iterable[Content]) -> None:
        """These files of a chunk are told of by others now."""
        self._sizes[number] -= _size(contents)

    def end(self, number: int) -> None:
        """The whole chunk is."""
        del self._sizes[number]

    def bytes_done(self) -> int:
        """Of all chunks that are under way, about."""
        return sum(
            round(size * self._session.share_done(self._jobs(number)))
            for number, size in list(self._sizes.items())
        )

    def _jobs(self, number: int) -> str:
        return f"{self._name}-{number}"


def _size(contents: Iterable[Content]) -> int:
    return sum(content.file.size for content in contents)
