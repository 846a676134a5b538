"""A folder of logs as they come: sound, damaged, odd ones, and text."""

import gzip
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from conftest import Logs

_NIGHT = datetime(2025, 9, 9, 23, 50)


def deliver(folder: Path) -> Logs:
    """Write them; each file is of another content, but for a copy."""
    logs = Logs(folder)
    for number in range(4):
        rows = [(_NIGHT + timedelta(minutes=4 * n + number), f"{number % 3}.example", 200 + n) for n in range(6)]  # fmt: skip
        logs.requests(f"plain/{number}.parquet", *rows)
    (logs.folder / "plain" / "copy.parquet").write_bytes(
        (logs.folder / "plain" / "1.parquet").read_bytes()
    )
    _large(logs)
    _damaged(logs)
    _odd(logs)
    _text(logs)
    return logs


def _large(logs: Logs) -> None:
    """Large enough to be counted by its codes."""
    some = np.random.default_rng(1)
    moments = np.datetime64("2025-09-09T00:00:00", "us") + some.integers(0, 10**11, 150_000)
    columns = {
        "timestamp": pa.array(moments),
        "host": pa.array(some.choice(["a.example", "b.example", "c.example"], 150_000)),
        "status": pa.array(some.choice([200, 304, 404, 500], 150_000).astype(np.int32)),
    }
    logs.write("large/sound.parquet", columns, row_group_size=20_000)
    columns["status"] = pa.array(np.where(some.random(150_000) < 1e-3, 1000, 200).astype(np.int32))
    logs.write("large/some-rejected.parquet", columns, row_group_size=20_000)
    # Some rows are no requests of clients: counted by SQL, however large it is.
    passed_over = {
        "EdgeStartTimestamp": pa.array(moments.astype(np.int64) // 1_000_000),
        "ClientRequestHost": columns["host"],
        "EdgeResponseStatus": pa.array(some.choice([200, 503], 150_000)),
        "WorkerSubrequest": pa.array(some.random(150_000) < 0.1),
    }
    logs.write("large/some-passed-over.parquet", passed_over, row_group_size=20_000)


def _damaged(logs: Logs) -> None:
    sound = logs.requests("bad/cut.parquet", (_NIGHT, "d.example", 200)).read_bytes()
    (logs.folder / "bad" / "cut.parquet").write_bytes(sound[:-30])
    (logs.folder / "bad" / "empty.parquet").write_bytes(b"")
    (logs.folder / "bad" / "text.parquet").write_bytes(b"no parquet at all\n" * 9)
    large = (logs.folder / "large" / "sound.parquet").read_bytes()
    middle = len(large) // 2
    (logs.folder / "bad" / "pages.parquet").write_bytes(
        large[:middle] + bytes(4096) + large[middle + 4096 :]
    )
    logs.write("bad/no-columns.parquet", {"x": [1, 2]})


def _odd(logs: Logs) -> None:
    logs.requests("odd/none.parquet")
    logs.write(
        "odd/rejects.parquet",
        {
            "timestamp": [None, "yesterday", "2025-09-09T10:00:00Z", "2025-09-09T10:00:00+02:00"],
            "host": ["e.example", "e.example", "-", "E.Example:443"],
            "status": ["200", "200", "200", "1e2"],
        },
    )
    logs.write(
        "odd/host=evil.example/status=999/hive.parquet",
        {"timestamp": [_NIGHT], "host": ["f.example"], "status": [204]},
    )
    logs.write(
        "odd/no-utf8.parquet",
        {
            "timestamp": [_NIGHT, _NIGHT],
            "host": pa.array([b"g.example", b"\xff\xfe"], pa.binary()),
            "status": [200, 201],
        },
    )
    logs.write(
        "odd/name[1]*?.parquet", {"timestamp": [_NIGHT], "host": ["h.example"], "status": [200]}
    )


def _text(logs: Logs) -> None:
    folder = logs.folder / "text"
    folder.mkdir()
    line = b'{"timestamp": "2025-09-09T10:0%d:00Z", "host": "i.example", "status": 20%d}\n'
    lines = b"".join(line % (n, n) for n in range(8))
    (folder / "lines.ndjson").write_bytes(lines + b"{broken\n")
    (folder / "packed.ndjson.gz").write_bytes(gzip.compress(lines.replace(b"i.ex", b"j.ex")))
    (folder / "cut.ndjson.gz").write_bytes(gzip.compress(lines)[:-9])
    (folder / "table.csv").write_bytes(
        b"timestamp,host,status\n2025-09-09T10:00:00Z,k.example,200\n,k.example,200\n"
    )
