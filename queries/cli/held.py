"""The beginning of a result, held back until it is long, or whole: it may have to begin anew."""

import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

MOST = 8 << 20
"""Bytes that are held back."""


class Held(io.RawIOBase):
    """Bytes on their way to a stream, which has taken none of them while `is_whole` holds."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._held: io.BytesIO | None = io.BytesIO()
        self._size = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing has gone on yet."""
        return self._held is not None

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer") -> int:
        taken = bytes(memoryview(data))
        self._size += len(taken)
        (self._held or self._stream).write(taken)
        if self._held and self._held.tell() > MOST:
            self.release()
        return len(taken)

    def tell(self) -> int:
        return self._size

    def release(self) -> None:
        """Let go on what is held back, and hold nothing back any more."""
        if self._held is not None:
            self._stream.write(self._held.getbuffer())
            self._held = None
        self._stream.flush()
