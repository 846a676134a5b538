"""Tables for people: as wide as the terminal, elsewhere as wide as what they hold.

rich is loaded where a table is drawn, and nowhere before.
"""

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

ENDLESS = 1_000
"""Columns where no terminal wraps: who reads a file or a pipe wants a row on a line."""
_NARROWEST = 12
"""Columns that text is folded into at the least; a table of less becomes a list."""
_LEAST_OF_A_NAME = 20
"""Columns that a name without spaces is folded into at the least."""


def show_table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], figures: Collection[str] = ()
) -> None:
    """Print rows below their titles; those of figures stand at the right, and are never folded."""
    typer.echo(drawn_table(titles, rows, figures), nl=False)


def drawn_table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], figures: Collection[str] = ()
) -> str:
    """The same, for stdout, to be shown in another way."""
    console, kept = _console(), [tuple(row) for row in rows]
    table = _table(titles, kept, figures)
    if not _fits(table, console):
        _narrow(table, [titles, *kept], figures, console.width)
    if _fits(table, console):
        return _drawn(table, console)
    # Too narrow for a table: each row as a list.
    lists = ([pair for pair in zip(titles, row, strict=True) if pair[1]] for row in kept)
    return "\n".join(_drawn(_grid(pairs), console) for pairs in lists)


def _fits(table: "Table", console: "Console") -> bool:
    # Of a console as wide as it is, nothing is wider.
    endless = console.options.update(width=ENDLESS)
    return console.measure(table, options=endless).minimum <= console.width


def _narrow(
    table: "Table", rows: Sequence[Sequence[str]], figures: Collection[str], width: int
) -> None:
    """Fold the widest text, names without spaces, too, if that leaves room for the others."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    texts = [number for number, title in enumerate(rows[0]) if title not in figures]
    widest = max(texts, key=widths.__getitem__)
    room = width - sum(widths) + widths[widest] - 2 * (len(widths) - 1)
    if room >= _LEAST_OF_A_NAME:
        table.columns[widest].max_width = room


def show_grid(rows: Iterable[Sequence["str | Text"]], *, err: bool = False) -> None:
    """Print rows without titles, to stdout or to stderr; only the last column is folded."""
    typer.echo(_drawn(_grid(list(rows)), _console(err=err)), nl=False, err=err)


def _grid(rows: Sequence[Sequence["str | Text"]]) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - loaded where a table is drawn

    table = Table.grid(padding=(0, 2))
    for number in range(most := max(map(len, rows), default=0)):
        table.add_column(no_wrap=number < most - 1, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _drawn(table: "Table", console: "Console") -> str:
    with console.capture() as drawn:
        console.print(table)
    if console.is_terminal:
        return drawn.get()
    # In a pipe nothing has to reach the margin.
    return "\n".join(line.rstrip() for line in drawn.get().split("\n"))


def _table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], figures: Collection[str]
) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - loaded where a table is drawn

    table = Table(box=None, pad_edge=False)
    for number, title in enumerate(titles):
        if title in figures:
            table.add_column(title, justify="right", no_wrap=True)
        else:
            widest = max(len(title), *(len(row[number]) for row in rows), 0)
            table.add_column(title, overflow="fold", min_width=min(widest, _NARROWEST))
    for row in rows:
        table.add_row(*row)
    return table


def _console(*, err: bool = False) -> "Console":
    from rich.console import Console  # noqa: PLC0415 - loaded where a table is drawn

    width = None if (sys.stderr if err else sys.stdout).isatty() else ENDLESS
    return Console(highlight=False, markup=False, width=width, stderr=err)
