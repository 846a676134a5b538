"""How logs write moments, against answers worked out by hand."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries import snapshot


class Macros:
    """A session with the macros of a snapshot."""

    def __init__(self) -> None:
        self.connection: duckdb.DuckDBPyConnection | None = duckdb.connect()
        # No macro may depend on the session's zone: the view access_log is read in any.
        self.connection.execute("SET TimeZone = 'Asia/Tokyo'")
        snapshot.create(self.connection)

    def close(self) -> None:
        # Hypothesis keeps fixtures longer than DuckDB likes connections to live.
        self.connection = None


@pytest.fixture(scope="module")
def macros() -> Iterator[Macros]:
    macros = Macros()
    yield macros
    macros.close()


def moment(macros: Macros, macro: str, value: Any, kind: str) -> Any:
    assert macros.connection
    ((us,),) = macros.connection.execute(
        f"SELECT internal.calendar(internal.{macro}(CAST($1 AS {kind})))", [value]
    ).fetchall()
    return us


def us(text: str) -> int:
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1)
    return since // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-09-09T17:19:59Z", us("2025-09-09T17:19:59")),
        ("2025-09-09T17:19:59.9Z", us("2025-09-09T17:19:59.900000")),
        ("2025-09-09T17:19:59.999999999Z", us("2025-09-09T17:19:59.999999")),
        ("2025-09-09 17:19:59", us("2025-09-09T17:19:59")),
        ("2025-09-09T17:19:59", us("2025-09-09T17:19:59")),
        ("2025-09-09T17:19:59.999999999", us("2025-09-09T17:19:59.999999")),
        ("2025-09-09T17:19", us("2025-09-09T17:19:00")),
        ("2025-09-09T17:19:59.999999999+03:30", us("2025-09-09T13:49:59.999999")),
        ("2025-09-09T17:19:59+0330", us("2025-09-09T13:49:59")),
        ("2025-09-09 17:19:59 +0330", us("2025-09-09T13:49:59")),
        ("2025-09-09T17:19:59-07", us("2025-09-10T00:19:59")),
        ("2025-09-10T00:00:00+08:00", us("2025-09-09T16:00:00")),
        ("2025-09-10T00:00+08", us("2025-09-09T16:00:00")),
        ("10/Oct/2000:13:55:36 -0700", us("2000-10-10T20:55:36")),
        ("22/Jan/2019:03:56:14 +0330", us("2019-01-22T00:26:14")),
        ("2024-02-29T00:00:00Z", us("2024-02-29T00:00:00")),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1969-12-31T23:59:59.9999999+00:00", -1),
        ("0001-01-01T00:00:00Z", us("0001-01-01T00:00:00")),
        ("9999-12-31T23:59:59.999999Z", us("9999-12-31T23:59:59.999999")),
        ("1757438399", us("2025-09-09T17:19:59")),
        ("1757438399.999999999", us("2025-09-09T17:19:59.999999")),
        ("1757438399999", us("2025-09-09T17:19:59.999000")),
        ("1757438399999999", us("2025-09-09T17:19:59.999999")),
        ("1757438399999999999", us("2025-09-09T17:19:59.999999")),
        ("-0.000000001", -1),
        ("25/Nov/2026:16:19:40.123999999", us("2026-11-25T16:19:40.123999")),
        ("25/Nov/2026:16:19:40", us("2026-11-25T16:19:40")),
        ("25/Nov/2026:16:19:40.5 +0100", us("2026-11-25T15:19:40.500000")),
        ("25/Nov/2026:16:19:40,5 -03:30", us("2026-11-25T19:49:40.500000")),
        ("[25/Nov/2026:16:19:40 +0100]", us("2026-11-25T15:19:40")),
        ("[25/Nov/2026:16:19:40.123 +0100]", us("2026-11-25T15:19:40.123000")),
        ("[25/Nov/2026:16:19:40.123]", us("2026-11-25T16:19:40.123000")),
        ("[25/Nov/2026:16:19:40]", us("2026-11-25T16:19:40")),
        ("25/Nov/2026:16:19:40 +1400", us("2026-11-25T02:19:40")),
        ("2026-11-25T16:19:40,5Z", us("2026-11-25T16:19:40.500000")),
        ("2026-11-25 16:19:40,123", us("2026-11-25T16:19:40.123000")),
        ("2026-11-25T16:19:40,5+01:00", us("2026-11-25T15:19:40.500000")),
        ("20261125T161940Z", us("2026-11-25T16:19:40")),
        ("20261125T161940.25+0100", us("2026-11-25T15:19:40.250000")),
        ("20261125T161940", us("2026-11-25T16:19:40")),
        ("2026-11-25t16:19:40z", us("2026-11-25T16:19:40")),
        ("2026-11-25 16:19:40 UTC", us("2026-11-25T16:19:40")),
        ("2026/11/25 16:19:40", us("2026-11-25T16:19:40")),
        ("2026/11/25 16:19:40.5", us("2026-11-25T16:19:40.500000")),
        ("Wed, 25 Nov 2026 16:19:40 GMT", us("2026-11-25T16:19:40")),
        ("25 Nov 2026 16:19:40 +0100", us("2026-11-25T15:19:40")),
        ("202611251619", us("2026-11-25T16:19:00")),
        ("20261125161940", us("2026-11-25T16:19:40")),
        ("20261125161940123", us("2026-11-25T16:19:40.123000")),
    ],
)
def test_text_is_read_to_the_microsecond_and_never_rounded_up(
    macros: Macros, text: str, expected: int
) -> None:
    assert moment(macros, "text_moment", text, "VARCHAR") == expected


@pytest.mark.parametrize(
    "text",
    ["", "-", "nonsense", "epoch", "infinity", "-infinity", "2025-09-09", "2025-02-29T00:00:00Z",
     "2025-09-09T17:19:60Z", "2025-13-01T00:00:00", "10/Oct/2000:13:55", "10/Foo/2000:13:55:36 +0000",
     "2025-09-09T17:19:59 Europe/Berlin", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
     "44-03-15 (BC) 00:00:00", "1e9", "99999999999999999999", "2025-09-09T17:19:59+08:00Z",
     "2025-09-09T17:19:59.0000000001", "0", "-1", "0.0", "20250909", "20251332120000", "20250909240000",
     "20251309T120000Z", "09/09/2025 12:00:00", "25/Nov/2026:16:19:40.", "Wed, 32 Nov 2026 16:19:40 GMT",
     "[25/Nov/2026:16:19:40", "25/Nov/2026:16:19:40]", "25/Nov/2026:16:19:40 +2500",
     "25/Nov/2026:16:19:40 +0260", "25/Nov/2026:16:19:40.5 +9900", "2026-11-25T16:19:40+25:00",
     "2026-11-25T16:19:40+02:60", "2026-11-25 16:19:40 +99", "20261125T161940+9900",
     "Wed, 25 Nov 2026 16:19:40 +2500"],
)  # fmt: skip
def test_text_that_is_no_moment_is_none(macros: Macros, text: str) -> None:
    assert moment(macros, "text_moment", text, "VARCHAR") is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, None), (-1, None), (-2, -2_000_000), (1757438399, us("2025-09-09T17:19:59")),
        (1757438399999, us("2025-09-09T17:19:59.999000")),
        (1757438399999999, us("2025-09-09T17:19:59.999999")),
        (1757438399999999999, us("2025-09-09T17:19:59.999999")),
        (-1757438400000000001, -1757438400000001),
        (99_999_999_999, 99_999_999_999_000_000), (100_000_000_000, 100_000_000_000_000),
        (-(2**63), -9223372036854776), (2**63 - 1, 9223372036854775),
        # Digits that spell a date, a Windows file time, .NET's ticks.
        (20250909, None), (202509091719, us("2025-09-09T17:19:00")),
        (20250909171959, us("2025-09-09T17:19:59")), (20250909171959123, us("2025-09-09T17:19:59.123000")),
        (134019119999999999, us("2025-09-09T17:19:59.999999")), (638930351999999999, us("2025-09-09T17:19:59.999999")),
    ],
)  # fmt: skip
def test_integers_are_seconds_milliseconds_microseconds_or_nanoseconds_by_magnitude(
    macros: Macros, number: int, expected: int | None
) -> None:
    assert moment(macros, "integer_moment", number, "BIGINT") == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1757438399.9999998, us("2025-09-09T17:19:59.999999")),
        (1757438399.5, us("2025-09-09T17:19:59.500000")),
        (-0.25, -250_000), (-300.0, -300_000_000),
        (1757438399999.5, us("2025-09-09T17:19:59.999500")),
        (1757438399999999.0, us("2025-09-09T17:19:59.999999")),
        (0.0, None), (20250909171959.0, us("2025-09-09T17:19:59")),
        (float("nan"), None), (float("inf"), None), (float("-inf"), None), (1e300, None),
    ],
)  # fmt: skip
def test_doubles_are_cut_to_microseconds(
    macros: Macros, number: float, expected: int | None
) -> None:
    assert moment(macros, "double_moment", number, "DOUBLE") == expected


@settings(deadline=None)
@given(seconds=st.floats(100_000_000, 99_000_000_000))
def test_a_double_never_leaves_its_second(macros: Macros, seconds: float) -> None:
    assert moment(macros, "double_moment", seconds, "DOUBLE") // 1_000_000 == seconds // 1


@settings(deadline=None)
@given(when=st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), nanos=st.integers(0, 999))
def test_iso_text_of_any_moment_is_read(macros: Macros, when: datetime, nanos: int) -> None:
    text = f"{when.isoformat(timespec='microseconds')}{nanos:03d}"
    for zone in ("", "Z", "+00:00"):
        assert moment(macros, "text_moment", text + zone, "VARCHAR") == us(when.isoformat())
