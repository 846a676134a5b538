"""Work that must end in time, and must not take all memory, whatever it is.

DuckDB's memory limit does not cover values within one expression, so the operating system's
limit stands behind it. Some functions pass over an interrupt: who can't wait for them leaves the
process.
"""

import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread

from queries.failures import Failed

GRACE = 3.0
"""Seconds that work may take to heed an interrupt."""

# Address space that is reserved, not used: the program and its libraries, and a stack and an
# arena of malloc for each thread.
_PROGRAM, _THREAD = 4 << 30, 256 << 20


class Overdue(Failed):
    """Work that was stopped at its deadline."""


class Stuck(Failed):
    """Work that goes on, although it was interrupted; its cause says why it was."""


def bound_memory(limit: int) -> None:
    """Refuse this process more memory than this many bytes, and what it needs for itself."""
    most = limit + _PROGRAM + _THREAD * (os.cpu_count() or 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    known = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([most, *known]), hard))


def within(seconds: float, work: Callable[[], None], interrupt: Callable[[], None]) -> None:
    """Do the work in another thread, so that signals and the clock are heeded here.

    Raises what the work raises, Overdue or KeyboardInterrupt after it was stopped for them, and
    Stuck if it could not be.
    """
    done: Future[None] = Future()
    Thread(target=_settle, args=(done, work), daemon=True).start()
    try:
        wait([done], seconds)
        if done.done():
            return done.result()
        raise Overdue(f"stopped after {seconds:g} seconds")
    except (Overdue, KeyboardInterrupt) as stop:
        _stop(done, interrupt, stop)
        raise


def _stop(done: Future[None], interrupt: Callable[[], None], why: BaseException) -> None:
    until = time.monotonic() + GRACE
    # Between two statements there is nothing to interrupt yet.
    while not done.done() and time.monotonic() < until:
        interrupt()
        wait([done], 0.1)
    if not done.done():
        raise Stuck from why


def _settle(done: Future[None], work: Callable[[], None]) -> None:
    try:
        work()
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(None)
