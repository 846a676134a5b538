"""A report as one HTML file: what stands out, drawings and the numbers behind them, nothing that
is loaded."""

from collections.abc import Mapping
from datetime import datetime
from html import escape
from string import Template
from types import MappingProxyType

from queries.report.codes import Codes
from queries.report.figures import Change, Quarantine, Report
from queries.report.palette import stylesheet
from queries.report.sentences import (
    how_many,
    lateness_spans,
    percent,
    sentence,
    together,
    weeks_before,
)
from queries.report.standouts import Standouts
from queries.report.strips import gap_rows, heat_rows, lines
from queries.report.tables import folded, table
from queries.statements import beside

_CLASSES = ("2xx", "3xx", "4xx", "5xx", "other")


def page(report: Report) -> bytes:
    """The page, UTF-8; equal reports give equal bytes."""
    names = dict.fromkeys(each.service_name for each in report.standouts.foremost)
    places = {name: f"service-{number}" for number, name in enumerate(names)}
    links = {name: f"#{place}" for name, place in places.items()}
    drawn = "".join(
        f'<h3 id="{place}">{escape(name)}</h3>{lines(report.standing_out, name)}'
        for name, place in places.items()
    )
    parts = (
        heading(report, made_from(report.snapshot)),
        figures(report, {"files in quarantine": f"{report.quarantine.files:,}"}),
        moved(report.standouts, links, dated=report.period.first < report.period.last, more=drawn),
        codes_over_time(report),
        heat(report, links),
        changes(report),
        lateness(report),
        rejected(report),
        unusable(report.quarantine),
    )
    return document(f"HTTP status codes, {report.period} (UTC)", "\n".join(parts))


def document(title: str, body: str) -> bytes:
    """A whole page around what it shows, UTF-8."""
    text = Template(beside(__name__, "page.html")).substitute(
        title=escape(title), palette=stylesheet(), body=body
    )
    return text.encode()


def heading(report: Report, more: str) -> str:
    """What the page is about."""
    return (
        f"<h1>HTTP status codes, {report.period}</h1>\n"
        f'<p class="soft">All times are UTC. {escape(_scope(report))} {final(report)} {more}</p>'
    )


def made_from(snapshot: str) -> str:
    """Which snapshot a page shows, its name on one line."""
    return f'Made from the snapshot <span class="whole">{escape(snapshot)}</span>.'


def _scope(report: Report) -> str:
    if report.chosen is None:
        return f"All services; {report.heat.services:,} have requests."
    return f"Services: {', '.join(report.chosen)}."


def final(report: Report) -> str:
    """Whether the counts can still change."""
    start, until = report.period.start, report.period.until
    if report.final_until and report.final_until >= until:
        return "The counts are final."
    return f"Counts from {moment(max(report.final_until or start, start))} on can still change."


def figures(report: Report, more: Mapping[str, str] = MappingProxyType({})) -> str:
    """The numbers at the top."""
    total, (_, _, client, server, _) = sum(report.totals), report.totals
    late = report.lateness
    shown = {
        "requests": f"{total:,}",
        "4xx answers": percent(client, total),
        "5xx answers": percent(server, total),
        "files after the settle time": f"{late.late_files:,} of {late.files:,}",
    }
    return tiles(shown | dict(more))


def tiles(figures: Mapping[str, str]) -> str:
    """Numbers, each with what it is."""
    each = (f"<div><dt>{what}</dt><dd>{figure}</dd></div>" for what, figure in figures.items())
    return f"<dl>{''.join(each)}</dl>"


def moved(standouts: Standouts, links: Mapping[str, str], *, dated: bool, more: str = "") -> str:
    """What stands out, each sentence a link to where its service is shown."""
    items = [
        f'<li><a href="{escape(links[each.service_name])}">'
        f"{escape(together(sentence(each, dated=dated)))}</a></li>"
        for each in standouts.foremost
    ]
    listed = f"<ol>{''.join(items)}</ol>" if items else ""
    return section("What stands out", how_many(standouts), listed, more)


def codes_over_time(report: Report) -> str:
    """The codes of all services together."""
    total = sum(report.totals)
    rows = [
        (name, f"{n:,}", percent(n, total)) for name, n in zip(_CLASSES, report.totals, strict=True)
    ]
    return section(
        "Status codes over time",
        codes_said(report.codes),
        lines(report.codes),
        folded("Numbers by class", table(("class", "requests", "share"), rows)),
    ) + not_delivered(report)


def not_delivered(report: Report) -> str:
    """Hours of which something is missing: where counts are too low, and zeros none."""
    if not report.lacking:
        return ""
    return section(
        "Not delivered",
        "Hours of which a source brought nothing (hatched), or less than was to be expected (half "
        "hatched), with all their services. Counts are too low there.",
        gap_rows(report.lacking, (report.period.start, report.period.until)),
    )


def codes_said(codes: Codes) -> str:
    """What the rows of codes show."""
    return (
        f"Requests per {codes.grid.spoken}: all, by class, and each code outside of 2xx and 3xx. "
        "Every row has its own scale, up to its most."
    )


def heat(report: Report, links: Mapping[str, str]) -> str:
    """The heat maps, 5xx or 4xx by choice; the first is that of what stands out most."""
    found = report.heat
    # What stands out most is what a reader is looking for.
    first = next((each.status_class for each in report.standouts.foremost if each.status_class), 5)
    ends = (report.period.start, report.period.until)
    shown = f"{found.services:,} {'service' if found.services == 1 else 'services'}"
    if len(found.rows) < found.services:
        shown = f"{len(found.rows):,} of {shown}"
    if found.services > 1:
        shown += ": those that stand out, then the largest"
    maps = "".join(
        f'<div class="map{each}"><h3>{each}xx, share of requests per {found.spoken}</h3>'
        f"{heat_rows(found, each, ends, links)}</div>"
        for each in (5, 4)
    )
    inputs = "".join(
        f'<input type="radio" name="map" id="heat-{each}"{" checked" if each == first else ""}>'
        f'<label for="heat-{each}">{each}xx</label> '
        for each in (5, 4)
    )
    rows = [
        (r.service_name, f"{r.requests:,}", f"{r.client_errors:,}", f"{r.server_errors:,}",
         percent(r.server_errors, r.requests))
        for r in found.rows
    ]  # fmt: skip
    headings = ("service", "requests", "4xx", "5xx", "error ratio")
    return section(
        "Errors by service",
        f"{shown}. A cell is as high and as strong as the "
        "share of errors that its number of requests bears out.",
        f'<div class="choice">{inputs}{maps}</div>',
        folded("Numbers by service", table(headings, rows)),
    )


def changes(report: Report) -> str:
    """The services whose counts changed most."""
    found, before = report.comparison, weeks_before(report)
    title = f"Largest changes against {before}"
    if not found.requests_before:
        said = f"There is nothing to compare with: no request is counted {before}."
        return section(title, said)
    return section(
        title,
        f"{moment(found.since)} to {moment(found.until)}, compared with {before}.",
        _changed("requests", [(c, c.requests_before, c.requests) for c in found.by_requests]),
        _changed("5xx answers", [(c, c.errors_before, c.errors) for c in found.by_errors]),
    )


def _changed(what: str, changes: list[tuple[Change, int, int]]) -> str:
    if not changes:
        return f"<p>No service has other {what}.</p>"
    most = max(abs(now - before) for _, before, now in changes)
    rows = [
        (
            change.service_name,
            f"{before:,}",
            f"{now:,}",
            f"{now - before:+,}",
            relative(before, now),
        )
        for change, before, now in changes
    ]
    bars = [
        (abs(now - before) / most, "client" if now > before else "ok") for _, before, now in changes
    ]
    return table(("service", f"{what} before", "now", "change", "relative"), rows, bars=bars)


def lateness(report: Report) -> str:
    """How late files were counted."""
    found = report.lateness
    if not found.files:
        return section("Lateness", f"No file in force has requests of {report.period} (UTC).")
    rows = [
        (
            late.path,
            moment(late.last_request),
            moment(late.ingested_at),
            f"{late.hours:,.1f}",
            f"{late.rows:,}",
        )
        for late in found.latest
    ]
    spans = [
        (name, f"{span.files:,}", f"{span.rows:,}")
        for name, span in zip(lateness_spans(), found.spans, strict=True)
    ]
    most = max(span.files for span in found.spans)
    bars = [(span.files / most, "ok") for span in found.spans]
    headings = ("file", "newest request", "counted", "hours", "rows")
    return section(
        "Lateness",
        "How old the newest request of a file was when the run that counted it started; "
        "files of all services with requests of these days.",
        table(("age of the newest request", "files", "rows"), spans, bars=bars),
        folded("The latest files", table(headings, rows)),
    )


def unusable(quarantine: Quarantine) -> str:
    """Files that nobody could count, of whatever day."""
    if not quarantine.files:
        return section("Quarantine", "No file is in quarantine.")
    files = [
        (each.path, each.state, each.reason, moment(each.ingested_at)) for each in quarantine.newest
    ]
    headings = ("file, the newest first", "state", "reason", "looked at")
    return section(
        "Quarantine",
        "Files that can't be used and are not in the counts, of whatever day: "
        f"{quarantine.files:,}.",
        table(headings, files, texts=(0, 1, 2)),
    )


def rejected(report: Report) -> str:
    """Rows of the files of these days that could not be counted."""
    rows = [(reason, f"{rows:,}", f"{files:,}") for reason, rows, files in report.rejected]
    headings = ("rows of the files of these days that were not counted", "rows", "files")
    said = "All rows of the files of these days were counted."
    return section(
        "Rows that were not counted",
        said if report.lateness.files and not rows else "",
        table(headings, rows),
    )


def section(title: str, sentence: str, *parts: str) -> str:
    """A title, what is shown below it, and that."""
    said = f"<p>{escape(sentence)}</p>" if sentence else ""
    return "\n".join(
        [f"<section><h2>{escape(title)}</h2>", said, *filter(None, parts), "</section>"]
    )


def relative(before: int, now: int) -> str:
    """A change in parts of what was before."""
    if not before:
        return "new"
    change = 100 * (now - before) / before
    # No change is said to be none.
    return f"{change:+,.0f} %" if abs(change) >= 1 else f"{change:+.2f} %"


def moment(when: datetime) -> str:
    """To the minute."""
    return f"{when:%Y-%m-%d %H:%M}"
