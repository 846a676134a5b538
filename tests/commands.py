"""Every command of the program, loaded."""

from typing import Any

import typer

from jobs.cli.app import app

GROUP: Any = typer.main.get_command(app)


def loaded() -> dict[str, Any]:
    """Every command of the table, loaded."""
    context = typer.Context(GROUP)
    return {name: GROUP.get_command(context, name) for name in GROUP.list_commands(context)}
