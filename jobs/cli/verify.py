"""The command that proves the counts."""

import json
from typing import Annotated

import typer

from jobs import verify as proofs
from jobs.cli.exits import exit_codes
from jobs.cli.settings import (
    JsonOption,
    settled,
)
from queries.cli.options import ConfigOption, StoreOption
from queries.cli.quantities import counted
from queries.failures import FAILED

app = typer.Typer()


@app.command()
def verify(
    store: StoreOption = None,
    config: ConfigOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the source files that still exist again, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove that the published counts are those of the files in force, each counted once.

    \b
    httpcodes verify --deep
    """
    with exit_codes():
        proof = proofs.verify(settled(store, config).store, deep=deep)
    if as_json:
        typer.echo(json.dumps(proof.as_json()))
    for finding in proof.findings:
        typer.echo(
            f"{finding.check}: {finding.where}: expected {finding.expected}, found {finding.found}",
            err=True,
        )
    for path in proof.files_missing:
        typer.echo(f"not read again, because it is gone: {path}", err=True)
    read = f", {counted(proof.files_read, 'source file')} read again" if deep else ""
    wrong = len(proof.findings)
    verdict = counted(wrong, "contradiction") if wrong else "every invariant holds"
    typer.echo(f"{proof.snapshot}: {verdict}{read}", err=True)
    if wrong:
        raise typer.Exit(FAILED)
