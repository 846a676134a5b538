"""Text logs become Parquet, a file each, with the columns that the vendor names.

All that a line says is kept, in the order of the lines; a column gets a type where every value
is of it. What was made knows of which content (`jobs.logs.originals`), so that a log and its
Parquet count once.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import duckdb

from jobs.logs import kinds, originals
from jobs.logs.columns import Schema
from jobs.logs.objects.buckets import identity_of_md5
from jobs.logs.options import ReadingOptions, Source
from jobs.logs.roles import UnreadableFile
from jobs.logs.sources import SourceFile
from jobs.logs.storage import Storage
from jobs.logs.text import json_sample
from jobs.logs.text.audit import audit
from jobs.logs.text.delimited import HEADER, OTHER_HEADER
from jobs.logs.text.layout import Layout
from jobs.logs.text.lines import Way, ways
from jobs.logs.text.relation import relation
from jobs.logs.text.segments import followed
from jobs.store.publication import sync
from queries import whole_file
from queries.access_log.scan import files
from queries.access_log.text import ASIDE, BROKEN, LINE
from queries.failures import Misused
from queries.quoting import literal, quoted

_MOST_COLUMNS = 1_000
_SAMPLE = 1_000
_IS_ROW = f'"{ASIDE}" IS NULL AND NOT "{BROKEN}"'
_JSON = ("ndjson", "array", "concatenated")
# A type, which texts are of it, and what it makes of them. A hyphen is a missing value.
_WHOLE = r"-?(0|[1-9]\d{0,17})"
_TYPES = (
    (_WHOLE, "CAST({} AS BIGINT)"),
    (rf"{_WHOLE}|-?\d{{1,15}}\.\d{{1,15}}", "CAST({} AS DOUBLE)"),
    (r"\d{4}-\d\d-\d\d", "CAST({} AS DATE)"),
    (r"\d\d:\d\d:\d\d(\.\d{1,6})?", "CAST({} AS TIME)"),
    (
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)",
        "CAST({} AS TIMESTAMP WITH TIME ZONE)",
    ),
    (
        r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
        "strptime({}, '%d/%b/%Y:%H:%M:%S %z')",
    ),
)


class BadPlace(Misused):
    """A place where no Parquet can be made; the message says why."""


class _Same(Exception):
    """What was written is what stands there already."""


@dataclass
class Progress:
    """How far it is; it goes on as files are done."""

    bytes_to_do: int
    bytes_done: int = 0
    files: int = 0
    rows: int = 0
    ending: ClassVar = "done"


@dataclass(frozen=True)
class Converted:
    """What became of a file."""

    path: str
    out: Path | None
    """The Parquet file; None if there is none."""
    reason: str | None
    """Why there is none."""
    rows: int = 0
    broken: int = 0
    """Lines that could not be taken apart."""
    aside: Mapping[str, int] | None = None
    """Lines that are no rows, by what they are."""
    is_new: bool = False
    """Whether the Parquet file was not there as it is now."""

    @property
    def lines(self) -> int:
        """Lines of the file, but for empty ones."""
        return self.rows + self.broken + sum((self.aside or {}).values())


def convert(
    source: Source,
    out: Path,
    storage: Storage,
    on_broken: Callable[[str, str], None],
    on_progress: Callable[[Progress], None],
) -> Iterator[Converted]:
    """Make a Parquet file below `out` of every text file that the source holds.

    `on_broken` is told the path and each line that can't be taken apart, `on_progress` how far it
    is, once: that goes on. Raises SourceNotFound, BadPlace, duckdb.Error or OSError.
    """
    found = storage.find(source.sought)
    root = os.path.commonpath([os.path.dirname(path) for path in found.files] or ["/"])
    if out.exists() and not out.is_dir():
        raise BadPlace(f"{out} is a file; Parquet files are written into a folder")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        connection.execute("SET temp_directory = ?", [str(out / ".tmp")])
        storage.attach(connection, found.files)
        for path, reason in sorted(found.unlisted.items()):
            yield Converted(path, None, reason)
        far = Progress(sum(file.size for file in found.files.values()))
        on_progress(far)
        for file in found.files.values():
            target = out / f"{os.path.relpath(file.path, root)}.parquet"
            try:
                one = _Conversion(connection, storage, file, source.options).made(target, on_broken)
            except UnreadableFile as refusal:
                one = Converted(file.path, None, str(refusal))
            far.bytes_done += file.size
            far.files += one.out is not None
            far.rows += one.rows
            yield one


class _Conversion:
    """One file, read in the first way in which all of its lines are met."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        storage: Storage,
        file: SourceFile,
        options: ReadingOptions,
    ) -> None:
        self._connection, self._storage, self._file = connection, storage, file
        if not kinds.is_text(file.path, options, storage):
            raise UnreadableFile("is no text: it is Parquet already, or has to be called otherwise")
        self._fingerprint = storage.fingerprint(file.path)
        self._stored = _stored(file.path) if storage.is_local(file.path) else None
        self._layout = kinds.look(file.path, options, storage)
        self._lines = audit(file.path, storage).lines

    def made(self, target: Path, on_broken: Callable[[str, str], None]) -> Converted:
        """Write the Parquet file. Raises UnreadableFile or OSError."""
        for way in ways(self._layout):
            try:
                layout = self._known(way)
                survey = self._survey(layout, way)
                if OTHER_HEADER in survey.aside:
                    layout = followed(self._connection, self._file.path, layout)
                    layout = replace(layout, schema=_union(layout))
                    survey = self._survey(layout, way)
            except duckdb.InterruptException:
                raise
            except duckdb.Error:
                continue
            if layout.is_of_lines and survey.lines != self._lines:
                continue
            return self._write(survey, target, on_broken)
        raise UnreadableFile("other lines were met in it than it has: it can't be converted")

    def _known(self, way: Way) -> Layout:
        """The layout with all the columns that the file has anywhere."""
        layout = self._layout
        if layout.is_dated:
            return followed(self._connection, self._file.path, layout)
        if layout.kind not in _JSON:
            return layout
        rows = self._rows(layout, list(layout.schema)[:1], way)
        ((structure,),) = self._connection.execute(
            f'SELECT json_group_structure(TRY_CAST("{LINE}" AS JSON)) '
            f'FROM {rows} WHERE NOT "{BROKEN}"'
        ).fetchall()
        columns, paths = json_sample.columns([json.loads(structure or "{}")])
        # What lies inside an object has columns of its own.
        schema = {name: column for name, column in columns.items() if column.type != "STRUCT"}
        if len(schema) > _MOST_COLUMNS:
            raise UnreadableFile(f"its objects have {len(schema):,} keys, too many for columns")
        return replace(layout, schema=schema, paths=paths)

    def _rows(self, layout: Layout, names: list[str], way: Way) -> str:
        return files([self._file.path], scan=relation(layout, names, (), way))

    def _survey(self, layout: Layout, way: Way) -> "_Survey":
        """Take the lines apart: what kinds there are, and which types fit the values of columns."""
        rows = self._rows(layout, list(layout.schema), way)
        # Marked values hold bytes that are no text, for which others stand by now.
        unmarked = (
            f"ltrim({quoted(name)}, chr(26)) AS {quoted(name)}"
            for name in layout.schema
            if way.any_bytes
        )
        replaced = f"REPLACE ({', '.join(unmarked)})" if way.any_bytes else ""
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE parsed AS SELECT * {replaced} FROM {rows}"
        )
        kinds_of_lines = self._connection.execute(
            f'SELECT "{ASIDE}", "{ASIDE}" IS NULL AND "{BROKEN}", count(*) FROM parsed GROUP BY ALL'
        ).fetchall()
        aside = {why: number for why, _, number in kinds_of_lines if why is not None}
        if not way.by_line:
            aside[HEADER] = 1
        good, broken = (
            sum(n for why, is_broken, n in kinds_of_lines if why is None and is_broken is wanted)
            for wanted in (False, True)
        )
        return _Survey(good, broken, aside, self._forms(list(layout.schema)))

    def _forms(self, names: list[str]) -> dict[str, str | None]:
        """How the text of each column becomes the narrowest type that fits all of its values."""
        some = f"(FROM parsed WHERE {_IS_ROW} LIMIT {_SAMPLE})"
        candidates = {name: [form for _, form in _TYPES] for name in names}
        for rows in (some, f"(FROM parsed WHERE {_IS_ROW})"):
            asked = [(name, form) for name in names for form in candidates[name]]
            if not asked:
                break
            fits = ", ".join(_fits(quoted(name), form) for name, form in asked)
            (fitting,) = self._connection.execute(f"SELECT {fits} FROM {rows}").fetchall()
            candidates = {name: [] for name in names}
            for (name, form), fit in zip(asked, fitting, strict=True):
                if fit:
                    candidates[name].append(form)
        return {name: next(iter(forms), None) for name, forms in candidates.items()}

    def _write(
        self, survey: "_Survey", target: Path, on_broken: Callable[[str, str], None]
    ) -> Converted:
        broken = self._connection.execute(
            f'SELECT "{LINE}" FROM parsed WHERE "{ASIDE}" IS NULL AND "{BROKEN}"'
        )
        while some := broken.fetchmany(1000):
            for (line,) in some:
                on_broken(self._file.path, line)
        columns = ", ".join(
            f"{_typed(quoted(name), form)} AS {quoted(name)}" for name, form in survey.forms.items()
        )
        batches = self._connection.sql(
            f"SELECT {columns} FROM parsed WHERE {_IS_ROW}"
        ).to_arrow_reader(100_000)
        target.parent.mkdir(parents=True, exist_ok=True)
        is_new = True
        with suppress(_Same), whole_file.replaced(target) as unfinished:
            with unfinished.open("w+b") as file:
                written = originals.write(batches, file, self._fingerprint, self._stored)
                file.flush()
                os.fsync(file.fileno())
            stands = self._storage.is_untouched(self._file, self._fingerprint)
            if written != survey.rows or not stands:
                raise UnreadableFile("changed while it was read; convert it again")
            is_new = not _is_same(unfinished, target)
            if not is_new:
                raise _Same
        sync(target.parent)
        return Converted(
            self._file.path, target, None, survey.rows, survey.broken, survey.aside, is_new
        )


@dataclass(frozen=True)
class _Survey:
    rows: int
    broken: int
    aside: Mapping[str, int]
    forms: Mapping[str, str | None]
    """How each column's text becomes its type; None: it stays text."""

    @property
    def lines(self) -> int:
        return self.rows + self.broken + sum(self.aside.values())


def _stored(path: str) -> str:
    with open(path, "rb") as content:
        md5 = hashlib.file_digest(content, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
        return identity_of_md5(md5, content.tell())


def _fits(value: str, form: str) -> str:
    """Whether all values of a column, or none but missing ones, are of a type."""
    pattern = literal(next(pattern for pattern, known in _TYPES if known == form))
    is_one = f"regexp_full_match({value}, {pattern}) AND TRY({form.format(value)}) IS NOT NULL"
    return f"bool_and({value} = '-' OR {is_one}) AND count(nullif({value}, '-')) > 0"


def _typed(value: str, form: str | None) -> str:
    return value if form is None else form.format(f"nullif({value}, '-')")


def _union(layout: Layout) -> Schema:
    """The columns that hold anywhere in a file."""
    known = dict(layout.schema)
    first = next(iter(known.values()))
    for names, _ in layout.tables:
        for name in names:
            known.setdefault(name, replace(first, path=(name,), type="VARCHAR"))
    return known


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except FileNotFoundError:
        return False
