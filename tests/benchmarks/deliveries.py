"""A simulated quarter of three sources: which gaps are found, missed and falsely found.

Nights run at 02:10 UTC and see what was delivered until then. The sources have a daily and a
weekly rhythm, grow, wander by hour and day, and lose and gain what is planted: an outage of one
vendor, hours without rows, hours that are short by different shares, hours that come a day late, a
clock an hour off, a holiday, a new service. What a night tells as a gap is compared with what was
planted. Prints a table for each least share.

    python tests/benchmarks/deliveries.py [--seeds 5]
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb
import numpy as np

from jobs.store.deliveries import gaps
from queries import snapshot

WEEKS = 13
HOURS = WEEKS * 168
BEGIN = datetime(2026, 1, 5)
HOUR = timedelta(hours=1)
SHARES = (0.3, 0.5, 0.7, 0.9)
SOURCES = {"large": 200_000, "middle": 5_000, "small": 300}
"""Rows of an hour at noon of a working day, at the end."""


@dataclass
class Quarter:
    """What each source brings, hour by hour, and when."""

    rows: dict[str, np.ndarray] = field(default_factory=dict)
    late: dict[str, np.ndarray] = field(default_factory=dict)
    """By how many hours more than usual an hour comes late."""
    planted: dict[tuple[str, int], str] = field(default_factory=dict)
    """Kinds of gaps, by source and hour."""
    harmless: dict[tuple[str, int], str] = field(default_factory=dict)
    """What should raise no alarm for longer than it lasts."""


def simulated(seed: int) -> Quarter:
    """A quarter; the first four weeks hold no events, as every source needs some past."""
    chance = np.random.default_rng(seed)
    quarter = Quarter()
    hour = np.arange(HOURS)
    daily = 0.2 + 0.8 * np.clip(np.sin((hour % 24 - 6) / 24 * 2 * np.pi) * 0.7 + 0.5, 0, 1)
    weekly = np.where(hour // 24 % 7 > 4, 0.6, 1.0)
    growth = 1.3 ** (hour / HOURS - 1)
    for source, most in SOURCES.items():
        wander = np.repeat(np.exp(chance.normal(0, 0.06, HOURS // 24)), 24) * np.exp(chance.normal(0, 0.06, HOURS))  # fmt: skip
        rows = chance.poisson(most * daily * weekly * growth * wander).astype(float)
        quarter.rows[source], quarter.late[source] = rows, np.zeros(HOURS, int)
    _plant(quarter, chance)
    return quarter


def _free(chance: np.random.Generator, length: int) -> int:
    return int(chance.integers(4 * 168, HOURS - 5 * 24 - length))


def _plant(quarter: Quarter, chance: np.random.Generator) -> None:
    _shift_clock(quarter, _free(chance, 169))
    start = _free(chance, 30)
    _lose(quarter, "middle", range(start, start + 30), 1, "an outage of 30 hours of one vendor")
    for source in SOURCES:
        for _ in range(6):
            start = _free(chance, 1)
            _lose(quarter, source, range(start, start + 1), 1, f"an hour without rows, {source}")
            for lost in (0.3, 0.5, 0.7, 0.9):
                start = _free(chance, 3)
                kind = f"three hours that lack {lost:.0%}"
                _lose(quarter, source, range(start, start + 3), lost, kind)
    for source in SOURCES:
        for _ in range(6):
            start = _free(chance, 4)
            _harmless(quarter, source, range(start, start + 4), "hours that come a day late")
    day = _free(chance, 48) // 24 * 24
    for source in SOURCES:
        _harmless(quarter, source, range(day, day + 24), "a holiday that brings 40 % less")
    start = _free(chance, 168)
    quarter.rows["middle"][start:] *= 1.4
    _harmless(quarter, "middle", range(start, start + 168), "a new service that adds 40 %")
    for (source, hour), kind in quarter.harmless.items():
        if kind.startswith("a holiday"):
            quarter.rows[source][hour] = round(quarter.rows[source][hour] * 0.6)
        if kind.startswith("hours that come"):
            quarter.late[source][hour] = 24


def _shift_clock(quarter: Quarter, start: int) -> None:
    """A clock that is an hour ahead for a week: its first hour lacks."""
    rows = quarter.rows["large"]
    rows[start + 1 : start + 169] = rows[start : start + 168].copy()
    rows[start] = 0
    quarter.planted["large", start] = "the hour that a clock skips"
    week = range(start + 1, start + 169)
    _harmless(quarter, "large", week, "the week of a clock an hour ahead")


def _lose(quarter: Quarter, source: str, hours: range, share: float, kind: str) -> None:
    for hour in hours:
        if (source, hour) not in quarter.planted:
            quarter.rows[source][hour] = round(quarter.rows[source][hour] * (1 - share))
            quarter.planted[source, hour] = kind
            quarter.harmless.pop((source, hour), None)


def _harmless(quarter: Quarter, source: str, hours: range, kind: str) -> None:
    for hour in hours:
        if (source, hour) not in quarter.planted:
            quarter.harmless.setdefault((source, hour), kind)


def told(quarter: Quarter, share: float, *, nights: range) -> Iterator[set[tuple[str, int]]]:
    """Each night's gaps of the last seven days, as hours by source."""
    with duckdb.connect() as connection:
        snapshot.create(connection)
        connection.execute("SET enable_progress_bar = false; UPDATE internal.snapshot SET settle_seconds = 172800")  # fmt: skip
        connection.execute(
            "INSERT INTO internal.sources SELECT unnest($s), NULL, $share, NULL, $at, $at",
            {"s": list(SOURCES), "share": share, "at": BEGIN},
        )
        before = BEGIN
        file_id = 0
        for night in nights:
            now = BEGIN + timedelta(days=night + 1, hours=2, minutes=10)
            for source in SOURCES:
                arrives = np.arange(HOURS) + 2 + quarter.late[source]
                there = (arrives <= (now - BEGIN) / HOUR) & (arrives > (before - BEGIN) / HOUR)
                hours = np.flatnonzero(there & (quarter.rows[source] >= 1))
                file_id += 1
                connection.execute(
                    "INSERT INTO internal.files BY NAME SELECT $id AS file_id, $source AS path, $source AS source, 1 AS size,"
                    " 0 AS rows_read, 0 AS rows_counted, 0 AS rows_rejected, $now AS ingested_at, 'r' AS run_id, 'ingested' AS state",
                    {"id": file_id, "source": source, "now": now},
                )  # fmt: skip
                connection.execute(
                    "INSERT INTO internal.file_hours SELECT $id, $begin + to_hours(unnest($hours)), unnest($rows), 0, 4095, NULL",
                    {"id": file_id, "begin": BEGIN, "hours": hours.tolist(), "rows": [int(n) for n in quarter.rows[source][hours]]},
                )  # fmt: skip
            connection.execute("UPDATE internal.sources SET asked_at = ?", [now])
            connection.execute("UPDATE internal.snapshot SET as_of = ?", [now])
            before = now
            yield {
                (gap.source, int((gap.start - BEGIN) / HOUR) + n)
                for gap in gaps(connection)
                for n in range(int((gap.end - gap.start) / HOUR))
            }


EVERY_NIGHT = range(HOURS // 24 - 1)


def judged(
    quarter: Quarter, share: float, nights: range = EVERY_NIGHT
) -> tuple[Counter[str], Counter[str]]:
    """Hours found by kind, and falsely found by kind of what was harmless."""
    found: set[tuple[str, int]] = set()
    for lacking in told(quarter, share, nights=nights):
        found |= lacking
    kinds = Counter(quarter.planted[hour] for hour in found & quarter.planted.keys())
    false = Counter(quarter.harmless.get(hour, "other hours") for hour in found - quarter.planted.keys())  # fmt: skip
    return kinds, false


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=3)
    seeds = options.parse_args().seeds
    rows: dict[str, list[str]] = {}
    planted: Counter[str] = Counter()
    harmless: Counter[str] = Counter()
    for seed in range(seeds):
        quarter = simulated(seed)
        planted.update(quarter.planted.values())
        harmless.update(quarter.harmless.values())
    for share in SHARES:
        found: Counter[str] = Counter()
        false: Counter[str] = Counter()
        for seed in range(seeds):
            kinds, cried = judged(simulated(seed), share)
            found.update(kinds)
            false.update(cried)
        for kind in sorted(planted):
            rows.setdefault(f"{kind}: found of {planted[kind]}", []).append(str(found[kind]))
        for kind in (*sorted(harmless), "other hours"):
            of = f" of {harmless[kind]}" if kind in harmless else ""
            rows.setdefault(f"{kind}: falsely{of}", []).append(str(false[kind]))
    print(f"| hours, {seeds} quarters | {' | '.join(map(str, SHARES))} |")
    print(f"|---|{'--:|' * len(SHARES)}")
    for what, figures in rows.items():
        print(f"| {what} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
