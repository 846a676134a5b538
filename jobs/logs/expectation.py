"""What is expected of a source: how often it brings something, how much, and how late."""

import re
from dataclasses import dataclass
from datetime import timedelta

from queries.config_keys import SOURCE

EVERY = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
LEAST_SHARE: float = SOURCE["least_share"].default
"""Of what is usual; tests/benchmarks/deliveries.py shows what it is chosen from."""

_EVERY = re.compile(r"(?:every )?(5m|1h|1d)")


@dataclass(frozen=True)
class Expectation:
    """As it stands, what a source brought before says what is expected of it."""

    every: timedelta | None = None
    """How long may pass without a request; zero: nothing is expected."""
    least_share: float = LEAST_SHARE
    """An hour with less than this share of what is usual is short."""
    grace: timedelta | None = None
    """How long after its end an hour is waited for; None: as long as is usual for the source."""


BY_HISTORY = Expectation()


def every(text: str) -> timedelta:
    """What `every 5m`, `every 1h`, `every 1d` and `off` say."""
    rhythm = _EVERY.fullmatch(text)
    return EVERY[rhythm[1]] if rhythm else timedelta()
