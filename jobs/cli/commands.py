"""The table of commands as a command: it loads those that are asked for, and no other."""

import gc
import os
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperGroup

from queries.cli.exits import exit_codes
from queries.cli.parameters import explain
from queries.failures import Misused


class Command(NamedTuple):
    """A line of the table."""

    name: str
    module: str
    about: str
    """The first line of its help, here again: to show it loads no command."""


class Commands(TyperGroup):
    """A group of commands that are loaded by their name; a subclass has the table."""

    groups: ClassVar[dict[str, Sequence[Command]]]

    def list_commands(self, ctx: Any) -> list[str]:
        return [command.name for command in self._all()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command; None if there is none of this name."""
        for command in self._all():
            if command.name == cmd_name:
                loaded = typer.Typer(rich_markup_mode=None, add_completion=False)
                loaded.add_typer(import_module(command.module).app)
                found = typer.main.get_group(loaded).commands[cmd_name]
                _lighten(found, ctx)
                explain(found)
                return found
        return None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant. Raises Misused."""
        if args[0] not in self.list_commands(ctx):
            raise Misused(self._unknown(ctx, args[0]))
        resolved = super().resolve_command(ctx, args)
        # What is loaded by now stays, and needs no look until the process has ended.
        gc.freeze()
        gc.enable()
        return resolved

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Draw the table, by its groups."""
        for title, commands in self.groups.items():
            with formatter.section(title):
                formatter.write_dl([(command.name, command.about) for command in commands])

    def make_context(self, *args: Any, **more: Any) -> Any:
        with exit_codes():
            return super().make_context(*args, **more)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _lighten(self, ctx)
        for argument in args:
            # DuckDB knows no other text, be it SQL or a path.
            if any("\udc80" <= letter <= "\udcff" for letter in argument):
                shown = os.fsencode(argument).decode(errors="backslashreplace")
                raise Misused(f"an argument is no text in UTF-8: {shown}")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with exit_codes():
            return super().invoke(ctx)

    def _all(self) -> Iterable[Command]:
        return (command for commands in self.groups.values() for command in commands)

    def _unknown(self, ctx: Any, name: str) -> str:
        from difflib import get_close_matches  # noqa: PLC0415 - seldom needed

        near = " or ".join(get_close_matches(name, self.list_commands(ctx)))
        hint = f"did you mean {near}?" if near else f"{ctx.command_path} --help lists all"
        return f"there is no command {name}; {hint}"


class _AsTyped:
    """Takes flags, text and paths as they are, and what applies where nothing was typed: Typer
    loads pydantic to find that text is text, and a number one."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if self._kind == list[str]:
            return list(value)
        if isinstance(value, str) and self._kind not in (str, Path):
            param._runtime_param = None
            return param.get_runtime_param().coerce(value, param=param, ctx=ctx)
        return self._kind(value)


def _lighten(command: Any, ctx: Any) -> None:
    for below in getattr(command, "commands", {}).values():
        _lighten(below, ctx)
    for parameter in command.get_params(ctx):
        kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
        if isinstance(kind, type) or kind == list[str]:
            parameter._runtime_param = _AsTyped(kind)
