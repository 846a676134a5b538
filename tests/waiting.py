"""Waiting for what another process does: for as long as a busy machine may need."""

import time
from collections.abc import Callable
from typing import Any


def until(there: Callable[[], Any]) -> Any:
    """What is there in the end; ten minutes at the most."""
    ends = time.monotonic() + 600
    while not (found := there()):
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.02)
    return found
