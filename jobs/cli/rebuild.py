"""The command that counts days afresh."""

import json
from datetime import date
from typing import Annotated

import typer

from jobs import rebuild as rebuilding
from jobs.cli.exits import exit_codes
from jobs.cli.narration import narrate_rebuilt, narrator
from jobs.cli.progress import progress
from jobs.cli.settings import (
    EngineOption,
    FormatOption,
    JsonOption,
    KindOption,
    MapOption,
    PathPatternOption,
    PatternOption,
    ServiceNameOption,
    ZoneOption,
    settings_of,
)
from jobs.engine import engines
from jobs.logs.options import ReadingOptions
from queries.cli.exits import write_out
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
    kind: KindOption = None,
    pattern: PatternOption = None,
    engine: EngineOption = None,
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
        settings = settings_of(store, config)
        way = (format_, map_ or [], service_name, service_from_path, zone, kind, pattern)
        options = ReadingOptions.of(*way, settings.config.patterns)
        days = rebuilding.Days(begin or date.min, end or date.max)
        listed, options_of = settings.listed(options)
        narration = narrator()
        counting = engines.engine(engine, settings.config.engine, settings.store)
        with counting as at_work, progress(narration) as on_progress:
            done = rebuilding.rebuild(
                settings.store,
                days,
                options_of,
                settings.terms,
                drop_missing=drop_missing,
                listed=listed,
                on_progress=on_progress,
                engine=at_work,
            )
    narrate_rebuilt(done, settings.store, narration)
    heard = not as_json or write_out(json.dumps(done.as_json()))
    if not (done.complete and heard):
        raise typer.Exit(PARTLY_DONE)
