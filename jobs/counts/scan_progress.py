"""How far DuckDB is in files that it scans: a scan says nothing until it is over."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb

_MOST = 99
"""Percent: what was scanned is still to be judged."""


class ScanProgress:
    """Asked on another thread while a connection scans; kept until what was scanned counts."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._size = self._done = 0
        self._is_scanning = False

    @contextmanager
    def scanning(self, size: int) -> Iterator[None]:
        """The body scans files of so many bytes."""
        self._size, self._done = size, 0
        self._execute("true")
        self._is_scanning = True
        try:
            yield
            self._done = self._part(_MOST)
        finally:
            self._is_scanning = False
            self._execute("false")

    def forget(self) -> None:
        """What was scanned is told of by others now."""
        self._done = 0

    def bytes_done(self) -> int:
        """Of the files of the last scan, about."""
        if self._is_scanning:
            # Of a file that is read twice, the first time tells.
            self._done = max(self._done, self._part(self._percent()))
        return self._done

    def _part(self, percent: float) -> int:
        return round(self._size * min(percent, _MOST) / 100)

    def _percent(self) -> float:
        try:
            return self._connection.query_progress()
        except duckdb.Error:  # it was closed meanwhile
            return 0.0

    def _execute(self, noted: str) -> None:
        # What is wrong with the database is for the scan to say.
        with suppress(duckdb.Error):
            # Drawn by us alone, and noted from the first moment on.
            self._connection.execute(
                f"SET enable_progress_bar = {noted}; SET enable_progress_bar_print = false; "
                "SET progress_bar_time = 0"
            )
