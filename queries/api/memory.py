"""What was read last stays in memory, up to so many bytes; what was not asked for longest goes."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# What Python needs for each, beside the bytes themselves: keys, and 24 objects for a day.
_EACH = 1600


class Memory(Generic[V]):
    """A bounded memory; any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """None if it is not kept."""
        return self.get_all([key])[key]

    def get_all(self, keys: Iterable[K]) -> dict[K, V | None]:
        """What is kept of these; None for what is not."""
        with self._lock:
            return {key: self._used(key) for key in keys}

    def keep(self, key: Hashable, value: V, size: int) -> None:
        """Keep a value of so many bytes, at the cost of others."""
        self.keep_all([(key, value, size)])

    def keep_all(self, values: Iterable[tuple[Hashable, V, int]]) -> None:
        """Keep values by their keys, each of so many bytes, at the cost of others."""
        with self._lock:
            for key, value, size in values:
                self._drop(key)
                self._kept[key] = value, size + _EACH
                self._bytes += size + _EACH
                while self._bytes > self._most:
                    self._drop(next(iter(self._kept)))

    def _used(self, key: Hashable) -> V | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def _drop(self, key: Hashable) -> None:
        if key in self._kept:
            self._bytes -= self._kept.pop(key)[1]
