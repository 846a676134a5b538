"""How commands end: their exit codes, and one sentence for what went wrong.

Any of the three streams may be closed, stdout may be full, and its reader may be gone.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer

from queries.cli import misuse
from queries.cli.telling import tell
from queries.failures import FAILED, INTERRUPTED, USAGE, Failed, Failure


def say(why: object) -> None:
    """The first line of what went wrong, on stderr."""
    tell(f"httpcodes: {str(why).partition(chr(10))[0]}")


def fail(why: object, code: int) -> NoReturn:
    """Exit with this code and a sentence."""
    say(why)
    raise typer.Exit(code)


@contextmanager
def exit_codes(
    tell: Callable[[str], None] = say, interruption: Callable[[], str | None] = lambda: None
) -> Iterator[None]:
    """Turn what is expected to go wrong into one sentence and the exit code of the failure.

    `interruption` says, once there was one, how to tell of it.
    """
    try:
        yield
    except Unheard:
        raise
    except BaseException as error:
        # DuckDB turns what a signal handler raises into an error of its own.
        if said := interruption():
            _end(tell, said, INTERRUPTED)
        if isinstance(error, Failure):
            _end(tell, str(error), error.exit_code)
        if _is_interrupt(error):
            _end(tell, "interrupted", INTERRUPTED)
        if said := misuse.sentence(error):
            _end(tell, said, USAGE)
        if (why := refused_by_system(error)) or isinstance(error, OSError) or _is_duckdbs(error):
            _end(tell, why or str(error), FAILED)
        raise


def clear_line() -> None:
    """Begin a line of its own where a terminal shows the ^C that was typed."""
    if sys.stderr and sys.stderr.isatty():
        typer.echo("\n" if os.environ.get("TERM") == "dumb" else "\r\x1b[K", err=True, nl=False)


def _end(tell: Callable[[str], None], why: str, code: int) -> NoReturn:
    if code == INTERRUPTED:
        clear_line()
    tell(why)
    raise typer.Exit(code)


def _is_interrupt(error: BaseException) -> bool:
    # What DuckDB makes of a KeyboardInterrupt.
    by_duckdb = isinstance(error, RuntimeError) and str(error) == "Query interrupted"
    return by_duckdb or isinstance(error, KeyboardInterrupt)


def _is_duckdbs(error: BaseException) -> bool:
    """Whether DuckDB raised it, which is not loaded to know that."""
    duckdb = sys.modules.get("duckdb")
    return duckdb is not None and isinstance(error, duckdb.Error)


def spare(store: Path, out: Path | None) -> None:
    """Exit with 2 if output to this place would fall on the store."""
    from queries import snapshot  # noqa: PLC0415 - loads DuckDB

    if out is not None and snapshot.owns(store, out):
        fail(f"{out} belongs to the store {store}; name a place outside of it", USAGE)


class Unheard(Failed):
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


def write_out(text: str) -> bool:
    """Print what a command says of something done; whether anybody heard of it. It stays done."""
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
