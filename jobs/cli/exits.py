"""How a command ends: one sentence and one exit code for each way to fail."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import duckdb
import typer

from jobs.cli.duration import BadDuration
from jobs.counts.fold import FoldedAway
from jobs.counts.trouble import MachineTrouble
from jobs.export.day_folders import BadOutput, ExportLocked, OutputUnusable
from jobs.export.documents import ExportFailed, UnknownService
from jobs.forget import NotInLedger
from jobs.logs.choice import BadMapping
from jobs.logs.parquet import ExtraMissing
from jobs.logs.reading import FileRefused
from jobs.logs.selection import BadMoment
from jobs.logs.sources import SourceNotFound
from jobs.nightly import FailedFast
from jobs.services import BadService
from jobs.store.lock import StoreLocked
from jobs.store.revision import StoreUnusable
from queries.cli.exits import FAILED, INTERRUPTED, LOCKED, USAGE, refused_by_system, say
from queries.config import BadConfig
from queries.snapshot import SnapshotError


@contextmanager
def exit_codes(tell: Callable[[str], None] = say) -> Iterator[None]:
    """One sentence and one exit code for each way to fail."""
    signals = _Signals()
    try:
        yield
    except _MISTAKES as error:
        _fail(tell, error, USAGE)
    except (StoreLocked, ExportLocked) as error:
        _fail(tell, error, LOCKED)
    except BaseException as error:
        # DuckDB turns what a signal handler raises into an error of its own.
        if signals.received:
            _fail(tell, "interrupted; the newest snapshot stands", INTERRUPTED)
        if isinstance(error, _FAILURES) or refused_by_system(error):
            _fail(tell, refused_by_system(error) or error, FAILED)
        raise


_MISTAKES = (
    BadMapping,
    BadConfig,
    BadDuration,
    BadMoment,
    BadOutput,
    BadService,
    ExtraMissing,
    NotInLedger,
    SourceNotFound,
    UnknownService,
)
_FAILURES = (
    StoreUnusable,
    SnapshotError,
    FoldedAway,
    FileRefused,
    ExportFailed,
    OutputUnusable,
    FailedFast,
    MachineTrouble,
    duckdb.Error,
    OSError,
)


class _Signals:
    """Notes SIGINT and SIGTERM, and stops what is at work."""

    def __init__(self) -> None:
        self.received = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> NoReturn:
        self.received = True
        raise KeyboardInterrupt


def _fail(tell: Callable[[str], None], why: object, code: int) -> NoReturn:
    tell(str(why).partition("\n")[0])
    raise typer.Exit(code)
