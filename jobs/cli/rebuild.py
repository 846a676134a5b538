"""The command that counts days afresh."""

import json
from datetime import date
from typing import Annotated

import typer

from jobs import rebuild as rebuilding
from jobs.cli.exits import exit_codes
from jobs.cli.narration import narrate_rebuilt, narrator
from jobs.cli.settings import (
    FormatOption,
    JsonOption,
    MapOption,
    PathPatternOption,
    ServiceNameOption,
    ZoneOption,
    settled,
)
from jobs.logs.choice import Choice
from queries.cli.exits import told
from queries.cli.options import ConfigOption, StoreOption, chosen_days
from queries.failures import PARTLY_DONE

app = typer.Typer()


@app.command()
def rebuild(
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="First day, UTC.")],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last day, UTC.")],
    store: StoreOption = None,
    config: ConfigOption = None,
    format_: FormatOption = None,
    map_: MapOption = None,
    service_name: ServiceNameOption = None,
    service_from_path: PathPatternOption = None,
    zone: ZoneOption = None,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Drop what files that are gone had added.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Count days afresh from the files that are still there; what is gone is kept.

    \b
    httpcodes rebuild --from 2025-09-09 --to 2025-09-10
    """
    with exit_codes():
        begin, end = chosen_days(None, first, last)
        choice = Choice.of(format_, map_ or [], service_name, service_from_path, zone)
        settings = settled(store, config)
        days = rebuilding.Days(begin or date.min, end or date.max)
        listed, choice_of = settings.listed(choice)
        done = rebuilding.rebuild(
            settings.store,
            days,
            choice_of,
            settings.terms,
            drop_missing=drop_missing,
            listed=listed,
        )
    narrate_rebuilt(done, narrator())
    heard = not as_json or told(json.dumps(done.as_json()))
    if not (done.complete and heard):
        raise typer.Exit(PARTLY_DONE)
