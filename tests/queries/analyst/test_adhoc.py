"""The fence around analysts' SQL: what it lets through, and every escape that we could think of."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import duckdb
import pytest
from conftest import PROJECT, Logs, Store

from jobs.store.revision import Terms, revision
from queries.analyst.adhoc import Analyst, Refused, TimedOut, fenced

LOG = PROJECT / "sample_data" / "logs" / "generic" / "2025-09-09T12.parquet"
ESCAPES = [
    "COPY (SELECT 1) TO 'x.csv'",
    f"COPY (SELECT 1) TO '{LOG}'",
    f"WITH x AS (COPY (SELECT 1) TO '{LOG}') FROM x",
    "WITH x AS (INSERT INTO runs VALUES (1) RETURNING *) FROM x",
    "EXPORT DATABASE 'x'",
    "ATTACH 'x.duckdb'",
    "DETACH httpcodes",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA table_info('runs')",
    "CALL range(1)",
    "SET memory_limit = '100GB'",
    "SET VARIABLE x = 1",
    "RESET memory_limit",
    "USE memory",
    "CREATE TABLE memory.main.t (i INTEGER)",
    "CREATE TEMP MACRO f() AS TABLE FROM read_text('/etc/hostname')",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO 'x.csv') FROM x",
    "EXPLAIN COPY (SELECT 1) TO 'x.csv'",
    "EXPLAIN/**/SELECT 1",
    "EXPLAIN ANALYZE/**/COPY (SELECT 1) TO 'x.csv'",
    "EXPLAIN ANALYZE FROM read_text('/etc/hostname')",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "DROP VIEW access_log",
    "COMMENT ON VIEW access_log IS 'x'",
    "SELECT 1; COPY (SELECT 1) TO 'x.csv'",
    "/* SELECT */ COPY (SELECT 1) TO 'x.csv'",
    "FROM read_text('/etc/hostname')",
    "SELECT (SELECT content FROM read_text('/etc/hostname'))",
    "FROM read_blob('/etc/hostname')",
    "FROM read_csv('/etc/hostname')",
    f"FROM read_parquet('{LOG}')",
    f"FROM '{LOG}'",
    "FROM '/etc/hostname.csv'",
    "FROM 'https://example.com/x.parquet'",
    "FROM glob('/etc/*')",
    "FROM sniff_csv('/etc/hostname')",
    "FROM query('SELECT 1')",
    "FROM \"query\"/**/('SELECT 1')",
    "FROM query_table('runs')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "FROM duckdb_secrets()",
    "FROM enable_logging(storage = 'stdout')",
    "FROM enable_profiling()",
    "FROM checkpoint()",
    "SELECT getenv('HOME')",
    "FROM secret_of_python",
]


@pytest.fixture
def analyst(sample_store: Path) -> Iterator[Analyst]:
    with fenced(sample_store) as connection:
        yield connection


@pytest.mark.parametrize("sql", ESCAPES)
def test_no_sql_leaves_the_fence(
    sql: str, analyst: Analyst, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_of_python = duckdb.sql("SELECT 1")
    monkeypatch.chdir(tmp_path)
    before = LOG.stat()
    with pytest.raises((Refused, duckdb.Error)):
        list(analyst.ask(sql))
    assert secret_of_python and list(tmp_path.iterdir()) == []
    assert LOG.stat()[:9] == before[:9]


def test_only_table_functions_that_reach_nothing_are_let_through(analyst: Analyst) -> None:
    names = duckdb.sql(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table'"
    ).fetchall()
    passed = set()
    for (name,) in names:
        try:
            list(analyst.ask(f"FROM {name}()"))
        except Refused:
            continue
        except duckdb.Error:
            pass
        passed.add(name)
    assert not [n for n in passed if any(w in n for w in ("read", "scan", "log", "secret", "query", "resource"))]  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(requests) FROM rollup_5m",
        "FROM rollup_1h LIMIT 1",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x UNION ALL SELECT 2",
        "DESCRIBE access_log",
        "SHOW TABLES",
        "SUMMARIZE rollup_5m",
        "SELECT table_name FROM information_schema.tables",
        "SELECT * FROM range(3)",
        "EXPLAIN SELECT * FROM range(3)",
        "explain\nanalyze FROM runs",
    ],
)
def test_what_reads_is_let_through(sql: str, analyst: Analyst) -> None:
    ((columns, rows),) = analyst.ask(sql)
    assert columns and rows


def test_the_rows_of_logs_with_odd_names_are_shown(logs: Logs, store: Store) -> None:
    logs.requests("a[1]*'.parquet", ("2025-09-09T12:00:00Z", "a.example", 200))
    store.run(logs.folder)
    with fenced(store.folder) as connection:
        assert list(connection.ask("SELECT count(*) FROM access_log")) == [(["count_star()"], [(1,)])]  # fmt: skip


def test_values_are_bound_by_name(analyst: Analyst) -> None:
    sql = "SELECT count(*) > 0 AS some FROM rollup_5m WHERE bucket_start >= $since"
    assert list(analyst.ask(sql, {"since": "2025-09-09 12:00:00"})) == [(["some"], [(True,)])]


def test_sql_is_stopped_at_the_time_limit(analyst: Analyst) -> None:
    with pytest.raises(TimedOut, match=r"stopped after 0\.2 seconds"):
        list(analyst.ask("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b", seconds=0.2))  # fmt: skip
    assert list(analyst.ask("SELECT 1 AS one")) == [(["one"], [(1,)])]


def test_the_locks_hold_for_nobody_else(analyst: Analyst, sample_store: Path) -> None:
    assert list(analyst.ask("SELECT 1 AS one"))
    file = (sample_store / "httpcodes.duckdb").resolve()
    with duckdb.connect(file, read_only=True) as ours:
        assert ours.execute("SELECT count(*) FROM read_text('/etc/hostname')").fetchall() == [(1,)]


def test_an_open_connection_keeps_its_answers_and_a_new_one_sees_the_newest(
    logs: Logs, store: Store
) -> None:
    logs.requests("0.parquet", ("2025-09-09T12:00:00Z", "a.example", 200))
    store.run(logs.folder)
    asked = "SELECT sum(requests)::INT AS n FROM rollup_5m"
    with fenced(store.folder) as first:
        for n in range(1, 4):
            logs.requests(f"{n}.parquet", (f"2025-09-09T12:00:{n:02}Z", "a.example", 200))
            store.run(logs.folder)
            assert list(first.ask(asked)) == [(["n"], [(1,)])]
            with fenced(store.folder) as new:
                assert list(new.ask(asked)) == [(["n"], [(n + 1,)])]


def test_fences_open_while_snapshots_are_cleared_away(logs: Logs, store: Store) -> None:
    store.run(logs.folder)
    done = Event()

    def ask() -> int:
        opened = 0
        while not done.is_set():
            with fenced(store.folder, logs=False) as analyst:
                opened += len(list(analyst.ask("SELECT count(*) FROM rollup_5m")))
        return opened

    with ThreadPoolExecutor(4) as readers:
        asked = [readers.submit(ask) for _ in range(4)]
        try:
            for _ in range(25):
                with revision(store.folder, Terms(kept_snapshots=1)):
                    pass
        finally:
            done.set()
        assert min(reader.result() for reader in asked) > 0
