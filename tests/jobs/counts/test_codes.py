"""Counting by dictionary codes gives what SQL gives, or leaves a file to SQL."""

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.counts import by_sql, codes, rollup
from jobs.counts.counted import define_words
from jobs.counts.groups import together
from jobs.counts.meanings import Meanings
from jobs.logs import parquet
from jobs.logs.options import ReadingOptions
from jobs.logs.reading import choose
from jobs.logs.storage import Storage
from queries import snapshot

NOON = 1_757_419_200_000_000
PLAUSIBLE = (631_152_000_000_000, NOON + 86_400_000_000)
UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("ATTACH ':memory:' AS work; USE work")
    snapshot.create(connection)
    rollup.define_buckets(connection)
    define_words(connection)
    return connection


@cache
def meanings(connection: duckdb.DuckDBPyConnection) -> Meanings:
    """What earlier files were asked for is known to those that follow."""
    return Meanings(connection)


def counted(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    options: ReadingOptions,
    part: codes.Part = codes.EVERYTHING,
) -> tuple[list[Any] | None, list[Any]]:
    """What the codes give, if they serve the file, and what SQL gives."""
    reading = choose(parquet.schema(connection, str(file)), options)
    scanned = by_sql.count(connection, reading, [str(file)], "file_index", Storage())
    assert scanned
    assert scanned.met() == scanned.promised
    groups = codes.count(meanings(connection), str(file), reading, PLAUSIBLE, part)
    if groups is None:
        return None, summed(scanned.rows)
    firsts, lasts = (pc.min(scanned.rows["first_moment"]), pc.max(scanned.rows["last_moment"]))
    assert (groups.first, groups.last) == (firsts.as_py(), lasts.as_py())
    return summed(groups.rows), summed(scanned.rows)


def summed(table: pa.Table) -> list[Any]:
    """Rows by all that is said of them; a file's parts may give a group each."""
    names = ("service", "bucket", "status_code", "status_missing", "rows")
    sums: dict[Any, int] = {}
    for *key, rows in zip(*(table[name].to_pylist() for name in names), strict=True):
        sums[tuple(key)] = sums.get(tuple(key), 0) + rows
    return sorted(((*key, rows) for key, rows in sums.items()), key=str)


def written(file: Path, columns: dict[str, Any], **how: Any) -> Path:
    """The rows so often that their dictionaries are small beside them."""
    pq.write_table(pa.concat_tables([pa.table(columns)] * 200), file, **how)
    return file


def logs(rows: int, seed: int = 1) -> dict[str, Any]:
    dice = np.random.default_rng(seed)
    return {
        "timestamp": pa.array(NOON - dice.integers(0, 7_200_000_000, rows), pa.timestamp("us")),
        "host": pa.array([f"s{n}.example" for n in dice.integers(0, 50, rows)]),
        "status": pa.array(dice.choice([200, 304, 404, 503], rows), pa.int16()),
    }


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kathmandu"])
def test_timestamps_of_any_unit_are_served(unit: str, zone: str | None, connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:  # fmt: skip
    columns = logs(300)
    columns["timestamp"] = columns["timestamp"].cast(pa.timestamp(unit, zone), safe=False)
    ours, sql = counted(connection, written(tmp_path / "a.parquet", columns), ReadingOptions())
    assert ours == sql


@pytest.mark.parametrize("nanosecond", [-1, 0, 1, 299_999_999_999, 300_000_000_000])
def test_nanoseconds_at_the_edge_of_a_bucket_are_cut(nanosecond: int, connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:  # fmt: skip
    moments = pa.array([NOON * 1_000 + nanosecond - 600_000_000_000], pa.timestamp("ns"))
    columns = {"timestamp": moments, "host": ["a.example"], "status": [200]}
    ours, sql = counted(connection, written(tmp_path / "a.parquet", columns), ReadingOptions())
    assert ours == sql


@pytest.mark.parametrize("unit", UNITS)
def test_epoch_numbers_are_served_in_the_unit_that_they_are_in(unit: str, connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:  # fmt: skip
    columns = logs(300)
    columns["timestamp"] = pa.array(columns["timestamp"].cast(pa.int64()).to_numpy() // UNITS[unit])
    ours, sql = counted(connection, written(tmp_path / "a.parquet", columns), ReadingOptions())
    assert ours == sql


@pytest.mark.parametrize(
    "status",
    [
        pa.array(["200", "404", None, "-", "", "abc", "000"]),
        pa.array(["200", "404", None, "-", "", "abc", "000"], pa.large_string()),
        pa.array(["200", "404", None, "-", "", "abc", "000"]).dictionary_encode(),
        pa.array([200, 0, 999, None, 404, 200, 200], pa.int64()),
        pa.array([200, 0, 255, None, 4, 200, 200], pa.uint8()),
    ],
)
def test_statuses_as_text_and_numbers_are_served(status: pa.Array, connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:  # fmt: skip
    columns = logs(7) | {"status": status}
    ours, sql = counted(connection, written(tmp_path / "a.parquet", columns), ReadingOptions())
    assert ours == sql


def test_a_date_and_a_time_as_text_are_served(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    columns = logs(500)
    moments = columns["timestamp"].cast(pa.timestamp("s"), safe=False).cast(pa.string())
    texts = moments.to_pylist()
    columns = {"date": [text[:10] for text in texts], "time": [text[11:19] for text in texts], "sc-status": columns["status"].cast(pa.string()), "x-host-header": columns["host"], "x-edge-location": ["FRA"] * 500}  # fmt: skip
    ours, sql = counted(connection, written(tmp_path / "a.parquet", columns), ReadingOptions())
    assert ours == sql


def test_a_short_last_row_group_does_not_leave_a_file_to_sql(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    # Its dictionary alone has more bytes than are asked of a row.
    file = written(tmp_path / "a.parquet", logs(101), row_group_size=20_150)
    ours, sql = counted(connection, file, ReadingOptions())
    assert pq.read_metadata(file).row_group(1).num_rows == 50
    assert ours is not None
    assert ours == sql


def test_a_service_of_every_row_needs_no_column(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    columns = logs(100)
    del columns["host"]
    ours, sql = counted(connection, written(tmp_path / "a.parquet", columns), ReadingOptions(service_name="a.example"))  # fmt: skip
    assert ours == sql


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("timestamp", pa.array([NOON, None], pa.timestamp("us"))),
        ("timestamp", pa.array([NOON, -1], pa.timestamp("us"))),
        ("timestamp", pa.array([NOON, 2**62], pa.timestamp("us"))),
        ("timestamp", pa.array([NOON, PLAUSIBLE[1]], pa.timestamp("us"))),
        ("timestamp", pa.array([20250909120000, 20250909130000])),
        ("timestamp", pa.array([NOON // 1_000_000, 0])),
        ("timestamp", pa.array([NOON / 1e6, NOON / 1e6])),
        ("timestamp", pa.array(["2025-09-09T12:00:00Z", "yesterday"])),
        ("status", pa.array([200, 1_000])),
        ("status", pa.array([200, -1])),
        ("status", pa.array([200.0, 404.5])),
        ("host", pa.array([b"a.example", b"\xff.example"]).view(pa.string())),
    ],
)
def test_what_is_unusual_is_left_to_sql(name: str, values: pa.Array, connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:  # fmt: skip
    columns = {"timestamp": pa.array([NOON] * 2, pa.timestamp("us")), "host": pa.array(["a.example"] * 2), "status": pa.array([200] * 2)}  # fmt: skip
    file = written(tmp_path / "a.parquet", columns | {name: values})
    reading = choose(parquet.schema(connection, str(file)), ReadingOptions())
    assert codes.count(meanings(connection), str(file), reading, PLAUSIBLE) is None


def test_a_key_of_a_map_is_left_to_sql(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    columns = logs(300)
    hosts = [[("host", host.as_py())] for host in columns.pop("host")]
    columns["attributes"] = pa.array(hosts, pa.map_(pa.string(), pa.string()))
    file = written(tmp_path / "a.parquet", columns)
    said = ReadingOptions.of(
        maps=["service=attributes.host", "timestamp=timestamp", "status=status"]
    )
    reading = choose(parquet.schema(connection, str(file)), said)
    assert codes.count(meanings(connection), str(file), reading, PLAUSIBLE) is None


def test_text_without_annotation_is_left_to_sql(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    columns = logs(300)
    columns["host"] = columns["host"].cast(pa.binary())
    ours, sql = counted(connection, written(tmp_path / "a.parquet", columns), ReadingOptions())
    assert ours is None
    assert len(sql) > 100


def test_far_years_in_int96_become_no_others(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    # 2^64 nanoseconds later than 2025.
    far = pa.array([NOON + 2**64 // 1000] * 2, pa.timestamp("us"))
    columns = {"timestamp": far, "host": ["a.example"] * 2, "status": [200] * 2}
    file = written(tmp_path / "a.parquet", columns)
    table = pq.read_table(file)
    with pq.ParquetWriter(file, table.schema, use_deprecated_int96_timestamps=True) as writer:
        writer.write_table(table)
    ours, _ = counted(connection, file, ReadingOptions())
    assert ours is None


def test_a_page_that_does_not_match_its_checksum_is_left_to_sql(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = written(tmp_path / "a.parquet", logs(300), write_page_checksum=True, compression="none", use_dictionary=False)  # fmt: skip
    reading = choose(parquet.schema(connection, str(file)), ReadingOptions())
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert codes.count(meanings(connection), str(file), reading, PLAUSIBLE) is None


def test_row_groups_are_decoded_a_few_at_a_time(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = written(tmp_path / "a.parquet", logs(500), row_group_size=3_000)
    ours, sql = counted(connection, file, ReadingOptions(), codes.Part(None, 10_000))
    assert ours == sql
    assert sum(rows for *_, rows in sql) == 100_000


def test_some_row_groups_of_a_file_are_counted_and_all_of_them_together(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = written(tmp_path / "a.parquet", logs(500), row_group_size=3_000)
    reading = choose(parquet.schema(connection, str(file)), ReadingOptions())
    portions = codes.portions(pq.read_metadata(file), 20_000)
    assert [len(some) for some in portions] == [6, 6, 6, 6, 6, 4]
    parts = [codes.count(meanings(connection), str(file), reading, PLAUSIBLE, codes.Part(p)) for p in portions]  # fmt: skip
    once = codes.count(meanings(connection), str(file), reading, PLAUSIBLE)
    assert once is not None
    whole = together([part for part in parts if part])
    assert (whole.first, whole.last) == (once.first, once.last)
    assert (whole.rows.num_rows, summed(whole.rows)) == (once.rows.num_rows, summed(once.rows))


MOMENTS = st.integers(PLAUSIBLE[0], PLAUSIBLE[1] - 1)
ROWS = st.lists(
    st.tuples(
        MOMENTS | st.integers(NOON - 10**9, NOON),
        st.sampled_from(["a.example", "A.example.", "b.example", "", "-", None]) | st.text(max_size=5),
        st.integers(0, 999) | st.none(),
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, group=st.integers(300, 12_000), most=st.sampled_from([2_000, 10**6]), dictionary=st.booleans(), version=st.sampled_from(["1.0", "2.0"]))  # fmt: skip
def test_any_rows_are_counted_as_sql_counts_them(rows: list[Any], group: int, most: int, dictionary: bool, version: str, connection: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> None:  # fmt: skip
    moments, hosts, statuses = zip(*rows, strict=True)
    columns = {"timestamp": pa.array(moments, pa.timestamp("us")), "host": pa.array(hosts, pa.string()), "status": pa.array(statuses, pa.int32())}  # fmt: skip
    file = tmp_path_factory.mktemp("any") / "a.parquet"
    written(
        file, columns, row_group_size=group, use_dictionary=dictionary, data_page_version=version
    )
    ours, sql = counted(connection, file, ReadingOptions(), codes.Part(None, most))
    if ours is not None:
        assert ours == sql


def test_an_entry_is_asked_for_once_and_every_file_has_its_own_order() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TEMP SEQUENCE asked")
        meanings = Meanings(connection)
        said = "concat(text, nextval('asked'))"
        for entries, answers in (
            (["a", None, "b"], ["a1", "2", "b3"]),
            (["b", "c", "a"], ["b3", "c4", "a1"]),
            ([None, "c"], ["2", "c4"]),
            ([], []),
        ):
            column = {"text": pa.array(entries, pa.string())}
            assert meanings.asked(said, column).to_pylist() == answers
        pairs = {"text": pa.array(["a"]), "more": pa.array(["b"])}
        assert meanings.asked("concat(text, more)", pairs).to_pylist() == ["ab"]
