"""How often files come, by their names."""

from datetime import datetime, timedelta

import pytest

from jobs.logs.rhythm import rhythm

BEGIN = datetime(2025, 9, 9, 22)


def named(pattern: str, step: timedelta, n: int = 6) -> list[str]:
    return [(BEGIN + step * i).strftime(pattern) for i in range(n)]


@pytest.mark.parametrize(
    ("pattern", "minutes", "expected"),
    [
        ("/l/%Y-%m-%dT%H.parquet", 60, "1h"),
        ("/l/%Y%m%d%H%M-ab12.log.gz", 5, "5m"),
        ("/l/%Y%m%d-%H%M%S_7.json.gz", 1, "5m"),
        ("/l/dt=%Y-%m-%d/hour=%H/part-0.parquet", 60, "1h"),
        ("s3://logs/%Y/%m/%d/%H/x.log", 60, "1h"),
        ("/l/access-%Y-%m-%d.log", 1440, "1d"),
        ("/l/access.log-%Y%m%d", 1440, "1d"),
        ("/l/%Y-%m-%d.log", 3 * 1440, None),
        ("/l/access.log", 60, None),
        ("/l/%Y-%m-%dT%H.parquet", 15, "1h"),
    ],
)
def test_names_say_how_often_files_come(pattern: str, minutes: int, expected: str | None) -> None:
    n = 24 if minutes == 15 else 6
    found = rhythm(named(pattern, timedelta(minutes=minutes), n))
    assert (found and found[0]) == expected


def test_a_missing_hour_changes_no_rhythm_and_three_names_say_none() -> None:
    names = named("%Y-%m-%dT%H", timedelta(hours=1), 8)
    assert rhythm(names[:3] + names[4:]) == ("1h", 7)
    assert rhythm(names[:3]) is None
    assert (
        rhythm([f"/l/{number}.log" for number in (20251399, 20250230, 1757419200, 20259909)])
        is None
    )
