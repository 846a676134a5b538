"""Several processes that answer on one listening socket, and the parent that looks after them.

The parent opens no store and answers nobody, so nothing that ends a process that answers can
end it; whichever ends is replaced. A process whose parent is gone ends, too.
"""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGTERM, signal.SIGINT)
# One that ends as soon as it begins must not keep a core busy with its successors.
PAUSE_SECONDS = 1

_log = logging.getLogger("httpcodes")


def run(listener: socket.socket, number: int, work: Callable[[int], None]) -> int:
    """Keep so many processes at work until SIGTERM or SIGINT, and return the signal's number.

    Each process gets SIGTERM then, and is waited for. `work` is told the number of its process,
    from 0; one that takes the place of another has the number of that one.
    """
    return _Processes(listener, work).run(number)


class _Processes:
    def __init__(self, listener: socket.socket, work: Callable[[int], None]) -> None:
        self._listener, self._work = listener, work
        # Nothing is ever written to it: its other end closes when this process is gone.
        self._lifeline, self._held = os.pipe()
        self._began: dict[int, tuple[int, float]] = {}
        self._ending = 0

    def run(self, number: int) -> int:
        before = {signum: signal.signal(signum, self._end) for signum in ENDING}
        for process in range(number):
            self._start(process, "")
        while self._began:
            self._replace(*os.wait())
        for signum, handler in before.items():
            signal.signal(signum, handler)
        return self._ending

    def _end(self, number: int, _: FrameType | None) -> None:
        self._ending = self._ending or number
        # Who connects now is refused, not left waiting.
        self._listener.close()
        for pid in self._began:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _replace(self, pid: int, status: int) -> None:
        process, began = self._began.pop(pid)
        if not self._ending:
            time.sleep(PAUSE_SECONDS if time.monotonic() - began < PAUSE_SECONDS else 0)
            code = os.waitstatus_to_exitcode(status)
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._again(process, f"process {pid} ended with {how}; this one takes its place")

    def _again(self, process: int, why: str) -> None:
        while not self._ending:
            try:
                return self._start(process, why)
            except OSError:
                # There may be no memory for another just now.
                time.sleep(PAUSE_SECONDS)

    def _start(self, process: int, why: str) -> None:
        # A signal in between would miss the process that begins.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            if not self._ending:
                pid = os.fork()
                if not pid:
                    self._child(process, why)
                self._began[pid] = process, time.monotonic()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def _child(self, process: int, why: str) -> NoReturn:
        code = 1
        try:
            for signum in ENDING:
                signal.signal(signum, _exit)
            # Ctrl+C is the parent's to pass on: a second signal would cut requests off.
            os.setpgid(0, 0)
            os.close(self._held)
            threading.Thread(target=_end_with, args=[self._lifeline], daemon=True).start()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            if why:
                _log.error(why)
            self._work(process)
            code = 0
        except SystemExit:
            code = 0
        except BaseException:
            _log.exception("a process that answers failed")
        finally:
            logging.shutdown()
            os._exit(code)


def _exit(*_: object) -> NoReturn:
    raise SystemExit


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
