"""Options that several commands share, and what applies when the configuration is asked too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from jobs import nightly
from jobs.logs.expectation import Expectation, every
from jobs.logs.objects.buckets import SCHEMES
from jobs.logs.options import BadMapping, ReadingOptions, Source
from jobs.logs.sources import SourceFile
from jobs.logs.storage import Storage
from jobs.store.revision import Terms
from queries.config import (
    FILE,
    BadConfig,
    Config,
    SourceConfig,
    load,
    store_of,
)
from queries.config_keys import is_size, is_url

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
KindOption = Annotated[
    str | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="What all files are: parquet, ndjson, csv, w3c, lines, or auto to tell each.",
    ),
]
PatternOption = Annotated[
    str | None,
    typer.Option(
        "--pattern", metavar="NAME", help="Of lines: a pattern that the configuration names."
    ),
]
EndpointOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[SCHEME=]URL",
        help="Where S3 (or gs= and abfs=) is; else AWS_ENDPOINT_URL, else in its cloud.",
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        metavar="ENGINE",
        help="Who counts: local, or Spark: spark://HOST:7077, local[4], yarn, sc://HOST:15002.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="A machine's summary on stdout.")]


@dataclass(frozen=True)
class Settings:
    """What applies: options before the configuration, that before the environment."""

    store: Path
    config: Config
    storage: Storage
    """Where log files lie."""
    endpoint: Sequence[str] = ()
    """As typed."""

    @property
    def terms(self) -> Terms:
        """On which terms the store is kept."""
        config = self.config
        return Terms(
            timedelta(hours=config.settle_hours),
            config.keep_snapshots,
            config.keep_daily_days,
            config.memory,
            config.threads,
            registered_only=config.services == "registered",
            plausible_from=datetime.combine(config.plausible_from, time()),
            plausible_ahead=timedelta(hours=config.plausible_ahead_hours),
            raw_days=config.keep_raw_days,
            storage=self.storage,
        )

    def limited(self, memory: str | None, threads: int | None) -> "Settings":
        """The same, with these limits in place of those configured. Raises BadConfig."""
        config = self.config
        if memory is not None and not is_size(memory):
            raise BadConfig(f"--memory-limit {memory}: it would have to be a size such as 512MB")
        memory, threads = memory or config.memory, threads or config.threads
        return replace(self, config=replace(config, memory=memory, threads=threads))

    def policy(self, *, retry: bool, replace_within: int | None) -> nightly.Policy:
        """What a run does with files that it knows."""
        days = self.config.replace_within_days if replace_within is None else replace_within
        return nightly.Policy(retry, timedelta(days=days), self.terms)

    def sources(self, where: Sequence[str], options: ReadingOptions) -> list[Source]:
        """Those typed, or those configured; options typed are for all. Raises BadConfig."""
        typed = self.typed
        if where:
            return [Source(tuple(where), options, typed)]
        if not self.config.sources:
            raise BadConfig(
                "no source: name one (httpcodes run SOURCE), "
                f"or some as [[sources]] in {self.config.file}, "
                "which `httpcodes init SOURCE` writes"
            )
        return [
            replace(source, options=options if options.given else source.options, typed=typed)
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
            *(word for endpoint in self.endpoint for word in ("--endpoint", endpoint)),
        )

    def configured(self) -> list[Source]:
        """The sources that the configuration names. Raises BadConfig."""
        config = self.config
        return [_source(source, config.file, config.patterns) for source in config.sources]

    def listed(
        self, options: ReadingOptions
    ) -> tuple[list[SourceFile], Callable[[str], ReadingOptions]]:
        """What the configured sources hold, and how to read each known file, by its path."""
        found, options_by_path = nightly.find(self.configured(), self.storage)
        files = list(found.files.values())
        return (
            files,
            lambda path: options if options.given else options_by_path.get(path, ReadingOptions()),
        )


def settings_of(
    store: Path | None, config: Path | None, endpoint: Sequence[str] | None = None
) -> Settings:
    """What applies to a command. Raises BadConfig."""
    loaded = load(config)
    storage = Storage({**loaded.endpoints, **endpoints(endpoint)})
    return Settings(store_of(store, loaded), loaded, storage, endpoint or ())


def endpoints(typed: Sequence[str] | None) -> dict[str, str]:
    """The URLs that `--endpoint` names, by scheme. Raises BadConfig."""
    return dict(map(_endpoint, typed or ()))


def _endpoint(typed: str) -> tuple[str, str]:
    """The scheme and URL that `--endpoint` names."""
    scheme, named, url = typed.partition("=")
    if not (named and scheme in SCHEMES):
        scheme, url = "s3", typed
    if not is_url(url):
        wanted = f"a URL, http://… or https://…, or one after {', '.join(SCHEMES)} and ="
        raise BadConfig(f"--endpoint {typed}: it would have to be {wanted}")
    return scheme, url


def _source(config: SourceConfig, file: Path, named: Mapping[str, str]) -> Source:
    maps = [f"{role}={column}" for role, column in config.map.items()]
    try:
        options = ReadingOptions.of(
            *(config.format, maps, config.service_name, config.service_from_path, config.zone),
            *(config.kind, config.pattern),
            named,
        )
    except BadMapping as error:
        raise BadConfig(f"{file}, the source {config.path[0]}: {error}") from error
    expected = Expectation(
        every(config.expect) if config.expect else None,
        config.least_share,
        None if config.grace_hours is None else timedelta(hours=config.grace_hours),
    )
    return Source(
        config.path,
        options,
        configured=True,
        optional=config.optional,
        expectation=expected,
        serials=config.serials,
    )
