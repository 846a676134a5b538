"""What is longer than the screen, a screen at a time, as the reader's own $PAGER shows it."""

import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from rich.cells import cell_len

USUAL = "less"
# Ends by itself where all fits, leaves the text where it is, and cuts lines instead of folding.
_LESS = "-FRSX"
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class _Shown(io.BytesIO):
    """Holds back what is longer than the screen; what is not is shown when it is flushed."""

    def flush(self) -> None:
        text = self.getvalue()
        if _fits(text.decode(errors="replace")):
            self.show(text)

    def show(self, text: bytes) -> None:
        sys.stdout.buffer.write(text)
        sys.stdout.flush()
        self.seek(0)
        self.truncate()


@contextmanager
def paged() -> Iterator[BinaryIO]:
    """Where to write for a terminal; what is longer than the screen is shown once it is whole."""
    shown = _Shown()
    try:
        yield shown
    except BaseException:
        shown.show(shown.getvalue())
        raise
    shown.flush()
    text = shown.getvalue()
    if text and (os.environ.get("TERM") == "dumb" or not _page(text)):
        shown.show(text)


def _fits(text: str) -> bool:
    """Whether the screen holds it, and the prompt below it."""
    columns, lines = shutil.get_terminal_size()
    # What makes text bold takes no room.
    widths = (cell_len(_STYLE.sub("", line)) for line in text.splitlines())
    return sum(max(1, -(-width // columns)) for width in widths) < lines


def _page(text: bytes) -> bool:
    """Whether there is a pager, which has shown it."""
    command = shlex.split(os.environ.get("PAGER") or USUAL)
    with tempfile.TemporaryFile() as whole, _interrupts_for_others():
        whole.write(text)
        whole.seek(0)
        try:
            subprocess.run(  # noqa: S603 - the reader's own command
                command, stdin=whole, env={"LESS": _LESS, **os.environ}, check=False
            )
        except OSError:
            return False
    return True


@contextmanager
def _interrupts_for_others() -> Iterator[None]:
    """Ctrl-C is the pager's, from before it starts; what is started does not inherit a handler."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
