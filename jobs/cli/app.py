"""The command: what an operator types, and what becomes of it."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import typer

from jobs import forget as forgetting
from jobs import nightly
from jobs import plan as planning
from jobs import rebuild as rebuilding
from jobs import rejects as rejecting
from jobs import verify as proofs
from jobs.cli import doctor as cli_doctor
from jobs.cli import export as cli_export
from jobs.cli import formats as cli_formats
from jobs.cli import retention as cli_retention
from jobs.cli import schedule as cli_schedule
from jobs.cli import services as cli_services
from jobs.cli import settings as cli_settings
from jobs.cli import snapshots as cli_snapshots
from jobs.cli import status as cli_status
from jobs.cli.exits import exit_codes
from jobs.cli.limits import (
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
from jobs.cli.narration import narrate_rebuilt, narrate_run, narrator, progress
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
from queries.cli import report as cli_report
from queries.cli import serve as cli_serve
from queries.cli import sql as cli_sql
from queries.cli import tables as cli_tables
from queries.cli.exits import FAILED, PARTLY_DONE, spare, streams, told
from queries.cli.query import ConfigOption, StoreOption
from queries.cli.query import app as queries_app
from queries.config import MOST_DAYS

DAY = "%Y-%m-%d"

app = typer.Typer(
    name="httpcodes",
    help="Counts the HTTP status codes of a CDN.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(queries_app)
app.add_typer(cli_serve.app)
app.add_typer(cli_report.app)
app.add_typer(cli_export.app)
app.add_typer(cli_tables.app)
app.add_typer(cli_sql.app)
app.add_typer(cli_formats.app)
app.add_typer(cli_services.app)
app.add_typer(cli_settings.app)
app.add_typer(cli_retention.app)
app.add_typer(cli_snapshots.app)
app.add_typer(cli_doctor.app)
app.add_typer(cli_schedule.app)
app.add_typer(cli_status.app)


@app.command()
def run(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
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
    memory_limit: MemoryLimitOption = None,
    threads: ThreadsOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
    metrics_file: MetricsOption = None,
    log_format: LogFormatOption = None,
    ping_url: PingOption = None,
) -> None:
    """Count the access logs that the sources hold, and publish a snapshot."""
    with exit_codes():
        choice = Choice.of(format_, map_ or [], service_name, service_from_path, zone)
        settings = settled(store, config, endpoint).limited(memory_limit, threads)
        sources = settings.sources(source or [], choice)
        policy = replace(
            settings.policy(retry=retry or choice.given, replace_within=replace_within),
            selection=selected(since, until, max_files),
            fail_fast=fail_fast,
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


@app.command()
def forget(
    path: Annotated[list[str], typer.Argument(metavar="PATH...", help="A file or a folder.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Take back what files added; they stay away until their content changes."""
    with exit_codes():
        settings = settled(store, config)
        forgotten = forgetting.forget(settings.store, path, settings.terms)
    for file in forgotten.paths:
        typer.echo(f"forgotten {file}", err=True)
    typer.echo(f"published {forgotten.snapshot}", err=True)


@app.command()
def rebuild(
    first: Annotated[
        datetime, typer.Option("--from", metavar="DAY", formats=[DAY], help="First day, UTC.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", metavar="DAY", formats=[DAY], help="Last day, UTC.")
    ],
    store: StoreOption = None,
    config: ConfigOption = None,
    format_: FormatOption = None,
    map_: MapOption = None,
    service_name: ServiceNameOption = None,
    service_from_path: PathPatternOption = None,
    zone: ZoneOption = None,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Drop what files that are gone had added.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Count days afresh from the files that are still there; what is gone is kept."""
    if last < first:
        raise typer.BadParameter("--to is earlier than --from; it is the last day, inclusive")
    with exit_codes():
        choice = Choice.of(format_, map_ or [], service_name, service_from_path, zone)
        settings = settled(store, config)
        days = rebuilding.Days(first.date(), last.date())
        listed, choice_of = settings.listed(choice)
        done = rebuilding.rebuild(
            settings.store,
            days,
            choice_of,
            settings.terms,
            drop_missing=drop_missing,
            listed=listed,
        )
    narrate_rebuilt(done, narrator())
    heard = not as_json or told(json.dumps(done.as_json()))
    if not (done.complete and heard):
        raise typer.Exit(PARTLY_DONE)


@app.command()
def rejects(
    path: Annotated[str | None, typer.Argument(help="A file or a folder; else all files.")] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of each file, at the most.")] = 10,
) -> None:
    """Show rows that could not be counted as they stand in the file, one JSON line each."""
    with exit_codes():
        for file in rejecting.rejects(settled(store, config).store, path, limit):
            note = "; the file is gone" if file.gone else ""
            typer.echo(f"{file.path}: {file.rows_rejected:,} rows rejected{note}", err=True)
            for row, unreadable in file.shown:
                line = {"path": file.path, "unreadable": unreadable, "row": row}
                typer.echo(json.dumps(line, ensure_ascii=False))


@app.command()
def verify(
    store: StoreOption = None,
    config: ConfigOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the source files that still exist again, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that the published counts are those of the files in force, each counted once."""
    with exit_codes():
        proof = proofs.verify(settled(store, config).store, deep=deep)
    if as_json:
        typer.echo(json.dumps(proof.as_json()))
    for finding in proof.findings:
        typer.echo(
            f"{finding.check}: {finding.where}: expected {finding.expected}, found {finding.found}",
            err=True,
        )
    for path in proof.files_missing:
        typer.echo(f"not read again, because it is gone: {path}", err=True)
    read = f", {proof.files_read:,} source files read again" if deep else ""
    wrong = len(proof.findings)
    verdict = f"{wrong:,} contradictions" if wrong else "every invariant holds"
    typer.echo(f"{proof.snapshot}: {verdict}{read}", err=True)
    if wrong:
        raise typer.Exit(FAILED)


def main() -> None:
    """The console script."""
    with streams():
        app()
