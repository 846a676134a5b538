"""A day of text logs: our whole run beside DuckDB's bare GROUP BY over the same text.

Whole process against whole process on the same cores, each writing its result to a file. Prints
medians of seconds and of CPU seconds, and the ratios to DuckDB; CPU seconds are what a busy
machine disturbs less.

    python tests/benchmarks/text.py [--lines 10000000] [--files 24] [--repeat 3]
    python tests/benchmarks/text.py --kinds ndjson,vhost_combined --compress gzip,none
"""

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

COLUMNS = """
    SELECT 's' || (i * 7919 % 1000) || '.example.com' AS host,
        TIMESTAMP '2025-09-09' + to_microseconds(i * 86400000000 // {lines}) AS moment,
        [200, 200, 200, 200, 206, 304, 301, 404, 403, 499, 500, 503][1 + i * 31 % 12] AS status,
        '/assets/' || (i * 104729 % 100000) || '.js' AS path, i * 17 % 60000 AS bytes,
        concat_ws('.', i % 223 + 1, i * 3 % 256, i * 5 % 256, i * 7 % 256) AS client,
        'Mozilla/5.0 (X11; Linux x86_64; rv:' || (i % 40 + 100) || '.0) Gecko/20100101 Firefox/115.0' AS agent
    FROM range({first}, {last}) AS rows(i)
"""
LINES = {
    "ndjson": """to_json({{'timestamp': strftime(moment, '%Y-%m-%dT%H:%M:%S.%fZ'), 'host': host, 'status': status,
        'method': 'GET', 'path': path, 'bytes_sent': bytes, 'client_ip': client, 'user_agent': agent}})""",
    "vhost_combined": """format('{{}}:443 {{}} - - [{{}}] "GET {{}} HTTP/1.1" {{}} {{}} "-" "{{}}"', host, client,
        strftime(moment, '%d/%b/%Y:%H:%M:%S +0000'), path, status, bytes, agent)""",
}
BARE = {
    "ndjson": """SELECT host, epoch_us(timestamp) // 300000000 AS bucket, status, count(*) AS requests
        FROM read_ndjson('{glob}', columns = {{timestamp: 'TIMESTAMP', host: 'VARCHAR', status: 'SMALLINT'}})
        GROUP BY ALL""",
    # As a hand would write it: a regular expression over lines.
    "vhost_combined": """SELECT f.host, epoch_us(strptime(f.at, '%d/%b/%Y:%H:%M:%S %z')) // 300000000 AS bucket,
            CAST(f.status AS SMALLINT) AS status, count(*) AS requests
        FROM (SELECT regexp_extract(line, '^(\\S+?)(?::\\d+)? \\S+ \\S+ \\S+ \\[([^]]*)\\] "(?:[^"\\\\]|\\\\.)*" (\\d+)',
            ['host', 'at', 'status']) AS f FROM read_csv('{glob}', columns = {{'line': 'VARCHAR'}}, header = false,
            delim = chr(1114111), quote = '', escape = '', auto_detect = false)) GROUP BY ALL""",
}


def write(folder: Path, kind: str, lines: int, files: int, compress: str) -> None:
    folder.mkdir(parents=True)
    for number in range(files):
        bounds = {"first": number * lines // files, "last": (number + 1) * lines // files}
        rows = COLUMNS.format(lines=lines, **bounds)
        line = LINES[kind].format()
        duckdb.execute(
            f"COPY (SELECT {line} FROM ({rows})) TO '{folder / f'{number:02}.log'}'"
            " (FORMAT csv, HEADER false, DELIM '\x01', QUOTE '', ESCAPE '')"
        )
    if compress == "gzip":
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(shrink, sorted(folder.iterdir())))


def shrink(file: Path) -> None:
    with file.open("rb") as text, gzip.open(f"{file}.gz", "wb", compresslevel=6) as out:
        shutil.copyfileobj(text, out, 1 << 20)
    file.unlink()


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds, and CPU seconds."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return after.elapsed - before.elapsed, cpu


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=10_000_000)
    options.add_argument("--files", type=int, default=24)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--kinds", default=",".join(LINES))
    options.add_argument("--compress", default="none,gzip")
    told = options.parse_args()
    for kind in told.kinds.split(","):
        for compress in told.compress.split(","):
            with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
                compare(Path(folder), kind, compress, told)


def compare(folder: Path, kind: str, compress: str, told: argparse.Namespace) -> None:
    write(folder / "logs", kind, told.lines, told.files, compress)
    bare = (
        "import duckdb\nduckdb.execute('SET enable_progress_bar = false')\n"
        f"duckdb.execute({f'COPY ({BARE[kind]}) TO {{out!r}} (FORMAT parquet)'.format(glob=f'{folder}/logs/*', out=f'{folder}/bare.parquet')!r})"
    )
    figures: dict[str, list[tuple[float, float]]] = {"httpcodes": [], "duckdb": []}
    for _ in range(told.repeat):
        figures["duckdb"].append(measured([sys.executable, "-c", bare]))
        shutil.rmtree(folder / "store", ignore_errors=True)
        run = ["run", str(folder / "logs"), "--kind", "auto", "--store", str(folder / "store")]
        figures["httpcodes"].append(measured([sys.executable, "-m", "jobs.cli", *run]))
    ours = duckdb.connect(str((folder / "store/httpcodes.duckdb").resolve()), read_only=True)
    same = ours.execute(
        "SELECT count(*), sum(a.requests) FROM rollup_5m AS a JOIN (SELECT host, make_timestamp(bucket * 300000000) AS began,"
        " status, requests FROM read_parquet(?)) AS b ON service_name = host AND bucket_start = began AND status_code = status"
        " AND a.requests = b.requests",
        [str(folder / "bare.parquet")],
    ).fetchone()
    assert same and same[1] == told.lines, same
    medians = {
        who: [statistics.median(each) for each in zip(*runs, strict=True)]
        for who, runs in figures.items()
    }
    (seconds, cpu), (bare_seconds, bare_cpu) = medians["httpcodes"], medians["duckdb"]
    print(
        f"{kind}, {compress}, {told.lines:,} lines: httpcodes {seconds:.1f} s ({cpu:.1f} s CPU), DuckDB "
        f"{bare_seconds:.1f} s ({bare_cpu:.1f} s CPU): {seconds / bare_seconds:.2f} times, CPU {cpu / bare_cpu:.2f} times"
    )


if __name__ == "__main__":
    main()
