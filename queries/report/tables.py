"""Tables of a page. On a narrow one each row is a block, its numbers with their headings."""

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

from queries.report.strips import bar


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    texts: Sequence[int] = (0,),
    bars: Sequence[tuple[float, str]] = (),
    links: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The columns `texts` stand left; all others are numbers. `bars` are drawn after each row: a
    share of the width, and a role of the palette. `links` say where a text leads."""
    if not rows:
        return ""
    kinds = ["text" if column in texts else "" for column in range(len(headings))]
    head = "".join(
        _cell("th", kind, escape(name), ' scope="col"')
        for kind, name in zip(kinds, headings, strict=True)
    )
    drawn = [f'<td class="drawn">{bar(*each)}</td>' for each in bars] or [""] * len(rows)
    body = "\n".join(
        f"<tr>{_row(kinds, headings, row, links)}{picture}</tr>"
        for row, picture in zip(rows, drawn, strict=True)
    )
    more = '<td class="drawn"></td>' if bars else ""
    return f"<table><thead><tr>{head}{more}</tr></thead>\n<tbody>{body}</tbody></table>"


def folded(summary: str, table: str) -> str:
    """Behind a line that opens it; nothing where there is nothing."""
    return f"<details><summary>{escape(summary)}</summary>{table}</details>" if table else ""


def _row(
    kinds: Sequence[str], headings: Sequence[str], row: Sequence[str], links: Mapping[str, str]
) -> str:
    (kind, *kinds), (_, *headings), (first, *row) = kinds, headings, row
    text = escape(first)
    if first in links:
        text = f'<a href="{escape(links[first])}">{text}</a>'
    cells = [
        _cell("td", kind, escape(cell), f' data-name="{escape(name)}"')
        for kind, name, cell in zip(kinds, headings, row, strict=True)
    ]
    return _cell("th", kind, text, ' scope="row"') + "".join(cells)


def _cell(tag: str, kind: str, html: str, more: str) -> str:
    classes = f' class="{kind}"' if kind else ""
    return f"<{tag}{classes}{more}>{html}</{tag}>"
