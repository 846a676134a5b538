"""Random rows in random files, against a Counter that shares no code with the job."""

import re
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from conftest import Logs, Store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

moments = st.datetimes(datetime(1990, 1, 1), datetime(2026, 1, 1)) | st.builds(
    lambda bucket, edge: datetime(2025, 9, 9) + timedelta(minutes=5 * bucket, microseconds=edge),
    st.integers(-3, 3),
    st.sampled_from([-1, 0, 1]),
)
hosts = st.sampled_from(
    ["a.example", "A.Example", "a.example:443", "a.example.", "b.example", "[::1]:80", "", "-", "a b"]
) | st.none()  # fmt: skip
statuses = st.integers(-5, 1005) | st.sampled_from([0, 200, 304, 404, 499, 503])
rows = st.tuples(moments | st.none(), hosts, statuses | st.none())
files = st.lists(st.lists(rows, max_size=30), min_size=1, max_size=5)
notations = st.lists(st.sampled_from(["us", "ns, UTC", "iso", "apache", "epoch"]), min_size=5, max_size=5)  # fmt: skip


def written(times: list[datetime | None], notation: str) -> pa.Array:
    """The same moments in one of the notations; apache and epoch know whole seconds only."""
    whole = [t and t.replace(tzinfo=UTC) for t in times]
    if notation == "us":
        return pa.array(times, pa.timestamp("us"))
    if notation == "ns, UTC":
        nanos = [t and (t - EPOCH) // timedelta(microseconds=1) * 1000 + 999 for t in whole]
        return pa.array(nanos, pa.timestamp("ns", "UTC"))
    if notation == "iso":
        zone = timedelta(hours=3, minutes=30)
        return pa.array([t and f"{(t + zone).replace(tzinfo=None).isoformat()}+03:30" for t in whole], pa.string())  # fmt: skip
    if notation == "apache":
        return pa.array([t and (t - timedelta(hours=7)).strftime("%d/%b/%Y:%H:%M:%S -0700") for t in whole], pa.string())  # fmt: skip
    return pa.array([t and (t - EPOCH) // timedelta(seconds=1) for t in whole], pa.int64())


def service(host: str) -> str:
    return re.sub(r"(?<=[a-z\]])(:[0-9]+)?\.?$", "", host.lower())


def tally(rows: list[Any]) -> tuple[Counter[tuple[str, str, int]], int]:
    counted: Counter[tuple[str, str, int]] = Counter()
    rejected = 0
    for time, host, status in rows:
        if (
            time is None
            or host in (None, "", "-", "a b")
            or status is None
            or not 0 <= status <= 999
        ):
            rejected += 1
        else:
            bucket = (time.replace(tzinfo=UTC) - EPOCH) // timedelta(minutes=5)
            start = EPOCH + bucket * timedelta(minutes=5)
            counted[service(host), start.strftime("%Y-%m-%dT%H:%M:%SZ"), status] += 1
    return counted, rejected


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=files, notations=notations, late=files)
def test_the_counts_are_those_of_a_counter(files: Any, notations: Any, late: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        logs, store = Logs(Path(folder, "logs")), Store(Path(folder, "store"))
        expected: Counter[tuple[str, str, int]] = Counter()
        rejected = 0
        for night, delivered in enumerate((files, late)):
            for number, rows in enumerate(delivered):
                times, names, codes = zip(*rows, strict=True) if rows else ((), (), ())
                logs.write(
                    f"{night}-{number}.parquet",
                    {
                        "timestamp": written(list(times), notations[number]),
                        "host": pa.array(names, pa.string()),
                        "status": pa.array(codes, pa.int32()),
                        # Makes every file's content its own: equal files would count once.
                        "path": pa.array([f"/{night}/{number}"] * len(rows), pa.string()),
                    },
                    row_group_size=7,
                )
                counted, refused = tally(rows)
                expected += counted
                rejected += refused
            # A reading that is asked for: a file of nothing but broken rows is one of rejects.
            store.run(logs.folder, maps=["service=host", "timestamp=timestamp", "status=status"])
        assert store.counts() == expected
        assert sum(store.rejected().values()) == rejected
