"""Rows of text files as a FROM clause: lines taken apart by SQL.

A template of it goes where a scan of Parquet files goes (`queries.access_log.scan.files`). It has
the columns that are asked for, as text, beside what tells of each line: why it is no row
(ASIDE), whether it could not be taken apart (BROKEN), and the line as it stands (LINE).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import md5

from jobs.logs.columns import Column
from jobs.logs.options import ReadingOptions
from jobs.logs.reading import Reading
from jobs.logs.text import json_keys, patterns
from jobs.logs.text.layout import FIELDS, Layout
from queries.access_log.scan import SOURCE_FILE
from queries.access_log.text import ASIDE, BROKEN, LINE
from queries.quoting import literal, quoted

COMMENT, HEADER, OTHER_HEADER = "comment line", "header line", "header of other columns"
LONGEST_LINE = 128_000_000
"""Bytes of a line, where one is longer than DuckDB takes by itself."""

_NO_TEXT = "chr(65533)"
# Characters of Latin-1 stand for bytes: their numbers are what these were.
_BYTES = (
    "unhex(array_to_string(list_transform(string_split(line, ''), "
    "lambda c: printf('%02x', unicode(c))), ''))"
)
_DECODED = (
    f"CASE WHEN strlen(line) = length(line) THEN line ELSE coalesce(TRY(decode({_BYTES})), "
    f"regexp_replace(line, '[^\\x00-\\x7f]', {_NO_TEXT}, 'g')) END"
)


@dataclass(frozen=True)
class Way:
    """How lines are read; the usual one is the fastest."""

    by_line: bool = True
    """Whether CSV is taken apart line by line."""
    any_bytes: bool = False
    """Whether bytes may be no UTF-8."""
    long_lines: bool = False


def ways(layout: Layout) -> list[Way]:
    """The ways to read it, each for files that fail the one before."""
    if not layout.is_of_lines:
        return [Way()]
    usual = [Way(), Way(any_bytes=True), Way(any_bytes=True, long_lines=True)]
    return [Way(by_line=False), *usual] if layout.kind == "csv" else usual


def as_text(reading: Reading, layout: Layout, way: Way) -> Reading:
    """The reading over the lines of such files: what was told by types is read as text."""

    def text(column: Column) -> Column:
        others = tuple(map(text, column.others))
        return replace(column, type="VARCHAR", name=None, others=others)

    needed = dict.fromkeys(column.path[0] for column in reading.needed)
    aside = (*reading.optional.values(), *reading.marks.values())
    others = dict.fromkeys(c.path[0] for column in aside for c in column.all)
    return replace(
        reading,
        service=reading.service and text(reading.service),
        url=reading.url and text(reading.url),
        timestamp=tuple(map(text, reading.timestamp)),
        status=text(reading.status),
        optional={name: text(column) for name, column in reading.optional.items()},
        passed_over=tuple((text(column), rule) for column, rule in reading.passed_over),
        marks={role: text(column) for role, column in reading.marks.items()},
        of_lines=True,
        scan=relation(
            layout,
            list(needed),
            [name for name in others if name not in needed],
            way,
            number=None if reading.status.pattern else reading.status.path[0],
        ),
    )


def nothing(layout: Layout, options: ReadingOptions) -> Reading:
    """The reading of files without a line, or of blank ones."""
    empty = replace(layout, kind="lines", pattern=r"(?P<line>\S.*)")
    line = layout.schema["line"]
    return Reading(
        format="empty",
        service=None,
        url=None,
        service_name=options.service_name,
        service_path=options.service_path,
        timestamp=(line,),
        status=line,
        optional={},
        milliseconds=1,
        passed_over=(),
        zone=options.zone,
        doubt=None,
        of_lines=True,
        scan=relation(empty, ["line"]),
    )


def relation(
    layout: Layout,
    needed: Sequence[str],
    others: Sequence[str] = (),
    way: Way = Way(),
    number: str | None = None,
) -> str:
    """The rows of files of a layout as a FROM clause, for `{files}` in place of their names.

    Columns are text, by their names in the layout's schema; `others` cost nothing where they are
    not asked for. Where `number` is whole, though written with a fraction, it is without.
    """
    fields = _BY_KIND[layout.kind](layout, needed, others, way)
    columns = {name: f"nullif({fields.values[name]}, '')" for name in [*needed, *others]}
    if number in columns:
        value = columns[number]
        fraction = f"regexp_replace({value}, '\\.0+$', '')"
        columns[number] = f"CASE WHEN contains({value}, '.') THEN {fraction} ELSE {value} END"
    if way.any_bytes:
        for name in needed:
            value = columns[name]
            columns[name] = (
                f"CASE WHEN contains({value}, {_NO_TEXT}) THEN chr(26) || {value} ELSE {value} END"
            )
    listed = "".join(f", {value} AS {quoted(name)}" for name, value in columns.items())
    query = (
        f'SELECT {fields.aside} AS "{ASIDE}", {fields.broken} AS "{BROKEN}", '
        f'{fields.line} AS "{LINE}"{listed}, "{SOURCE_FILE}" FROM {fields.rows}'
    )
    return f"query({literal(query)})"


@dataclass(frozen=True)
class _Fields:
    """SQL expressions over some rows."""

    rows: str
    values: dict[str, str]
    broken: str
    aside: str = "CAST(NULL AS VARCHAR)"
    line: str = "line"


def _read_csv(layout: Layout, options: str) -> str:
    return (
        f"read_csv({{files}}, {options}, auto_detect = false, hive_partitioning = false, "
        f"compression = '{layout.compression}', filename = '{SOURCE_FILE}')"
    )


def _lines(layout: Layout, way: Way) -> str:
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
    return (
        f'SELECT {line}, "{SOURCE_FILE}" FROM {_read_csv(layout, options)} WHERE line IS NOT NULL'
    )


def _of_json(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> _Fields:
    paths = layout.paths or {}

    def extracted(names: Sequence[str]) -> str:
        listed = ", ".join(literal(json_keys.path(paths[name])) for name in names)
        return f"json_extract_string(json, [{listed}])"

    is_whole = " AND ".join(f"found[{n}] IS NOT NULL" for n in range(1, len(needed) + 1))
    keys, twice = json_keys.twice("json", [paths[name] for name in needed], is_whole)
    held_apart = f", CASE WHEN {twice} THEN NULL ELSE found END AS needed"
    if others:
        held_apart += f", {extracted(others)} AS others"
    values = {
        name: f"{held}[{index}]"
        for held, names in (("needed", needed), ("others", others))
        for index, name in enumerate(names, 1)
    }
    values |= {name: _single(values[name], paths[name]) for name in needed}
    # A number or a text is JSON, too.
    broken = "needed IS NULL OR NOT starts_with(ltrim(line), '{')"
    rows = _lines(layout, way) if layout.is_of_lines else _objects(layout)
    # A projection each, so that nothing is taken apart more often than that.
    json = f"SELECT *, CASE WHEN json_valid(line) THEN line END AS json FROM ({rows})"
    known = f"SELECT *, {keys}, {extracted(needed)} AS found FROM ({json})"
    return _Fields(f"(SELECT *{held_apart} FROM ({known}))", values, broken)


def _single(value: str, keys: tuple[str, ...]) -> str:
    """A value that is text; marked where it is a list or an object, which no name begins like."""
    kind = f"json_type(json, {literal(json_keys.path(keys))})"
    return (
        f"CASE WHEN starts_with({value}, '[') OR starts_with({value}, '{{') THEN CASE WHEN {kind} "
        f"IN ('ARRAY', 'OBJECT') THEN chr(26) || {value} ELSE {value} END ELSE {value} END"
    )


def _objects(layout: Layout) -> str:
    """Every object of JSON that is no lines; DuckDB fails where it is not whole."""
    form = "array" if layout.kind == "array" else "unstructured"
    return (
        f'SELECT CAST(json AS VARCHAR) AS line, "{SOURCE_FILE}" FROM read_json_objects('
        f"{{files}}, format = '{form}', compression = '{layout.compression}', "
        f"filename = '{SOURCE_FILE}', hive_partitioning = false)"
    )


def _of_pattern(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> _Fields:
    found, values = "", dict[str, str]()
    for held, names in (("needed", needed), ("others", others)):
        if names:
            ordered = [name for name in layout.schema if name in names]
            pattern = literal(patterns.of_groups(layout.pattern, ordered))
            groups = ", ".join(map(literal, ordered))
            found += f", regexp_extract(line, {pattern}, [{groups}]) AS {held}"
            values |= {name: f"{held}.{quoted(name)}" for name in ordered}
    broken = " AND ".join(f"{values[name]} = ''" for name in needed)
    return _Fields(f"(SELECT *{found} FROM ({_lines(layout, way)}))", values, broken)


def _of_csv(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> _Fields:
    if way.by_line:
        own = [f"trim(fields[{index}], '\" ')" for index in layout.places(needed)]
        bare = "list_transform(fields, lambda field: trim(field, '\" '))"
        fields = _delimited(layout, needed, others, way)
        return replace(fields, aside=_header(layout, needed, own, bare))
    names = [f"c{index}" for index in range(1, len(layout.schema) + 1)]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    options = (
        f"columns = {{{columns}}}, header = true, delim = {literal(layout.delimiter)}, "
        "quote = '\"', escape = '\"', null_padding = false"
    )
    asked = [*needed, *others]
    values = dict(zip(asked, (f"c{index}" for index in layout.places(asked)), strict=True))
    own = [values[name] for name in needed]
    line = f"concat_ws({literal(layout.delimiter)}, {', '.join(names)})"
    aside = _header(layout, needed, own, f"[{', '.join(names)}]")
    return _Fields(_read_csv(layout, options), values, "false", aside, line)


def _header(layout: Layout, needed: Sequence[str], own: Sequence[str], fields: str) -> str:
    """Whether a line is the header once more, or names its columns in another order.

    `own` are the fields of the needed columns, `fields` is the list of all; names are such in any
    case of their letters.
    """
    names = ", ".join(literal(name.lower()) for name in layout.schema)
    is_named = " OR ".join(f"lower({field}) IN ({names})" for field in own)
    is_same = " AND ".join(
        f"lower({field}) = {literal(name.lower())}" for name, field in zip(needed, own, strict=True)
    )
    # The list costs more, so it is made of few lines only.
    lowered = f"list_transform({fields}, lambda field: lower(field))"
    return (
        f"CASE WHEN ({is_named}) AND len(list_intersect({lowered}, [{names}])) > 1 "
        f"THEN CASE WHEN {is_same} THEN '{HEADER}' ELSE '{OTHER_HEADER}' END END"
    )


def lines(layout: Layout, way: Way = Way()) -> str:
    """The lines of files of a layout as a FROM clause, in order, for `{files}`."""
    return f"query({literal(_lines(layout, way))})"


def _of_w3c(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> _Fields:
    if layout.tables:
        return _of_tables(layout, [*needed, *others], way)
    aside = (
        f"CASE WHEN NOT starts_with(line, '#') THEN NULL WHEN line <> {literal(layout.header)} "
        f"AND regexp_matches(line, {literal(FIELDS)}) THEN '{OTHER_HEADER}' ELSE '{COMMENT}' END"
    )
    return replace(_delimited(layout, needed, others, way), aside=aside)


def _of_tables(layout: Layout, asked: Sequence[str], way: Way) -> _Fields:
    """Fields between delimiters, of which `#` lines above say what they are."""
    distinct = list(dict.fromkeys(names for names, _ in layout.tables))
    numbers = ", ".join(str(distinct.index(names) + 1) for names, _ in layout.tables)
    dates = ", ".join(literal(date) for _, date in layout.tables)
    so_far = "count(*) FILTER (starts_with(line, '#')) OVER (ROWS UNBOUNDED PRECEDING)"
    # What the text of a scan holds alone is scanned alone: order is that of one file.
    rows = (
        f"(SELECT *, [{numbers}][above] AS shape, [{dates}][above] AS day FROM (SELECT *, "
        f"string_split(rtrim(line, ' '), {literal(layout.delimiter)}) AS fields, {so_far} AS above "
        f"/* {md5(layout.path.encode(), usedforsecurity=False).hexdigest()} */ "
        f"FROM ({_lines(layout, way)})))"
    )
    counts = ", ".join(str(len(names)) for names in distinct)
    values = {}
    for name in asked:
        whens = "".join(
            f" WHEN {number} THEN fields[{names.index(name) + 1}]"
            for number, names in enumerate(distinct, 1)
            if name in names
        )
        is_day = layout.is_dated and name == "date"
        values[name] = "day" if is_day else f"CASE shape{whens or ' WHEN 0 THEN line'} END"
    broken = f"coalesce(len(fields) <> [{counts}][shape], true)"
    aside = f"CASE WHEN starts_with(line, '#') THEN '{COMMENT}' END"
    return _Fields(rows, values, broken, aside=aside)


def _delimited(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> _Fields:
    """Fields between delimiters; where quotation marks hold some together, by a pattern."""
    between, count = literal(layout.delimiter), len(layout.schema)
    asked = [*needed, *others]
    places = dict(zip(layout.places(asked), asked, strict=True))
    none = '[^"' + ("\\t" if layout.delimiter == "\t" else layout.delimiter) + "]*"
    field = f'"(?:[^"]|"")*"|{none}'
    fields = (f"({field})" if place in places else f"(?:{field})" for place in range(1, count + 1))
    step = "\\t" if layout.delimiter == "\t" else f"[{layout.delimiter}]"
    pattern = literal("^" + step.join(fields) + "$")
    names = [places[index] for index in sorted(places)]
    groups = ", ".join(f"'c{index}'" for index in sorted(places))
    plain = "len(fields) = " + str(count)
    if layout.kind == "csv":
        plain += " AND NOT contains(line, '\"')"
    rows = (
        f"(SELECT *, CASE WHEN NOT ({plain}) AND contains(line, '\"') "
        f"THEN regexp_extract(line, {pattern}, [{groups}]) END AS held "
        f"FROM (SELECT *, string_split(rtrim(line, ' '), {between}) AS fields "
        f"FROM ({_lines(layout, way)})))"
    )
    values = {}
    for index, name in zip(sorted(places), names, strict=True):
        value = f"held.c{index}"
        unquoted = (
            f"CASE WHEN starts_with({value}, '\"') THEN replace({value}[2:-2], '\"\"', '\"') "
            f"ELSE {value} END"
        )
        values[name] = f"CASE WHEN held IS NULL THEN fields[{index}] ELSE {unquoted} END"
    nothing = " AND ".join(f"held.c{index} = ''" for index in sorted(places))
    broken = f"CASE WHEN held IS NULL THEN NOT ({plain}) ELSE {nothing} END"
    return _Fields(rows, values, broken)


_BY_KIND = {
    "ndjson": _of_json,
    "array": _of_json,
    "concatenated": _of_json,
    "csv": _of_csv,
    "w3c": _of_w3c,
    "lines": _of_pattern,
}
