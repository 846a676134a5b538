"""Pages as a real browser shows them, on a phone and on a desk: nothing is cut, nothing overlaps,
nothing is loaded from elsewhere, nothing is complained of."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from browser import Browser, browser
from conftest import Logs, Store
from serving import serving

from queries.report import page
from queries.report.figures import report
from queries.report.lacking import Lacking
from queries.report.site import publish

LONG = f"{'l' * 40}.{'m' * 31}.example"
DAY = datetime(2025, 9, 16)
WIDTHS = (360, 768, 1280)
THEMES = ({}, {"dark": True}, {"printed": True})

LACKING = [
    Lacking(f"/var/log/{name}", DAY + timedelta(hours=hour), state, rows, "4,000 rows are usual")
    for name in ("edge", LONG)
    for hour, state, rows in (
        (0, "missing", 0),
        (1, "missing", 0),
        (9, "short", 60),
        (23, "missing", 0),
    )
]


def crowd(services: int) -> list[tuple[str | datetime, str, int]]:
    """So many services on two days a week apart; some fail, one of them suddenly."""
    names = [f"{number}.{LONG}"[:80] for number in range(services)]
    rows: list[tuple[str | datetime, str, int]] = [
        (DAY + timedelta(days=days, minutes=n % 1_440), name, 503 if n % 9 == 1 else 200 + n % 300)
        for days in (-7, 0)
        for n, name in enumerate(names * max(1, 500 // services))
    ]
    rows += [(DAY + timedelta(hours=9), names[0], 404 + n % 2) for n in range(1_000)]
    return rows


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Pages of 1, 12 and 1,000 services with names of 80 characters, those of a site, and the one
    at the root of a server."""
    folder, found = tmp_path_factory.mktemp("pages"), {}
    for services in (1, 12, 1_000):
        logs, store = Logs(folder / f"logs{services}"), Store(folder / f"store{services}")
        logs.requests(
            "a-file-with-a-name-that-is-longer-than-a-phone-is-wide.parquet", *crowd(services)
        )
        (logs.folder / "broken.parquet").write_bytes(b"broken")
        store.run(logs.folder)
        found[f"{services}"] = folder / f"{services}.html"
        found[f"{services}"].write_bytes(page.page(replace(report(store.folder), lacking=LACKING)))
        if services == 12:
            publish(store.folder, folder / "site")
    found["index"] = folder / "site/index.html"
    found["day"] = folder / "site/2025-09-16/index.html"
    found["service"] = next((folder / "site/2025-09-16/services").glob("0.*"))
    with serving(folder / "store1", "--processes", 1, "--metrics") as server:
        yield {name: file.as_uri() for name, file in found.items()} | {"root": f"{server.url}/"}


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


NAMES = ["1", "12", "1000", "index", "day", "service", "root"]


@pytest.mark.parametrize("name", NAMES)
def test_at_any_width_nothing_is_cut_and_nothing_overlaps(
    name: str, pages: dict[str, str], tab: Browser
) -> None:
    for width in WIDTHS:
        for theme in THEMES:
            tab.open(pages[name], width, **theme)
            # What is folded away is to fit, too, and the other map.
            tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            for _ in range(2):
                seen = tab.look()
                where = (name, width, theme)
                assert (seen["beyond"], seen["overlaps"], seen["scrolls"]) == ([], [], False), where
                assert (seen["split"], seen["texts"] > 5) == ([], True), where
                tab.evaluate("document.getElementById('heat-5')?.click()")
            assert tab.requests() == [pages[name]]
            assert tab.complaints() == []


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_against_a_page(name: str, pages: dict[str, str], tab: Browser) -> None:
    for theme in THEMES[:2]:
        tab.open(pages[name], 768, **theme)
        # Of a thousand, one is as the next.
        tab.evaluate(
            "document.querySelectorAll('tr:nth-child(n + 30)').forEach(row => row.remove())"
        )
        assert tab.accused() == []


def test_a_map_is_chosen_without_a_script(pages: dict[str, str], tab: Browser) -> None:
    shown = "[5, 4].map(n => document.querySelector('.map' + n).checkVisibility())"
    tab.open(pages["12"], 360)
    # What stands out is a 404.
    assert tab.evaluate(shown) == [False, True]
    tab.evaluate("document.querySelector('label[for=heat-5]').click()")
    assert tab.evaluate(shown) == [True, False]
    tab.open(pages["12"], 768, printed=True)
    assert tab.evaluate(shown) == [True, True]


def test_the_sentence_s_link_leads_to_the_service_s_codes(
    pages: dict[str, str], tab: Browser
) -> None:
    tab.open(pages["1000"], 360)
    tab.evaluate("document.querySelector('ol a').click()")
    reached = "document.querySelector(':target').textContent"
    assert tab.evaluate(reached) == f"0.{LONG}"[:80]
    assert tab.evaluate(
        "document.querySelector('ol a').textContent.includes(document.querySelector(':target').textContent)"
    )


def test_figures_fill_their_rows_and_no_line_begins_with_a_sign(
    pages: dict[str, str], tab: Browser
) -> None:
    reach = "(e => e.getBoundingClientRect().right)"
    for name, width, rows in (("12", 360, 3), ("service", 360, 2), ("12", 768, 1)):
        tab.open(pages[name], width)
        tops = "new Set([...document.querySelectorAll('dl div')].map(e => e.offsetTop)).size"
        assert tab.evaluate(tops) == rows
        ends = f"['dl', 'dl div:last-child'].map(q => {reach}(document.querySelector(q)))"
        assert len({round(end) for end in tab.evaluate(ends)}) == 1
        told = "[...document.querySelectorAll('ol li')].map(e => e.textContent).join()"
        assert " %" not in tab.evaluate(told)
    assert tab.evaluate("document.querySelectorAll('ol li').length") > 0


def test_a_change_is_never_said_to_be_none() -> None:
    said = [page.relative(before, now) for before, now in ((1_000, 996), (0, 5), (200, 300))]
    assert said == ["-0.40 %", "new", "+50 %"]
