"""A look at one file: how it would be read and why, and what would be counted of it.

The file is ingested, as a run would do it, into a snapshot in memory that nobody publishes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from jobs.counts import rollup
from jobs.counts.ingest import Ingest
from jobs.counts.ledger import Ledger
from jobs.logs import kinds
from jobs.logs.columns import Schema
from jobs.logs.options import ReadingOptions
from jobs.logs.reading import Reading, choose
from jobs.logs.roles import UnreadableFile
from jobs.logs.sources import SourceFile
from jobs.store.revision import USUAL, Revision, Terms
from queries import snapshot, utc
from queries.access_log import scan
from queries.statements import statements

_SQL = statements(__name__)


@dataclass(frozen=True)
class Inspection:
    """What a run would make of a file."""

    path: str
    schema: Schema
    reading: Reading
    rows_read: int
    rows_counted: int
    rejected: Sequence[tuple[str, int]]
    """Reasons, with the rows."""
    passed_over: Sequence[tuple[str, int]]
    """What rows are that are no requests of clients, with how many."""
    first_request: datetime | None
    """Naive, UTC; of any row with a time."""
    last_request: datetime | None
    services: Sequence[tuple[str, int]]
    """Some of them, with their requests; those with most come first."""
    rows: Sequence[tuple[str | None, str | None, int | None, str | None]]
    """The first rows: moment, service, status code, bucket."""


def inspect(path: str, options: ReadingOptions, most: int, terms: Terms = USUAL) -> Inspection:
    """Look at a file, and at the first `most` of its rows and services; writes nothing.

    Raises SourceNotFound, UnreadableFile, duckdb.Error or OSError.
    """
    file = _only(path, terms)
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        connection.execute("SET enable_progress_bar = false")
        snapshot.create(connection)
        rollup.define_buckets(connection)
        _ingest(connection, file, options, terms)
        schema = kinds.schema(connection, file.path, options, terms.storage)
        reading = choose(schema, options)
        ((read, counted, first, last),) = connection.execute(_SQL["file"]).fetchall()
        return Inspection(
            file.path,
            schema,
            reading,
            read,
            counted,
            connection.execute(_SQL["rejected"]).fetchall(),
            connection.execute(_SQL["passed_over"]).fetchall(),
            first,
            last,
            connection.execute(_SQL["services"], {"most": most}).fetchall(),
            connection.execute(_first_rows(connection, file.path, most)).fetchall(),
        )


def _first_rows(connection: duckdb.DuckDBPyConnection, path: str, most: int) -> str:
    ((selection, condition, way),) = connection.execute(_SQL["way"]).fetchall()
    rows = scan.rows(selection, condition, [path], way)
    numbered = _SQL["numbered"].format(rows=rows, most=most)
    return _SQL["first_rows"].replace("{rows}", snapshot.access_log([numbered]))


def _only(path: str, terms: Terms) -> SourceFile:
    found = terms.storage.find([path])
    file = terms.storage.look(terms.storage.absolute(path)) if found.unlisted else None
    if file and any(file.path.startswith(f"{table}/") for table in found.unlisted):
        # A file of a table may be looked at, though its table alone tells whether it counts.
        return file
    for reason in found.unlisted.values():
        raise UnreadableFile(f"{path} {reason}")
    if len(found.files) != 1:
        raise UnreadableFile(f"{path} has to be one file; it is {len(found.files):,}")
    return next(iter(found.files.values()))


def _ingest(
    connection: duckdb.DuckDBPyConnection, file: SourceFile, options: ReadingOptions, terms: Terms
) -> None:
    work = Revision("inspect", utc.now(), connection, terms)
    ledger = Ledger(work)
    ingest = Ingest(work, ledger, lambda _: options, lambda _: None)
    ingest.take([file])
    for reason in ingest.outcome.quarantined.values():
        raise UnreadableFile(reason)
    rollup.apply(connection, ledger)
