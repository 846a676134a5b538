"""STORE/last_run.json: how the last run ended, or that it began and never said more.

A published run has its row in `runs`; one that failed published nothing, so what became of it
is remembered beside the link. The file is only replaced as a whole.
"""

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from queries import utc, whole_file

FILE = "last_run.json"
_MOMENTS = ("started_at", "finished_at", "last_success_at")


@dataclass(frozen=True)
class LastRun:
    """A run; moments are naive, UTC, to the second."""

    run_id: str | None
    """None if it never came as far as holding the store."""
    started_at: datetime
    finished_at: datetime | None = None
    outcome: str = "started"
    """started, done, partly_done, failed or interrupted."""
    exit_code: int | None = None
    reason: str | None = None
    """Why it failed, in a sentence."""
    seconds: float | None = None
    """How long it took."""
    bytes_read: int | None = None
    """Of the files that it looked at."""
    last_success_at: datetime | None = None
    """When a run last published; a failure hands on what it found."""

    def as_json(self) -> dict[str, Any]:
        """As in the file."""
        values = asdict(self)
        for name in _MOMENTS:
            values[name] = utc.written_if(values[name])
        return values


def read(store: Path) -> LastRun | None:
    """The last run, or None if none left a record that can be read."""
    try:
        saved = json.loads((store / FILE).read_text(encoding="utf-8"))
        moments = {n: utc.read(saved[n]) if saved[n] else None for n in _MOMENTS}
        return LastRun(**{field.name: saved[field.name] for field in fields(LastRun)} | moments)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(store: Path, run: LastRun) -> None:
    """Put the record in place of the one before. Raises OSError."""
    # Beside the link and not in tmp/, which belongs to whoever holds the store.
    whole_file.replace(store / FILE, json.dumps(run.as_json()) + "\n")
