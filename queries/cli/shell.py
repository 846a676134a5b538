"""The prompt of `httpcodes sql`: each statement is answered from the snapshot that is newest then.

On prompt_toolkit, an extra: this room is imported where it is used.
"""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import typer
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from queries.cli.describe import drawn_columns
from queries.cli.pager import paged
from queries.cli.tables import drawn_relations
from queries.cli.telling import tell

HELP = """\
SELECT …;       a statement ends with ; and may take several lines
.tables         lists the relations, and what each is
.describe NAME  lists the columns of a relation, and what each means
.expanded       shows a column a line, for wide rows; again: a row a line
help            shows this
quit, exit      end the prompt, as Ctrl-D does
Tab completes names and keywords, the arrow keys go through what was typed before,
Ctrl-C stops a query; what is longer than the screen goes through $PAGER, or less."""


_QUITS, _HELPS = {"quit", "exit", ".quit", ".exit"}, {"help", ".help"}
_EXPANDED = ".expanded"
_KEYWORDS = {
    "SELECT", "FROM", "WHERE", "GROUP", "BY", "ORDER", "LIMIT", "HAVING", "JOIN", "LEFT",
    "USING", "ON", "AS", "AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "BETWEEN", "CASE",
    "WHEN", "THEN", "ELSE", "END", "WITH", "UNION", "ALL", "DISTINCT", "DESC", "ASC",
    "INTERVAL", "TIMESTAMP", "DATE", "FILTER", "OVER", "PARTITION", "QUALIFY", "EXPLAIN",
    "SUMMARIZE", "DESCRIBE", "CAST", "EXISTS",
}  # fmt: skip


def prompt(store: Path, names: Iterable[str], answer: Callable[[str, bool], None]) -> None:
    """Answer what is typed, until it is enough; names and keywords are completed.

    `answer` is told whether rows are to be expanded.
    """
    commands = {".tables", ".describe", _EXPANDED, ".help", ".quit"}
    words = sorted({*names, *_KEYWORDS, *commands})
    expanded = False
    session: PromptSession[str] = PromptSession(
        "httpcodes> ",
        history=_history(),
        completer=WordCompleter(words, ignore_case=True, pattern=re.compile(r"[.\w]+")),
        complete_while_typing=False,
        multiline=True,
        key_bindings=_keys(),
        prompt_continuation="       ...> ",
    )
    tell("A statement ends with ;  help says what else there is")
    while True:
        try:
            text = session.prompt().strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        word = _word(text)
        if word in _QUITS:
            return
        if word == _EXPANDED:
            expanded = not expanded
            tell("a column a line" if expanded else "a row a line")
            continue
        # What went wrong was said, and the next may go better.
        with suppress(typer.Exit):
            _obey(store, text) if _is_command(text) else answer(text, expanded)


def _obey(store: Path, command: str) -> None:
    with paged() as screen:
        screen.write(_said(store, command.rstrip(";").split()).encode())


def _said(store: Path, words: list[str]) -> str:
    match words:
        case [".tables"]:
            return drawn_relations(store)
        case [".describe", name]:
            return drawn_columns(store, name)
    return f"{HELP}\n"


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=Condition(_is_whole))
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys


def _is_whole() -> bool:
    """Whether Enter ends what is typed, rather than a line of it."""
    text = get_app().current_buffer.text.strip()
    return _is_command(text) or text.endswith(";")


def _is_command(text: str) -> bool:
    return text.startswith(".") or _word(text) in _QUITS | _HELPS


def _word(text: str) -> str:
    return text.lower().rstrip("; ")


def _history() -> History:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = state / "httpcodes"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "history").touch(mode=0o600)
    except OSError as error:
        tell(f"nothing is kept of what is typed: {folder}: {error.strerror}")
        return InMemoryHistory()
    return FileHistory(str(folder / "history"))
