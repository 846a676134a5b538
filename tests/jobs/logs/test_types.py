"""The same requests in every type and layout that a writer of Parquet may choose."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from conftest import Counts, Logs, Store

from jobs.verify import verify

A, B = "a.example", "b.example"
NOON = datetime(2025, 9, 9, 12)
MOMENTS = [NOON, NOON + timedelta(minutes=4, seconds=59, microseconds=999_999), NOON + timedelta(minutes=5), NOON]  # fmt: skip
HOSTS = [A, A, A, B]
STATUSES = [200, 200, 404, 503]
REQUESTS: Counts = {
    (A, "2025-09-09T12:00:00Z", 200): 2,
    (A, "2025-09-09T12:05:00Z", 404): 1,
    (B, "2025-09-09T12:00:00Z", 503): 1,
}
MICROSECONDS = [(moment - datetime(1970, 1, 1)) // timedelta(microseconds=1) for moment in MOMENTS]

PLAIN = {
    "timestamp": pa.array([f"{moment.isoformat()}Z" for moment in MOMENTS]),
    "host": pa.array(HOSTS),
    "status": pa.array(STATUSES, pa.int32()),
}


def times(unit: str, zone: str | None = None) -> dict[str, pa.Array]:
    """The requests with timestamps of this unit."""
    aware = [moment.replace(tzinfo=UTC) if zone else moment for moment in MOMENTS]
    kind = pa.timestamp("us", zone)
    return {**PLAIN, "timestamp": pa.array(aware, kind).cast(pa.timestamp(unit, zone), safe=False)}


def statuses(values: list[Any], kind: pa.DataType) -> dict[str, pa.Array]:
    return {**PLAIN, "status": pa.array(values, kind)}


def epoch(values: list[Any], kind: pa.DataType) -> dict[str, pa.Array]:
    return {**PLAIN, "timestamp": pa.array(values, kind)}


def all_as(change: Callable[[pa.Array], pa.Array]) -> dict[str, pa.Array]:
    return {name: change(column.cast(pa.string())) for name, column in PLAIN.items()}


SECONDS = [n // 1_000_000 for n in MICROSECONDS]
TEXT = [str(status) for status in STATUSES]
TYPES: dict[str, Mapping[str, Any]] = {
    "plain": PLAIN,
    "another order": dict(reversed(PLAIN.items())),
    "other columns before and behind": {
        "session": pa.array(range(4)), **PLAIN, "tags": pa.array([["x"], [], None, ["y", "z"]]),
    },
    "optional columns": {
        **PLAIN,
        "method": ["GET"] * 4, "path": ["/"] * 4, "bytes_sent": pa.array([1, None, 3, 4], pa.uint32()),
        "duration_ms": pa.array([1, 2, 3, 4], pa.float32()), "client_ip": ["192.0.2.1"] * 4,
        "user_agent": [None] * 4, "referer": ["-"] * 4, "cache_status": ["HIT"] * 4,
    },
    "optional columns of odd types": {
        **PLAIN,
        "bytes_sent": ["1", "-", "x", None], "duration_ms": ["0.5", "-", "", "fast"],
        "path": pa.array([b"/a", b"/b", b"/c", b"/d"]), "method": pa.array([1, 2, 3, 4]),
    },
    "status as text": statuses(TEXT, pa.string()),
    "status as int16": statuses(STATUSES, pa.int16()),
    "status as int64": statuses(STATUSES, pa.int64()),
    "status as uint16": statuses(STATUSES, pa.uint16()),
    "status as uint64": statuses(STATUSES, pa.uint64()),
    "status as float": statuses(STATUSES, pa.float32()),
    "status as double": statuses(STATUSES, pa.float64()),
    "status as decimal(3,0)": statuses([Decimal(text) for text in TEXT], pa.decimal128(3, 0)),
    "status as decimal(12,2)": statuses([Decimal(text) for text in TEXT], pa.decimal128(12, 2)),
    "status as decimal(30,4)": statuses([Decimal(text) for text in TEXT], pa.decimal128(30, 4)),
    "dictionaries of text": all_as(lambda column: column.dictionary_encode()),
    "a dictionary of integers": {**PLAIN, "status": PLAIN["status"].dictionary_encode()},
    "large strings": all_as(lambda column: column.cast(pa.large_string())),
    "binary without annotation": all_as(lambda column: column.cast(pa.binary())),
    "large binary": all_as(lambda column: column.cast(pa.large_binary())),
    "timestamps in s": times("s"),
    "timestamps in ms": times("ms"),
    "timestamps in us": times("us"),
    "timestamps in ns": times("ns"),
    "timestamps in ms, UTC": times("ms", "UTC"),
    "timestamps in us, Tokyo": times("us", "Asia/Tokyo"),
    "timestamps in ns, New York": times("ns", "America/New_York"),
    "seconds as integers": epoch(SECONDS, pa.int64()),
    "seconds as 32 bits": epoch(SECONDS, pa.int32()),
    "milliseconds as integers": epoch([n // 1_000 for n in MICROSECONDS], pa.int64()),
    "microseconds as integers": epoch(MICROSECONDS, pa.int64()),
    "nanoseconds as integers": epoch([n * 1_000 for n in MICROSECONDS], pa.uint64()),
    "seconds as doubles": epoch([n / 1_000_000 for n in MICROSECONDS], pa.float64()),
    "seconds as decimals": epoch([Decimal(n).scaleb(-6) for n in MICROSECONDS], pa.decimal128(20, 6)),
    "seconds as text": epoch([f"{n // 1_000_000}.{n % 1_000_000:06}" for n in MICROSECONDS], pa.string()),
    "nested, as Caddy": {
        "ts": pa.array([n / 1_000_000 for n in MICROSECONDS]), "status": PLAIN["status"],
        "request": pa.array([{"host": host, "uri": "/", "tls": {"version": 1}} for host in HOSTS]),
    },
    "nested, as OpenTelemetry": {
        "span_id": pa.array(["x"] * 4), "startTimeUnixNano": pa.array([n * 1_000 for n in MICROSECONDS]),
        "attributes": pa.array([
            {"server.address": host, "http.response.status_code": status}
            for host, status in zip(HOSTS, STATUSES, strict=True)
        ]),
    },
    "nested deeper, as Google": {
        "timestamp": PLAIN["timestamp"],
        "httpRequest": pa.array([
            {"requestUrl": f"https://{host}/", "status": status}
            for host, status in zip(HOSTS, STATUSES, strict=True)
        ]),
    },
}  # fmt: skip
"""Columns, by how they are typed."""

LAYOUTS: dict[str, dict[str, Any]] = {
    "INT96": {"use_deprecated_int96_timestamps": True},
    "many row groups": {"row_group_size": 1},
    "one page a row": {"data_page_size": 1, "write_batch_size": 1},
    "pages of version 2": {"data_page_version": "2.0"},
    "Parquet 1.0": {"version": "1.0"},
    "no dictionaries": {"use_dictionary": False, "compression": "none"},
    "deltas": {
        "use_dictionary": False,
        "column_encoding": {"timestamp": "DELTA_BINARY_PACKED", "host": "DELTA_BYTE_ARRAY", "status": "DELTA_BINARY_PACKED"},
    },
    "checksums": {"write_page_checksum": True},
    "no statistics": {"write_statistics": False},
    **{codec: {"compression": codec} for codec in ("gzip", "zstd", "brotli", "lz4")},
}  # fmt: skip
"""Options of the writer; the columns are timestamps, text and integers."""


def all_in_force(store: Store) -> bool:
    """Whether every file was counted, and a recount agrees."""
    proved = verify(store.folder, deep=True).findings == []
    return proved and set(store.states().values()) == {"ingested"}


def test_no_type_and_no_layout_changes_a_count(logs: Logs, store: Store) -> None:
    for name, columns in TYPES.items():
        logs.write(f"{name}.parquet", columns)
    for name, options in LAYOUTS.items():
        logs.write(f"{name}.parquet", times("ns"), **options)
    names = {f"{name}.parquet" for name in (*TYPES, *LAYOUTS)}
    assert store.run(logs.folder).complete
    assert store.of_each() == dict.fromkeys(names, REQUESTS)
    assert store.counts() == {cell: n * len(names) for cell, n in REQUESTS.items()}
    assert store.rejected() == {}
    shown = store.sql("SELECT source_file, service_name, count(*), count(requested_at) FROM access_log GROUP BY ALL")  # fmt: skip
    assert {(Path(file).name, *rest) for file, *rest in shown} == {
        (name, service, rows, rows) for name in names for service, rows in ((A, 3), (B, 1))
    }
    assert all_in_force(store)


def test_a_layout_is_what_it_says(logs: Logs) -> None:
    logs.write("a.parquet", times("ns"), **LAYOUTS["INT96"])
    file = logs.write("b.parquet", times("ns"), **LAYOUTS["many row groups"])
    int96 = pq.read_metadata(logs.folder / "a.parquet").schema.column(0)
    assert (int96.name, int96.physical_type) == ("timestamp", "INT96")
    assert pq.read_metadata(file).num_row_groups == 4
    binary = logs.write("c.parquet", TYPES["binary without annotation"])
    assert {str(pq.read_metadata(binary).schema.column(n).logical_type) for n in range(3)} == {"None"}  # fmt: skip


def test_a_folder_that_changes_its_types_is_counted_run_by_run(logs: Logs, store: Store) -> None:
    chosen = ["status as text", "status as int16", "dictionaries of text", "timestamps in ns"]
    for number, name in enumerate(chosen, 1):
        logs.write(f"{number}.parquet", TYPES[name])
        assert store.run(logs.folder).complete
        assert store.counts() == {cell: n * number for cell, n in REQUESTS.items()}
    assert store.sql("SELECT count(*) FROM access_log") == [(4 * len(chosen),)]


def test_a_file_replaced_by_one_of_other_types_counts_as_before(logs: Logs, store: Store) -> None:
    logs.write("a.parquet", PLAIN)
    store.run(logs.folder)
    logs.write("a.parquet", TYPES["nested, as Caddy"])
    assert store.run(logs.folder).outcome.files_replaced == 1
    assert store.counts() == REQUESTS
    assert verify(store.folder, deep=True).findings == []


def test_files_without_rows_or_row_groups_are_counted_as_empty(logs: Logs, store: Store) -> None:
    for name in ("plain", "status as text", "timestamps in ns", "nested, as Caddy"):
        table = pa.table(dict(TYPES[name]))
        pq.write_table(table.slice(0, 0), logs.folder / f"{name}.parquet")
        with pq.ParquetWriter(logs.folder / f"{name}, no group.parquet", table.schema):
            pass
        assert pq.read_metadata(logs.folder / f"{name}, no group.parquet").num_row_groups == 0
    logs.write("a.parquet", PLAIN)
    summary = store.run(logs.folder)
    assert summary.complete
    assert store.counts() == REQUESTS
    assert set(store.states().values()) <= {"ingested", "duplicate"}
    assert store.states()["a.parquet"] == "ingested"
    assert store.sql("SELECT count(*) FROM access_log") == [(4,)]
    assert verify(store.folder, deep=True).findings == []
    again = store.run(logs.folder)
    assert again.outcome.files_unchanged == len(store.states())


def test_row_groups_that_are_empty_between_others_change_no_count(logs: Logs, store: Store) -> None:
    table = pa.table(PLAIN)
    with pq.ParquetWriter(logs.folder / "a.parquet", table.schema) as writer:
        for start, rows in ((0, 0), (0, 1), (1, 0), (1, 2), (3, 1), (4, 0)):
            writer.write_table(table.slice(start, rows))
    assert store.run(logs.folder).complete
    assert store.counts() == REQUESTS


def test_hundreds_of_tiny_files_are_counted_exactly(logs: Logs, store: Store) -> None:
    expected: Counter[tuple[str, str, int]] = Counter()
    for number in range(300):
        moment = NOON + timedelta(seconds=7 * number)
        host, status = HOSTS[number % 4], 100 + number % 17
        logs.requests(f"{number % 20}/{number}.parquet", (moment, host, status))
        bucket = moment - timedelta(minutes=moment.minute % 5, seconds=moment.second)
        expected[host, f"{bucket.isoformat()}Z", status] += 1
    summary = store.run(logs.folder)
    assert (summary.complete, summary.outcome.files_ingested) == (True, 300)
    assert store.counts() == expected
    assert store.sql("SELECT count(*) FROM access_log") == [(300,)]
    assert all_in_force(store)


def test_thousands_of_row_groups_in_a_file_are_counted_exactly(logs: Logs, store: Store) -> None:
    many = 2_000
    columns = {
        "timestamp": pa.array([NOON + timedelta(seconds=n) for n in range(many)]),
        "host": pa.array([A] * many),
        "status": pa.array([200 + n % 3 for n in range(many)]),
    }
    file = logs.write("a.parquet", columns, row_group_size=1)
    assert pq.read_metadata(file).num_row_groups == many
    assert store.run(logs.folder).complete
    counts = store.counts()
    assert sum(counts.values()) == many
    assert counts[A, "2025-09-09T12:30:00Z", 200] == sum(n % 3 == 0 for n in range(1800, 2000))


def test_a_status_that_is_no_whole_number_is_rejected_in_any_type(logs: Logs, store: Store) -> None:
    odd: dict[str, pa.Array] = {
        "double": pa.array([200.5, 1000.0, -1.0, None], pa.float64()),
        "decimal": pa.array([Decimal(n) for n in ("200.50", "1000", "-1")] + [None], pa.decimal128(12, 2)),
        "integer": pa.array([1000, 99999, -1, None], pa.int64()),
        "text": pa.array(["200.0", "1000", "-1", "-"], pa.string()),
        "binary": pa.array([b"2xx", b"1000", b"-1", b""], pa.binary()),
    }  # fmt: skip
    for name, column in odd.items():
        logs.write(f"{name}.parquet", {**PLAIN, "status": column})
    store.run(logs.folder)
    assert store.counts() == {}
    assert store.rejected() == {
        "status unreadable": 3 * len(odd), "status missing": len(odd),
    }  # fmt: skip
