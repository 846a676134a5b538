"""The command on a terminal of its own: what a person types and sees."""

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>78]|\r|\x07")


def screen(raw: str) -> list[str]:
    """The lines that stand on a terminal in the end, after all that was written over is gone."""
    lines, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]|[^\x1b]|\x1b", raw):
        if piece == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif piece == "\r":
            column = 0
        elif piece.endswith("A") and len(piece) > 1:
            row -= int(piece[2:-1] or 1)
        elif piece.endswith("K") and len(piece) > 1:
            lines[row] = "" if piece[2:-1] == "2" else lines[row][:column]
        elif len(piece) == 1 and piece.isprintable():
            lines[row] = lines[row][:column].ljust(column) + piece + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


class Terminal:
    """A process on a pseudo terminal, 200 columns wide; stdout, too, unless it is given."""

    def __init__(
        self,
        *arguments: object,
        cwd: Path,
        columns: int = 200,
        coloured: bool = False,
        stdout: IO[bytes] | None = None,
    ) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        # prompt_toolkit would ask the terminal where its cursor is.
        environment = {
            **os.environ,
            "TERM": "xterm",
            "NO_COLOR": "1",
            "PROMPT_TOOLKIT_NO_CPR": "1",
            "HOME": str(cwd),
        }
        environment.pop("XDG_STATE_HOME", None)
        for size in ("COLUMNS", "LINES"):
            environment.pop(size, None)
        if coloured:
            del environment["NO_COLOR"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jobs.cli", *map(str, arguments)],
            stdin=theirs, stdout=stdout or theirs, stderr=theirs, cwd=cwd, env=environment,
            # So that it is the terminal of the process, and ^C a signal.
            start_new_session=True, preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )  # fmt: skip
        os.close(theirs)
        self.raw = ""
        self._forgotten = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def until(self, text: str) -> str:
        """What is shown until this text stands in it; what was shown before is forgotten."""
        give_up = time.monotonic() + 600
        while text not in self._shown():
            assert time.monotonic() < give_up, self._shown()
            assert self._read(), self._shown()
        shown, _, _ = self._shown().partition(text)
        self._forgotten += len(shown + text)
        return shown + text

    def end(self) -> tuple[int, str]:
        """The exit code, and what is shown until the process ends."""
        while self._read():
            pass
        return self.process.wait(timeout=600), self._shown()

    def _shown(self) -> str:
        return _SEQUENCE.sub("", self.raw)[self._forgotten :]

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], 600)[0]:
            return False
        try:
            read = os.read(self._ours, 65536)
        except OSError:  # the other side is closed
            return False
        self.raw += read.decode(errors="replace")
        return bool(read)
