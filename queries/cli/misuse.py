"""What is wrong with a command line, in this program's words instead of its parser's."""

import re
from typing import Any

from queries.cli.parameters import name

_WORDS = (
    (r"'(.*)' does not match the formats? '%Y-%m-%d'", r"\1 is no day; it would be written 2025-09-09"),
    (r"'(.*)' is not one of (.*)", r"\1 is not known; \2 are"),
    (r"Input should be a valid (?:integer|int).*", "it would have to be a whole number"),
    (r"Input should be a valid number.*", "it would have to be a number"),
    (r"Input should be greater than or equal to (.*)", r"it would have to be \1 or more"),
    (r"Input should be less than or equal to (.*)", r"it would have to be \1 or less"),
    (r"Option '(.*)' requires an argument", r"\1 needs a value"),
    (r"Option '(.*)' does not take a value", r"\1 takes no value"),
    (r"Got unexpected extra argument.*? \((.*)\)", r"that is too much: \1"),
    (r"No such command '(.*?)'\. Did you mean (.*)", r"there is no command \1; did you mean \2"),
    (r"No such command '(.*?)'", r"there is no command \1"),
    (r"Missing command", "a command is missing"),
)  # fmt: skip


def sentence(error: Any) -> str | None:
    """What the parser complains of; None if it is no complaint.

    Known by what it can do: each version of Typer has these classes elsewhere.
    """
    if not hasattr(error, "format_message") or type(error).__name__ == "NoArgsIsHelpError":
        return None
    context = getattr(error, "ctx", None)
    more = f"; `{context.command_path} --help` says more" if context else ""
    said = _said(error)
    return said if said.endswith("?") else f"{said}{more}"


def _said(error: Any) -> str:
    parameter = getattr(error, "param", None)
    where = name(parameter) if parameter else ""
    match type(error).__name__:
        case "NoSuchOption":
            near = " or ".join(sorted(error.possibilities or ()))
            hint = f"; did you mean {near}?" if near else ""
            return f"there is no option {error.option_name}{hint}"
        case "MissingParameter":
            return f"{where} is missing"
    said = _in_our_words(error.message)
    return f"{where}: {said}" if where else said


def _in_our_words(message: str) -> str:
    message = message.removeprefix("Value error, ").rstrip(".")
    for pattern, words in _WORDS:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return found.expand(words).replace("'", "")
    return message
