"""The columns of a file as SQL expressions: a service, a moment, a status code.

The macros are those of a snapshot (queries/moments.sql), so that the job that counts and the
view access_log read every log alike. All that comes from a file is quoted here.
"""

from jobs.access_log import Column, Reading
from jobs.parquet import SOURCE_FILE
from queries.snapshot import ACCESS_LOG_COLUMNS


def service(reading: Reading) -> str:
    """Text, as logged."""
    return _text(reading.service)


def status(reading: Reading) -> str:
    """As logged, of the column's own type."""
    return _quoted(reading.status)


def status_code(reading: Reading, value: str) -> str:
    """SMALLINT from a value that `status` gave; NULL if it is no status code."""
    if _is_text(reading.status):
        possible = f"regexp_full_match({value}, '[0-9]{{1,3}}')"
    else:
        possible = f"{value} BETWEEN 0 AND 999 AND {value} = floor({value})"
    return f"CASE WHEN {possible} THEN CAST({value} AS SMALLINT) END"


def moment(reading: Reading) -> str:
    """BIGINT, microseconds since 1970 UTC, of any year; NULL if it can't be read."""
    if len(reading.timestamp) > 1:
        return f"internal.text_moment({' || '.join(_date_and_time(reading))})"
    return _microseconds(reading.timestamp[0])


def moment_missing(reading: Reading) -> str:
    """BOOLEAN: whether a row has no time at all."""
    return " OR ".join(f"missing({_quoted(column)})" for column in reading.timestamp)


def access_log_selection(reading: Reading) -> str:
    """The SELECT list that gives the columns of the view access_log."""
    values = {
        "requested_at": f"make_timestamp(internal.calendar({moment(reading)}))",
        "service_name": _present(reading.service),
        "status_code": status_code(reading, status(reading)),
        "source_file": f'"{SOURCE_FILE}"',
    }
    values |= {name: _present(column) for name, column in reading.optional.items()}
    if "duration_ms" in values and reading.milliseconds != 1:
        duration = f"TRY_CAST({values['duration_ms']} AS DOUBLE)"
        values["duration_ms"] = f"{duration} * {reading.milliseconds:g}"
    return ", ".join(
        f"TRY_CAST({values.get(name, 'NULL')} AS {kind}) AS {name}"
        for name, kind in ACCESS_LOG_COLUMNS.items()
    )


def _microseconds(column: Column) -> str:
    value = _quoted(column)
    if _is_text(column):
        return f"internal.text_moment({value})"
    if column.type.endswith("_NS"):
        return f"internal.floor_div(epoch_ns({value}), 1000)"
    if column.type.startswith("TIMESTAMP"):
        return f"epoch_us({value})"
    if column.type in ("FLOAT", "DOUBLE"):
        return f"internal.double_moment(CAST({value} AS DOUBLE))"
    if column.type.startswith("DECIMAL"):
        return f"internal.decimal_moment(TRY_CAST({value} AS DECIMAL(38, 9)))"
    return f"internal.integer_moment(TRY_CAST({value} AS BIGINT))"


def _date_and_time(reading: Reading) -> tuple[str, str, str]:
    date, time = map(_text, reading.timestamp)
    return date, "'T'", time


def _present(column: Column) -> str:
    return f"nullif(nullif({_text(column)}, '-'), '')"


def _text(column: Column) -> str:
    # A cast that changes nothing would still hide a dictionary from the aggregation.
    return _quoted(column) if _is_text(column) else f"CAST({_quoted(column)} AS VARCHAR)"


def _is_text(column: Column) -> bool:
    # BLOB: files are read with binary_as_string.
    return column.type in ("VARCHAR", "BLOB")


def _quoted(column: Column) -> str:
    return ".".join('"' + step.replace('"', '""') + '"' for step in column.path)
