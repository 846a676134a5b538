"""Tables as text: CSV and TSV with a header, and W3C extended logs, taken apart by SQL."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import md5

from jobs.logs.text.layout import FIELDS, Layout
from jobs.logs.text.lines import Fields, Way, every_line, read_csv
from queries.quoting import literal

COMMENT, HEADER, OTHER_HEADER = "comment line", "header line", "header of other columns"


def of_csv(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> Fields:
    """Fields of each line; of quoted ones that hold line breaks, where no line is broken."""
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
    return Fields(read_csv(layout, options), values, "false", aside, line)


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


def of_w3c(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> Fields:
    """Fields of each line; what begins with `#` is none."""
    if layout.tables:
        return _of_tables(layout, [*needed, *others], way)
    aside = (
        f"CASE WHEN NOT starts_with(line, '#') THEN NULL WHEN line <> {literal(layout.header)} "
        f"AND regexp_matches(line, {literal(FIELDS)}) THEN '{OTHER_HEADER}' ELSE '{COMMENT}' END"
    )
    return replace(_delimited(layout, needed, others, way), aside=aside)


def _of_tables(layout: Layout, asked: Sequence[str], way: Way) -> Fields:
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
        f"FROM ({every_line(layout, way)})))"
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
    return Fields(rows, values, broken, aside=aside)


def _delimited(layout: Layout, needed: Sequence[str], others: Sequence[str], way: Way) -> Fields:
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
        f"FROM ({every_line(layout, way)})))"
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
    return Fields(rows, values, broken)
