"""The command: the only room of the writing side that prints, exits and maps exit codes."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import duckdb
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from jobs import forget as forgetting
from jobs import nightly
from jobs import rebuild as rebuilding
from jobs import rejects as rejecting
from jobs import sample as samples
from jobs import verify as proofs
from jobs.access_log import BY_NAME, BadMapping, Choice
from jobs.fold import WINDOW, FoldedAway
from jobs.forget import NotInLedger
from jobs.sources import SourceNotFound
from jobs.store import StoreLocked, StoreUnusable
from jobs.store import rollback as store_rollback
from queries.cli import DEFAULT_STORE, StoreOption
from queries.cli import app as queries_app
from queries.snapshot import SnapshotError

FAILED, USAGE, PARTLY_DONE, LOCKED, INTERRUPTED = 1, 2, 3, 11, 130
DAY = "%Y-%m-%d"

FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help="Read all files as this format.")
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="ROLE=COLUMN",
        help="Say which column is the service, the timestamp, the status.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="A machine's summary on stdout.")]

app = typer.Typer(
    name="httpcodes",
    help="Counts the HTTP status codes of a CDN.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(queries_app)


@app.command()
def run(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="A file, a folder (all *.parquet below it) or a glob."
        ),
    ],
    store: StoreOption = DEFAULT_STORE,
    format_: FormatOption = None,
    map_: MapOption = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try files in quarantine again.")] = False,
    replace_within: Annotated[
        int, typer.Option(metavar="DAYS", min=0, help="How long a counted file may be replaced.")
    ] = WINDOW.days,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Count the access logs that the sources hold, and publish a snapshot."""
    narration = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
    with _exit_codes(), _progress(narration) as on_progress:
        choice = Choice.of(format_, map_ or [])
        policy = nightly.Policy(retry, timedelta(days=replace_within))
        summary = nightly.run(store, source, choice, on_progress, policy)
    if as_json:
        typer.echo(json.dumps(summary.as_json()))
    _narrate(summary, narration)
    if not summary.complete:
        raise typer.Exit(PARTLY_DONE)


@app.command()
def forget(
    path: Annotated[list[str], typer.Argument(metavar="PATH...", help="A file or a folder.")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Take back what files added; they stay away until their content changes."""
    with _exit_codes():
        forgotten = forgetting.forget(store, path)
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
    store: StoreOption = DEFAULT_STORE,
    format_: FormatOption = None,
    map_: MapOption = None,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Drop what files that are gone had added.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Count days afresh from the files that are still there; what is gone is kept."""
    if last < first:
        raise typer.BadParameter("--to is earlier than --from; it is the last day, inclusive")
    narration = Console(stderr=True, highlight=False, soft_wrap=True)
    with _exit_codes():
        days = rebuilding.Days(first.date(), last.date())
        choice = Choice.of(format_, map_ or [])
        done = rebuilding.rebuild(store, days, choice, drop_missing=drop_missing)
    if as_json:
        typer.echo(json.dumps(done.as_json()))
    _narrate_rebuilt(done, narration)
    if not done.complete:
        raise typer.Exit(PARTLY_DONE)


@app.command()
def rejects(
    path: Annotated[str | None, typer.Argument(help="A file or a folder; else all files.")] = None,
    store: StoreOption = DEFAULT_STORE,
    limit: Annotated[int, typer.Option(min=1, help="Rows of each file, at the most.")] = 10,
) -> None:
    """Show rows that could not be counted as they stand in the file, one JSON line each."""
    with _exit_codes():
        for file in rejecting.rejects(store, path, limit):
            note = "; the file is gone" if file.gone else ""
            typer.echo(f"{file.path}: {file.rows_rejected:,} rows rejected{note}", err=True)
            for row, unreadable in file.shown:
                line = {"path": file.path, "unreadable": unreadable, "row": row}
                typer.echo(json.dumps(line, ensure_ascii=False))


@app.command()
def rollback(store: StoreOption = DEFAULT_STORE) -> None:
    """Return to the last good snapshot before the one in force."""
    with _exit_codes():
        typer.echo(f"in force: {store_rollback(store)}", err=True)


@app.command()
def verify(
    store: StoreOption = DEFAULT_STORE,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the source files that still exist again, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that the published counts are those of the files in force, each counted once."""
    with _exit_codes():
        proof = proofs.verify(store, deep=deep)
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


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where to; a folder for each format.")],
    rows: Annotated[int, typer.Option(min=0, help="Random requests, all together.")] = 20_000,
    services: Annotated[int, typer.Option(min=samples.MIN_SERVICES, help="Services.")] = 15,
    days: Annotated[int, typer.Option(min=1, help="Days, from 2025-09-09 on.")] = 1,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal rows.")] = 1,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="One format; else all known.")
    ] = None,
) -> None:
    """Write sample logs, with the requests behind the documented example among them."""
    with _exit_codes():
        choice = Choice.of(format_, [])
        formats = [choice.format] if choice.format else list(BY_NAME)
        made = samples.Sample(rows, services, days, seed, formats)
        samples.write(made, folder, lambda file: typer.echo(file, err=True))


@contextmanager
def _exit_codes() -> Iterator[None]:
    """One sentence and one exit code for each way to fail."""
    signals = _Signals()
    try:
        yield
    except (BadMapping, SourceNotFound, NotInLedger) as error:
        _fail(error, USAGE)
    except StoreLocked as error:
        _fail(error, LOCKED)
    except BaseException as error:
        # DuckDB turns what a signal handler raises into an error of its own.
        if signals.received:
            _fail("interrupted; the newest snapshot stands", INTERRUPTED)
        if isinstance(error, StoreUnusable | SnapshotError | FoldedAway | duckdb.Error | OSError):
            _fail(error, FAILED)
        raise


class _Signals:
    """Notes SIGINT and SIGTERM, and stops what is at work."""

    def __init__(self) -> None:
        self.received = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> NoReturn:
        self.received = True
        raise KeyboardInterrupt


def _fail(why: object, code: int) -> NoReturn:
    typer.echo(f"httpcodes: {str(why).partition(chr(10))[0]}", err=True)
    raise typer.Exit(code)


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[nightly.Progress], None]]:
    """A bar on a terminal; elsewhere nothing."""
    with Progress(
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[figures]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("run", total=None, figures="")

        def show(now: nightly.Progress) -> None:
            done = now.outcome
            files = done.files_ingested + done.files_replaced
            speed = done.rows_read / max(bar.tasks[task].elapsed or 0, 0.001)
            figures = f"{files:,} files  {done.rows_read:,} rows  {speed:,.0f} rows/s"
            bar.update(task, total=now.bytes_to_do, completed=done.bytes_done, figures=figures)

        yield show


def _narrate(summary: nightly.Summary, console: Console) -> None:
    figures = summary.as_json()
    console.print(_table(figures))
    for state in ("refused", "quarantined"):
        for file in figures[state]:
            console.print(f"{state} {file['path']}: {file['reason']}", markup=False)
    if figures["files"]["unchanged"] and not summary.changed:
        console.print("nothing new: no count changed")
    console.print(f"published {summary.snapshot} in {summary.seconds:.1f} s")


def _narrate_rebuilt(done: rebuilding.Rebuilt, console: Console) -> None:
    figures = done.as_json()
    console.print(_table(figures))
    for file in figures["missing"]:
        fate = "were dropped" if file["dropped"] else "are kept"
        line = f"missing {file['path']}: its {file['rows']:,} requests {fate}"
        console.print(line, markup=False)
    for file in figures["kept"]:
        console.print(f"kept {file['path']} as it was: {file['reason']}", markup=False)
    console.print(f"published {done.snapshot} in {done.seconds:.1f} s")


def _table(figures: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    for group in ("files", "rows"):
        for what, how_many in figures[group].items():
            table.add_row(f"{group} {what}", f"{how_many:,}")
    for reason, rows in figures["rejected"].items():
        table.add_row(f"  {reason}", f"{rows:,}")
    return table


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
