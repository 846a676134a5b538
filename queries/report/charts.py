"""The charts of a report: what is drawn where; every number comes from the report.

Drawn with matplotlib: it makes PNG and SVG without a browser, the same bytes each time, and its
SVG needs no script, so that a page can hold it and stay one file.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter

from queries.failures import Misused
from queries.report.figures import LATE_HOURS, Report
from queries.report.heat import level
from queries.report.lacking import spans
from queries.report.palette import light
from queries.report.sentences import lateness_spans, of_hundred, short, weeks_before

CLASSES = {"ok": "2xx", "redirect": "3xx", "client": "4xx", "server": "5xx", "other": "other"}
"""Roles of the palette, in the order of the classes."""

_HATCHES = {"missing": ("////", "not delivered"), "short": ("..", "not all delivered")}
"""Of hours that lack something: a pattern, and what it means."""
_WIDTH = 10.0
_ROW = 0.22


class NothingToDraw(Misused):
    """A chart without anything in it; the message says why."""


def classes(report: Report) -> Figure:
    """Requests by class over time, and the shares of 4xx and 5xx below."""
    figure = _figure(5.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    edges = _edges([*(each.step_start for each in report.classes), report.period.until])
    counts = [each[1:] for each in report.classes]
    _stack(upper, counts, edges)
    upper.set_ylabel(f"requests per {report.step.spoken}")
    _count_axis(upper)
    _shares(lower, counts, edges)
    lower.set_ylabel("share of requests")
    lower.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    lower.set_ylim(bottom=0)
    for axes in (upper, lower):
        axes.grid(axis="y")
        _hatch(axes, report)
        _legend(axes, 7)
    _time_axis(lower, report)
    return figure


def heatmap(report: Report, status_class: int = 5) -> Figure:
    """The share of a class of errors by service and time, a colour for each level."""
    heat = report.heat
    rows = {row.service_name: number for number, row in enumerate(heat.rows)}
    ends, cells = heat.ends(status_class), heat.cells[status_class]
    figure = _figure(1.3 + _ROW * len(rows))
    axes = figure.subplots()
    for reached, name in enumerate(f"up to {of_hundred(end)}" for end in ends):
        at_level = [key for key, cell in cells.items() if level(cell, ends) == reached]
        boxes = [_box(rows[service], start, heat.seconds) for service, start in at_level]
        # One path for a level: a thousand cells would make a picture of megabytes.
        path = Path.make_compound_path(*boxes)
        colour = light(f"heat-{reached}")
        axes.add_patch(PathPatch(path, fc=colour, ec=light("paper"), lw=0.6, label=name))
    axes.set_yticks(range(len(rows)), [short(name) for name in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel("service")
    _hatch(axes, report)
    shown = "share of requests that their number bears out"
    title = f"{status_class}xx answers, {shown}, per {heat.spoken}; empty: no requests"
    _legend(axes, len(ends) + len(_HATCHES), title)
    _time_axis(axes, report)
    return figure


def changes(report: Report) -> Figure:
    """What changed most against the weeks before: requests, and 5xx answers. Raises
    NothingToDraw."""
    found, before = report.comparison, weeks_before(report)
    if not found.requests_before:
        raise NothingToDraw(f"there is nothing to compare with: no request is counted {before}")
    requests = [_Bar(c.service_name, c.requests_before, c.requests) for c in found.by_requests]
    errors = [_Bar(c.service_name, c.errors_before, c.errors) for c in found.by_errors]
    panels = {what: b for what, b in (("requests", requests), ("5xx answers", errors)) if b}
    if not panels:
        raise NothingToDraw(f"no service has other counts than {before}")
    lengths = [len(bars) for bars in panels.values()]
    figure = _figure(0.9 * len(panels) + _ROW * 1.15 * sum(lengths))
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=lengths)
    for (axes,), (what, bars) in zip(grid, panels.items(), strict=True):
        _bars_of_change(axes, bars)
        axes.set_xlabel(f"{what}, change against {before}")
    return figure


def lateness(report: Report) -> Figure:
    """How old the newest request of a file was when it was counted. Raises NothingToDraw."""
    found = report.lateness
    if not found.files:
        raise NothingToDraw(f"no file in force has requests of {report.period} (UTC)")
    figure = _figure(2.6)
    axes = figure.subplots()
    late = [start >= report.settle_hours for start in (0, *LATE_HOURS)]
    labels = {
        False: f"within the settle time of {report.settle_hours:g} hours",
        True: "after it",
    }
    for after, label in labels.items():
        rows = [row for row, is_late in enumerate(late) if is_late == after]
        files = [found.spans[row].files for row in rows]
        axes.barh(rows, files, color=light("client" if after else "ok"), label=label)
    sums = [f"{_counted(span.files, 'file')}, {_counted(span.rows, 'row')}" for span in found.spans]
    _rows_on_both_sides(axes, lateness_spans(), sums)
    _count_axis(axes, "x")
    axes.set_xlabel("files")
    axes.set_ylabel("age of the newest request")
    _legend(axes, 2)
    return figure


CHARTS: dict[str, Callable[[Report], Figure]] = {
    "classes": classes,
    "heatmap": heatmap,
    "heatmap-4xx": partial(heatmap, status_class=4),
    "changes": changes,
    "lateness": lateness,
}


def _figure(height: float) -> Figure:
    return Figure(figsize=(_WIDTH, height), layout="constrained")


def _stack(axes: Axes, counts: Sequence[tuple[int, ...]], edges: Sequence[float]) -> None:
    """The classes, one upon the other."""
    floor = [0] * len(counts)
    for role, column in zip(CLASSES, zip(*counts, strict=True), strict=True):
        top = [below + n for below, n in zip(floor, column, strict=True)]
        axes.stairs(top, edges, baseline=floor, fill=True, color=light(role), label=CLASSES[role])
        floor = top


def _shares(axes: Axes, counts: Sequence[tuple[int, ...]], edges: Sequence[float]) -> None:
    """4xx and 5xx, 0 to 1; where there is no request there is no line."""
    for index, (role, name) in enumerate(CLASSES.items()):
        if role in ("client", "server"):
            shares = [row[index] / sum(row) if any(row) else float("nan") for row in counts]
            axes.stairs(shares, edges, baseline=None, color=light(role), lw=1.3, label=name)


def _hatch(axes: Axes, report: Report) -> None:
    """Hours that were not delivered, or not whole: what is empty there is no zero."""
    labelled = set()
    for span in spans(report.lacking):
        left, right = _edges([span.start, span.until])
        pattern, name = _HATCHES[span.state]
        axes.axvspan(
            left, right, fill=False, hatch=pattern, ec=light("soft"), lw=0,
            label=None if name in labelled else name,
        )  # fmt: skip
        labelled.add(name)


def _edges(moments: Iterable[datetime]) -> list[float]:
    return [float(date2num(moment)) for moment in moments]


def _box(row: int, start: datetime, seconds: int) -> Path:
    left, right = _edges([start, start + timedelta(seconds=seconds)])
    top, bottom = row - 0.5, row + 0.5
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return Path(corners, closed=True)


class _Bar(NamedTuple):
    service_name: str
    before: int
    now: int


def _bars_of_change(axes: Axes, bars: Sequence[_Bar]) -> None:
    differences = [bar.now - bar.before for bar in bars]
    colours = [light("client" if difference > 0 else "ok") for difference in differences]
    axes.barh(range(len(bars)), differences, color=colours)
    axes.axvline(0, color=light("soft"), lw=0.8)
    names = [short(bar.service_name) for bar in bars]
    _rows_on_both_sides(axes, names, [f"{bar.before:,} → {bar.now:,}" for bar in bars])
    _count_axis(axes, "x")


def _rows_on_both_sides(axes: Axes, left: Sequence[str], right: Sequence[str]) -> None:
    """Names left and numbers right of the bars, where they can't cover one another."""
    axes.set_yticks(range(len(left)), left)
    axes.set_ylim(len(left) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(range(len(right)), right)
    beside.tick_params(axis="y", length=0)
    beside.spines["right"].set_visible(False)
    axes.grid(axis="x")


def _count_axis(axes: Axes, which: str = "y") -> None:
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(EngFormatter(sep=""))


def _time_axis(axes: Axes, report: Report) -> None:
    first, last = _edges([report.period.start, report.period.until])
    axes.set_xlim(first, last)
    locator = AutoDateLocator(minticks=5, maxticks=12)
    axes.xaxis_date("UTC")
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.set_xlabel(f"time, UTC ({report.period})")


def _legend(axes: Axes, columns: int, title: str | None = None) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.3, title=title,
        alignment="left", handlelength=1.2, columnspacing=1.4, title_fontsize="medium",
    )  # fmt: skip


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
