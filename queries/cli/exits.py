"""How commands end: their exit codes, and one sentence for what went wrong.

Any of the three streams may be closed, stdout may be full, and its reader may be gone.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer

from queries import snapshot

FAILED, USAGE, PARTLY_DONE, ANSWERED_WITH_AN_ERROR, LOCKED, INTERRUPTED = 1, 2, 3, 4, 11, 130


def say(why: object) -> None:
    """The first line of what went wrong, on stderr."""
    typer.echo(f"httpcodes: {str(why).partition(chr(10))[0]}", err=True)


def fail(why: object, code: int) -> NoReturn:
    """Exit with this code and a sentence."""
    say(why)
    raise typer.Exit(code)


def spare(store: Path, out: Path | None) -> None:
    """Exit with 2 if output to this place would fall on the store."""
    if out is not None and snapshot.owns(store, out):
        fail(f"{out} belongs to the store {store}; name a place outside of it", USAGE)


@contextmanager
def interruptible() -> Iterator[None]:
    """Exit with 130 if the user interrupts."""
    try:
        yield
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except RuntimeError as error:
        # What DuckDB makes of a KeyboardInterrupt.
        if str(error) != "Query interrupted":
            raise
        fail("interrupted", INTERRUPTED)


class Unheard(Exception):
    """What goes to stdout arrives nowhere; the message says why."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"stdout can't be written: {error.strerror}")
        self.by_choice = isinstance(error, BrokenPipeError)
        """Whether its reader has seen enough."""


@contextmanager
def streams() -> Iterator[None]:
    """Run a program so that the state of its streams gives no traceback.

    A failed write has an exception of its own: an OSError would be taken for one of a file.
    """
    _fill_gaps()
    sys.stdout = _text_to(_Stdout(1), sys.stdout)
    sys.stderr = _text_to(_Stderr(2), sys.stderr)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except Unheard as unheard:
        if unheard.by_choice:
            sys.exit(0)
        say(unheard)
        sys.exit(FAILED)
    except (MemoryError, RuntimeError) as error:
        if (why := refused_by_system(error)) is None:
            raise
        say(why)
        sys.exit(FAILED)


def told(text: str) -> bool:
    """Print what a command tells of something done, which stays done if nobody hears of it."""
    try:
        typer.echo(text)
    except Unheard as unheard:
        if not unheard.by_choice:
            say(f"it is done and in force, but {unheard}")
            return False
    return True


def refused_by_system(error: BaseException) -> str | None:
    """What the system refused this process, where Python has no sentence for it."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return "the system lets this user start no more threads; raise its limit (ulimit -u)"
    return None


class _Stdout(io.FileIO):
    """Fails once; what comes after that is dropped."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._lost = False

    def write(self, data: Any) -> int:
        try:
            return len(data) if self._lost else super().write(data)
        except OSError as error:
            self._lost = True
            return self._fail(error, len(data))

    def _fail(self, error: OSError, size: int) -> int:
        raise Unheard(error) from error


class _Stderr(_Stdout):
    """Never fails: there is nowhere to say it."""

    def _fail(self, error: OSError, size: int) -> int:
        return size


def _text_to(raw: io.FileIO, old: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=old.encoding if old else "utf-8",
        errors=old.errors if old else "backslashreplace",
        line_buffering=raw.fileno() == 2 or raw.isatty(),
    )


def _fill_gaps() -> None:
    """Put something that fails in place of closed streams, or the next file takes their number."""
    for descriptor, failing in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is this one.
            os.open(os.devnull, failing)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
