"""A chart as a file of its own, PNG or SVG, and as a part of a page.

The same report gives the same bytes: no date, no version of a library, no random identifier.
"""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib

from queries.report.charts import CHARTS
from queries.report.figures import Report
from queries.report.palette import PALETTE, light

# Fonts are looked for when the library is first used, and it would speak of it.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

_NO_METADATA = {
    "svg": dict.fromkeys(("Creator", "Date", "Format", "Type")),
    "png": {"Software": None},
}
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_VARIABLES = {colour.light: f"var(--{role})" for role, colour in PALETTE.items()}
_COLOUR = re.compile("#[0-9a-f]{6}")
# matplotlib's own type lists the hundreds of names that there are.
_STYLE: Any = {
    "text.parse_math": False,  # a name may hold dollar signs
    "svg.fonttype": "none",
    "svg.hashsalt": "httpcodes",
    "timezone": "UTC",
    "font.size": 9,
    "savefig.dpi": 150,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.xmargin": 0.02,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "legend.frameon": False,
    "grid.linewidth": 0.6,
} | {
    f"{what}color": light(role)
    for role, parts in {
        "paper": ("figure.face", "axes.face", "savefig.face"),
        "ink": ("text.", "axes.title", "axes.label"),
        "soft": ("xtick.", "ytick.", "axes.edge"),
        "line": ("grid.",),
    }.items()
    for what in parts
}


def picture(report: Report, chart: str, format_: str) -> bytes:
    """A chart as a file, with a title. Raises NothingToDraw."""
    titles = {
        "classes": "Requests by class of status code",
        "heatmap": "Error ratio by service",
        "changes": "Largest changes",
        "lateness": "Lateness of files",
    }
    return _drawn(report, chart, format_, f"{titles[chart]}, {report.period} (UTC)")


def inline(report: Report, chart: str, label: str) -> str:
    """A chart as an SVG element for a page that has the palette's variables, said to be `label`
    to those who can't see it. Raises NothingToDraw."""
    # Our own picture, not a stranger's.
    root = ElementTree.fromstring(_drawn(report, chart, "svg"))  # noqa: S314
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, _of_page(key, value, chart))
    for size in ("width", "height"):
        del root.attrib[size]
    root.attrib |= {"role": "img", "aria-label": label}
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def _of_page(key: str, value: str, chart: str) -> str:
    """An attribute, with colours as variables and identifiers that are the chart's own."""
    if key == "id":
        return f"{chart}-{value}"
    if key == "style":
        return _COLOUR.sub(lambda found: _VARIABLES.get(found[0], found[0]), value)
    return re.sub(r"^(url\()?#", rf"\1#{chart}-", value)


def _drawn(report: Report, chart: str, format_: str, title: str | None = None) -> bytes:
    with _style():
        figure = CHARTS[chart](report)
        if title:
            figure.suptitle(title)
        drawn = io.BytesIO()
        figure.savefig(drawn, format=format_, metadata=_NO_METADATA[format_])
    return drawn.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    """Ours, whatever a matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield
