"""What a server did, as Prometheus reads it. Names of services are not in it.

Each process counts in a part of its own of a memory that all share, so that any of them can
tell for all. A process that takes the place of another counts on from where that one was.
"""

import logging
import mmap
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime

from queries.server.health import Health

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The histogram's buckets."""
_STATUSES = 600
# What stands where in a process's part.
_SLOWER = _STATUSES + len(SECONDS)
_SUM, _OPEN, _REFUSED_CONNECTIONS, _REFUSED_REQUESTS, _WIDTH = range(_SLOWER + 1, _SLOWER + 6)
_NAME = "httpcodes_server"


class Metrics(logging.Handler):
    """Counts the lines of the access log; made before processes are forked."""

    def __init__(self, processes: int) -> None:
        super().__init__()
        self._all = memoryview(mmap.mmap(-1, processes * _WIDTH * 8)).cast("d")
        self._ours = self._all[:_WIDTH]

    def count_as(self, process: int) -> None:
        """Count in this process's part from now on."""
        self._ours = self._all[process * _WIDTH : (process + 1) * _WIDTH]
        self.connected(0)

    def emit(self, record: logging.LogRecord) -> None:
        """Count an exchange."""
        if not isinstance(record.msg, dict):
            return
        status, path, seconds = record.msg["status"], record.msg["path"], record.msg["ms"] / 1000
        self._ours[status] += 1
        self._ours[_STATUSES + bisect_left(SECONDS, seconds)] += 1
        self._ours[_SUM] += seconds
        # A store that can't be read is 503, too, for who asks for its health.
        if status == 503 and path != "/healthz":
            self._ours[_REFUSED_REQUESTS if path else _REFUSED_CONNECTIONS] += 1

    def connected(self, connections: int) -> None:
        """So many connections of this process are open now."""
        self._ours[_OPEN] = connections

    def text(self, health: Health | None) -> str:
        """All there is to tell; None: the store can't be read."""
        return "\n".join([*self._exchanges(), *self._refusals(), *_freshness(health), ""])

    def _sums(self) -> list[float]:
        return [sum(self._all[at::_WIDTH]) for at in range(_WIDTH)]

    def _exchanges(self) -> Iterator[str]:
        sums = self._sums()
        yield from _head("requests_total", "counter", "Requests answered, by status.")
        for status in range(_STATUSES):
            if sums[status]:
                yield f'{_NAME}_requests_total{{status="{status}"}} {sums[status]:.0f}'
        yield from _head("request_duration_seconds", "histogram", "From headers to answer.")
        reached = 0.0
        for bound, count in zip((*SECONDS, "+Inf"), sums[_STATUSES:], strict=False):
            reached += count
            yield f'{_NAME}_request_duration_seconds_bucket{{le="{bound}"}} {reached:.0f}'
        yield f"{_NAME}_request_duration_seconds_sum {sums[_SUM]:.6f}"
        yield f"{_NAME}_request_duration_seconds_count {reached:.0f}"

    def _refusals(self) -> Iterator[str]:
        sums = self._sums()
        yield from _head("connections", "gauge", "Open connections.")
        yield f"{_NAME}_connections {sums[_OPEN]:.0f}"
        yield from _head("refusals_total", "counter", "Connections and requests beyond the bounds.")
        for what, at in (("connection", _REFUSED_CONNECTIONS), ("request", _REFUSED_REQUESTS)):
            yield f'{_NAME}_refusals_total{{what="{what}"}} {sums[at]:.0f}'


def _freshness(health: Health | None) -> Iterator[str]:
    yield from _head("store_readable", "gauge", "Whether the store can be read.")
    yield f"{_NAME}_store_readable {int(health is not None)}"
    if health and health.age_seconds is not None:
        yield from _head("snapshot_age_seconds", "gauge", "Since the run that made it started.")
        yield f"{_NAME}_snapshot_age_seconds {health.age_seconds:.3f}"
    if health and health.final_until:
        yield from _head("watermark_timestamp_seconds", "gauge", "Buckets until then are final.")
        yield f"{_NAME}_watermark_timestamp_seconds {_epoch(health.final_until)}"
    if health and health.newest_bucket:
        yield from _head("newest_bucket_timestamp_seconds", "gauge", "Start of the newest bucket.")
        yield f"{_NAME}_newest_bucket_timestamp_seconds {_epoch(health.newest_bucket)}"


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP {_NAME}_{name} {help_text}"
    yield f"# TYPE {_NAME}_{name} {kind}"


def _epoch(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())
