"""Lines of text files as SQL, and what taking them apart gives."""

from dataclasses import dataclass

from jobs.logs.text.layout import Layout
from queries.access_log.scan import SOURCE_FILE
from queries.quoting import literal

LONGEST_LINE = 128_000_000
"""Bytes of a line, where one is longer than DuckDB takes by itself."""
NO_TEXT = "chr(65533)"
"""What stands for bytes that are no text."""

# Characters of Latin-1 stand for bytes: their numbers are what these were.
_BYTES = (
    "unhex(array_to_string(list_transform(string_split(line, ''), "
    "lambda c: printf('%02x', unicode(c))), ''))"
)
_DECODED = (
    f"CASE WHEN strlen(line) = length(line) THEN line ELSE coalesce(TRY(decode({_BYTES})), "
    f"regexp_replace(line, '[^\\x00-\\x7f]', {NO_TEXT}, 'g')) END"
)


@dataclass(frozen=True)
class Way:
    """How lines are read; the usual one is the fastest."""

    by_line: bool = True
    """Whether CSV is taken apart line by line."""
    any_bytes: bool = False
    """Whether bytes may be no UTF-8."""
    long_lines: bool = False


USUAL = Way()


def ways(layout: Layout) -> list[Way]:
    """The ways to read it, each for files that fail the one before."""
    if not layout.is_of_lines:
        return [USUAL]
    usual = [USUAL, Way(any_bytes=True), Way(any_bytes=True, long_lines=True)]
    return [Way(by_line=False), *usual] if layout.kind == "csv" else usual


@dataclass(frozen=True)
class Fields:
    """SQL expressions over some rows."""

    rows: str
    values: dict[str, str]
    broken: str
    aside: str = "CAST(NULL AS VARCHAR)"
    line: str = "line"


def lines(layout: Layout, way: Way = USUAL) -> str:
    """The lines of files of a layout as a FROM clause, in order, for `{files}`."""
    return f"query({literal(every_line(layout, way))})"


def read_csv(layout: Layout, options: str) -> str:
    return (
        f"read_csv({{files}}, {options}, auto_detect = false, hive_partitioning = false, "
        f"compression = '{layout.compression}', filename = '{SOURCE_FILE}')"
    )


def every_line(layout: Layout, way: Way) -> str:
    """Every line that is not empty. It ends at a line feed or a carriage return."""
    options = (
        "columns = {'line': 'VARCHAR'}, header = false, delim = chr(1114111), quote = '', "
        "escape = '', comment = '', new_line = '\\n', strict_mode = false"
    )
    if way.any_bytes:
        options += ", encoding = 'latin-1'"
    if way.long_lines:
        # By itself DuckDB would take a buffer of sixteen such lines.
        longest = f"max_line_size = {LONGEST_LINE}, buffer_size = {LONGEST_LINE}"
        options += f", {longest}, parallel = false"
    line = f"{_DECODED} AS line" if way.any_bytes else "line"
    return f'SELECT {line}, "{SOURCE_FILE}" FROM {read_csv(layout, options)} WHERE line IS NOT NULL'
