"""What a scheduled run tells the world: events, metrics, a dead-man switch, its record.

None of it can make a run fail: what can't be told is a warning.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.logs.choice import Source
from jobs.monitoring import last_run, metrics
from jobs.monitoring.last_run import LastRun
from jobs.monitoring.ping import PingFailed, ping
from jobs.monitoring.status import status
from jobs.nightly import Summary
from jobs.store.lock import holder
from queries.config import BadConfig, Config, is_url
from queries.failures import FAILED, INTERRUPTED, LOCKED, PARTLY_DONE

MetricsOption = Annotated[
    Path | None,
    typer.Option("--metrics-file", metavar="FILE", help="Leave a Prometheus textfile here."),
]
LogFormatOption = Annotated[
    str | None,
    typer.Option("--log-format", metavar="text|json", help="json: one line an event on stderr."),
]
PingOption = Annotated[
    str | None,
    typer.Option(
        "--ping-url", metavar="URL", help="Ask for URL/start, then URL or URL/<exit code>."
    ),
]
OUTCOMES = {0: "done", PARTLY_DONE: "partly_done", INTERRUPTED: "interrupted"}
"""By exit code; every other one is a failure."""


@dataclass(frozen=True)
class Signals:
    """What to tell, and where."""

    metrics_file: Path | None
    as_json: bool
    ping_url: str | None

    @classmethod
    def of(
        cls, told: Config, metrics_file: Path | None, log_format: str | None, ping_url: str | None
    ) -> "Signals":
        """Options before the configuration. Raises BadConfig."""
        if log_format not in (None, "text", "json"):
            raise BadConfig(f"--log-format {log_format} is not known; text and json are")
        if ping_url is not None and not is_url(ping_url):
            raise BadConfig("--ping-url would have to be a URL, https://…")
        return cls(
            metrics_file or told.metrics_file,
            (log_format or told.log_format) == "json",
            ping_url or told.ping_url,
        )


class Watch:
    """Tells of one run, from its start to its end."""

    def __init__(
        self, store: Path, sources: Sequence[Source], signals: Signals, *, quiet: bool
    ) -> None:
        self._store, self._sources, self._signals, self._quiet = store, sources, signals, quiet
        self._began = time.monotonic()
        self._run = LastRun(run_id=None, started_at=_now())
        self._summary: Summary | None = None

    def begin(self) -> None:
        """Note that a run is about to try."""
        before = status(self._store, [], _now())
        self._run = replace(self._run, last_success_at=before.last_success)
        if before.running is None and self._store.is_dir():
            self._note()

    def started(self, run_id: str) -> None:
        """The run holds the store."""
        self._run = replace(self._run, run_id=run_id)
        self._note()
        self._event("run_started")
        self._ping("start")

    def published(self, summary: Summary) -> None:
        """The run's snapshot is in force."""
        self._summary = summary
        figures = summary.as_json()
        for kind in ("merged", "quarantined", "refused", "not_kept"):
            for file in figures.pop(kind):
                self._event(f"file_{kind}", **file)
        for reason, rows in figures.pop("rejected").items():
            self._event("rows_rejected", reason=reason, rows=rows)
        self._event("run_published", **figures)

    def failed(self, sentence: str) -> None:
        """Say why the run fails."""
        self._run = replace(self._run, reason=sentence)
        if not self._signals.as_json:
            typer.echo(f"httpcodes: {sentence}", err=True)

    def end(self, code: int) -> None:
        """Tell how the run ended."""
        if code == LOCKED:
            # No alarm: the run that is at work tells of itself.
            self._event("run_skipped", exit_code=code, reason=self._run.reason)
            return
        if self._summary is None or code not in OUTCOMES:
            self._event("run_failed", exit_code=code, reason=self._run.reason)
        self._run = replace(
            self._run,
            finished_at=_now(),
            outcome=OUTCOMES.get(code, "failed"),
            exit_code=code,
            seconds=round(time.monotonic() - self._began, 3),
        )
        if done := self._summary:
            # Where a source is missing, silence is no success.
            at = self._run.last_success_at if done.missing else self._run.finished_at
            read = done.outcome.bytes_done
            self._run = replace(self._run, bytes_read=read, last_success_at=at)
        if self._store.is_dir() and holder(self._store) is None:
            self._note()
        self._ping("" if code in (0, PARTLY_DONE) else str(code))
        self._measure()

    def _note(self) -> None:
        try:
            last_run.write(self._store, self._run)
        except OSError as error:
            # A run that can't write to the store fails of that, and says so.
            if self._summary:
                self._warn(f"how the run ended can't be noted in {self._store}: {error.strerror}")

    def _measure(self) -> None:
        file = self._signals.metrics_file
        if file is None:
            return
        try:
            metrics.write(file, status(self._store, self._sources, _now()))
        except OSError as error:
            self._warn(f"the metrics can't be written to {file}: {error.strerror}")

    def _ping(self, step: str) -> None:
        if url := self._signals.ping_url:
            try:
                ping(url, step)
            except PingFailed as error:
                self._warn(str(error))

    def _warn(self, sentence: str) -> None:
        if self._signals.as_json:
            self._event("warning", reason=sentence)
        else:
            typer.echo(f"httpcodes: warning: {sentence}", err=True)

    def _event(self, name: str, **what: Any) -> None:
        told = name in ("run_failed", "warning") or not self._quiet
        if self._signals.as_json and told:
            line = {"time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "event": name}
            typer.echo(json.dumps(line | {"run_id": self._run.run_id} | what), err=True)


@contextmanager
def watched(
    store: Path, sources: Sequence[Source], signals: Signals, *, quiet: bool
) -> Iterator[Watch]:
    """Tell of the run in the body, however it ends."""
    watch = Watch(store, sources, signals, quiet=quiet)
    watch.begin()
    code = FAILED
    try:
        yield watch
        code = 0
    except typer.Exit as ended:
        code = ended.exit_code
        raise
    finally:
        watch.end(code)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
