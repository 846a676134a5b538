"""What an export of a day costs, beside DuckDB's own COPY of the same cells to JSON.

In one process, from one published snapshot. Prints medians, and the ratio to the plain COPY.

    python tests/benchmarks/export.py [--services 1000] [--repeat 5]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from jobs import nightly
from jobs.export.documents import EVERYTHING, export
from jobs.export.one_file import FORMATS, export_file
from jobs.logs.options import ReadingOptions, Source
from queries import snapshot

# Five to six codes in each bucket of each service, one to nine requests in each cell.
LOG = """COPY (
    SELECT TIMESTAMP '2025-09-09' + to_seconds(bucket * 300 + request) AS timestamp,
        'service-' || service || '.example.com' AS host, [200, 206, 304, 403, 404, 503][code] AS status
    FROM range({services}) AS s(service), range(288) AS b(bucket), range(1, 7) AS c(code), range(9) AS r(request)
    WHERE request <= (service + bucket * code) % 9 AND (code < 6 OR bucket % 2 = 0)
) TO '{file}'"""
CELLS = "SELECT service_name, bucket_start, status_code, requests FROM rollup_5m"
PLAIN = "plain COPY to JSON, one file"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=1_000)
    options.add_argument("--repeat", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, out = Path(folder, "store"), Path(folder, "out")
        log = Path(folder, "log.parquet")
        duckdb.execute(LOG.format(services=given.services, file=log))
        policy = nightly.Policy()
        nightly.run(store, [Source((str(log),), ReadingOptions())], lambda _: None, policy)
        export(store, out)
        with snapshot.reading(store) as connection:
            ((cells,),) = connection.execute(f"SELECT count(*) FROM ({CELLS})").fetchall()
            print(f"{cells:,} cells")
            report(ways(store, out, connection), given.repeat)


def ways(
    store: Path, out: Path, connection: duckdb.DuckDBPyConnection
) -> dict[str, Callable[[Path], object]]:
    def copy(options: str) -> Callable[[Path], object]:
        return lambda to: connection.execute(f"COPY ({CELLS}) TO '{to}' (FORMAT json{options})")

    def to_file(format_: str) -> Callable[[Path], object]:
        return lambda to: export_file(store, to, format_, EVERYTHING)

    return {
        "export, a new day": lambda to: export(store, to),
        "export, an unchanged day": lambda _: export(store, out),
        **{f"export --format {format_}": to_file(format_) for format_ in FORMATS},
        PLAIN: copy(""),
        "plain COPY to JSON, a file a service": copy(", PARTITION_BY (service_name)"),
    }


def report(compared: dict[str, Callable[[Path], object]], repeat: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in compared}
    for _ in range(repeat):
        for name, way in compared.items():
            with tempfile.TemporaryDirectory() as folder:
                began = time.monotonic()
                way(Path(folder, "to"))
                seconds[name].append(time.monotonic() - began)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, median in medians.items():
        print(f"{name:38} {median:8.3f} s  {median / medians[PLAIN]:6.2f} x")


if __name__ == "__main__":
    main()
