"""The colours of a report, each for light and for dark surroundings.

Pictures are drawn in the light ones; on a page each of them stands for a CSS variable, so no two
of the light ones may be equal. Blue, orange and red keep apart for the colour-blind, too.
"""

from typing import NamedTuple


class Colour(NamedTuple):
    """One role, as hexadecimal RGB."""

    light: str
    dark: str


PALETTE = {
    "paper": Colour("#ffffff", "#14181d"),
    "ink": Colour("#1c2329", "#dfe5ea"),
    "soft": Colour("#5b6670", "#9aa7b3"),
    "line": Colour("#d5dbe0", "#3a444e"),
    "ok": Colour("#3f78b5", "#4f8fd0"),
    "redirect": Colour("#a3c6e6", "#a9cbea"),
    "client": Colour("#ee9a2e", "#f0a541"),
    "server": Colour("#c62828", "#ff6b60"),
    "other": Colour("#8d979f", "#76818a"),
    "heat-none": Colour("#fefefe", "#171b20"),
    "heat-0": Colour("#e6edf2", "#25303a"),
    "heat-1": Colour("#fde3c0", "#4d3b2c"),
    "heat-2": Colour("#f9b97a", "#7d4a26"),
    "heat-3": Colour("#ef7f4c", "#b5522b"),
    "heat-4": Colour("#d23f30", "#e8603f"),
    "heat-5": Colour("#8c1022", "#ffb199"),
}


def light(role: str) -> str:
    """The colour to draw with."""
    return PALETTE[role].light


def stylesheet() -> str:
    """CSS that sets a variable for each role, by what the reader prefers."""
    bright = "".join(f"--{role}:{colour.light};" for role, colour in PALETTE.items())
    dark = "".join(f"--{role}:{colour.dark};" for role, colour in PALETTE.items())
    return (
        f":root{{color-scheme:light dark;{bright}}}\n"
        f"@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
    )
