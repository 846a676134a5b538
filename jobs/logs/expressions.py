"""The columns of a file as SQL expressions: a service, a moment, a status code.

The macros are those of a snapshot (queries/time_macros.sql), so that the job that counts and the
view access_log read every log alike. All that comes from a file is quoted here.
"""

import re
from collections.abc import Callable

from jobs.logs.columns import Column
from jobs.logs.formats import NoRequest
from jobs.logs.reading import Reading
from jobs.logs.scans import UNREPLACED
from queries.access_log.scan import SOURCE_FILE
from queries.access_log.text import ASIDE, BROKEN
from queries.quoting import literal, quoted
from queries.snapshot import ACCESS_LOG_COLUMNS

LONGEST_SERVICE = 512
"""Characters of a service as logged: no name has that many, whatever stands around it."""

_LONGEST_STATUS = 16
_NO_TEXT = "chr(26)"
"""What stands before a text that is not UTF-8: so no name, status or moment begins."""

_HOST = "^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?([^/?#]*?)(?:- ?-?$|[/?#]|$)"
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")


def service(reading: Reading) -> str:
    """Text, as logged, if it may be a name; NULL where it is in the file's path."""
    if reading.service_name or reading.service_path:
        return f"CAST({literal(reading.service_name)} AS VARCHAR)"
    # What is longer is no key that groups are kept by. substr() leaves a dictionary what it is.
    return f"substr({_service(reading)}, 1, {LONGEST_SERVICE + 1})"


def service_in_path(reading: Reading, path: str) -> str:
    """Text out of a path, of which percent-encoding is undone, once.

    It stays where it would hide a slash, or bytes that are no text.
    """
    found = f"regexp_extract({path}, {literal(reading.service_path)}, 1)"
    plain = f"CASE WHEN NOT contains(lower({found}), '%2f') THEN TRY(url_decode({found})) END"
    return f"coalesce({plain}, {found})"


def status(reading: Reading) -> str:
    """As logged, of the column's own type; a text that is longer than any status is cut."""
    value = _value(reading.status)
    return f"substr({value}, 1, {_LONGEST_STATUS})" if _is_text(reading.status) else value


def status_code(reading: Reading, value: str) -> str:
    """SMALLINT from a value that `status` gave; NULL if it is no status code."""
    if _is_text(reading.status):
        possible = f"regexp_full_match({value}, '[0-9]{{1,3}}')"
    else:
        possible = f"{value} BETWEEN 0 AND 999"
        if not _is_integer(reading.status):
            possible += f" AND {value} = floor({value})"
    return f"CASE WHEN {possible} THEN CAST({value} AS SMALLINT) END"


def moment(reading: Reading) -> str:
    """BIGINT, microseconds since 1970 UTC, of any year; NULL if it can't be read."""
    if len(reading.timestamp) > 1:
        return _text_moment(" || ".join(_date_and_time(reading)), reading.zone)
    return _microseconds(reading.timestamp[0], reading.zone)


def moment_missing(reading: Reading) -> str:
    """BOOLEAN: whether a row has no time at all."""
    return " OR ".join(map(_missing, reading.timestamp))


def says_by_type(reading: Reading) -> bool:
    """Whether moments are such by their columns' types, and not by what numbers or text mean."""
    return all(re.match("DATE|TIME", c.type) and not c.pattern for c in reading.timestamp)


def client_requests(reading: Reading) -> str:
    """BOOLEAN: whether a row is a request of a client."""
    rules = [f"NOT {fits}" for fits, _ in _rules(reading)]
    rows = [f'"{ASIDE}" IS NULL'] if reading.of_lines else []
    return " AND ".join(rows + rules) or "true"


def passed_over(reading: Reading) -> str:
    """Text: why a row is no request of a client; NULL if it is one."""
    whens = (f"WHEN {fits} THEN {literal(reason)}" for fits, reason in _rules(reading))
    return f"CASE {' '.join(whens)} END" if reading.passed_over else "NULL"


def _rules(reading: Reading) -> list[tuple[str, str]]:
    """BOOLEAN: whether a row is passed over, and why. A broken line lacks nothing: it is broken."""
    whole = f'NOT "{BROKEN}" AND ' if reading.of_lines else ""
    return [(f"({whole}{_fits(*rule)})", rule[1].reason) for rule in reading.passed_over]


def holds(column: Column, pattern: str) -> str:
    """BOOLEAN: whether a column's text, in lower case, is of this pattern."""
    # Whole numbers stand as 1.0 where a writer had no integers beside missing values.
    whole = literal(rf"({pattern})(\.0+)?")
    return f"coalesce(regexp_full_match(lower({_text(column)}), {whole}), false)"


def _fits(column: Column, rule: NoRequest) -> str:
    if rule.missing:
        return f"{_present(column)} IS NULL"
    if rule.holds:
        return holds(column, rule.holds)
    said = f"coalesce({_text(column)} NOT IN ('', '-'), false)"
    return f"({said} AND NOT {holds(column, rule.but)})"


def access_log_selection(reading: Reading) -> str:
    """The SELECT list that gives the columns of the view access_log."""
    path = f'"{SOURCE_FILE}"'
    named = service_in_path(reading, path) if reading.service_path else service(reading)
    values = {
        "requested_at": requested_at(reading),
        "service_name": _named(f"nullif(nullif({named}, '-'), '')"),
        "status_code": status_code(reading, status(reading)),
        "source_file": path,
    }
    if reading.of_lines:
        # A broken line counts for nothing, whatever seems to stand in it.
        values["status_code"] = f'CASE WHEN NOT "{BROKEN}" THEN {values["status_code"]} END'
    values |= {name: _present(column) for name, column in reading.optional.items()}
    if "duration_ms" in values and reading.milliseconds != 1:
        duration = f"TRY_CAST({values['duration_ms']} AS DOUBLE)"
        values["duration_ms"] = f"{duration} * {reading.milliseconds:g}"
    return ", ".join(
        f"TRY_CAST({values.get(name, 'NULL')} AS {kind}) AS {name}"
        for name, kind in ACCESS_LOG_COLUMNS.items()
    )


def requested_at(reading: Reading) -> str:
    """TIMESTAMP, UTC; NULL if it can't be read or no calendar holds it."""
    return f"make_timestamp(internal.calendar({moment(reading)}))"


def mark(reading: Reading, role: str) -> str | None:
    """Text: what tells a row apart; NULL where the log says nothing. None: nobody named it."""
    column = reading.marks.get(role)
    return f"CAST({_present(column)} AS VARCHAR)" if column else None


def bare_timestamp(reading: Reading) -> str | None:
    """The column that is the moment of a row as it stands, if the row has one."""
    column = reading.timestamp[0]
    bare = len(reading.timestamp) == 1 and reading.zone is None and column.pattern is None
    return _quoted(column) if bare and column.type == "TIMESTAMP" else None


def bare_service(reading: Reading) -> str | None:
    """The column that is the service, or an alias of it, as it stands."""
    column = reading.service
    if column is None or reading.url or reading.service_name or reading.service_path:
        return None
    if column.twice or column.others or reading.has_long_names:
        return None
    return _quoted(column) if column.type == "VARCHAR" and column.pattern is None else None


def _missing(column: Column) -> str:
    # Some moments can't be cast to text, on which `missing` looks: DuckDB fails for good.
    value = _value(column)
    if _is_text(column):
        return f"missing({value}) OR TRY_CAST(CAST({value} AS VARCHAR) AS DOUBLE) IN (0, -1)"
    none = "" if re.match("DATE|TIME", column.type) else f" OR {value} IN (0, -1)"
    return f"{value} IS NULL{none}"


def _microseconds(column: Column, zone: str | None) -> str:
    value = _value(column)
    if _is_text(column):
        return _text_moment(value, zone)
    if column.type.startswith("TIMESTAMP"):
        us = f"epoch_us({value})"
        if column.type.endswith("_NS"):
            us = f"internal.floor_div(epoch_ns({value}), 1000)"
        return us if "WITH TIME ZONE" in column.type or "TZ" in column.type else _in_zone(us, zone)
    if column.type == "DOUBLE":
        moment = f"internal.double_moment({value})"
    elif column.type.startswith("DECIMAL"):
        moment = f"internal.decimal_moment(TRY_CAST({value} AS DECIMAL(38, 9)))"
    else:
        moment = f"internal.integer_moment(TRY_CAST({value} AS BIGINT))"
    return moment if zone is None else _spelled_in_zone(value, moment, zone)


def _text_moment(text: str, zone: str | None) -> str:
    moment = f"internal.text_moment({text})"
    if zone is None:
        return moment
    # What ends in an offset, or is an epoch number, names its moment by itself.
    absolute = rf"regexp_matches({text}, '([Zz]|UTC|GMT|[0-9:] ?[+-]\d\d(:?\d\d)?|^-?[0-9.]+)\]?$')"
    named = _spelled_in_zone(text, moment, zone)
    return f"CASE WHEN {absolute} THEN {named} ELSE {_in_zone(moment, zone)} END"


def _spelled_in_zone(number: str, moment: str, zone: str) -> str:
    """Epoch numbers are of no zone; digits that spell a date are."""
    spelled = f"internal.spells_date(TRY_CAST({number} AS BIGINT))"
    return f"CASE WHEN {spelled} THEN {_in_zone(moment, zone)} ELSE {moment} END"


def _in_zone(us: str, zone: str | None) -> str:
    """What a clock in the zone showed, as a moment; of an hour that it showed twice, the second."""
    if zone is None:
        return us
    shown = f"make_timestamp(internal.calendar({us}))"
    return f"epoch_us(timezone({literal(zone)}, {shown}))"


def _service(reading: Reading) -> str:
    if reading.service and not reading.url:
        return _text(reading.service)
    named = [_present(reading.service)] if reading.service else []
    return f"coalesce({', '.join([*named, _host(reading)])})"


def _named(service: str) -> str:
    """NULL where a text is too long for a name, or no text at all."""
    return (
        f"CASE WHEN length({service}) <= {LONGEST_SERVICE}"
        f" AND NOT starts_with({service}, {_NO_TEXT}) THEN {service} END"
    )


def _host(reading: Reading) -> str:
    """The host inside a URL, with its port; the scheme may be missing before `//`.

    A load balancer of AWS writes hyphens for what it could not read behind the port.
    """
    if reading.url is None:
        return "NULL"
    return _sound(reading.url, lambda url: _first_group(url, _HOST))


def _date_and_time(reading: Reading) -> tuple[str, str, str]:
    date, time = reading.timestamp
    return _part(date, "DATE"), "'T'", _part(time, "TIME")


def _part(column: Column, kind: str) -> str:
    """A date or a time of day as text; of a column of whole moments, that part."""
    if column.pattern or not column.type.startswith("TIMESTAMP"):
        return _text(column)
    moment = f"make_timestamp(internal.calendar(epoch_us({_value(column)})))"
    return f"CAST(CAST({moment} AS {kind}) AS VARCHAR)"


def _present(column: Column) -> str:
    return f"nullif(nullif({_value(column)}, '-'), '')" if _is_text(column) else _value(column)


def _text(column: Column) -> str:
    # A cast that changes nothing would still hide a dictionary from the aggregation.
    return _value(column) if _is_text(column) else f"CAST({_value(column)} AS VARCHAR)"


def _value(column: Column) -> str:
    return _sound(column, lambda value: value)


def _sound(column: Column, part_of: Callable[[str], str]) -> str:
    """A part of a column's value; marked where it holds bytes that are no text."""
    value = part_of(_logged(column))
    if not (column.twice and _is_text(column)):
        return value
    unreplaced = part_of(_logged(column, f"{quoted(UNREPLACED)}."))
    return (
        f"CASE WHEN {value} IS DISTINCT FROM {unreplaced}"
        f" THEN concat({_NO_TEXT}, {value}) ELSE {value} END"
    )


def _logged(column: Column, inside: str = "") -> str:
    if not column.others:
        return _logged_alone(column, f"{inside}{_quoted(column)}")
    texts = ", ".join(_as_text(one, f"{inside}{_quoted(one)}") for one in column.all)
    return f"coalesce({texts})"


def _as_text(column: Column, name: str) -> str:
    value = _logged_alone(column, name)
    text = f"nullif(CAST({value} AS VARCHAR), '')"
    if not re.match("FLOAT|DOUBLE", column.type) or column.pattern:
        return text
    return f"CASE WHEN {value} = floor({value}) THEN format('{{:.0f}}', {value}) ELSE {text} END"


def _logged_alone(column: Column, name: str) -> str:
    if column.is_empty:
        return "CAST(NULL AS VARCHAR)"
    if column.pattern is None:
        return name
    return f"nullif({_first_group(f'CAST({name} AS VARCHAR)', column.pattern)}, '')"


def _first_group(text: str, pattern: str) -> str:
    return f"regexp_extract({text}, {literal(pattern)}, 1)"


def _is_text(column: Column) -> bool:
    # BLOB: files are read with binary_as_string.
    is_text = column.type in ("VARCHAR", "BLOB") or column.is_empty
    return is_text or column.pattern is not None or bool(column.others)


def _is_integer(column: Column) -> bool:
    return not _is_text(column) and column.type.removeprefix("U") in _INTEGERS


def _quoted(column: Column) -> str:
    path = ".".join(map(quoted, column.path))
    return path if column.key is None else f"{path}[{literal(column.key)}]"
