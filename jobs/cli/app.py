"""The command: a table of what an operator may type, and where it is answered."""

import sys
from typing import Annotated, ClassVar

import typer

from jobs.cli.commands import Command, Commands
from queries.cli.drawing import ENDLESS
from queries.cli.exits import clear_line, streams
from queries.cli.telling import columns, tell
from queries.failures import INTERRUPTED, USAGE

DISTRIBUTION = "cdn-httpcodes"
_JOBS, _QUERIES = "jobs.cli.", "queries.cli."


def _ours(name: str, about: str) -> Command:
    return Command(name, f"{_JOBS}{name}", about)


def _readers(name: str, about: str) -> Command:
    return Command(name, f"{_QUERIES}{name}", about)


class Table(Commands):
    """The commands, as the README has them."""

    groups: ClassVar = {
        "Count": [
            _ours("run", "Count the access logs that the sources hold, and publish a snapshot."),
            _ours("init", "Write a commented httpcodes.toml for the logs that it is shown."),
            _ours("inspect", "Say how a file would be read and why, and what would be counted; writes nothing."),
            _ours("convert", "Make a Parquet file of each text log, with the vendor's columns."),
            _ours("formats", "List the formats of logs that are known, or show one."),
            _ours("services", 'Services; with `services = "registered"` in httpcodes.toml only registered ones count.'),
            _ours("config", "The configuration, httpcodes.toml."),
            _ours("sample", "Write sample logs, with the requests behind the documented example among them."),
            _ours("schedule", "Print units, a crontab line, a CronJob or a DAG for the configured run."),
        ],
        "Ask": [
            _readers("query", "Answer the documented request; the answer's bytes go to stdout."),
            _readers("serve", "Answer the documented endpoint over HTTP until stopped; needs the extra `api`."),
            _ours("export", "Write the documented answer of each service and UTC day as a file, and an index."),
            _readers("sql", "Answer SQL from the newest snapshot; only what reads is let through."),
            _readers("tables", "List the relations of the newest snapshot, and what each is."),
            _readers("describe", "List the columns of a relation, their types, and what each means."),
            _readers("report", "Draw a day or range as an HTML page; or one chart as SVG or PNG, with the extra `report`."),
        ],
        "Look after": [
            _ours("rejects", "Show rows that could not be counted as they stand in the file, one JSON line each."),
            _ours("trace", "Say which files made a count, which runs counted them, and how it changed since."),
            _ours("forget", "Take back what files added; they stay away until their content changes."),
            _ours("rebuild", "Count days afresh from the files that are still there; what is gone is kept."),
            _ours("verify", "Prove that the published counts are those of the files in force, each counted once."),
            _ours("snapshots", "List the snapshots that are kept, and what their runs brought."),
            _ours("rollback", "Return to an earlier snapshot."),
            _ours("diff", "Name what differs between snapshots, stores or exports: services, days, buckets."),
            _ours("prune", "Drop counts, ledger rows, copies of logs and snapshots that are older than what is kept."),
        ],
        "Watch": [
            _readers("top", "Show which services gave which codes most often, lately or on a day."),
            _ours("status", "Say how the store stands: runs, watermarks, backlog, quarantine, size."),
            _ours("doctor", "Check versions, disk space, permissions, configuration, sources and engine."),
        ],
    }  # fmt: skip


BEGIN = {
    "httpcodes run LOGS": "counts the access logs in a folder",
    "httpcodes query REQUEST.json": "answers the documented request",
    "httpcodes status": "says how the store stands",
}
"""The commands to begin with."""

app = typer.Typer(
    name="httpcodes",
    cls=Table,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - asked seldom

    try:
        typer.echo(f"httpcodes {version(DISTRIBUTION)}")
    except PackageNotFoundError:
        typer.echo("httpcodes, not installed")
    raise typer.Exit


@app.callback(invoke_without_command=True)
def httpcodes(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Say which version this is."
        ),
    ] = False,
) -> None:
    """Counts the HTTP status codes of a CDN."""
    if context.invoked_subcommand is None:
        _begin()
        raise typer.Exit(USAGE)


def _begin() -> None:
    longest = max(map(len, BEGIN))
    lines = [f"  {command:<{longest}}  {about}" for command, about in BEGIN.items()]
    if max(map(len, lines)) > (columns(sys.stderr) or ENDLESS):
        lines = [f"  {command}\n    {about}" for command, about in BEGIN.items()]
    tell("httpcodes counts the HTTP status codes of a CDN. To begin with:\n")
    tell("\n".join(lines))
    tell("\n`httpcodes --help` lists all commands, `httpcodes COMMAND --help` explains one.")


def main() -> None:
    """The console script."""
    try:
        with streams():
            # The parser would draw its help no narrower than 50 columns.
            app(prog_name="httpcodes", terminal_width=min(80, columns(sys.stdout) or 80) - 2)
    except KeyboardInterrupt:
        clear_line()
        raise SystemExit(INTERRUPTED) from None
