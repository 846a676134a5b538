"""Columns that are one name, that hold nothing at all, and those under a key of a map."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Logs, Store

A = "a.example"
NOON = "2025-09-09T12:00:00Z"
MAPS = ["service=host", "timestamp=timestamp", "status=status"]


def write(logs: Logs, *columns: tuple[str, object]) -> Path:
    """A file whose columns may have one name."""
    names, values = zip(*columns, strict=True)
    arrays = [value if isinstance(value, pa.Array) else pa.array(value) for value in values]
    file = logs.folder / "a.parquet"
    pq.write_table(pa.Table.from_arrays(arrays, names=names), file)
    return file


def reason(store: Store, logs: Logs, maps: list[str] | None = None) -> str:
    (why,) = store.run(logs.folder, maps=maps or []).outcome.quarantined.values()
    assert store.counts() == {}
    return why


@pytest.mark.parametrize("maps", [[], MAPS])
@pytest.mark.parametrize("role", ["timestamp", "host", "status"])
@pytest.mark.parametrize("other", [str.title, str])
def test_columns_that_differ_in_case_only_or_not_at_all_are_refused_where_they_count(
    role: str, other: type[str], maps: list[str], logs: Logs, store: Store
) -> None:
    plain = {"timestamp": [NOON], "host": [A], "status": [200]}
    twin = {"timestamp": [NOON], "host": ["b.example"], "status": [502]}[role]
    write(logs, (other(role), twin), *plain.items())
    assert reason(store, logs, maps).startswith(
        f'the columns "{other(role)}" and "{role}" are one name to SQL; write the file again'
    )


def test_twins_inside_a_struct_and_twin_structs_are_refused(logs: Logs, store: Store) -> None:
    inner = pa.StructArray.from_arrays([pa.array([200]), pa.array([502])], ["Status", "status"])
    maps = ["service=host", "timestamp=timestamp", "status=r.status"]
    write(logs, ("timestamp", [NOON]), ("host", [A]), ("r", inner))
    assert '"r.Status" and "r.status" are one name' in reason(store, logs, maps)
    one, two = (pa.StructArray.from_arrays([pa.array([n])], ["status"]) for n in (200, 502))
    write(logs, ("timestamp", [NOON]), ("host", [A]), ("R", one), ("r", two))
    assert '"R" and "r" are one name' in reason(store, logs, maps)


def test_twins_of_a_column_that_decides_which_rows_are_requests_are_refused(
    logs: Logs, store: Store
) -> None:
    log = {"timestamp": [NOON], "host": [A], "response_status": [200], "cache_state": ["HIT"]}
    write(logs, ("Fastly_is_edge", ["true"]), ("fastly_is_edge", ["false"]), *log.items())
    assert '"Fastly_is_edge" and "fastly_is_edge" are one name' in reason(store, logs)


def test_twins_that_nothing_is_counted_by_don_t_matter_and_are_not_shown(
    logs: Logs, store: Store
) -> None:
    plain = (("timestamp", [NOON]), ("host", [A]), ("status", [200]))
    write(logs, ("Path", ["/1"]), ("path", ["/2"]), ("X", [1]), ("x", [2]), *plain)
    assert store.run(logs.folder).complete
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.sql("SELECT path FROM access_log") == [(None,)]


def test_a_column_is_read_by_its_own_name_where_sql_calls_it_otherwise(
    logs: Logs, store: Store
) -> None:
    # SQL calls the second x x_1, and what the file calls x_1 something else again.
    named = (("X", [1]), ("x", [502]), ("x_1", [200]))
    write(logs, ("timestamp", [NOON]), ("host", [A]), *named)
    maps = ["service=host", "timestamp=timestamp", "status=x_1"]
    assert store.run(logs.folder, maps=maps).complete
    assert store.counts() == {(A, NOON, 200): 1}


# Columns without a type.


def test_a_column_without_a_type_is_absent_values(logs: Logs, store: Store) -> None:
    url = (("time", [NOON]), ("elb_status_code", ["200"]), ("request_url", ["https://a.example/"]))
    write(logs, *url, ("domain_name", pa.nulls(1)))
    assert store.run(logs.folder).complete
    assert store.counts() == {(A, NOON, 200): 1}


@pytest.mark.parametrize(
    "rival", ["domain", "event_time", "upstream_status", "status_code", "time"]
)
def test_a_column_without_a_type_is_no_rival(rival: str, logs: Logs, store: Store) -> None:
    write(logs, (rival, pa.nulls(1)), ("timestamp", [NOON]), ("host", [A]), ("status", [200]))
    assert store.run(logs.folder).complete
    assert store.counts() == {(A, NOON, 200): 1}


@pytest.mark.parametrize(
    ("role", "why"), [("host", "service"), ("status", "status"), ("timestamp", "timestamp")]
)
def test_rows_of_a_column_without_a_type_are_rejected_as_missing(
    role: str, why: str, logs: Logs, store: Store
) -> None:
    plain = {"timestamp": [NOON], "host": [A], "status": [200]}
    write(logs, *(plain | {role: pa.nulls(1)}).items())
    assert store.run(logs.folder).outcome.quarantined == {}
    assert store.rejected() == {f"{why} missing": 1}
    assert store.sql("SELECT count(*) FROM access_log") == [(1,)]


def test_a_file_without_rows_or_types_is_counted_as_empty(logs: Logs, store: Store) -> None:
    write(logs, *((name, pa.nulls(0)) for name in ("timestamp", "host", "status")))
    summary = store.run(logs.folder)
    assert (summary.complete, summary.outcome.rows_read) == (True, 0)


# Keys of maps.


@pytest.mark.parametrize("service", ["Attributes.server.address", "r.m.server.address"])
def test_a_dotted_name_reaches_into_a_map(service: str, logs: Logs, store: Store) -> None:
    kind = pa.map_(pa.string(), pa.string())
    held = pa.array([[("server.address", A), ("code", "200")], [("code", "404")]], kind)
    inner = pa.StructArray.from_arrays([held], ["m"])
    write(logs, ("timestamp", [NOON] * 2), ("Attributes", held), ("r", inner))
    maps = [f"service={service}", "timestamp=timestamp", "status=Attributes.code"]
    assert store.run(logs.folder, maps=maps).outcome.quarantined == {}
    assert store.counts() == {(A, NOON, 200): 1}
    assert store.rejected() == {"service missing": 1}
    shown = "SELECT service_name, status_code FROM access_log ORDER BY status_code"
    assert store.sql(shown) == [(A, 200), (None, 404)]
