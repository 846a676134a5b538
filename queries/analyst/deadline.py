"""Work that must end in time, and must not take all memory, whatever it is.

DuckDB's memory limit covers neither values within one expression nor what becomes of them outside
of DuckDB, so the operating system refuses the process more than it may reserve, which DuckDB tells
as an error; and what it holds is looked at, to stop work before that. Some functions pass over an
interrupt: who can't wait for them leaves the process.
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

_LOOK = 0.005
"""Seconds between two looks at the memory."""

# A thread's, where the system sets no bound.
_STACK = 2 << 20

# Parts of the limit: where work is stopped, and where it is not waited for any longer.
_FULL, _TOO_FULL = 0.8, 0.9


class Overdue(Failed):
    """Work that was stopped at its deadline."""


class Overfull(Failed):
    """Work that was stopped for the memory that it took."""

    SENTENCE = "the query needs more memory than it may use"


class Stuck(Failed):
    """Work that goes on, although it was interrupted; its cause says why it was."""


def bound_memory(limit: int) -> None:
    """Refuse this process more than this many bytes of memory, whatever asks for them.

    The program's own text comes on top, some 130 MB that all processes of it share.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    known = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([limit + _stacks(), *known]), hard))


def _stacks() -> int:
    """Bytes that DuckDB's threads reserve for their stacks, and hardly use."""
    stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return (os.cpu_count() or 1) * (_STACK if stack == resource.RLIM_INFINITY else stack)


def within(
    seconds: float, memory: int, work: Callable[[], None], interrupt: Callable[[], None]
) -> None:
    """Do the work in another thread, so that signals, the clock and the memory are heeded here.

    Raises what the work raises, Overdue, Overfull or KeyboardInterrupt after it was stopped for
    them, and Stuck if it could not be.
    """
    done: Future[None] = Future()
    Thread(target=_finish, args=(done, work), daemon=True).start()
    until = time.monotonic() + seconds
    try:
        while not done.done():
            if _used() > memory * _FULL:
                raise Overfull(Overfull.SENTENCE)
            if (left := until - time.monotonic()) <= 0:
                raise Overdue(f"stopped after {seconds:g} seconds")
            wait([done], min(left, _LOOK))
        return done.result()
    except (Overdue, Overfull, KeyboardInterrupt) as stop:
        _stop(done, memory, interrupt, stop)
        raise


def _stop(
    done: Future[None], memory: int, interrupt: Callable[[], None], why: BaseException
) -> None:
    until = time.monotonic() + GRACE
    # Between two statements there is nothing to interrupt yet.
    while not done.done() and time.monotonic() < until and _used() < memory * _TOO_FULL:
        interrupt()
        wait([done], _LOOK)
    if not done.done():
        raise Stuck from why


def _used() -> int:
    """Bytes of memory that this process holds now; 0 where the system has no /proc."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _finish(done: Future[None], work: Callable[[], None]) -> None:
    try:
        work()
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(None)
