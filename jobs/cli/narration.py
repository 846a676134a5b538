"""What commands say on stderr when they are done: what needs somebody comes first."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from jobs.counts.runs import POLICIES
from queries.cli.telling import columns, folded
from queries.quantities import counted

if TYPE_CHECKING:
    # What counts is not loaded to say how a store stands.
    from jobs.nightly import Summary
    from jobs.rebuild import Rebuilt

BROKEN, CARE, FINE = "bold red", "yellow", "green"
"""Styles of what can't be used, of what should be looked at, of what is as it should be."""


def narrator(*, quiet: bool = False) -> Console:
    """Writes to stderr; stdout is for data."""
    return Console(stderr=True, quiet=quiet, highlight=False, markup=False, soft_wrap=True)


def narrate(console: Console, *said: str | tuple[str, str]) -> None:
    """A line, of texts and of texts with their style; where a terminal is narrower, in several."""
    text = Text.assemble(*said)
    before = len(text)
    text.plain = folded(text.plain, columns(sys.stderr))
    # Further lines are indented, too: what is styled to the end stays so.
    ends = {before: len(text)}
    text.spans = [each._replace(end=ends.get(each.end, each.end)) for each in text.spans]
    console.print(text)


def narrate_run(summary: "Summary", store: Path, console: Console) -> None:
    """What needs somebody, then what was done: two lines in a quiet night."""
    figures = summary.as_json()
    # A source that is not there is in the figures as a file that can't be used.
    files = [file for file in figures["quarantined"] if file["path"] not in summary.missing]
    figures["files"]["quarantined"] = len(files)
    for path, reason in sorted(summary.missing.items()):
        said = reason if reason.startswith(path) else f"{path}: {reason}"
        narrate(console, ("source", BROKEN), f" {said}")
    _say_files("refused", figures["refused"], console)
    _say_files("quarantined", files, console)
    if files:
        if any("settle it with" in file["reason"] for file in files):
            _hint("each of [[sources]] in httpcodes.toml takes such options, too", console)
        _hint("`httpcodes run --retry` tries them again; changed files are tried anyway", console)
    _say_not_kept(figures, console)
    _say_rejected(figures, store, console)
    _say_files("merged", figures["merged"], console, FINE)
    _say_files("withdrawn", figures["withdrawn"], console, FINE)
    if summary.left:
        narrate(console, f"left {counted(summary.left, 'file')} for a later run")
    idle = figures["files"]["unchanged"] and not summary.changed
    narrate(console, ("nothing new: no count changed; " if idle else "") + _done(figures))
    _published(summary.snapshot, summary.seconds, console)


def narrate_rebuilt(done: "Rebuilt", store: Path, console: Console) -> None:
    """The same of a rebuild."""
    figures = done.as_json()
    for file in figures["missing"]:
        fate = "were dropped" if file["dropped"] else "are kept"
        said = f" {file['path']}: its {counted(file['rows'], 'request')} {fate}"
        narrate(console, ("missing", FINE if file["dropped"] else CARE), said)
    for file in figures["kept"]:
        narrate(console, ("kept", CARE), f" {file['path']} as it was: {file['reason']}")
    _say_not_kept(figures, console)
    _say_rejected(figures, store, console)
    narrate(console, _done(figures))
    _published(done.snapshot, done.seconds, console)


def _done(figures: dict[str, Any]) -> str:
    """Files and rows in a line; what there is none of is not said."""
    (first, number), *others = [
        (state.replace("_", " "), number) for state, number in figures["files"].items() if number
    ] or [("found", 0)]
    more = "".join(f", {number:,} {state}" for state, number in others)
    return f"{counted(number, 'file')} {first}{more}{_rows(figures)}"


def _rows(figures: dict[str, Any]) -> str:
    rows = figures["rows"]
    if not rows["read"] and not rows["passed_over"]:
        return ""
    if rows["read"] == rows["counted"] and not rows["passed_over"]:
        return f"; {counted(rows['read'], 'row')} read, all counted"
    clauses = [f"{counted(rows['read'], 'row')} read", f"{rows['counted']:,} counted"]
    for what in ("rejected", "passed_over"):
        if rows[what]:
            # Where all are of one kind, it needs no number of its own.
            kinds = figures[what]
            many = len(kinds) > 1
            why = ", ".join(f"{n:,} {kind}" if many else kind for kind, n in kinds.items())
            clauses.append(f"{rows[what]:,} {what.replace('_', ' ')} ({why})")
    return f"; {', '.join(clauses)}"


def _published(snapshot: str, seconds: float, console: Console) -> None:
    narrate(console, ("published", FINE), f" {snapshot} in {seconds:.1f} s")


def alike(files: Iterable[tuple[str, str]]) -> list[str]:
    """One line for each reason, however many files it holds for, from paths and reasons."""
    paths: dict[str, list[str]] = {}
    for path, reason in files:
        paths.setdefault(reason, []).append(path)
    lines = []
    for reason, (first, *others) in paths.items():
        more = f" and {counted(len(others), 'other')}" if others else ""
        lines.append(f"{first}{more}: {reason}")
    return lines


def _say_files(
    state: str, files: Iterable[dict[str, str]], console: Console, style: str = BROKEN
) -> None:
    for line in alike((file["path"], file["reason"]) for file in files):
        narrate(console, (state, style), f" {line}")


def _say_not_kept(figures: dict[str, Any], console: Console) -> None:
    for file in figures["not_kept"]:
        narrate(console, ("not kept", CARE), f" {file['path']}: {file['reason']}")


def _say_rejected(figures: dict[str, Any], store: Path, console: Console) -> None:
    """Rows that should have counted; those that are not meant to are no trouble."""
    broken = {why: n for why, n in figures["rejected"].items() if why not in POLICIES}
    for reason, rows in broken.items():
        narrate(console, ("rejected", CARE), f" {counted(rows, 'row')}: {reason}")
    if broken:
        _hint(f"`httpcodes rejects --store {shlex.quote(str(store))}` shows them", console)


def _hint(said: str, console: Console) -> None:
    narrate(console, (f"  {said}", "dim"))
