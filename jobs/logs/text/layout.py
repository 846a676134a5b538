"""How a text file is laid out, recognised by the lines that it begins with, never by its name."""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from jobs.logs.columns import Column, Schema
from jobs.logs.roles import UnreadableFile
from jobs.logs.storage import Storage
from jobs.logs.text import audit, json_sample, patterns
from queries.access_log.scan import RESERVED

FIELDS = r"^#Fields: ?|^#fields\t"
"""How the line begins that names the columns of W3C extended logs, and of Zeek's."""

_SAMPLE_BYTES, _SAMPLE_LINES = 128 << 10, 100
_DELIMITERS = (",", "\t", ";", "|")
_NAME = re.compile(r"[A-Za-z_@$%(][\w .()/:@$%{}!>-]*")
_NUMBERS = (
    ("BIGINT", re.compile(r"-?\d{1,18}")),
    ("DOUBLE", re.compile(r"-?\d+\.\d+([eE]-?\d+)?")),
)
_FOREIGN = {
    b"PAR1": "Parquet",
    b"BZh": "bzip2",
    b"PK\x03\x04": "a ZIP archive",
    b"\xfd7zXZ": "xz",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
}


@dataclass(frozen=True)
class Layout:
    """What tells rows and columns of a text file apart."""

    kind: str
    """`ndjson`, `array` or `concatenated` (JSON), `csv`, `w3c`, `lines`, or `empty`."""
    compression: str
    """`none`, `gzip` or `zstd`."""
    schema: Schema
    """The columns, with types as the first values tell; all of them are read as text."""
    header: str = ""
    """The line that names the columns."""
    delimiter: str = ""
    pattern: str = ""
    """Of lines: a group for each column."""
    paths: Mapping[str, tuple[str, ...]] | None = None
    """Of JSON: the keys under which each column lies."""
    tables: tuple[tuple[tuple[str, ...], str], ...] = ()
    """Of W3C: the columns and the day that hold behind each line that begins with `#`."""
    path: str = ""
    """The one file that `tables` are of."""

    @property
    def is_of_lines(self) -> bool:
        """Whether each line is a row, or is none."""
        return self.kind not in ("array", "concatenated")

    @property
    def is_dated(self) -> bool:
        """Whether lines tell the time alone, and the day is in #Date lines."""
        names = [name.lower() for name in field_names(self.header)]
        return self.kind == "w3c" and "time" in names and "date" not in names

    def places(self, names: Sequence[str]) -> list[int]:
        """Which of the columns these are, from 1."""
        known = list(self.schema)
        return [known.index(name) + 1 for name in names]


def look(
    path: str, storage: Storage, kind: str | None = None, pattern: str | None = None
) -> Layout:
    """How a file is laid out, if it is of this kind, or of any; a pattern is that of its lines.

    Raises UnreadableFile or OSError.
    """
    compression = audit.compression(path, storage)
    sample = audit.start(path, storage, _SAMPLE_BYTES)
    if foreign := next((name for sign, name in _FOREIGN.items() if sample.startswith(sign)), None):
        raise UnreadableFile(
            f"cannot be read as text: it is {foreign}; UTF-8 text is read, plain or compressed "
            "by gzip or Zstandard"
        )
    text = sample.decode("utf-8", "replace")
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    if len(sample) == _SAMPLE_BYTES and len(lines) > 1:
        del lines[-1]
    if not lines:
        return Layout("empty", compression, {"line": Column(("line",), "VARCHAR")})
    wanted = None if kind == "auto" else kind
    if pattern is not None:
        return _lines(lines, compression, pattern)
    for name, recognised in _RECOGNISERS.items():
        if wanted in (None, name) and (found := recognised(text, lines[:_SAMPLE_LINES])):
            return replace(found, compression=compression)
    raise _unknown(wanted, lines[0])


def _unknown(wanted: str | None, first: str) -> UnreadableFile:
    about = {
        "ndjson": "JSON: no line is an object, and all of it is no array or sequence of them",
        "csv": "CSV: its first line names no columns",
        "w3c": "W3C extended: no #Fields line is at its beginning",
        "lines": f"lines: they are of none of the known patterns ({', '.join(patterns.BUILT_IN)})",
    }
    beginning = first if len(first) <= 80 else f"{first[:80]}…"
    why = f"cannot be read as {about[wanted]}" if wanted else "is text of no kind that is known"
    return UnreadableFile(
        f"{why}; it begins {beginning!r}. JSON, CSV with a header, W3C extended and lines of a "
        "named pattern ([patterns] in the configuration) are read"
    )


def _w3c(_: str, lines: Sequence[str]) -> Layout | None:
    header = next((line for line in lines if re.match(FIELDS, line)), None)
    if header is None:
        return None
    rows = [line for line in lines if not line.startswith("#")]
    # CloudFront names the columns with spaces between, and writes rows with tabs.
    is_tabbed = header.startswith("#fields") or (rows and "\t" in rows[0])
    delimiter = "\t" if is_tabbed else " "
    names = field_names(header)
    values = [row.split(delimiter) for row in rows]
    fitting = [row for row in values if len(row) == len(names)]
    schema = _schema(names, fitting)
    known = {name.lower() for name in names}
    if "time" in known and "date" not in known:
        schema = {**schema, "date": Column(("date",), "VARCHAR")}
    return Layout("w3c", "", schema, header, delimiter)


def field_names(header: str) -> list[str]:
    """The columns that a #Fields line names."""
    return re.sub(FIELDS, "", header).split()


def _ndjson(text: str, lines: Sequence[str]) -> Layout | None:
    sample = json_sample.of_lines(lines)
    if 2 * len(sample) >= len(lines):
        kind = "ndjson"
    elif text.lstrip()[:1] in ("[", "{") and (whole := json_sample.of_text(text.lstrip())):
        kind, sample = ("array" if text.lstrip().startswith("[") else "concatenated"), whole
    else:
        return None
    schema, paths = json_sample.columns(sample)
    return Layout(kind, "", schema, paths=paths)


def _of_known_pattern(_: str, lines: Sequence[str]) -> Layout | None:
    for pattern in patterns.BUILT_IN.values():
        if 2 * sum(re.match(pattern, line) is not None for line in lines) >= len(lines):
            return _lines(lines, "", pattern)
    return None


def _lines(lines: Sequence[str], compression: str, pattern: str) -> Layout:
    names = patterns.columns(pattern)
    found = [match for line in lines if (match := re.match(pattern, line))]
    if not found:
        beginning = lines[0] if len(lines[0]) <= 80 else f"{lines[0][:80]}…"
        raise UnreadableFile(f"its pattern fits none of its first lines, as {beginning!r}")
    rows = [[match[name] or "" for name in names] for match in found]
    return Layout("lines", compression, _schema(names, rows), pattern=pattern)


def _csv(_: str, lines: Sequence[str]) -> Layout | None:
    header = lines[0]
    for delimiter in _DELIMITERS:
        names = next(csv.reader([header], delimiter=delimiter))
        if len(names) < 2 or not all(_NAME.fullmatch(name.strip()) for name in names):
            continue
        try:
            rows = [row for row in csv.reader(lines[1:], delimiter=delimiter)]
        except csv.Error:
            rows = []
        fitting = [row for row in rows if len(row) == len(names)]
        return Layout("csv", "", _schema([n.strip() for n in names], fitting), header, delimiter)
    return None


_RECOGNISERS: Mapping[str, Callable[[str, Sequence[str]], Layout | None]] = {
    "w3c": _w3c,
    "ndjson": _ndjson,
    "lines": _of_known_pattern,
    "csv": _csv,
}


def check_doubled(names: Sequence[str]) -> None:
    """Raise UnreadableFile if columns are called by one name."""
    folded = [name.lower() for name in names]
    if doubled := sorted({name for name in names if folded.count(name.lower()) > 1}):
        raise UnreadableFile(
            f'two of its columns are called "{doubled[0]}": it is not known which is meant'
        )


def _schema(names: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Column]:
    check_doubled(names)
    folded = [name.lower() for name in names]
    if own := next((name for name in folded if name.startswith(RESERVED)), None):
        raise UnreadableFile(f'its column "{own}" has a name that httpcodes gives itself')
    return {
        name: Column((name,), _type([row[index] for row in rows]))
        for index, name in enumerate(names)
    }


def _type(values: Sequence[str]) -> str:
    there = [value for value in values if value not in ("", "-")]
    if not there:
        return "VARCHAR"
    fits = (name for name, form in _NUMBERS if all(map(form.fullmatch, there)))
    return next(fits, "VARCHAR")
