"""What stands out: how many planted events are found, and what is cried falsely.

Makes days of a CDN whose error ratios differ by service and wander by hour and by day, plants
events of three sizes at services with many, some and few requests, and asks for what stands out,
with four weeks of past and without. Prints events found of those planted, false cries a day, and
seconds.

    python tests/benchmarks/standouts.py [--services 1000] [--days 5]
"""

import argparse
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from queries import snapshot
from queries.report.standouts import Standout, standouts

DAY = datetime(2025, 10, 14)
CODES = (404, 403, 499, 500, 502, 503)
USUAL = (0.02, 0.005, 0.003, 0.0005, 0.0003, 0.0005)
SIZES = {
    "large: 50 %, 30 minutes": (0.5, 6),
    "middle: 10 %, 30 minutes": (0.1, 6),
    "small: 2 %, 60 minutes": (0.02, 12),
}
TRAFFIC = ("many", "some", "few")
EACH = 5
"""Events of a size at services of a kind."""


class Event(NamedTuple):
    service: int
    code: int
    first: int
    buckets: int
    share: float
    kind: tuple[str, str]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=1_000)
    options.add_argument("--days", type=int, default=5)
    given = options.parse_args()
    for weeks in (4, 0):
        found, planted, false, seconds = Counter(), Counter(), 0, []
        for seed in range(given.days):
            rng = np.random.default_rng(seed)
            events = plant(rng, given.services)
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), rng, given.services, weeks, events)
                began = time.monotonic()
                told = ask(Path(folder), given.services)
                seconds.append(time.monotonic() - began)
            hits = [event for event in events if any(is_of(each, event) for each in told)]
            found += Counter(event.kind for event in hits)
            planted += Counter(event.kind for event in events)
            false += sum(not any(is_of(each, event) for event in events) for each in told)
        report(weeks, found, planted)
        print(f"cried falsely: {false / given.days:g} a day; {max(seconds):.1f} s at the most\n")


def plant(rng: np.random.Generator, services: int) -> list[Event]:
    third = services // 3
    events = []
    for number, traffic in enumerate(TRAFFIC):
        hit = rng.choice(np.arange(number * third, (number + 1) * third), (len(SIZES), EACH), False)
        for chosen, (size, (share, buckets)) in zip(hit, SIZES.items(), strict=True):
            for service in chosen:
                first, code = int(rng.integers(12, 270)), int(rng.integers(len(CODES)))
                kind = (size, traffic)
                events.append(Event(int(service), code, first, buckets, share, kind))
    return events


def write(
    store: Path, rng: np.random.Generator, services: int, weeks: int, events: list[Event]
) -> None:
    """A snapshot with the day, the hours around it, and the same of the weeks before."""
    file = store / "simulated.duckdb"
    # From 1,500 requests in 5 minutes to one.
    load = 1_500.0 ** (1 - np.arange(services) / services)
    usual = np.array(USUAL) * rng.lognormal(0, 0.8, (services, len(CODES)))
    with duckdb.connect(file) as connection:
        snapshot.create(connection)
        connection.execute(
            f"INSERT INTO internal.services SELECT i, printf('s%05d.example', i), NULL, NULL, false FROM range({services}) AS r(i)"
        )
        for week in range(weeks + 1):
            cells = day(rng, load, usual, events if week == 0 else [])  # noqa: F841 - read by name
            connection.execute(
                "INSERT INTO internal.cells SELECT service, ?::TIMESTAMP + to_seconds(bucket * 300), code, requests FROM cells",
                [DAY - timedelta(days=7 * week, hours=6)],
            )
    (store / snapshot.LINK).symlink_to(file)


def day(
    rng: np.random.Generator, load: np.ndarray, usual: np.ndarray, events: list[Event]
) -> pa.Table:
    """Cells of 36 hours: requests follow the sun, shares wander by hour and by day."""
    buckets = 36 * 12
    sun = 1 + 0.6 * np.sin(2 * np.pi * np.arange(buckets) / 288)
    requests = rng.poisson(load[:, None] * sun)
    wander = rng.lognormal(0, 0.15, usual.shape)[:, :, None] * np.repeat(
        rng.lognormal(0, 0.2, (*usual.shape, 36)), 12, axis=2
    )
    failed = rng.poisson(np.minimum(requests[:, None, :] * usual[:, :, None] * wander, 1e9))
    for event in events:
        span = slice(72 + event.first, 72 + event.first + event.buckets)
        failed[event.service, event.code, span] += rng.binomial(
            requests[event.service, span], event.share
        )
    fine = np.maximum(requests - failed.sum(axis=1), 0)
    counts = np.concatenate([fine[:, None, :], failed], axis=1)
    service, code, bucket = np.nonzero(counts)
    return pa.table(
        {
            "service": service,
            "bucket": bucket,
            "code": np.array([200, *CODES])[code],
            "requests": counts[service, code, bucket],
        }
    )


def ask(store: Path, services: int) -> list[Standout]:
    names = [f"s{service:05d}.example" for service in range(services)]
    with snapshot.reading(store) as connection:
        return standouts(connection, names, DAY, DAY + timedelta(days=1)).all


def is_of(told: Standout, event: Event) -> bool:
    code = CODES[event.code]
    start = DAY + timedelta(minutes=5 * event.first)
    return (
        told.service_name == f"s{event.service:05d}.example"
        and told.what in (code, -(code // 100))
        and told.start < start + timedelta(minutes=5 * event.buckets)
        and told.until > start
    )


def report(weeks: int, found: Counter[tuple[str, str]], planted: Counter[tuple[str, str]]) -> None:
    past = f"{weeks} weeks before" if weeks else "hours around"
    print(f"{f'against the {past}':28}" + "".join(f"{traffic:>12}" for traffic in TRAFFIC))
    for size in SIZES:
        row = (f"{found[size, each]} of {planted[size, each]}" for each in TRAFFIC)
        print(f"{size:28}" + "".join(f"{cell:>12}" for cell in row))


if __name__ == "__main__":
    main()
