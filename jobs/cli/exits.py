"""How a command that may be changing the store ends: what a signal stops is said to stand."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from queries.cli import exits
from queries.cli.exits import say


@contextmanager
def exit_codes(tell: Callable[[str], None] = say) -> Iterator[None]:
    """One sentence and one exit code for each way to fail, a signal among them."""
    signals = _Signals()
    with exits.exit_codes(tell, signals.interruption):
        yield


class _Signals:
    """Notes SIGINT and SIGTERM, and stops what is at work."""

    def __init__(self) -> None:
        self._received = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def interruption(self) -> str | None:
        return "interrupted; the newest snapshot stands" if self._received else None

    def _stop(self, *_: object) -> NoReturn:
        self._received = True
        raise KeyboardInterrupt
