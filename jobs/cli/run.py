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
    ThreadsOption,
    UntilOption,
    selected,
    show_plan,
)
from jobs.cli.narration import narrate_run, narrator, progress
from jobs.cli.settings import (
    EndpointOption,
    FormatOption,
    JsonOption,
    MapOption,
    PathPatternOption,
    ServiceNameOption,
    ZoneOption,
    settled,
)
from jobs.cli.signals import LogFormatOption, MetricsOption, PingOption, Signals, watched
from jobs.logs.choice import Choice
from queries.cli.exits import spare, told
from queries.cli.options import ConfigOption, StoreOption
from queries.config import MOST_DAYS
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
    endpoint: EndpointOption = None,
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
        choice = Choice.of(format_, map_ or [], service_name, service_from_path, zone)
        settings = settled(store, config, endpoint).limited(memory_limit, threads)
        sources = settings.sources(source or [], choice)
        policy = replace(
            settings.policy(retry=retry or choice.given, replace_within=replace_within),
            selection=selected(since, until, max_files),
            fail_fast=fail_fast,
            count_anyway=count_anyway,
        )
        signals = Signals.of(settings.config, metrics_file, log_format, ping_url)
        for place in (export or settings.config.export, signals.metrics_file):
            spare(settings.store, place)
        if dry_run:
            show_plan(planning.plan(settings.store, sources, policy), as_json=as_json)
            return
    narration = narrator(quiet=quiet or signals.as_json)
    with watched(settings.store, sources, signals, quiet=quiet) as watch:
        with exit_codes(watch.failed), progress(narration) as on_progress:
            summary = nightly.run(settings.store, sources, on_progress, policy, watch.started)
        watch.published(summary)
        narrate_run(summary, narration)
        heard = not as_json or told(json.dumps(summary.as_json()))
        if out := export or settings.config.export:
            with exit_codes(watch.failed):
                cli_export.last_step(settings.store, out, summary.snapshot, narration)
        if not (summary.complete and heard):
            raise typer.Exit(PARTLY_DONE)
