"""The command that proves the counts."""

import json
from typing import Annotated

import typer

from jobs import verify as proofs
from jobs.cli.exits import exit_codes
from jobs.cli.settings import (
    EngineOption,
    JsonOption,
    settings_of,
)
from jobs.engine import engines
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.telling import tell
from queries.config import BadConfig
from queries.failures import FAILED
from queries.quantities import counted

app = typer.Typer()


@app.command()
def verify(
    store: StoreOption = None,
    config: ConfigOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the source files that still exist again, too.")
    ] = False,
    engine: EngineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that the published counts are those of the files in force, each counted once.

    \b
    httpcodes verify --deep
    """
    with exit_codes():
        settings = settings_of(store, config)
        if engine and not deep:
            raise BadConfig("--engine reads source files again: say --deep, too")
        named = engine if deep else engines.LOCAL
        with engines.rereader(named, settings.config.engine, settings.store) as rereader:
            proof = proofs.verify(settings.store, settings.terms, deep=deep, rereader=rereader)
    if as_json:
        typer.echo(json.dumps(proof.as_json()))
    for finding in proof.findings:
        tell(
            f"{finding.check}: {finding.where}: expected {finding.expected}, found {finding.found}"
        )
    for copy in proof.suspected:
        tell(f"suspected copy: {copy.sentence}")
    for sentence in [each.sentence for each in proof.overlaps] + [
        each.sentence for each in proof.unmeasured
    ]:
        tell(sentence)
    for path in proof.files_missing:
        tell(f"not read again, because it is gone: {path}")
    read = f", {counted(proof.files_read, 'source file')} read again" if deep else ""
    wrong = len(proof.findings)
    verdict = counted(wrong, "contradiction") if wrong else "every invariant holds"
    tell(f"{proof.snapshot}: {verdict}{read}")
    if wrong:
        raise typer.Exit(FAILED)
