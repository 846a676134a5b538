"""Text logs in buckets: as of local files, and a log and its Parquet count once there, too."""

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import s3
from clouds import Cloud
from conftest import Command, Logs, Store
from pyarrow import Codec

SITE = "www.example.com"
# A file that was written to a moment ago may be one that is written to.
OLD = 1_750_000_000
LINE = '10.0.0.{0} - - [09/Sep/2025:12:0{0}:00 +0000] "GET / HTTP/1.1" 20{0} 5 "-" "a \\"b\\" c"'
TEXTS = {
    "combined.log": "\n".join(map(LINE.format, range(7))) + "\n",
    "requests.ndjson": "".join(
        f'{{"timestamp":"2025-09-09T13:0{n}:00Z","host":"a.example","status":30{n}}}\n' for n in range(5)
    )
    + "broken\n",
    "iis.log": "#Fields: date time cs-host sc-status sc-substatus sc-win32-status\n"
    + "".join(f"2025-09-09 14:0{n}:00 b.example 40{n} 0 0\n" for n in range(4)),
    "table.csv": "timestamp,host,status\n" + "".join(f"2025-09-09T15:0{n}:00Z,c.example,50{n}\n" for n in range(4)),
}  # fmt: skip


@pytest.fixture
def logs(bucket: s3.Bucket) -> Logs:
    return Logs(bucket.folder)


FILES = [
    "combined.log", "combined.log.gz", "requests.ndjson.gz", "requests.ndjson.zst", "iis.log",
    "table.csv.zst",
]  # fmt: skip


def write(folder: Path) -> None:
    """Some plain, others compressed in either way; no two of the same rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        kind = name.removesuffix(".gz").removesuffix(".zst")
        if name.endswith(".gz"):
            data = gzip.compress(TEXTS[kind].replace("09", "08").encode())
        elif name.endswith(".zst"):
            data = Codec("zstd").compress(TEXTS[kind].encode(), asbytes=True)
        else:
            data = TEXTS[kind].encode()
        (folder / name).write_bytes(data)
        os.utime(folder / name, (OLD, OLD))


def test_text_in_a_bucket_counts_as_it_does_in_a_folder(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    write(tmp_path / "here")
    write(logs.folder / "eu" / "2025")
    here = Store(tmp_path / "other")
    of_files = here.run(tmp_path / "here", kind="auto", zone="UTC")
    of_objects = store.run("s3://logs", kind="auto", zone="UTC")
    # Lines of a server name no service: they are refused in both, and told theirs below.
    assert len(of_objects.outcome.quarantined) == len(of_files.outcome.quarantined) == 2
    assert of_objects.outcome.rejected == of_files.outcome.rejected == {"line unreadable": 2}
    assert store.counts() == here.counts() != {}
    combined = store.run("s3://logs/eu/2025/combined.log", kind="auto", service_name=SITE)
    assert combined.outcome.rows_counted == 7
    again = store.run("s3://logs", kind="auto", zone="UTC")
    assert again.outcome.files_unchanged >= 4


@pytest.mark.parametrize("first", ["texts", "tables"])
def test_a_log_and_its_parquet_count_once_in_a_bucket(
    first: str, logs: Logs, bucket: s3.Bucket, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    write(tmp_path / "texts")
    for file in (tmp_path / "texts").glob("combined*"):
        file.unlink()
    assert httpcodes("convert", tmp_path / "texts", tmp_path / "tables").returncode == 3
    second = ({"texts", "tables"} - {first}).pop()
    shutil.copytree(tmp_path / first, logs.folder / first)
    assert store.run("s3://logs", kind="auto").outcome.files_ingested == 4
    counts = store.counts()
    shutil.copytree(tmp_path / second, logs.folder / second)
    done = store.run("s3://logs", kind="auto").outcome
    assert (done.files_ingested, done.files_duplicate) == (0, 4)
    assert store.counts() == counts


def test_what_was_converted_from_a_bucket_is_known_there(
    logs: Logs, bucket: s3.Bucket, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    write(logs.folder / "texts")
    converted = httpcodes("convert", "s3://logs/texts/requests.ndjson.gz", tmp_path / "out", "--endpoint", bucket.endpoint)  # fmt: skip
    assert converted.returncode == 3
    (made,) = (tmp_path / "out").iterdir()
    assert store.run(made).outcome.files_ingested == 1
    assert store.run("s3://logs/texts/requests.ndjson.gz", kind="auto").outcome.files_duplicate == 1
    shutil.copy(made, logs.folder / "moved.log.parquet")
    assert store.run("s3://logs/moved.log.parquet").outcome.files_duplicate == 1


def test_text_in_other_clouds_counts_too(
    cloud: Cloud, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    write(tmp_path / "here")
    for file in (tmp_path / "here").iterdir():
        if not file.name.startswith("combined"):
            cloud.put(f"texts/{file.name}", file.read_bytes())
            file.touch()
        else:
            file.unlink()
    elsewhere = ("--endpoint", f"{cloud.scheme}={cloud.endpoint}")
    done: subprocess.CompletedProcess[bytes] = httpcodes(
        "run", cloud.url("texts"), *elsewhere, "--kind", "auto", "--store", store.folder
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert done.returncode == 3
    here = Store(tmp_path / "other")
    here.run(tmp_path / "here", kind="auto")
    assert store.counts() == here.counts() != {}
    assert store.rejected() == {"line unreadable": 2}
