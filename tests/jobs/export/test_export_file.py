"""An export as one file: the rows of rollup_5m, or the documents, and never half of them."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import Command, Logs, Store

from jobs.export.documents import EVERYTHING, export
from jobs.export.one_file import _replaced, export_file

A, B, ODD = "a.example", "b.example", 'x",\\/%~:.example'


@pytest.fixture
def counted(logs: Logs, store: Store) -> Store:
    """A store with two days, ingested in another order than that of time."""
    logs.requests("b.parquet", ("2025-09-10T00:00:00Z", A, 0), ("2025-09-10T01:00:00Z", ODD, 503))
    store.run(logs.folder)
    logs.requests("a.parquet", ("2025-09-09T00:00:00Z", B, 99), ("2025-09-09T23:59:59Z", A, 404), ("2025-09-09T00:04:59Z", B, 99))  # fmt: skip
    store.run(logs.folder)
    return store


def rows(file: Path) -> list[tuple[Any, ...]]:
    """Service, bucket, status code and requests, as text."""
    if file.suffix == ".parquet":
        table = pq.read_table(file).to_pylist()
        return [(row["service_name"], f"{row['bucket_start']:%Y-%m-%dT%H:%M:%SZ}",
                 str(row["status_code"]), str(row["requests"])) for row in table]  # fmt: skip
    with file.open(newline="", encoding="utf-8") as lines:
        header, *found = csv.reader(lines)
    assert header == ["service_name", "bucket_start", "status_code", "requests"]
    return [tuple(row) for row in found]


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_the_rows_are_those_of_rollup_5m_in_order(
    format_: str, counted: Store, tmp_path: Path
) -> None:
    out = tmp_path / f"out.{format_}"
    export_file(counted.folder, out, format_, EVERYTHING)
    cells = [(*key, count) for key, count in counted.counts().items()]
    expected = sorted(cells, key=lambda cell: (cell[1], cell[0], cell[2]))
    assert rows(out) == [tuple(map(str, cell)) for cell in expected]
    assert len(expected) == 4


@pytest.mark.parametrize("format_", ["parquet", "csv"])
@pytest.mark.parametrize(
    "choice",
    [
        (["--day", "2025-09-09"], [(B, 9), (A, 9)]),
        (["--from", "2025-09-10"], [(A, 10), (ODD, 10)]),
        (["--to", "2025-09-09", "--service", "A.example:443"], [(A, 9)]),
        (["--day", "2025-09-11"], []),
    ],
)
def test_days_and_services_choose_rows(
    format_: str,
    choice: tuple[list[str], list[tuple[str, int]]],
    counted: Store,
    tmp_path: Path,
    httpcodes: Command,
) -> None:
    options, expected = choice
    out = tmp_path / f"out.{format_}"
    done = httpcodes("export", out, "--store", counted.folder, "--format", format_, *options)
    assert done.returncode == 0
    assert [(name, int(bucket[8:10])) for name, bucket, *_ in rows(out)] == expected


def test_the_lines_are_the_documents_by_day_and_service(counted: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_file(counted.folder, out, "ndjson", EVERYTHING)
    export(counted.folder, tmp_path / "days")
    days = json.loads((tmp_path / "days" / "index.json").read_bytes())["days"]
    files = [file["file"] for day in days.values() for file in day["services"].values()]
    documents = [(tmp_path / "days" / file).read_bytes() for file in files]
    assert out.read_bytes() == b"".join(document + b"\n" for document in documents)
    assert len(documents) == 4


@pytest.mark.parametrize("format_", ["ndjson", "parquet", "csv"])
def test_what_a_killed_export_left_is_written_over(
    format_: str, counted: Store, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_file(counted.folder, out, format_, EVERYTHING)
    before = out.read_bytes()
    (tmp_path / ".out.part").write_bytes(b"left" * 100_000)
    export_file(counted.folder, out, format_, EVERYTHING)
    assert out.read_bytes() == before
    assert not list(tmp_path.glob(".out*"))


def test_while_another_export_writes_the_same_file_it_is_refused(
    counted: Store, tmp_path: Path, httpcodes: Command
) -> None:
    out = tmp_path / "out"
    command = ["export", out, "--store", counted.folder, "--format", "csv"]
    with _replaced(out) as part:
        part.write_text("the other's")
        refused = httpcodes(*command)
        assert refused.returncode == 11
        assert refused.stderr.decode() == f"httpcodes: another export writes to {out}\n"
    assert out.read_text() == "the other's"
    assert httpcodes(*command).returncode == 0
    assert len(rows(out)) == 4
