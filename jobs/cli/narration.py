"""What commands say on stderr while they work and when they are done."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from jobs import nightly
from jobs.rebuild import Rebuilt
from queries.cli.quantities import counted


def narrator(*, quiet: bool = False) -> Console:
    """Writes to stderr; stdout is for data."""
    return Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)


@contextmanager
def progress(console: Console) -> Iterator[Callable[[nightly.Progress], None]]:
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
            figures = (
                f"{counted(files, 'file')}  {counted(done.rows_read, 'row')}  {speed:,.0f} rows/s"
            )
            bar.update(task, total=now.bytes_to_do, completed=done.bytes_done, figures=figures)

        yield show


def narrate_run(summary: nightly.Summary, console: Console) -> None:
    figures = summary.as_json()
    console.print(_table(figures))
    for state in ("merged", "refused", "quarantined"):
        _narrate_files(state, figures[state], console)
    _narrate_not_kept(figures, console)
    if summary.left:
        console.print(f"left {counted(summary.left, 'file')} for a later run")
    if figures["files"]["unchanged"] and not summary.changed:
        console.print("nothing new: no count changed")
    console.print(f"published {summary.snapshot} in {summary.seconds:.1f} s")


def narrate_rebuilt(done: Rebuilt, console: Console) -> None:
    figures = done.as_json()
    console.print(_table(figures))
    for file in figures["missing"]:
        fate = "were dropped" if file["dropped"] else "are kept"
        line = f"missing {file['path']}: its {counted(file['rows'], 'request')} {fate}"
        console.print(line, markup=False)
    for file in figures["kept"]:
        console.print(f"kept {file['path']} as it was: {file['reason']}", markup=False)
    _narrate_not_kept(figures, console)
    console.print(f"published {done.snapshot} in {done.seconds:.1f} s")


def _narrate_files(state: str, files: Iterable[dict[str, str]], console: Console) -> None:
    """One line for each reason, however many files it holds for."""
    paths: dict[str, list[str]] = {}
    for file in files:
        paths.setdefault(file["reason"], []).append(file["path"])
    for reason, alike in paths.items():
        others = len(alike) - 1
        more = f" and {others:,} other{'s' if others > 1 else ''}" if others else ""
        console.print(f"{state} {alike[0]}{more}: {reason}", markup=False)


def _narrate_not_kept(figures: dict[str, Any], console: Console) -> None:
    for file in figures["not_kept"]:
        console.print(f"{file['path']}: {file['reason']}", markup=False)


def _table(figures: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    for group in ("files", "rows"):
        for what, how_many in figures[group].items():
            table.add_row(f"{group} {what.replace('_', ' ')}", f"{how_many:,}")
            # Rejected and passed over: what is figures[what], too.
            for reason, rows in figures.get(what, {}).items() if group == "rows" else ():
                table.add_row(f"  {reason}", f"{rows:,}")
    return table
