"""The command that counts: a nightly run, told of as it goes."""

import json
from dataclasses import replace
from typing import Annotated

import typer

from jobs import nightly
from jobs import plan as planning
from jobs.cli import export as cli_export
from jobs.cli.exits import exit_codes
from jobs.cli.limits import (
    AnywayOption,
    DryRunOption,
    FailFastOption,
    MaxFilesOption,
    MemoryLimitOption,
    SinceOption,
    StrictOption,
    ThreadsOption,
    UntilOption,
    selected,
    show_plan,
)
from jobs.cli.narration import narrate_run, narrator
from jobs.cli.progress import progress
from jobs.cli.settings import (
    EndpointOption,
    EngineOption,
    FormatOption,
    JsonOption,
    KindOption,
    MapOption,
    PathPatternOption,
    PatternOption,
    ServiceNameOption,
    ZoneOption,
    settings_of,
)
from jobs.cli.signals import LogFormatOption, MetricsOption, PingOption, Signals, watched
from jobs.engine import engines
from jobs.logs.options import ReadingOptions
from queries.cli.exits import spare, write_out
from queries.cli.options import ConfigOption, StoreOption
from queries.config_keys import MOST_DAYS
from queries.failures import PARTLY_DONE

app = typer.Typer()


@app.command()
def run(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="A file, a folder (all *.parquet below it) or a glob; else those configured.",
        ),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    format_: FormatOption = None,
    map_: MapOption = None,
    service_name: ServiceNameOption = None,
    service_from_path: PathPatternOption = None,
    zone: ZoneOption = None,
    kind: KindOption = None,
    pattern: PatternOption = None,
    endpoint: EndpointOption = None,
    engine: EngineOption = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try files in quarantine again.")] = False,
    replace_within: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", min=0, max=MOST_DAYS, help="How long a counted file may be replaced."
        ),
    ] = None,
    export: cli_export.ExportOption = None,
    max_files: MaxFilesOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    fail_fast: FailFastOption = False,
    count_anyway: AnywayOption = False,
    strict: StrictOption = False,
    memory_limit: MemoryLimitOption = None,
    threads: ThreadsOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    metrics_file: MetricsOption = None,
    log_format: LogFormatOption = None,
    ping_url: PingOption = None,
) -> None:
    """Count the access logs that the sources hold, and publish a snapshot.

    \b
    httpcodes run /var/log/cdn --store /srv/httpcodes
    httpcodes run                  the sources of httpcodes.toml
    httpcodes run logs --dry-run   says what would be done
    """
    with exit_codes():
        settings = settings_of(store, config, endpoint).limited(memory_limit, threads)
        way = (format_, map_ or [], service_name, service_from_path, zone, kind, pattern)
        options = ReadingOptions.of(*way, settings.config.patterns)
        sources = settings.sources(source or [], options)
        policy = replace(
            settings.policy(retry=retry or options.given, replace_within=replace_within),
            selection=selected(since, until, max_files),
            fail_fast=fail_fast,
            count_anyway=count_anyway,
        )
        signals = Signals.of(settings.config, metrics_file, log_format, ping_url)
        for place in (export or settings.config.export, signals.metrics_file):
            spare(settings.store, place)
        counting = engines.engine(engine, settings.config.engine, settings.store)
        if dry_run:
            show_plan(planning.plan(settings.store, sources, policy), as_json=as_json)
            return
    narration = narrator(quiet=quiet or signals.as_json)
    with watched(replace(settings, storage=policy.storage), sources, signals, quiet=quiet) as watch:
        with exit_codes(watch.failed), counting as at_work, progress(narration) as on_progress:
            policy = replace(policy, engine=at_work)
            summary = nightly.run(settings.store, sources, on_progress, policy, watch.started)
        watch.published(summary)
        narrate_run(summary, settings.store, narration)
        heard = not as_json or write_out(json.dumps(summary.as_json()))
        if out := export or settings.config.export:
            with exit_codes(watch.failed):
                cli_export.last_step(settings.store, out, summary.snapshot, narration)
        gaps = summary.hints.gaps if strict or settings.config.strict else []
        if gaps or not (summary.complete and heard):
            raise typer.Exit(PARTLY_DONE)
