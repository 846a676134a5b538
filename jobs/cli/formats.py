"""The command that lists the formats of logs."""

from collections.abc import Iterator
from typing import Annotated

import typer

from jobs.cli.exits import exit_codes
from jobs.logs.formats import BY_NAME, FORMATS, Format
from jobs.logs.options import ROLES, BadMapping
from queries.cli.drawing import show_grid

app = typer.Typer()


@app.command()
def formats(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this one.")] = None,
) -> None:
    """List the formats of logs that are known, or show one.

    \b
    httpcodes formats
    httpcodes formats cloudfront
    """
    with exit_codes():
        if name is None:
            show_grid((format_.name, format_.about) for format_ in FORMATS)
        elif name in BY_NAME:
            _show(BY_NAME[name])
        else:
            raise BadMapping(f"unknown format {name!r}; known are {', '.join(BY_NAME)}")


def _show(format_: Format) -> None:
    typer.echo(f"{format_.name}: {format_.about}")
    show_grid(_rows(format_))


def _rows(format_: Format) -> Iterator[tuple[str, str]]:
    yield "names from", format_.source
    if format_.marks:
        yield "told by", " or ".join(format_.marks)
    for role in ROLES:
        names = " or ".join(getattr(format_, role))
        if role == "service" and format_.url:
            names += f"{' else ' if names else ''}the host inside {format_.url}"
        yield role, names or "none: --service-name or --service-from-path"
    for rule in format_.passed_over:
        what = "missing" if rule.missing else rule.holds or f"there and not {rule.but}"
        where = f", in files where others are {rule.beside}" if rule.beside else ""
        yield "passed over", f"rows whose {rule.column} is {what}{where}"
    for name, column in format_.optional.items():
        unit = f", x {format_.milliseconds:g}" if name == "duration_ms" else ""
        yield name, f"{column}{unit}"
