"""How commands end: their exit codes, and one sentence for what went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

FAILED, USAGE, PARTLY_DONE, ANSWERED_WITH_AN_ERROR, LOCKED, INTERRUPTED = 1, 2, 3, 4, 11, 130


def say(why: object) -> None:
    """The first line of what went wrong, on stderr."""
    typer.echo(f"httpcodes: {str(why).partition(chr(10))[0]}", err=True)


def fail(why: object, code: int) -> NoReturn:
    """Exit with this code and a sentence."""
    say(why)
    raise typer.Exit(code)


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
