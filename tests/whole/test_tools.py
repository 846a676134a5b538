"""A snapshot, and what our command writes, in the tools that analysts have."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest
from conftest import Command

ASKED = "SELECT bucket_start, status_code, sum(requests)::BIGINT AS requests FROM rollup_1h GROUP BY ALL"  # fmt: skip
REQUESTS = 20_853


@pytest.fixture
def notebook(sample_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection as a notebook opens it, and keeps it."""
    file = (sample_store / "httpcodes.duckdb").resolve()
    with duckdb.connect(file, read_only=True) as connection:
        yield connection


def test_pandas_reads_a_snapshot(notebook: duckdb.DuckDBPyConnection) -> None:
    frame = notebook.sql(ASKED).df()
    assert frame["requests"].sum() == REQUESTS
    assert (str(frame["bucket_start"].dtype), str(frame["status_code"].dtype)) == ("datetime64[us]", "int16")  # fmt: skip
    by_class = frame.groupby(frame["status_code"] // 100)["requests"].sum()
    assert by_class.index.tolist() == [0, 2, 3, 4, 5]


def test_polars_reads_a_snapshot(notebook: duckdb.DuckDBPyConnection) -> None:
    frame = notebook.sql(ASKED).pl()
    assert frame["requests"].sum() == REQUESTS
    assert frame.schema == {"bucket_start": pl.Datetime("us"), "status_code": pl.Int16, "requests": pl.Int64}  # fmt: skip
    assert pl.read_database(ASKED, notebook)["requests"].sum() == REQUESTS


def test_cells_of_a_notebook_build_on_one_another(notebook: duckdb.DuckDBPyConnection) -> None:
    hours = notebook.sql(ASKED)
    worst = hours.filter("status_code >= 500").aggregate("bucket_start, sum(requests) AS errors")
    assert "bucket_start" in repr(worst.limit(1))
    frame = worst.df()
    assert len(frame) == 24
    assert notebook.sql("SELECT count(*) FROM frame").fetchall() == [(24,)]


def test_every_relation_is_a_data_frame(notebook: duckdb.DuckDBPyConnection) -> None:
    for (name,) in notebook.sql("SHOW TABLES").fetchall():
        assert notebook.table(name).df().shape == notebook.table(name).pl().shape, name


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson", "json"])
def test_what_the_command_writes_is_read_by_pandas_and_polars(
    suffix: str, sample_store: Path, httpcodes: Command, tmp_path: Path
) -> None:
    out = tmp_path / f"out.{suffix}"
    assert httpcodes("sql", ASKED, "--out", out, "--store", sample_store).returncode == 0
    with_pandas = {
        "parquet": pd.read_parquet,
        "csv": pd.read_csv,
        "ndjson": lambda file: pd.read_json(file, lines=True),
        "json": pd.read_json,
    }
    with_polars = {
        "parquet": pl.read_parquet,
        "csv": pl.read_csv,
        "ndjson": pl.read_ndjson,
        "json": pl.read_json,
    }
    assert with_pandas[suffix](out)["requests"].sum() == REQUESTS
    assert with_polars[suffix](out)["requests"].sum() == REQUESTS
