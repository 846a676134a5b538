"""The pages of a site: the days, a day, a service on a day."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from queries.report import page
from queries.report.codes import Codes, spoken
from queries.report.figures import Report
from queries.report.sentences import percent, sentence, together
from queries.report.service_days import CHANGED, LISTED, ServiceDay, Total
from queries.report.site_folders import file_name
from queries.report.standouts import Standouts
from queries.report.strips import lines
from queries.report.tables import table


class Beside(NamedTuple):
    """The days that a page leads to; None: none is published there."""

    before: str | None
    after: str | None


class IndexDay(NamedTuple):
    """A day as the index shows it."""

    total: Total
    moved: str
    """What stands out there, as HTML."""
    lacking: str = ""
    """How many hours of it were not delivered, or not whole."""


def link(service_name: str) -> str:
    """Where a day's folder holds a service's page, as a reference."""
    return f"services/{quote(file_name(service_name))}"


def day(report: Report, services: Sequence[ServiceDay], beside: Beside) -> bytes:
    """All services on a day."""
    links = {each.service_name: link(each.service_name) for each in services}
    rows = [
        (
            each.service_name,
            f"{each.requests:,}",
            f"{each.client_errors:,}",
            percent(each.client_errors, each.requests),
            f"{each.server_errors:,}",
            percent(each.server_errors, each.requests),
        )
        for each in services
    ]
    headings = ("service", "requests", "4xx", "4xx share", "5xx", "5xx share")
    parts = (
        _ways("../", beside, {each: f"../{each}/index.html" for each in beside if each}),
        page.heading(report, ""),
        page.figures(report),
        page.moved(report.standouts, links, dated=False),
        page.codes_over_time(report),
        page.heat(report, links),
        page.changes(report),
        page.lateness(report),
        page.rejected(report),
        page.section("All services", "", table(headings, rows, links=links)),
    )
    return page.document(f"HTTP status codes, {report.period} (UTC)", "\n".join(parts))


def moved(standouts: Standouts, of_day: str) -> str:
    """What stands out on a day, as the index shows it."""
    told = (
        f'<li><a href="{of_day}/{escape(link(each.service_name))}">'
        f"{escape(together(sentence(each, dated=False)))}</a></li>"
        for each in standouts.foremost
    )
    return f"<ul>{''.join(told)}</ul>" if standouts.foremost else ""


def service(report: Report, service_day: ServiceDay, codes: Codes, beside: Beside) -> bytes:
    """One service on a day."""
    name, of_day = service_day.service_name, f"{report.period}"
    there = {
        **({beside.before: service_day.before} if beside.before else {}),
        **({beside.after: service_day.after} if beside.after else {}),
    }
    to = {
        each: f"../../{each}/{link(name) if has else 'index.html'}" for each, has in there.items()
    }
    told = [
        f"<li>{escape(together(sentence(each, dated=False)))}</li>" for each in service_day.moved
    ]
    out = f"<ol>{''.join(told)}</ol>" if told else "<p>Nothing.</p>"
    parts = (
        _ways("../../", beside, to, f'<a href="../index.html">all services on {of_day}</a>'),
        f"<h1>{escape(name)}, {of_day}</h1>",
        f'<p class="soft">All times are UTC. {page.final(report)}</p>',
        _figures(service_day),
        page.section("What stands out", "", out),
        page.section("Status codes over time", page.codes_said(codes), lines(codes, name))
        + page.not_delivered(report),
        _changes(report, service_day),
        _files(service_day),
    )
    return page.document(f"{name}, {of_day} (UTC)", "\n".join(parts))


def index(
    snapshot: str, days: Sequence[IndexDay], undelivered: Mapping[str, str], quarantine: str
) -> bytes:
    """The days that there are, the latest first, and those between of which nothing came."""
    sections = {each.total.day: _day_of_index(each) for each in days}
    for day, lacks in undelivered.items():
        said = f"No page: nothing was counted. Not delivered: {lacks}."
        sections.setdefault(day, f"<section><h2>{day}</h2><p>{said}</p></section>")
    told = "\n".join(sections[day] for day in sorted(sections, reverse=True))
    parts = (
        "<h1>HTTP status codes</h1>",
        '<p class="soft">By UTC day; a day leads to its services, and they to their files. '
        f"{page.made_from(snapshot)}</p>",
        told,
        quarantine,
    )
    return page.document("HTTP status codes", "\n".join(parts))


def _day_of_index(day: IndexDay) -> str:
    of = day.total
    numbers = (
        f"{of.services:,} service{'' if of.services == 1 else 's'}, {of.requests:,} "
        f"request{'' if of.requests == 1 else 's'}, {percent(of.client_errors, of.requests)} 4xx, "
        f"{percent(of.server_errors, of.requests)} 5xx."
    )
    if day.lacking:
        numbers += f" Not all was delivered: {day.lacking}."
    title = f'<h2><a href="{of.day}/index.html">{of.day}</a></h2>'
    return f"<section>{title}<p>{together(numbers)}</p>{day.moved}</section>"


def _ways(up: str, beside: Beside, to: dict[str, str], more: str = "") -> str:
    """Links to the index and to the days before and after."""
    before, after = beside
    ways = [f'<a href="{up}index.html">all days</a>', more]
    ways += [f'<a href="{to[before]}">← {before}</a>'] if before else []
    ways += [f'<a href="{to[after]}">{after} →</a>'] if after else []
    return f"<nav>{' '.join(filter(None, ways))}</nav>"


def _figures(service_day: ServiceDay) -> str:
    return page.tiles(
        {
            "requests": f"{service_day.requests:,}",
            "4xx answers": percent(service_day.client_errors, service_day.requests),
            "5xx answers": percent(service_day.server_errors, service_day.requests),
        }
    )


def _changes(report: Report, service_day: ServiceDay) -> str:
    compared = report.comparison
    title = "Largest changes against the week before"
    if not compared.requests_before:
        return page.section(title, "There is nothing to compare with.")
    rows = [
        (spoken(code), f"{before:,}", f"{now:,}", f"{now - before:+,}", page.relative(before, now))
        for code, before, now in service_day.changes
    ]
    headings = ("code", "before", "now", "change", "relative")
    said = (
        f"{page.moment(compared.since)} to {page.moment(compared.until)}; at the most the "
        f"{CHANGED} codes that changed most."
    )
    return page.section(
        title, said if rows else "No code has another count.", table(headings, rows)
    )


def _files(service_day: ServiceDay) -> str:
    brought = service_day.brought
    rows = [(path, f"{n:,}") for path, n in brought.files]
    said = []
    if brought.all_files > LISTED:
        said.append(f"The {LISTED} of {brought.all_files:,} files that brought most.")
    if rest := service_day.requests - brought.requests:
        said.append(
            f"{rest:,} requests are from files of which it is no longer known, because the time "
            "in which they may be replaced is over."
        )
    return page.section("Files", " ".join(said), table(("file", "requests"), rows))
