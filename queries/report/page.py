"""A report as one HTML file: charts, the numbers behind them, and nothing that is loaded."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from string import Template

from queries.report.charts import NothingToDraw, lateness_spans, weeks_before
from queries.report.figures import Report
from queries.report.palette import stylesheet
from queries.report.pictures import inline
from queries.statements import beside

_CLASSES = ("2xx", "3xx", "4xx", "5xx", "other")
_EVERY_ROW = "<p>All rows of the files of these days were counted.</p>"


def page(report: Report) -> bytes:
    """The page, UTF-8; equal reports give equal bytes."""
    sections = (_classes, _heatmap, _changes, _lateness, _quarantine)
    text = Template(beside(__name__, "page.html")).substitute(
        palette=stylesheet(),
        period=report.period,
        scope=escape(_scope(report)),
        final=_final(report),
        snapshot=escape(report.snapshot),
        figures=_figures(report),
        sections="\n".join(section(report) for section in sections),
    )
    return text.encode()


def _scope(report: Report) -> str:
    if report.chosen is None:
        return f"All services; {report.heat.services:,} have requests."
    return f"Services: {', '.join(report.chosen)}."


def _final(report: Report) -> str:
    start, until, final = report.period.start, report.period.until, report.final_until
    if final and final >= until:
        return "The counts are final."
    return f"Counts from {_moment(max(final or start, start))} on can still change."


def _figures(report: Report) -> str:
    total, (_, _, client, server, _) = sum(report.totals), report.totals
    lateness = report.lateness
    figures = {
        "requests": f"{total:,}",
        "4xx answers": _percent(client, total),
        "5xx answers": _percent(server, total),
        "files after the settle time": f"{lateness.late_files:,} of {lateness.files:,}",
        "files in quarantine": f"{report.quarantine.files:,}",
    }
    tiles = (f"<div><dt>{what}</dt><dd>{figure}</dd></div>" for what, figure in figures.items())
    return f"<dl>{''.join(tiles)}</dl>"


def _classes(report: Report) -> str:
    total = sum(report.totals)
    rows = [
        (name, f"{n:,}", _percent(n, total))
        for name, n in zip(_CLASSES, report.totals, strict=True)
    ]
    return _section(
        "Status classes over time",
        f"Requests per {report.step.spoken}, and the share of 4xx and 5xx.",
        _chart(report, "classes", "Requests over time by class of status code"),
        _numbers("Numbers by class", ("class", "requests", "share"), rows),
    )


def _heatmap(report: Report) -> str:
    heat = report.heat
    shown = f"{len(heat.worst):,} of {heat.services:,} services: those with the highest"
    if len(heat.worst) == heat.services:
        shown = f"{heat.services:,} {'service' if heat.services == 1 else 'services'}, by"
    rows = [
        (
            worst.service_name,
            f"{worst.requests:,}",
            f"{worst.errors:,}",
            _percent(worst.errors, worst.requests),
        )
        for worst in heat.worst
    ]
    return _section(
        "Error ratio by service",
        f"{shown} error ratio (5xx answers to requests) over the whole time, as far as their "
        "number of requests bears it out.",
        _chart(report, "heatmap", "Error ratio by service and time"),
        _numbers("Numbers by service", ("service", "requests", "5xx", "error ratio"), rows),
    )


def _changes(report: Report) -> str:
    found, before = report.comparison, weeks_before(report)
    span = f"{_moment(found.since)} to {_moment(found.until)}, compared with {before}."
    rows = [
        (
            each.service_name,
            f"{each.requests_before:,}",
            f"{each.requests:,}",
            _relative(each.requests_before, each.requests),
            f"{each.errors_before:,}",
            f"{each.errors:,}",
        )
        for each in found.changes
    ]
    headings = ("service", "requests before", "now", "change", "5xx before", "now")
    return _section(
        f"Largest changes against {before}",
        span if found.requests_before else "",
        _chart(report, "changes", "Services whose counts changed most"),
        _numbers("Numbers by service", headings, rows if found.requests_before else []),
    )


def _lateness(report: Report) -> str:
    found = report.lateness
    rows = [
        (
            late.path,
            _moment(late.last_request),
            _moment(late.ingested_at),
            f"{late.hours:,.1f}",
            f"{late.rows:,}",
        )
        for late in found.latest
    ]
    spans = [
        (name, f"{span.files:,}", f"{span.rows:,}")
        for name, span in zip(lateness_spans(), found.spans, strict=True)
    ]
    headings = ("file", "newest request", "counted", "hours", "rows")
    return _section(
        "Lateness",
        "How old the newest request of a file was when the run that counted it started; "
        "files of all services with requests of these days.",
        _chart(report, "lateness", "Files by the age of their newest request"),
        _numbers(
            "Numbers by age",
            ("age of the newest request", "files", "rows"),
            spans if found.files else [],
        ),
        _numbers("The latest files", headings, rows),
    )


def _quarantine(report: Report) -> str:
    found = report.quarantine
    said = "No file is in quarantine."
    if found.files:
        said = (
            f"Files that can't be used and are not in the counts, of whatever day: {found.files:,}."
        )
    files = [
        (each.path, each.state, each.reason, _moment(each.ingested_at)) for each in found.newest
    ]
    rejected = [(reason, f"{rows:,}", f"{files:,}") for reason, rows, files in report.rejected]
    return _section(
        "Quarantine",
        said,
        _table(("file, the newest first", "state", "reason", "looked at"), files, texts=(0, 2)),
        _table(
            ("rows of the files of these days that were not counted", "rows", "files"), rejected
        ),
        _EVERY_ROW if report.lateness.files and not rejected else "",
    )


def _section(heading: str, sentence: str, *parts: str) -> str:
    said = f"<p>{escape(sentence)}</p>" if sentence else ""
    return "\n".join(
        [f"<section><h2>{escape(heading)}</h2>", said, *filter(None, parts), "</section>"]
    )


def _chart(report: Report, chart: str, label: str) -> str:
    try:
        drawn = inline(report, chart, f"{label}, {report.period}, UTC")
    except NothingToDraw as nothing:
        sentence = str(nothing)
        return f"<p>{escape(sentence[0].upper() + sentence[1:])}.</p>"
    return f'<div class="wide" tabindex="0">{drawn}</div>'


def _numbers(summary: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = _table(headings, rows)
    return f"<details><summary>{summary}</summary>{table}</details>" if rows else ""


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,)
) -> str:
    """The columns `texts` stand left and may wrap; all others are numbers."""
    if not rows:
        return ""
    lines = [_line("th", headings, texts), *(_line("td", row, texts) for row in rows)]
    body = "\n".join(lines)
    return f'<div class="wide"><table>\n{body}\n</table></div>'


def _line(tag: str, cells: Sequence[str], texts: Sequence[int]) -> str:
    kinds = [' class="text"' if column in texts else "" for column in range(len(cells))]
    written = [
        f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True)
    ]
    return f"<tr>{''.join(written)}</tr>"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %"


def _relative(before: int, now: int) -> str:
    return f"{100 * (now - before) / before:+,.0f} %" if before else "new"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
