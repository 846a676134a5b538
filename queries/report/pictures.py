"""A chart as a file of its own, PNG or SVG.

The same report gives the same bytes: no date, no version of a library, no random identifier.
"""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib

from queries.report.charts import CHARTS
from queries.report.figures import Report
from queries.report.palette import light

# Fonts are looked for when the library is first used, and it would speak of it.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

_NO_METADATA = {
    "svg": dict.fromkeys(("Creator", "Date", "Format", "Type")),
    "png": {"Software": None},
}
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
        "heatmap": "Server errors by service",
        "heatmap-4xx": "Client errors by service",
        "changes": "Largest changes",
        "lateness": "Lateness of files",
    }
    return _drawn(report, chart, format_, f"{titles[chart]}, {report.period} (UTC)")


def _drawn(report: Report, chart: str, format_: str, title: str) -> bytes:
    with _style():
        figure = CHARTS[chart](report)
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
