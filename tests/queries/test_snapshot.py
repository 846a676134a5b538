"""The contract with every reader: relations, columns in order, types, comments."""

from datetime import UTC, datetime, timedelta

import pytest
from conftest import Logs, Store

CONTRACT = {
    "rollup_5m": "service_name bucket_start status_code requests",
    "rollup_1h": "service_name bucket_start status_code requests",
    "rollup_1d": "service_name bucket_start status_code requests",
    "status_classes_5m": "service_name bucket_start requests ok_2xx redirect_3xx client_error_4xx "
    "server_error_5xx other error_ratio",
    "bucket_status": "bucket_start final delivery",
    "deliveries": "source hour_start files rows_counted rows_rejected first_ingested_at last_ingested_at "
    "expected_rows state reason",
    "sequences": "source server hour_start files rows first_number last_number expected lost repeated unnumbered",
    "shared_requests": "path other_path hour_start requests",
    "services": "service_name first_seen last_seen registered",
    "watermarks": "service_name data_from data_until final_until",
    "access_log": "requested_at service_name status_code method path bytes_sent duration_ms "
    "client_ip user_agent referer cache_status source_file",
    "source_files": "path size modified_at fingerprint format rows_read rows_counted rows_rejected "
    "first_request last_request ingested_at run_id state reason folded file_id rows_passed_over",
    "rejected_rows": "path reason rows",
    "passed_over_rows": "path reason rows",
    "contributions": "file_id service_name bucket_start status_code requests",
    "service_digests": "day service_name digest",
    "day_digests": "day digest services",
    "runs": "run_id started_at finished_at files_ingested files_unchanged files_replaced "
    "files_duplicate files_forgotten files_refused files_quarantined rows_read rows_counted rows_rejected rows_passed_over files_merged",
}
A = "a.example"
NOON = "2025-09-09T12:00:00Z"


@pytest.fixture
def small(logs: Logs, store: Store) -> Store:
    codes = (200, 206, 304, 404, 499, 503, 0, 999)
    logs.requests(
        "a.parquet",
        *((f"2025-09-09T12:0{n}:00Z", A, code) for n, code in enumerate(codes)),
        ("2025-09-09T23:59:59Z", A, 200),
        ("2025-09-10T00:00:00Z", A, 200),
    )
    store.run(logs.folder)
    return store


def test_an_empty_store_has_every_relation_and_column(store: Store, logs: Logs) -> None:
    store.run(logs.folder)
    columns = store.sql(
        "SELECT table_name, string_agg(column_name, ' ' ORDER BY ordinal_position)"
        " FROM information_schema.columns WHERE table_schema = 'main' GROUP BY table_name"
    )
    assert dict(columns) == CONTRACT
    for relation in CONTRACT:
        expected = 1 if relation == "runs" else 0
        assert store.sql(f"SELECT count(*) FROM {relation}") == [(expected,)]


def test_every_relation_and_column_says_what_it_means(small: Store) -> None:
    silent = small.sql(
        """SELECT view_name FROM duckdb_views()
        WHERE NOT internal AND schema_name = 'main' AND comment IS NULL
        UNION ALL SELECT table_name FROM duckdb_tables() WHERE comment IS NULL AND schema_name = 'main'
        UNION ALL SELECT table_name || '.' || column_name FROM duckdb_columns()
        WHERE NOT internal AND schema_name = 'main' AND comment IS NULL"""
    )
    assert silent == []


def test_the_rollup_has_the_promised_types(small: Store) -> None:
    for relation in ("rollup_5m", "rollup_1h", "rollup_1d"):
        types = [kind for _, kind, *_ in small.sql(f"DESCRIBE {relation}")]
        assert types == ["VARCHAR", "TIMESTAMP", "SMALLINT", "BIGINT"]


def test_hours_and_days_add_up(small: Store) -> None:
    assert small.sql(
        "SELECT bucket_start::VARCHAR, sum(requests)::INT FROM rollup_1h GROUP BY 1 ORDER BY 1"
    ) == [
        ("2025-09-09 12:00:00", 8),
        ("2025-09-09 23:00:00", 1),
        ("2025-09-10 00:00:00", 1),
    ]
    assert small.sql(
        "SELECT bucket_start::VARCHAR, sum(requests)::INT FROM rollup_1d GROUP BY 1 ORDER BY 1"
    ) == [
        ("2025-09-09 00:00:00", 9),
        ("2025-09-10 00:00:00", 1),
    ]


def test_status_classes_count_every_request_once(small: Store) -> None:
    rows = small.sql(
        "SELECT requests, ok_2xx, redirect_3xx, client_error_4xx, server_error_5xx, other,"
        " error_ratio FROM status_classes_5m ORDER BY bucket_start"
    )
    assert rows == [
        (5, 2, 1, 2, 0, 0, 0.0),
        (3, 0, 0, 0, 1, 2, 1 / 3),
        (1, 1, 0, 0, 0, 0, 0.0),
        (1, 1, 0, 0, 0, 0, 0.0),
    ]


def test_the_rows_of_a_log_are_shown_under_one_schema(logs: Logs, store: Store) -> None:
    logs.write(
        "cloudfront.parquet",
        {
            "date": ["2025-09-09", "-"],
            "time": ["12:00:00", "12:00:01"],
            "x-host-header": ["A.example:443", "a.example"],
            "sc-status": ["000", "abc"],
            "cs-method": ["GET", "-"],
            "cs-uri-stem": ["/x", "/y"],
            "sc-bytes": ["512", "-"],
            "time-taken": ["0.25", "x"],
            "c-ip": ["192.0.2.1", "192.0.2.2"],
            "cs(User-Agent)": ["curl", "-"],
            "x-edge-result-type": ["Miss", "Hit"],
        },
    )
    logs.write(
        "generic.parquet",
        {
            "ts": [1757419200.5],
            "host": ["b c.example"],
            "status": [204],
            "duration_ms": [1.5],
            "path": ["/z"],
        },
    )
    store.run(logs.folder)
    rows = store.sql(
        "SELECT * EXCLUDE (source_file) REPLACE (requested_at::VARCHAR AS requested_at) FROM access_log ORDER BY path"
    )
    assert rows == [
        ("2025-09-09 12:00:00", A, 0, "GET", "/x", 512, 250.0, "192.0.2.1", "curl", None, "Miss"),
        (None, A, None, None, "/y", None, None, "192.0.2.2", None, None, "Hit"),
        ("2025-09-09 12:00:00.5", None, 204, None, "/z", None, 1.5, None, None, None, None),
    ]
    sources = store.sql("SELECT DISTINCT source_file FROM access_log ORDER BY 1")
    assert sources == store.sql("SELECT path FROM source_files ORDER BY 1")


def test_watermarks_say_how_far_the_data_of_each_service_reaches(small: Store) -> None:
    rows = small.sql("SELECT service_name, data_from::VARCHAR, data_until::VARCHAR FROM watermarks")
    assert rows == [(A, "2025-09-09 12:00:00", "2025-09-10 00:05:00")]


def test_what_ends_before_a_watermark_is_final_and_nothing_else(store: Store, logs: Logs) -> None:
    edge = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=48)
    logs.requests("a.parquet", *((edge + timedelta(minutes=5 * n), A, 200) for n in range(-3, 4)))
    store.run(logs.folder)
    assert store.sql(
        "SELECT DISTINCT final, bucket_start + INTERVAL 5 MINUTE <= final_until"
        " FROM bucket_status, watermarks ORDER BY ALL"
    ) == [(False, False), (True, True)]
