"""The command that lists the formats of logs."""

from typing import Annotated

import typer

from jobs.cli.exits import exit_codes
from jobs.logs.choice import ROLES, BadMapping
from jobs.logs.formats import BY_NAME, FORMATS, Format

app = typer.Typer()


@app.command()
def formats(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this one.")] = None,
) -> None:
    """List the formats of logs that are known, or show one."""
    with exit_codes():
        if name is None:
            for format_ in FORMATS:
                typer.echo(f"{format_.name:<14} {format_.about}")
        elif name in BY_NAME:
            _show(BY_NAME[name])
        else:
            raise BadMapping(f"unknown format {name!r}; known are {', '.join(BY_NAME)}")


def _show(format_: Format) -> None:
    typer.echo(f"{format_.name}: {format_.about}")
    typer.echo(f"names from      {format_.source}")
    if format_.marks:
        typer.echo(f"told by         {' or '.join(format_.marks)}")
    for role in ROLES:
        names = " or ".join(getattr(format_, role))
        if role == "service" and format_.url:
            names += f"{' else ' if names else ''}the host inside {format_.url}"
        typer.echo(f"{role:<15} {names or 'none: --service-name or --service-from-path'}")
    for rule in format_.passed_over:
        what = rule.holds or f"there and not {rule.but}"
        where = f", in files where others are {rule.beside}" if rule.beside else ""
        typer.echo(f"passed over     rows whose {rule.column} is {what}{where}")
    for name, column in format_.optional.items():
        unit = f", x {format_.milliseconds:g}" if name == "duration_ms" else ""
        typer.echo(f"{name:<15} {column}{unit}")
