"""Sample logs: test input of any size in any known format, the same for the same seed.

The first day is that of the documented API's example, and the requests behind that example
are always among the logs, beside the random ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from queries.quoting import literal
from queries.statements import statements

FIRST_DAY = datetime(2025, 9, 9)
DOCUMENTED = ("api53-core-c-alisg.tiktokv.com", "api53-1121-auto-test.activity04.com")
MIN_SERVICES = len(DOCUMENTED) + 1

USUAL = ("generic", "cloudfront", "cloudflare")
"""The formats in sample_data."""

_SITES = ("www", "static", "img", "video", "api", "shop", "blog", "docs", "cdn", "media", "app")
_SQL = statements(__name__)


@dataclass(frozen=True)
class Sample:
    """What to write: `rows` spread evenly over the hours of `days`."""

    rows: int
    services: int
    """All together, the two of the documented example among them."""
    days: int
    seed: int
    formats: Sequence[str]
    """Names of formats; services take turns, and each format gets its own folder."""


def write(sample: Sample, folder: Path, on_file: Callable[[Path], None]) -> None:
    """Write `folder/FORMAT/2025-09-09T00.parquet` and so on, one file an hour and format.

    Raises OSError or duckdb.Error if a file can't be written.
    """
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(_SQL["documented"])
    hours = 24 * sample.days
    for number in range(hours):
        hour = FIRST_DAY + timedelta(hours=number)
        rows = sample.rows * (number + 1) // hours - sample.rows * number // hours
        connection.execute(
            _SQL["requests"].format(
                rows=rows,
                hour=hour,
                seed=sample.seed,
                random_services=sample.services - len(DOCUMENTED),
                names=", ".join(f"'{name}'" for name in _random_services(sample.services)),
            )
        )
        for turn, format_ in enumerate(sample.formats):
            file = folder / format_ / f"{hour:%Y-%m-%dT%H}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            _write_file(connection, file, format_, hour, (turn, len(sample.formats)))
            on_file(file)


def _random_services(services: int) -> list[str]:
    sites = [*_SITES, *(f"site{number}" for number in range(len(_SITES), services))]
    return [f"{site}.example.com" for site in sites[: services - len(DOCUMENTED)]]


def _write_file(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    format_: str,
    hour: datetime,
    turn: tuple[int, int],
) -> None:
    connection.execute(_SQL["logged"].format(hour=hour, turn=turn[0], turns=turn[1]))
    connection.execute(
        f"COPY ({_SQL[format_]}) TO {literal(file)} (FORMAT parquet, COMPRESSION zstd)"
    )
