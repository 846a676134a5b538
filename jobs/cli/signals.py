"""What a scheduled run tells the world: events, metrics, a dead-man switch, its record.

None of it can make a run fail: what can't be told is a warning.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.settings import Settings
from jobs.logs.options import Source
from jobs.monitoring import last_run, metrics, pushing
from jobs.monitoring.last_run import LastRun
from jobs.monitoring.ping import PingFailed, ping
from jobs.monitoring.status import status
from jobs.nightly import Summary
from jobs.store.lock import holder
from queries import utc
from queries.cli.telling import tell
from queries.config import BadConfig, Config
from queries.config_keys import is_url
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
_HINTS = {
    "gaps": "delivery_gap",
    "skipped_serials": "skipped_serials",
    "lost_rows": "lost_rows",
    "suspected_copies": "suspected_copy",
    "overlaps": "overlap",
    "not_measured": "not_measured",
}
"""Events by the figures that they tell of."""
OUTCOMES = {0: "done", PARTLY_DONE: "partly_done", INTERRUPTED: "interrupted"}
"""By exit code; every other one is a failure."""


@dataclass(frozen=True)
class Signals:
    """What to tell, and where."""

    metrics_file: Path | None
    as_json: bool
    ping_url: str | None
    pushgateway_url: str | None = None
    otlp_endpoint: str | None = None

    @classmethod
    def of(
        cls, config: Config, metrics_file: Path | None, log_format: str | None, ping_url: str | None
    ) -> "Signals":
        """Options before the configuration. Raises BadConfig."""
        if log_format not in (None, "text", "json"):
            raise BadConfig(f"--log-format {log_format} is not known; text and json are")
        if ping_url is not None and not is_url(ping_url):
            raise BadConfig("--ping-url would have to be a URL, https://…")
        return cls(
            metrics_file or config.metrics_file,
            (log_format or config.log_format) == "json",
            ping_url or config.ping_url,
            config.pushgateway_url,
            config.otlp_endpoint,
        )


class Watch:
    """Tells of one run, from its start to its end."""

    def __init__(
        self, settings: Settings, sources: Sequence[Source], signals: Signals, *, quiet: bool
    ) -> None:
        self._store, self._storage = settings.store, settings.storage
        self._sources, self._signals, self._quiet = sources, signals, quiet
        self._began = time.monotonic()
        self._stages = [("wait", time.time_ns())]
        self._run = LastRun(run_id=None, started_at=_now())
        self._summary: Summary | None = None

    def begin(self) -> None:
        """Note that a run is about to try."""
        before = status(self._store, [], _now(), self._storage, with_gaps=False)
        self._run = replace(self._run, last_success_at=before.last_success)
        if before.running is None and self._store.is_dir():
            self._note()

    def started(self, run_id: str) -> None:
        """The run holds the store."""
        self._stages.append(("count and publish", time.time_ns()))
        self._run = replace(self._run, run_id=run_id)
        self._note()
        self._event("run_started")
        self._ping("start")

    def published(self, summary: Summary) -> None:
        """The run's snapshot is in force."""
        self._stages.append(("tell and export", time.time_ns()))
        self._summary = summary
        figures = summary.as_json()
        for kind in ("merged", "quarantined", "refused", "not_kept"):
            for file in figures.pop(kind):
                self._event(f"file_{kind}", **file)
        for reason, rows in figures.pop("rejected").items():
            self._event("rows_rejected", reason=reason, rows=rows)
        for kind, event in _HINTS.items():
            for hint in figures.pop(kind):
                self._event(event, **hint)
        self._event("run_published", **figures)
        if not (self._signals.as_json or self._quiet):
            for sentence in summary.hints.sentences:
                self._warn(sentence)

    def failed(self, sentence: str) -> None:
        """Say why the run fails."""
        self._run = replace(self._run, reason=sentence)
        if not self._signals.as_json:
            tell(f"httpcodes: {sentence}")

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
        signals = self._signals
        if not (signals.metrics_file or signals.pushgateway_url or signals.otlp_endpoint):
            return
        found = status(self._store, self._sources, _now(), self._storage)
        # Where the store can't be written, only this process knows how it ended.
        found = replace(found, last_run=self._run)
        if file := signals.metrics_file:
            try:
                metrics.write(file, found)
            except OSError as error:
                self._warn(f"the metrics can't be written to {file}: {error.strerror}")
        if signals.pushgateway_url:
            with self._warned():
                pushing.to_gateway(signals.pushgateway_url, found)
        if signals.otlp_endpoint:
            ends = [began for _, began in self._stages[1:]] + [time.time_ns()]
            stages = [
                pushing.Stage(name, began, ended)
                for (name, began), ended in zip(self._stages, ends, strict=True)
            ]
            figures = self._summary.as_json()["rows"] if self._summary else {}
            what = {f"rows.{name}": rows for name, rows in figures.items()}
            run = self._run.as_json()
            what |= {key: run[key] for key in ("run_id", "outcome", "exit_code", "reason")}
            with self._warned():
                pushing.over_otlp(signals.otlp_endpoint, found, stages, what)

    @contextmanager
    def _warned(self) -> Iterator[None]:
        try:
            yield
        except pushing.PushFailed as error:
            self._warn(str(error))

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
            tell(f"httpcodes: warning: {sentence}")

    def _event(self, name: str, **what: Any) -> None:
        speaks = name in ("run_failed", "warning") or not self._quiet
        if self._signals.as_json and speaks:
            line = {"time": utc.written(utc.now(), "microseconds"), "event": name}
            typer.echo(json.dumps(line | {"run_id": self._run.run_id} | what), err=True)


@contextmanager
def watched(
    settings: Settings, sources: Sequence[Source], signals: Signals, *, quiet: bool
) -> Iterator[Watch]:
    """Tell of the run in the body, however it ends."""
    watch = Watch(settings, sources, signals, quiet=quiet)
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
    return utc.now().replace(microsecond=0)
