"""Rows of text files as a FROM clause: lines taken apart by SQL.

A template of it goes where a scan of Parquet files goes (`queries.access_log.scan.files`). It has
the columns that are asked for, as text, beside what tells of each line: why it is no row
(ASIDE), whether it could not be taken apart (BROKEN), and the line as it stands (LINE).
"""

from collections.abc import Sequence
from dataclasses import replace

from jobs.logs.columns import Column
from jobs.logs.options import ReadingOptions
from jobs.logs.reading import Reading
from jobs.logs.text import json_keys, patterns
from jobs.logs.text.delimited import of_csv, of_w3c
from jobs.logs.text.layout import Layout
from jobs.logs.text.lines import NO_TEXT, USUAL, Fields, Way, every_line
from queries.access_log.scan import SOURCE_FILE
from queries.access_log.text import ASIDE, BROKEN, LINE
from queries.quoting import literal, quoted


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
    way: Way = USUAL,
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
                f"CASE WHEN contains({value}, {NO_TEXT}) THEN chr(26) || {value} ELSE {value} END"
            )
    listed = "".join(f", {value} AS {quoted(name)}" for name, value in columns.items())
    query = (
        f'SELECT {fields.aside} AS "{ASIDE}", {fields.broken} AS "{BROKEN}", '
        f'{fields.line} AS "{LINE}"{listed}, "{SOURCE_FILE}" FROM {fields.rows}'
    )
    return f"query({literal(query)})"


def _of_json(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> Fields:
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
    rows = every_line(layout, way) if layout.is_of_lines else _objects(layout)
    # A projection each, so that nothing is taken apart more often than that.
    json = f"SELECT *, CASE WHEN json_valid(line) THEN line END AS json FROM ({rows})"
    known = f"SELECT *, {keys}, {extracted(needed)} AS found FROM ({json})"
    return Fields(f"(SELECT *{held_apart} FROM ({known}))", values, broken)


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


def _of_pattern(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> Fields:
    found, values = "", dict[str, str]()
    for held, names in (("needed", needed), ("others", others)):
        if names:
            ordered = [name for name in layout.schema if name in names]
            pattern = literal(patterns.of_groups(layout.pattern, ordered))
            groups = ", ".join(map(literal, ordered))
            found += f", regexp_extract(line, {pattern}, [{groups}]) AS {held}"
            values |= {name: f"{held}.{quoted(name)}" for name in ordered}
    broken = " AND ".join(f"{values[name]} = ''" for name in needed)
    return Fields(f"(SELECT *{found} FROM ({every_line(layout, way)}))", values, broken)


_BY_KIND = {
    "ndjson": _of_json,
    "array": _of_json,
    "concatenated": _of_json,
    "csv": of_csv,
    "w3c": of_w3c,
    "lines": _of_pattern,
}
