"""What a command's help says of its parameters: in a user's words instead of its parser's.

The parser adds the types of Python and its own notation to the help: `FILE <str>`, `[x>=1]`.
"""

import re
from typing import Any

# What is said of a parameter, and what the parser adds to that; compiled where help is asked for.
_NOTES = r"(.*?)\.?  \[([^\[\]]*)\]"
_WORDS = (
    (r"default: (.*)", r"\1 unless said"),
    (r"x>=(.*)", r"\1 or more"),
    (r"x<=(.*)", r"\1 at the most"),
    (r"(.*)<=x<=(.*)", r"\1 to \2"),
)


def explain(command: Any) -> None:
    """Let the help of a command, and of those below it, speak so."""
    for parameter in command.params:
        _explain(parameter)
    for below in getattr(command, "commands", {}).values():
        explain(below)
        # Else it is cut where the line ends.
        below.short_help = " ".join(below.help.partition("\n\n")[0].split())


def name(parameter: Any) -> str:
    """How a user calls a parameter: --limit, FILE."""
    longest: str = max(parameter.opts, key=len)
    if longest.startswith("-"):
        return longest
    return str(parameter.metavar or longest.upper()).strip("[].")


def _explain(parameter: Any) -> None:
    is_argument = parameter.param_type_name == "argument"
    recorded = parameter.get_help_record

    def record(context: Any) -> tuple[str, str] | None:
        if (found := recorded(context)) is None:
            return None
        called, said = found
        return name(parameter) if is_argument else called, _said(said, is_argument)

    parameter.get_help_record = record
    if is_argument:
        parameter.get_usage_pieces = lambda context: [_usage(parameter)]


def _usage(argument: Any) -> str:
    called = name(argument) + ("..." if argument.nargs != 1 else "")
    return called if argument.required else f"[{called}]"


def _said(text: str, is_argument: bool) -> str:
    if not (found := re.fullmatch(_NOTES, text, re.DOTALL)):
        return text
    said, notes = found.groups()
    # Of an argument the first line of the help says it, by a bracket that is not there.
    kept = [
        _in_words(note) for note in notes.split("; ") if not (is_argument and note == "required")
    ]
    return f"{said} ({', '.join(kept)})." if kept else f"{said}."


def _in_words(note: str) -> str:
    for pattern, words in _WORDS:
        if found := re.fullmatch(pattern, note):
            return found.expand(words)
    return note
