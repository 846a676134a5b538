"""How far a long command is: a line that moves on a terminal, elsewhere one every half minute."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from queries.cli.duration import spoken
from queries.quantities import counted, scaled, size

EVERY_SECONDS = 30
_BAR, _LONGEST_BAR = 10, 40
"""Columns that a bar is drawn in, if so many are left."""


class Progress(Protocol):
    """What is told; it may go on while it is told."""

    @property
    def bytes_to_do(self) -> int: ...
    @property
    def bytes_done(self) -> int: ...
    @property
    def files(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def ending(self) -> str:
        """What is at work once all bytes are done."""


@contextmanager
def progress(
    console: Console, every: float = EVERY_SECONDS
) -> Iterator[Callable[[Progress], None]]:
    """Tell on this console what is noted; where there is no terminal, every so many seconds."""
    far = _Far()
    if console.quiet:
        yield far.note
    elif console.is_terminal and not console.is_dumb_terminal:
        with Live(
            get_renderable=lambda: far.drawn(console.width),
            console=console,
            transient=True,
            # What is data goes where it is to go, and above the line only if that is here.
            redirect_stdout=sys.stdout.isatty(),
            refresh_per_second=4,
        ):
            yield far.note
    else:
        with _in_lines(far, console, every):
            yield far.note


class _Far:
    """How far it is, and how that is told."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._now: Progress | None = None

    def note(self, now: Progress) -> None:
        self._now = now

    def drawn(self, columns: int) -> Group | Table:
        """One line, never wider than this."""
        text = Text(self.text(columns), no_wrap=True, overflow="crop")
        left = columns - text.cell_len - 2
        if left < _BAR:
            return Group(text)
        now = self._now
        bar = ProgressBar(
            total=now.bytes_to_do if now else None,
            completed=now.bytes_done if now else 0,
            width=min(left, _LONGEST_BAR),
        )
        line = Table.grid(padding=(0, 2))
        line.add_row(bar, text)
        return line

    def text(self, columns: int) -> str:
        """As much as fits."""
        elapsed = time.monotonic() - self._began
        if self._now is None:
            return f"looking for files, {spoken(timedelta(seconds=elapsed))}"
        lines = _lines(self._now, elapsed)
        return next((line for line in lines if len(line) <= columns), lines[-1])


def _lines(now: Progress, elapsed: float) -> list[str]:
    """The same, shorter and shorter."""
    done, to_do, rows = now.bytes_done, now.bytes_to_do, now.rows
    speed = round(rows / max(elapsed, 0.001))
    share = f"{min(1, done / max(1, to_do)):.0%}"
    left, brief = _left(done, to_do, elapsed, now.ending)
    of, few = f"{size(done)} of {size(to_do)}", f"{scaled(rows)} rows"
    if done and not rows:
        # Of what is scanned in one go, rows are known in the end.
        pace = f"{size(round(done / max(elapsed, 0.001)))}/s"
        return ["  ".join((share, of, pace, left)), " ".join((share, size(done), pace, brief))]
    wide = (counted(rows, "row"), f"{speed:,} rows/s", left)
    narrow = (few, f"{scaled(speed)}/s", brief)
    return [
        "  ".join((share, of, counted(now.files, "file"), *wide)),
        "  ".join((share, of, *wide)),
        "  ".join((share, of, few, f"{scaled(speed)} rows/s", left)),
        " ".join((share, size(done), *narrow)),
        " ".join((size(done), *narrow)),
        " ".join((share, brief)),
    ]


def _left(done: int, to_do: int, elapsed: float, ending: str) -> tuple[str, str]:
    """For how long it goes on, in words and as a clock."""
    if done >= to_do:
        return ending, ending
    if not done:
        return ("just begun",) * 2
    span = timedelta(seconds=round(elapsed / done * (to_do - done)))
    clock = f"{span}".removeprefix("0:").removeprefix("0")
    return f"{spoken(span)} left", f"{clock} left"


@contextmanager
def _in_lines(far: _Far, console: Console, every: float) -> Iterator[None]:
    over = threading.Event()

    def tell() -> None:
        while not over.wait(every):
            console.print(far.text(_ENDLESS), markup=False)

    teller = threading.Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


_ENDLESS = 1_000
