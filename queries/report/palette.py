"""The colours of a report, each for light and for dark surroundings.

Pictures are drawn in the light ones; on a page each of them is a CSS variable. What is drawn has
at least 3:1 against the paper, and text 4.5:1; the hotter a level, the further it is from the
paper, in light and in dark.
"""

from functools import cache
from typing import NamedTuple


class Colour(NamedTuple):
    """One role, as hexadecimal RGB."""

    light: str
    dark: str


PALETTE = {
    "paper": Colour("#ffffff", "#14181d"),
    "ink": Colour("#1c2329", "#dfe5ea"),
    "soft": Colour("#56616b", "#9aa7b3"),
    "line": Colour("#d5dbe0", "#3a444e"),
    "link": Colour("#1f5a96", "#7db4ec"),
    "ok": Colour("#3f78b5", "#4f8fd0"),
    "redirect": Colour("#6b87a0", "#a9cbea"),
    "client": Colour("#b86200", "#f0a541"),
    "server": Colour("#c62828", "#ff6b60"),
    "other": Colour("#7a848c", "#8b96a0"),
    "heat-0": Colour("#e9eef2", "#232b33"),
    "heat-1": Colour("#d2691e", "#a85f32"),
    "heat-2": Colour("#b23c17", "#d9782f"),
    "heat-3": Colour("#8c1022", "#ffa06e"),
    "heat-4": Colour("#4d0611", "#ffe3d3"),
}


def light(role: str) -> str:
    """The colour to draw with."""
    return PALETTE[role].light


@cache
def stylesheet() -> str:
    """CSS that sets a variable for each role, by what the reader prefers; paper is light."""
    bright = "".join(f"--{role}:{colour.light};" for role, colour in PALETTE.items())
    dark = "".join(f"--{role}:{colour.dark};" for role, colour in PALETTE.items())
    fills = "".join(f".{role}{{fill:var(--{role})}}" for role in PALETTE if role not in _TEXTS)
    return (
        f":root{{color-scheme:light;{bright}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{color-scheme:dark;{dark}}}}}\n"
        f"{fills}"
    )


_TEXTS = ("paper", "soft", "line", "link")
