"""The pages of a site: the days, a day, a service on a day."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from queries.report import page
from queries.report.codes import Codes, spoken
from queries.report.figures import Report
from queries.report.sentences import percent, sentence
from queries.report.service_days import CHANGED, LISTED, ServiceDay, Total
from queries.report.site_folders import file_name
from queries.report.standouts import Standouts
from queries.report.strips import lines
from queries.report.tables import table


class Beside(NamedTuple):
    """The days that a page leads to; None: none is published there."""

    before: str | None
    after: str | None


class Told(NamedTuple):
    """A day as the index shows it."""

    total: Total
    moved: str
    """What stands out there, as HTML."""


def link(service_name: str) -> str:
    """Where a day's folder holds a service's page, as a reference."""
    return f"services/{quote(file_name(service_name))}"


def day(found: Report, services: Sequence[ServiceDay], beside: Beside) -> bytes:
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
        page.heading(found, ""),
        page.figures(found),
        page.moved(found.standouts, links, dated=False),
        page.codes_over_time(found),
        page.heat(found, links),
        page.changes(found),
        page.lateness(found),
        page.rejected(found),
        page.section("All services", "", table(headings, rows, links=links)),
    )
    return page.document(f"HTTP status codes, {found.period} (UTC)", "\n".join(parts))


def moved(found: Standouts, of_day: str) -> str:
    """What stands out on a day, as the index shows it."""
    told = (
        f'<li><a href="{of_day}/{escape(link(each.service_name))}">'
        f"{escape(sentence(each, dated=False))}</a></li>"
        for each in found.told
    )
    return f"<ul>{''.join(told)}</ul>" if found.told else ""


def service(found: Report, shown: ServiceDay, codes: Codes, beside: Beside) -> bytes:
    """One service on a day."""
    name, of_day = shown.service_name, f"{found.period}"
    there = {
        **({beside.before: shown.before} if beside.before else {}),
        **({beside.after: shown.after} if beside.after else {}),
    }
    to = {
        each: f"../../{each}/{link(name) if has else 'index.html'}" for each, has in there.items()
    }
    told = [f"<li>{escape(sentence(each, dated=False))}</li>" for each in shown.moved]
    out = f"<ol>{''.join(told)}</ol>" if told else "<p>Nothing.</p>"
    parts = (
        _ways("../../", beside, to, f'<a href="../index.html">all services on {of_day}</a>'),
        f"<h1>{escape(name)}, {of_day}</h1>",
        f'<p class="soft">All times are UTC. {page.final(found)}</p>',
        _figures(shown),
        page.section("What stands out", "", out),
        page.section("Status codes over time", page.codes_said(codes), lines(codes, name)),
        _changes(found, shown),
        _files(shown),
    )
    return page.document(f"{name}, {of_day} (UTC)", "\n".join(parts))


def index(snapshot: str, days: Sequence[Told], quarantine: str) -> bytes:
    """The days that there are, the latest first."""
    told = "\n".join(_day_of_index(each) for each in days)
    parts = (
        "<h1>HTTP status codes</h1>",
        '<p class="soft">By UTC day; a day leads to its services, and they to their files. '
        f"Made from the snapshot {escape(snapshot)}.</p>",
        told,
        quarantine,
    )
    return page.document("HTTP status codes", "\n".join(parts))


def _day_of_index(told: Told) -> str:
    of = told.total
    numbers = (
        f"{of.services:,} service{'' if of.services == 1 else 's'}, {of.requests:,} "
        f"request{'' if of.requests == 1 else 's'}, {percent(of.client_errors, of.requests)} 4xx, "
        f"{percent(of.server_errors, of.requests)} 5xx."
    )
    title = f'<h2><a href="{of.day}/index.html">{of.day}</a></h2>'
    return f"<section>{title}<p>{numbers}</p>{told.moved}</section>"


def _ways(up: str, beside: Beside, to: dict[str, str], more: str = "") -> str:
    """Links to the index and to the days before and after."""
    before, after = beside
    ways = [f'<a href="{up}index.html">all days</a>', more]
    ways += [f'<a href="{to[before]}">← {before}</a>'] if before else []
    ways += [f'<a href="{to[after]}">{after} →</a>'] if after else []
    return f"<nav>{' '.join(filter(None, ways))}</nav>"


def _figures(shown: ServiceDay) -> str:
    return page.tiles(
        {
            "requests": f"{shown.requests:,}",
            "4xx answers": percent(shown.client_errors, shown.requests),
            "5xx answers": percent(shown.server_errors, shown.requests),
        }
    )


def _changes(found: Report, shown: ServiceDay) -> str:
    compared = found.comparison
    title = "Largest changes against the week before"
    if not compared.requests_before:
        return page.section(title, "There is nothing to compare with.")
    rows = [
        (spoken(code), f"{before:,}", f"{now:,}", f"{now - before:+,}", page.relative(before, now))
        for code, before, now in shown.changes
    ]
    headings = ("code", "before", "now", "change", "relative")
    said = (
        f"{page.moment(compared.since)} to {page.moment(compared.until)}; at the most the "
        f"{CHANGED} codes that changed most."
    )
    return page.section(
        title, said if rows else "No code has another count.", table(headings, rows)
    )


def _files(shown: ServiceDay) -> str:
    brought = shown.brought
    rows = [(path, f"{n:,}") for path, n in brought.files]
    said = []
    if brought.all_files > LISTED:
        said.append(f"The {LISTED} of {brought.all_files:,} files that brought most.")
    if rest := shown.requests - brought.requests:
        said.append(
            f"{rest:,} requests are from files of which it is no longer known, because the time "
            "in which they may be replaced is over."
        )
    return page.section("Files", " ".join(said), table(("file", "requests"), rows))
