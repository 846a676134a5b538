"""What people are told on stderr: a sentence is a line, which a narrow terminal gets folded.

A terminal by itself breaks lines in the middle of words.
"""

import os
import sys
from typing import TextIO

import typer


def tell(sentence: str) -> None:
    """Say it on stderr."""
    typer.echo(folded(sentence, columns(sys.stderr)), err=True)


def columns(stream: TextIO) -> int | None:
    """How wide the terminal is that shows it; None: it goes elsewhere, and lines stay whole."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (AttributeError, OSError, ValueError):  # closed, or none
        return None


def folded(text: str, width: int | None) -> str:
    """The text in lines of this width, if words allow: a path stays whole, to be copied."""
    if width is None or all(len(line) <= width for line in text.split("\n")):
        return text
    return "\n".join(_folded(line, width) for line in text.split("\n"))


def _folded(line: str, width: int) -> str:
    from textwrap import fill  # noqa: PLC0415 - seldom needed

    indent = " " * (len(line) - len(line.lstrip()))
    return fill(
        line.lstrip(), width, initial_indent=indent, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
