"""A first httpcodes.toml: what logs that are shown say of themselves, and what else may be said.

Files are looked at as `inspect` looks at them, one of each kind, and nothing is guessed: where
a person has to decide, the configuration says so in a comment, and how.
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb

from jobs.inspect import Inspection, inspect
from jobs.logs import parquet
from jobs.logs.kinds import schema
from jobs.logs.options import ReadingOptions, Source
from jobs.logs.rhythm import rhythm
from jobs.logs.roles import UnreadableFile
from jobs.logs.sources import SourceFile
from jobs.logs.storage import Storage
from jobs.store.revision import USUAL, Terms
from queries import utc
from queries.config import placed
from queries.config_keys import KEYS, TABLES, Key
from queries.service_name import canonical

SCHEMAS = 200
"""Files of a source whose columns are looked at; of more, that many, evenly spread."""
KINDS = 12
"""Kinds of files (by their columns) that are looked at; those with most files."""
_NAMED = 3
"""Services that a comment names."""
_ELSEWHERE = "Asia/Tokyo"
"""A zone that moves every time that names none."""
_PLACEHOLDER = "www.example.com"
_OF_ANY_KIND = ReadingOptions.of(kind="auto")


@dataclass
class Kind:
    """Files of a source with the same columns, and what one of them was found to be."""

    files: list[SourceFile]
    seen: Inspection | None = None
    pattern: str | None = None
    """For --service-from-path, where the path names the service."""
    nameless: bool = False
    """Whether nothing names the service."""
    refusal: str | None = None
    unzoned: bool = False
    """Whether its times name no zone."""


@dataclass
class SourceSample:
    """A source as it was found."""

    where: str
    files: int
    kinds: list[Kind] = field(default_factory=list)
    options: ReadingOptions = field(default_factory=ReadingOptions)
    """What has to be said for its files to be found and read."""
    rhythm: tuple[str, int] | None = None
    """How often its files come as their names say it, and how many moments those name."""
    unlisted: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_readable(self) -> bool:
        """Whether anything of it could be counted."""
        return any(kind.seen for kind in self.kinds)

    @property
    def open(self) -> list[str]:
        """What a person has to say, as sentences."""
        sentences = [f"{path}: {reason}" for path, reason in self.unlisted.items()]
        sentences += [kind.refusal for kind in self.kinds if kind.refusal]
        if any(kind.nameless for kind in self.kinds):
            sentences.append("nothing names the service; say it as service_name")
        if len({kind.pattern for kind in self.kinds}) > 1:
            sentences.append("only some paths name the service; give each kind a source of its own")
        return sentences


def look(where: str, terms: Terms = USUAL) -> SourceSample:
    """Look at what a source holds. Raises SourceNotFound, duckdb.Error or OSError."""
    usual = _look(where, ReadingOptions(), terms)
    if usual.is_readable:
        return usual
    # Where nothing is Parquet, it may be text.
    as_text = _look(where, _OF_ANY_KIND, terms)
    return as_text if as_text.is_readable else usual


def _look(where: str, options: ReadingOptions, terms: Terms) -> SourceSample:
    found = terms.storage.find(Source((where,), options).sought)
    files = list(found.files.values())
    paths = (os.path.relpath(f.path, where) if os.path.isdir(where) else f.path for f in files)
    sample = SourceSample(
        where, len(files), options=options, unlisted=found.unlisted, rhythm=rhythm(paths)
    )
    pattern = _pattern(where, files)
    alike = _alike(files[:: len(files) // SCHEMAS + 1], sample, terms.storage)
    sample.kinds = [_kind(files, options, pattern, terms) for files in alike[:KINDS]]
    return sample


def _alike(
    files: Sequence[SourceFile], sample: SourceSample, storage: Storage
) -> list[list[SourceFile]]:
    """Files by their columns; what can't be read is noted."""
    kinds: dict[str, list[SourceFile]] = {}
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        storage.attach(connection, (file.path for file in files))
        for file in files:
            try:
                columns = schema(connection, file.path, sample.options, storage)
                kinds.setdefault(repr(columns), []).append(file)
            except UnreadableFile as refusal:
                sample.unlisted = {**sample.unlisted, file.path: str(refusal)}
            except (duckdb.Error, OSError) as error:
                why = parquet.damage(error, file.path, storage)
                sample.unlisted = {**sample.unlisted, file.path: why}
    return sorted(kinds.values(), key=len, reverse=True)


def _kind(
    files: list[SourceFile], usual: ReadingOptions, pattern: str | None, terms: Terms
) -> Kind:
    kind = Kind(files)
    smallest = min(files, key=lambda file: file.size).path
    by_path = [ReadingOptions.of(kind=usual.kind, service_from_path=pattern)] if pattern else []
    by_name = ReadingOptions.of(kind=usual.kind, service_name=_PLACEHOLDER)
    for options in (usual, *by_path, by_name):
        said = replace(options, said=("httpcodes", "inspect", smallest, *options.said))
        try:
            kind.seen = inspect(smallest, said, _NAMED, terms)
        except UnreadableFile as error:
            kind.refusal = kind.refusal or str(error)
            continue
        kind.refusal = None
        kind.nameless = options.service_name is not None
        kind.pattern = pattern if options.service_path else None
        kind.unzoned = _is_unzoned(kind.seen, options, terms)
        break
    return kind


def _is_unzoned(seen: Inspection, options: ReadingOptions, terms: Terms) -> bool:
    elsewhere = inspect(seen.path, replace(options, zone=_ELSEWHERE), 1, terms)
    return elsewhere.first_request != seen.first_request


def _pattern(where: str, files: Sequence[SourceFile]) -> str | None:
    """Where the folders below a source are named like services: which of them."""
    if "://" in where or not files or not os.path.isdir(where):
        return None
    base = os.path.abspath(where)
    folders = [os.path.relpath(file.path, base).split(os.sep)[:-1] for file in files]
    for depth in range(min(map(len, folders))):
        names = {steps[depth] for steps in folders}
        if all("." in name and canonical(name) for name in names):
            return "/".join([re.sub(r"[*{}]", "*", base), *["*"] * depth, "{service}", "**"])
    return None


def configuration(store: str, endpoints: Mapping[str, str], samples: Sequence[SourceSample]) -> str:
    """The text of httpcodes.toml."""
    return "\n".join(_lines(store, endpoints, samples)) + "\n"


def _lines(
    store: str, endpoints: Mapping[str, str], samples: Sequence[SourceSample]
) -> Iterator[str]:
    yield "# What a scheduled run of httpcodes does. `httpcodes config check` says what applies."
    yield "# Lines that begin with # say what else may be said."
    yield ""
    yield f"store = {_quoted(store)}  # {KEYS['store'].meaning}"
    yield from _others({key: how for key, how in KEYS.items() if key != "store"})
    for table, keys in TABLES.items():
        said = endpoints if table == "endpoints" else {}
        yield ""
        yield f"[{table}]" if said else f"# [{table}]"
        yield from (f"{scheme} = {_quoted(url)}" for scheme, url in said.items())
        yield from _others({key: how for key, how in keys.items() if key not in said})
    for source in samples:
        yield ""
        yield from _source(source)


def _others(keys: Mapping[str, Key]) -> Iterator[str]:
    for key, how in keys.items():
        if how.example:
            yield f"# {key} = {how.example}  # {how.meaning}"


def _source(source: SourceSample) -> Iterator[str]:
    where = placed(source.where, Path.cwd())
    yield "[[sources]]"
    yield f"path = {_quoted(where)}"
    if source.options.kind:
        yield f'kind = "{source.options.kind}"  # all files below it, text or Parquet'
    yield from _to_settle(source)
    for kind in source.kinds:
        if kind.seen:
            yield from _described(kind, kind.seen)
    if any(kind.nameless for kind in source.kinds):
        yield f'# service_name = "{_PLACEHOLDER}"'
    patterns = {kind.pattern for kind in source.kinds}
    if len(patterns) == 1 and (pattern := next(iter(patterns))):
        yield f"service_from_path = {_quoted(pattern)}"
    if source.rhythm:
        every, moments = source.rhythm
        yield f'# expect = "every {every}"  # so say {moments:,} moments in names; else by history'
    if any(kind.unzoned for kind in source.kinds):
        yield '# zone = "Europe/Berlin"  # of times that name none; else they are UTC'


def _to_settle(source: SourceSample) -> Iterator[str]:
    for said in source.open:
        yield f"# TO SETTLE: {_one_line(said)}"
    for kind in source.kinds:
        if kind.refusal and (columns := _map(kind.refusal)):
            yield f"# map = {{ {columns} }}"


def _described(kind: Kind, seen: Inspection) -> Iterator[str]:
    reading = seen.reading
    files = f"{len(kind.files):,} file{'' if len(kind.files) == 1 else 's'} like {seen.path}"
    yield f"# {_one_line(files)}: {reading.format}, told by the columns"
    if not kind.nameless:
        names = ", ".join(name for name, _ in seen.services)
        by = "the path" if kind.pattern else reading.service or f"the host in {reading.url}"
        yield f"#   service: {_one_line(f'{by}, such as {names}')}"
    for reason, rows in seen.rejected:
        yield f"#   {rows:,} of {seen.rows_read:,} rows can't be counted: {_one_line(reason)}"
    for what, rows in seen.passed_over:
        yield f"#   {rows:,} of {seen.rows_read:,} rows are no requests: {_one_line(what)}"
    if seen.first_request and seen.last_request:
        yield f"#   times: {seen.first_request:%Y-%m-%d %H:%M} to {seen.last_request:%H:%M} UTC"
        if kind.unzoned and (ahead := _ahead(seen.path, seen.last_request)):
            yield f"#   they lie {ahead} after the file was written: is a zone to be said?"


def _ahead(path: str, last: datetime) -> timedelta | None:
    """How far requests lie after the file that holds them was written."""
    if "://" in path:
        return None
    written = utc.after_1970(Path(path).stat().st_mtime)
    ahead = timedelta(seconds=round((last - written).total_seconds()))
    return ahead if ahead > timedelta(minutes=10) else None


def _map(refusal: str) -> str | None:
    """The columns that a refusal proposes, as the configuration has them."""
    words = shlex.split(refusal.rpartition("settle it with ")[2])
    maps = [entry for option, entry in pairwise(words) if option == "--map"]
    roles = [entry.partition("=") for entry in maps]
    if not roles or any(column == "COLUMN" for _, _, column in roles):
        return None
    return ", ".join(f"{role} = {_quoted(column)}" for role, _, column in roles)


def _one_line(text: str) -> str:
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
