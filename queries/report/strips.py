"""Drawings of a page: rows of SVG that stretch to any width, with their texts beside them.

A text inside of a stretched drawing would be stretched too, and one of a fixed size would be cut
on a phone. So a row is a name, its numbers, and a drawing without texts; what the pointer finds
in it are titles.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from html import escape

from queries.report.codes import ALL, Codes, Grid, Line, spoken
from queries.report.heat import FEW, LEVELS, Cell, Heat, Row, level
from queries.report.lacking import Lacking
from queries.report.sentences import of_hundred, percent, short, together

_ROLES = {ALL: "ink", -2: "ok", -3: "redirect", -4: "client", -5: "server"}


def lines(codes: Codes, service_name: str = "") -> str:
    """The codes of a service over time, a row each, above a common axis."""
    drawn = codes.lines.get(service_name, [])
    total = next((line.total for line in drawn if line.what == ALL), 1)
    rows = "".join(_line(line, total, codes.grid) for line in drawn)
    return f"{rows}{axis(codes.grid.start, codes.grid.until)}"


def heat_rows(
    heat: Heat, status_class: int, period: tuple[datetime, datetime], links: Mapping[str, str]
) -> str:
    """The map of a class, a row for each service; `links` say where a service's name leads."""
    start, until = period
    ends, step = heat.ends(status_class), timedelta(seconds=heat.seconds)
    drawn: dict[str, list[str]] = {row.service_name: [] for row in heat.rows}
    for (name, moment), cell in heat.cells[status_class].items():
        said = f"{moment:%Y-%m-%d %H:%M}"
        drawn[name].append(_cell((moment - start) // step, said, cell, ends))
    size = (-(-(until - start) // step), LEVELS)
    rows = "".join(
        _row(
            _name(row.service_name, links.get(row.service_name)),
            _share(row, status_class),
            size,
            "".join(drawn[row.service_name]),
            "heat missing",
        )
        for row in heat.rows
    )
    return f"{_legend(ends)}{rows}{axis(start, until)}"


def gap_rows(gaps: Sequence[Lacking], period: tuple[datetime, datetime]) -> str:
    """A row for each source that lacks something: hatched where it does, half of it where some
    came."""
    start, until = period
    hours = (until - start) // timedelta(hours=1)
    sources: dict[str, dict[int, Lacking]] = {}
    for each in gaps:
        hour = (each.hour_start - start) // timedelta(hours=1)
        sources.setdefault(each.source, {})[hour] = each
    rows = ""
    for source, lacks in sources.items():
        whole = "".join(
            f'<rect class="heat-0" x="{hour}" width="1" height="2"/>'
            for hour in range(hours)
            if hour not in lacks
        )
        some = "".join(
            (f'<rect class="heat-0" x="{hour}" y="1" width="1" height="1"/>' if each.rows else "")
            + f'<rect fill="transparent" x="{hour}" width="1" height="2">'
            f"<title>{each.hour_start:%Y-%m-%d %H:%M}: {each.state}, {each.rows:,} rows; "
            f"{escape(each.reason)}</title></rect>"
            for hour, each in lacks.items()
        )
        missing = sum(each.state == "missing" for each in lacks.values())
        said = f"{missing:,} missing, {len(lacks) - missing:,} short of {hours:,} hours"
        rows += _row(_name(source, None), said, (hours, 2), whole + some, "heat missing")
    return f"{rows}{axis(start, until)}"


def _share(row: Row, status_class: int) -> str:
    errors = row.errors(status_class)
    return f"{errors:,} of {row.requests:,}, {percent(errors, row.requests)}"


def axis(start: datetime, until: datetime) -> str:
    """Moments below the rows: at both ends, and the quarters of a day."""
    one_day = until - start <= timedelta(days=1)
    labels = [f"{hour:02}:00" for hour in (0, 6, 12, 18, 24)]
    if not one_day:
        labels = [f"{start:%Y-%m-%d}", f"end of {until - timedelta(days=1):%Y-%m-%d}"]
    marks = "".join(f"<span>{label}</span>" for label in labels)
    return (
        f'<div class="row"><div class="label soft">time, UTC</div>'
        f'<div class="axis">{marks}</div></div>'
    )


def bar(share: float, role: str) -> str:
    """A bar in a cell of a table, 0 to 1 of its width."""
    width = max(0.5, 100 * share) if share else 0
    return (
        '<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{role}" width="{width:.1f}" height="1"/></svg>'
    )


def _line(line: Line, total: int, grid: Grid) -> str:
    role = _ROLES.get(line.what) or _ROLES.get(-(line.what // 100), "other")
    share = "" if line.what == ALL else f", {percent(line.total, total)}"
    said = f"{line.total:,}{share}; most {line.most:,} per {grid.spoken}"
    begun = _boxes(grid)
    boxes = "".join(f"{begun[part]}{n:,}</title></rect>" for part, n in line.parts)
    drawing = f'<path class="{role}" d="{line.bars}"/>{boxes}'
    return _row(f"<b>{spoken(line.what)}</b>", said, (grid.steps, 100), drawing)


def _legend(ends: Sequence[float]) -> str:
    """Which share each height and colour reaches up to."""
    marks = [
        _mark(_box(0, number), f"{'' if number else 'usual, '}up to {of_hundred(end)}")
        for number, end in enumerate(ends)
    ]
    missing = _mark("", "no requests", ' class="missing"')
    faint = _mark(_faint(_box(0, 2)), f"under {FEW} requests")
    return f'<div class="legend" aria-hidden="true">{"".join(marks)}{missing}{faint}</div>'


def _mark(drawing: str, said: str, more: str = "") -> str:
    stretched = f'<svg viewBox="0 0 1 {LEVELS}" preserveAspectRatio="none"{more}>{drawing}</svg>'
    return f"<span>{stretched}{said}</span>"


def _cell(column: int, moment: str, cell: Cell, ends: Sequence[float]) -> str:
    said = (
        f"{moment}: {cell.answers:,} of {cell.requests:,}, {percent(cell.answers, cell.requests)}"
    )
    box = _box(column, level(cell, ends))
    drawn = _faint(box) if cell.requests < FEW else box
    return f"<g><title>{said}</title>{drawn}</g>"


def _faint(box: str) -> str:
    return f'<g class="few">{box}</g>'


def _box(column: int, reached: int) -> str:
    """A tile, filled from below as far as the level reaches: heights keep neighbours apart."""
    tile = f'<rect class="heat-0" x="{column}" width="1" height="{LEVELS}"/>'
    if not reached:
        return tile
    top = LEVELS - reached
    return (
        f'{tile}<rect class="heat-{reached}" x="{column}" y="{top}" width="1" height="{reached}"/>'
    )


def _row(name: str, said: str, size: tuple[int, int], drawing: str, kind: str = "bars") -> str:
    """A name, its numbers, and a drawing of this size; all of it as HTML."""
    numbers = f'<span class="soft">{together(said)}</span>'
    return (
        f'<div class="row"><div class="label">{name} {numbers}</div>'
        f'<svg class="strip {kind}" viewBox="0 0 {size[0]} {size[1]}" preserveAspectRatio="none" '
        f'aria-hidden="true">{drawing}</svg></div>\n'
    )


def _name(service_name: str, link: str | None) -> str:
    """Shortened where it is long; the whole name is its title."""
    text = f'<span title="{escape(service_name)}">{escape(short(service_name))}</span>'
    return f'<a href="{escape(link)}">{text}</a>' if link else text


@lru_cache(maxsize=1)
def _boxes(grid: Grid) -> list[str]:
    """What the pointer finds, by its part of the grid, up to its number: thousands are alike."""
    width, step = grid.part // grid.step, timedelta(seconds=grid.part)
    return [
        f'<rect x="{part * width}" width="{width}" height="100">'
        f"<title>{grid.start + part * step:%Y-%m-%d %H:%M}: "
        for part in range(-(-(grid.until - grid.start) // step))
    ]
