"""Pictures: files that need nothing else, readable in light and dark, the same each time."""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import Command, Logs, Store
from matplotlib.image import imread

from queries.cli import report as cli_report
from queries.report import charts, page, pictures
from queries.report.figures import Report, report
from queries.report.heat import LEVELS
from queries.report.lacking import Lacking
from queries.report.palette import PALETTE

NAMESPACES = {"xmlns", "xmlns:xlink"}
LOADS = {
    "script",
    "link",
    "iframe",
    "object",
    "embed",
    "base",
    "img",
    "image",
    "source",
    "foreignobject",
}
SIGNATURES = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml version="}


class Elements(HTMLParser):
    """The names and attributes of all elements of a page, and its style sheets."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.styles = ""
        self._style = False
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        self.styles += data if self._style else ""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A day and the same a week before, so that every chart has something in it."""
    folder = tmp_path_factory.mktemp("charts")
    logs, store = Logs(folder / "logs"), Store(folder / "store")
    day = [
        ("12:00:00", 200),
        ("12:30:00", 301),
        ("13:00:00", 404),
        ("23:59:59", 500),
        ("00:00:00", 0),
    ]
    for date, more in ((9, 0), (16, 3)):
        hosts = [
            "one.example",
            "$x^2$.example",
            "<i>#c62828;\"id='.example",
            f"{'long-' * 40}.example",
        ]
        rows = [
            (f"2025-09-{date:02}T{time}Z", host, code)
            for host in hosts
            for time, code in [*day, *[("14:00:00", 503)] * more]
        ]
        logs.requests(f"{date}.parquet", *rows)
    store.run(logs.folder)
    return store


def test_the_page_loads_nothing(store: Store) -> None:
    html = page.page(report(store.folder))
    found = Elements(html)
    assert not found.names & LOADS
    for name, value in found.attributes:
        assert name in NAMESPACES or "//" not in value, (name, value)
        if name.endswith(("href", "src")):
            assert value.startswith("#")
        assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)", value))
    assert "url(" not in found.styles
    assert "@import" not in found.styles
    assert dict(found.attributes)["content"]
    assert b"default-src 'none'" in html


def test_every_identifier_is_there_once(store: Store) -> None:
    found = Elements(page.page(report(store.folder)))
    known = Counter(value for name, value in found.attributes if name == "id")
    assert set(known.values()) == {1}
    for name, value in found.attributes:
        assert not name.endswith("href") or value.removeprefix("#") in known
        assert name != "for" or value in known


def test_every_colour_on_the_page_has_a_light_and_a_dark_form(store: Store) -> None:
    found = Elements(page.page(report(store.folder)))
    assert not any(name == "style" for name, _ in found.attributes)
    used = set(re.findall(r"var\(--([\w-]+)\)", found.styles))
    assert {"paper", "ink", "ok", "server", "heat-4"} <= used <= set(PALETTE)
    for role in used:
        assert len(re.findall(rf"--{role}:#", found.styles)) == 2


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, brighter = sorted(map(luminance, (one, other)))
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_drawn_stands_out_from_the_paper(theme: str) -> None:
    colours = {role: getattr(colour, theme) for role, colour in PALETTE.items()}
    against = {role: contrast(colour, colours["paper"]) for role, colour in colours.items()}
    drawn = set(PALETTE) - {"paper", "line", "heat-0"}
    assert {role for role in drawn if against[role] < 3} == set()
    assert all(against[text] >= 4.5 for text in ("ink", "soft", "link"))
    heat = [against[f"heat-{level}"] for level in range(LEVELS + 1)]
    assert heat == sorted(heat)


def test_no_two_light_colours_are_equal() -> None:
    assert len({colour.light for colour in PALETTE.values()}) == len(PALETTE)


def test_the_command_knows_the_charts_that_there_are() -> None:
    assert tuple(charts.CHARTS) == cli_report.CHARTS


@pytest.mark.parametrize("format_", SIGNATURES)
@pytest.mark.parametrize("chart", charts.CHARTS)
def test_a_chart_is_a_picture_of_its_own(
    chart: str, format_: str, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    out = tmp_path / f"chart.{format_.upper()}"
    done = httpcodes("report", "--store", store.folder, "--chart", chart, "--out", out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(SIGNATURES[format_])
    if format_ == "svg":
        text = "\n".join(ElementTree.parse(out).getroot().itertext())
        assert "2025-09-16 (UTC)" in text


def texts(found: Report, chart: str) -> set[str]:
    return set(ElementTree.fromstring(pictures.picture(found, chart, "svg")).itertext())


def test_names_stand_in_charts_as_they_are_and_long_ones_are_cut(store: Store) -> None:
    shown = texts(report(store.folder), "heatmap")
    assert {"one.example", "$x^2$.example", "<i>#c62828;\"id='.example"} <= shown
    (cut,) = (text for text in shown if "…" in text)
    assert len(cut) <= 34


def test_axes_say_their_units_and_utc(store: Store) -> None:
    found = report(store.folder)
    assert {
        "requests per 5 minutes",
        "share of requests",
        "time, UTC (2025-09-16)",
        "requests, change against the week before",
        "5xx answers, change against the week before",
        "files",
        "age of the newest request",
    } <= set().union(*(texts(found, chart) for chart in charts.CHARTS))


@pytest.mark.parametrize("chart", ["classes", "heatmap"])
def test_hours_that_lack_something_are_hatched_in_a_picture_too(chart: str, store: Store) -> None:
    found = report(store.folder)

    def drawn(state: str, *hours: int) -> Any:
        lacking = [Lacking("logs", datetime(2025, 9, 16, hour), state, 0, "") for hour in hours]
        return imread(BytesIO(pictures.picture(replace(found, lacking=lacking), chart, "png")))

    for state in ("missing", "short"):
        # One legend, one place for all else: they differ where the pattern is, and there alone.
        early, late = drawn(state, 3, 4), drawn(state, 18, 19)
        columns = np.flatnonzero((early != late).any(axis=(0, 2)))
        (gap,) = np.flatnonzero(np.diff(columns) > 20)
        hour = (columns[gap + 1] - columns[0]) / 15
        for first, last in ((columns[0], columns[gap]), (columns[gap + 1], columns[-1])):
            assert abs(last - first - 2 * hour) < hour / 8, (state, first, last, hour)
    assert (drawn("missing", 3) != drawn("short", 3)).any()


def test_equal_reports_are_equal_bytes_whatever_is_configured(store: Store, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 20\naxes.linewidth: 5\naxes.grid: True\n")
    code = (
        "import sys; from jobs.cli.app import app\n"
        "for out, *chart in (['p.html'], ['c.png', '--chart', 'changes'], ['c.svg', '--chart', 'classes']):\n"
        "    app(['report', '--store', sys.argv[1], '--out', out, *chart], standalone_mode=False)\n"
    )
    seen = []
    for number, extra in enumerate(({}, {"MATPLOTLIBRC": str(tmp_path), "TZ": "Asia/Tokyo"})):
        folder = tmp_path / str(number)
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": str(number + 1), **extra}
        command = [sys.executable, "-c", code, str(store.folder)]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        seen.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert seen[0] == seen[1]
    assert set(seen[0]) == {"p.html", "c.png", "c.svg"}
