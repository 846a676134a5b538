"""What a report says in words: spans, shares, and what stands out."""

from datetime import datetime, timedelta
from itertools import pairwise

from queries.report.codes import spoken
from queries.report.figures import LATE_HOURS, Report
from queries.report.standouts import LONGEST, Standout, Standouts


def sentence(standout: Standout, *, dated: bool = True) -> str:
    """A span that stands out, with its numbers and what it is compared with; its day may be left
    out where it is the only one."""
    when = span(standout.start, standout.until)
    answers, requests = standout.answers, standout.requests
    return (
        f"{when if dated else when[11:]} UTC: {standout.service_name} answered "
        f"{spoken(standout.what)} to {answers:,} of {requests:,} requests, "
        f"{percent(answers, requests)}; {_reference(standout)}."
    )


def how_many(moved: Standouts) -> str:
    """What is said of the list as a whole."""
    if not moved.looked:
        return f"This is looked for in reports of {LONGEST.days} days at most."
    if not moved.all:
        return (
            "Nothing: no service failed more often than its past and its number of requests "
            "explain."
        )
    more = len(moved.all) - len(moved.foremost)
    said = "Failed more often than their past and their number of requests explain"
    return f"{said}, the clearest first{f'; {more:,} more are not listed' if more else ''}."


def span(start: datetime, until: datetime) -> str:
    """Two moments: the day is said where it is not the same."""
    last = until - timedelta(microseconds=1)
    end = "24:00" if until.date() > last.date() else f"{until:%H:%M}"
    if start.date() == last.date():
        return f"{start:%Y-%m-%d} {start:%H:%M} to {end}"
    return f"{start:%Y-%m-%d %H:%M} to {last:%Y-%m-%d} {end}"


def percent(part: int, whole: int) -> str:
    """A share in two digits; what is not all is never said to be all, nor what is some, none."""
    return of_hundred(part / whole)


def of_hundred(share: float) -> str:
    """A share, 0 to 1, as percent() says it."""
    hundredths = 100 * share
    if 99 < hundredths < 100:
        return f"{min(hundredths, 99.9):.1f} %"
    if 0 < hundredths < 0.01:
        return "under 0.01 %"
    return f"{hundredths:.0f} %" if hundredths >= 10 else f"{hundredths:.2g} %"


def together(text: str) -> str:
    """The same, but no line of a page ends between a number and its sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def short(name: str, most: int = 34) -> str:
    """A name without its middle, for where there is no room."""
    if len(name) <= most:
        return name
    half = (most - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def weeks_before(report: Report) -> str:
    """With what a report compares, as in `against the week before`."""
    weeks = report.period.weeks
    return "the week before" if weeks == 1 else f"{weeks} weeks earlier"


def lateness_spans() -> list[str]:
    """Names of the spans of LATE_HOURS, and of what is later."""
    between = [f"{begin} to {end} hours" for begin, end in pairwise(LATE_HOURS[:-1])]
    return [f"up to {LATE_HOURS[0]} hour", *between, "2 to 7 days", "more than 7 days"]


def _reference(standout: Standout) -> str:
    hours = "in the hours around"
    if standout.weeks:
        weeks = "week" if standout.weeks == 1 else f"{standout.weeks} weeks"
        hours = f"in the same hours of the {weeks} before"
    if not standout.reference_requests:
        return f"it had no requests {hours}"
    return f"{percent(standout.reference_answers, standout.reference_requests)} {hours}"
