"""Options that several commands share, and what applies when the configuration is asked too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from jobs import nightly
from jobs.counts.fold import WINDOW
from jobs.logs import objects
from jobs.logs.choice import BadMapping, Choice, Source
from jobs.logs.sources import SourceFile
from jobs.store.revision import USUAL, Terms
from queries.config import FILE, BadConfig, Config, SourceConfig, is_size, load, store_of

FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help="Read all files as this format.")
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="ROLE=COLUMN",
        help="Say which column is the service (or a url with it), the timestamp, the status.",
    ),
]
ServiceNameOption = Annotated[
    str | None,
    typer.Option("--service-name", metavar="NAME", help="All rows are of this service."),
]
PathPatternOption = Annotated[
    str | None,
    typer.Option(
        "--service-from-path",
        metavar="PATTERN",
        help="The service is in the path, as in 'logs/{service}/*'.",
    ),
]
ZoneOption = Annotated[
    str | None,
    typer.Option("--zone", metavar="ZONE", help="Of times that name none, as Europe/Berlin."),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where S3 is; else AWS_ENDPOINT_URL, else at AWS."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="A machine's summary on stdout.")]


@dataclass(frozen=True)
class Settings:
    """What applies: options before the configuration, that before the environment."""

    store: Path
    config: Config
    endpoint: str | None = None
    """As typed."""

    @property
    def terms(self) -> Terms:
        """On which terms the store is kept."""
        told = self.config
        settle, kept = told.settle_hours, told.keep_snapshots
        return Terms(
            USUAL.settle if settle is None else timedelta(hours=settle),
            USUAL.kept_snapshots if kept is None else kept,
            told.keep_daily_days or 0,
            told.memory,
            told.threads,
            registered_only=told.services == "registered",
            plausible_from=(
                datetime.combine(told.plausible_from, time())
                if told.plausible_from
                else USUAL.plausible_from
            ),
            plausible_ahead=(
                USUAL.plausible_ahead
                if told.plausible_ahead_hours is None
                else timedelta(hours=told.plausible_ahead_hours)
            ),
            raw_days=told.keep_raw_days or 0,
        )

    def limited(self, memory: str | None, threads: int | None) -> "Settings":
        """The same, with these limits in place of those configured. Raises BadConfig."""
        told = self.config
        if memory is not None and not is_size(memory):
            raise BadConfig(f"--memory-limit {memory}: it would have to be a size such as 512MB")
        memory, threads = memory or told.memory, threads or told.threads
        return replace(self, config=replace(told, memory=memory, threads=threads))

    def policy(self, *, retry: bool, replace_within: int | None) -> nightly.Policy:
        """What a run does with files that it knows."""
        told = self.config.replace_within_days if replace_within is None else replace_within
        window = WINDOW if told is None else timedelta(days=told)
        return nightly.Policy(retry, window, self.terms)

    def sources(self, where: Sequence[str], choice: Choice) -> list[Source]:
        """Those typed, or those configured; a choice typed is for all. Raises BadConfig."""
        typed = self.typed
        if where:
            return [Source(tuple(where), choice, typed)]
        if not self.config.sources:
            raise BadConfig(
                "no source: name one (httpcodes run SOURCE), "
                f"or some as [[sources]] in {self.config.file}"
            )
        return [
            replace(source, choice=choice if choice.given else source.choice, typed=typed)
            for source in self.configured()
        ]

    @property
    def outputs(self) -> dict[str, Path | None]:
        """The folders that a run writes to beside the store, by their keys."""
        metrics = self.config.metrics_file
        return {"metrics_file": metrics and metrics.parent, "export": self.config.export}

    @property
    def typed(self) -> tuple[str, ...]:
        """Options that lead another command to the same store and configuration."""
        config = self.config
        found = config != Config() and config.file != FILE
        return (
            *("--store", str(self.store)),
            *(("--config", str(config.file)) if found else ()),
            *(("--endpoint", self.endpoint) if self.endpoint else ()),
        )

    def configured(self) -> list[Source]:
        """The sources that the configuration names. Raises BadConfig."""
        return [_source(told, self.config.file) for told in self.config.sources]

    def listed(self, choice: Choice) -> tuple[list[SourceFile], Callable[[str], Choice]]:
        """What the configured sources hold, and how to read each known file, by its path."""
        found, choices = nightly.find(self.configured())
        files = list(found.files.values())
        return files, lambda path: choice if choice.given else choices.get(path, Choice())


def settled(store: Path | None, config: Path | None, endpoint: str | None = None) -> Settings:
    """What applies to a command. Raises BadConfig."""
    told = load(config)
    objects.reach_at(endpoint or told.endpoint)
    return Settings(store_of(store, told), told, endpoint)


def _source(told: SourceConfig, file: Path) -> Source:
    maps = [f"{role}={column}" for role, column in told.map.items()]
    try:
        choice = Choice.of(told.format, maps, told.service_name, told.service_from_path, told.zone)
    except BadMapping as error:
        raise BadConfig(f"{file}, the source {told.path[0]}: {error}") from error
    return Source(told.path, choice, configured=True, optional=told.optional)
