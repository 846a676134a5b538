"""Results of SQL as text and as Parquet, a batch at a time: millions of rows need no memory.

Values are written as DuckDB writes them, times in UTC. What a log holds was written by
strangers: on a terminal, and in tables anywhere, control characters are shown, not obeyed.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import chain
from typing import BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from rich.cells import cell_len

from queries.quoting import quoted

CELL = 60
"""Columns of a terminal that a cell of a table may take."""

# At a time: few enough to be held several times over, and many enough to be worth a statement.
_ROWS, _BYTES = 100_000, 16 << 20

# What EXPLAIN gives: a picture of several lines.
_PLAN = ["explain_key", "explain_value"]

Row = tuple[str | None, ...]

# Also what turns the direction of text.
_STRING_OR_NO_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')
_MOMENT = r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:\+00)?$"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Format(StrEnum):
    """What a result is written as."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"
    EXPANDED = "expanded"
    PARQUET = "parquet"

    @property
    def single(self) -> bool:
        """Whether the format holds one result and no more."""
        return self in (Format.JSON, Format.PARQUET)


class Capped:
    """The first rows of a result; `cut` says afterwards whether there were more."""

    def __init__(self, result: pa.RecordBatchReader, most: int | None) -> None:
        self.schema = result.schema
        self._result, self._most = result, most
        self.cut = False

    def __iter__(self) -> Iterator[pa.Table]:
        """The rows, as many at a time as are good to write, however long they are."""
        gathered: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in self._first():
            gathered.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows >= _ROWS or size >= _BYTES:
                yield from _pieces(pa.Table.from_batches(gathered))
                gathered, rows, size = [], 0, 0
        if gathered:
            yield from _pieces(pa.Table.from_batches(gathered))

    def _first(self) -> Iterator[pa.RecordBatch]:
        left = self._most
        for batch in self._result:
            if left is not None and batch.num_rows > left:
                self.cut = True
                yield batch.slice(0, left)
                return
            yield batch
            left = None if left is None else left - batch.num_rows


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    step = max(1, table.num_rows * _BYTES // max(1, table.nbytes))
    for start in range(0, table.num_rows, step):
        yield table.slice(start, step)


def printable(text: str) -> str:
    r"""The text with control characters as escapes, such as \x1b."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def write(rows: Capped, as_: Format, out: BinaryIO, *, terminal: bool) -> None:
    """Write the rows of one result.

    Raises OSError or ValueError when reading or writing them fails.
    """
    if as_ is Format.PARQUET:
        _parquet(rows, out)
        return
    for line in _LINES[as_](rows, terminal):
        out.write(line.encode())
    out.flush()


class _Texts:
    """A result's batches as rows of text, converted by a DuckDB that knows nothing else."""

    def __init__(self, rows: Capped) -> None:
        self._duckdb = duckdb.connect(":memory:")
        self._duckdb.execute("SET TimeZone = 'UTC'")
        self._rows = rows
        empty = self._relation(rows.schema.empty_table())
        self.names = empty.columns
        """Unique, without regard to case."""

    def batches(self) -> Iterator[list[Row]]:
        """One text for each value, None for NULL."""
        for some in self._rows:
            yield self._relation(some).project("CAST(COLUMNS(*) AS VARCHAR)").fetchall()

    def rows(self) -> Iterator[Row]:
        """The rows of all batches."""
        return chain.from_iterable(self.batches())

    def objects(self) -> Iterator[list[str]]:
        """A JSON object for each row of a batch; numbers that JSON does not know are null."""
        # No column is called that, which would hide the row.
        row = "".join(self.names) + "row"
        as_json = f"CAST(to_json({quoted(row)}) AS VARCHAR)"
        moments = [field.type for field in self._rows.schema]
        kept = ", ".join(map(_moment_or_value, self.names, moments))
        for some in self._rows:
            objects = self._relation(some).project(kept).set_alias(row).project(as_json)
            yield [_as_json(text) for (text,) in objects.fetchall()]

    def _relation(self, some: pa.Table) -> duckdb.DuckDBPyRelation:
        return self._duckdb.from_arrow(some)


def _moment_or_value(name: str, kind: pa.DataType) -> str:
    """A column as JSON has it: moments are UTC, and say so. Those without an ISO form stay."""
    if not pa.types.is_timestamp(kind):
        return quoted(name)
    text = f"CAST({quoted(name)} AS VARCHAR)"
    return f"regexp_replace({text}, '{_MOMENT}', '\\1T\\2Z') AS {quoted(name)}"


def _as_json(text: str) -> str:
    if "NaN" not in text and "Infinity" not in text:
        return text
    return _STRING_OR_NO_NUMBER.sub(lambda t: t[0] if t[0].startswith('"') else "null", text)


def _csv(rows: Capped, terminal: bool) -> Iterator[str]:
    for batch in chain([[tuple(rows.schema.names)]], _Texts(rows).batches()):
        shown = [[text and printable(text) for text in row] for row in batch] if terminal else batch
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(shown)
        yield buffer.getvalue()


def _ndjson(rows: Capped, terminal: bool) -> Iterator[str]:
    for batch in _Texts(rows).objects():
        yield "".join((printable(text) if terminal else text) + "\n" for text in batch)


def _json(rows: Capped, terminal: bool) -> Iterator[str]:
    separator = "[\n"
    for lines in filter(None, _ndjson(rows, terminal)):
        yield separator + lines[:-1].replace("\n", ",\n")
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _markdown(rows: Capped, terminal: bool) -> Iterator[str]:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |\n"

    yield line(printable(name).replace("|", "\\|") for name in rows.schema.names)
    yield line("--:" if right else "---" for right in _numeric(rows.schema))
    for row in _Texts(rows).rows():
        yield line(printable(text or "").replace("|", "\\|") for text in row)


def _table(rows: Capped, terminal: bool) -> Iterator[str]:
    """Columns as wide as the first thousand rows need; later rows may stand out."""
    if rows.schema.names == _PLAN:
        for _, plan in _Texts(rows).rows():
            yield from (printable(line) + "\n" for line in str(plan).splitlines())
        return
    right = _numeric(rows.schema)
    lines = chain([tuple(rows.schema.names)], _Texts(rows).rows())
    cells = ([_cell(text, terminal) for text in row] for row in lines)
    head = [row for _, row in zip(range(1_001), cells, strict=False)]
    widths = [max(map(_width, column)) for column in zip(*head, strict=True)]
    for number, row in enumerate(chain(head, cells)):
        padded = (
            " " * (width - _width(text)) + text if r else text + " " * (width - _width(text))
            for text, width, r in zip(row, widths, right, strict=True)
        )
        yield "  ".join(padded).rstrip() + "\n"
        if not number:
            yield "  ".join("─" * width for width in widths) + "\n"


def _expanded(rows: Capped, terminal: bool) -> Iterator[str]:
    """Each row as lines of a column and its value, under the row's number."""
    names = [printable(name) for name in rows.schema.names]
    width = max(map(_width, names), default=0)
    for number, row in enumerate(_Texts(rows).rows(), 1):
        yield f"─ {number:,} ─\n"
        for name, text in zip(names, row, strict=True):
            value = "NULL" if text is None else printable(text)
            yield f"{name}{' ' * (width - _width(name))}  {value}\n"


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _cell(text: str | None, terminal: bool) -> str:
    shown = "NULL" if text is None else printable(text)
    return shown[: CELL - 1] + "…" if terminal and len(shown) > CELL else shown


def _parquet(rows: Capped, out: BinaryIO) -> None:
    schema = pa.schema(
        [field.with_name(name) for field, name in zip(rows.schema, _Texts(rows).names, strict=True)]
    )
    with pq.ParquetWriter(out, schema) as writer:
        for some in rows:
            writer.write_table(some.rename_columns(schema.names))


def _numeric(schema: pa.Schema) -> list[bool]:
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return [any(kind(field.type) for kind in kinds) for field in schema]


_LINES: dict[Format, Callable[[Capped, bool], Iterator[str]]] = {
    Format.TABLE: _table,
    Format.CSV: _csv,
    Format.JSON: _json,
    Format.NDJSON: _ndjson,
    Format.MARKDOWN: _markdown,
    Format.EXPANDED: _expanded,
}
