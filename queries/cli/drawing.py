"""Tables for people: as wide as the terminal, elsewhere as wide as what they hold.

rich is loaded where a table is drawn, and nowhere before.
"""

import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

ENDLESS = 1_000
"""Columns where no terminal wraps: who reads a file or a pipe wants a row on a line."""
_NARROWEST = 12
"""Columns that text is folded into at the least; a table of less becomes a list."""


def show_table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], figures: Collection[str] = ()
) -> None:
    """Print rows below their titles; those of figures stand at the right, and are never folded."""
    console, kept = _console(), [tuple(row) for row in rows]
    table = _table(titles, kept, figures)
    # Of a console as wide as it is, nothing is wider.
    endless = console.options.update(width=ENDLESS)
    if console.measure(table, options=endless).minimum <= console.width:
        console.print(table)
        return
    # Too narrow for a table: each row as a list.
    for row in kept:
        show_grid([pair for pair in zip(titles, row, strict=True) if pair[1]])
        console.print()


def show_grid(rows: Iterable[Sequence[str]]) -> None:
    """Print rows without titles; only the last column is folded."""
    from rich.table import Table  # noqa: PLC0415 - loaded where a table is drawn

    kept = list(rows)
    table = Table.grid(padding=(0, 2))
    for number in range(most := max(map(len, kept), default=0)):
        table.add_column(no_wrap=number < most - 1, overflow="fold")
    for row in kept:
        table.add_row(*row)
    _console().print(table)


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


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 - loaded where a table is drawn

    width = None if sys.stdout.isatty() else ENDLESS
    return Console(highlight=False, markup=False, width=width)
