"""Logs in a bucket of a real S3 server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import s3
from conftest import PROJECT, Command, Logs, Store

from jobs.forget import forget
from jobs.verify import verify

A, B = "a.example", "b.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z"
OLD = 1_000_000_000
"""A modification time that lies back, so that listings alone tell whether an object was touched."""


@pytest.fixture
def logs(bucket: s3.Bucket) -> Logs:
    return Logs(bucket.folder)


def put(logs: Logs, key: str, *rows: tuple[str, str, int], at: int = OLD) -> Path:
    file = logs.requests(key, *rows)
    os.utime(file, (at, at))
    return file


def why(done: "subprocess.CompletedProcess[bytes]") -> dict[str, str]:
    """What was quarantined, by its path."""
    return {told["path"]: told["reason"] for told in json.loads(done.stdout)["quarantined"]}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("s3://logs", {200, 201, 202, 203}),
        ("s3://logs/", {200, 201, 202, 203}),
        ("s3://logs/eu", {200, 201}),
        ("s3://logs/eu/2025/a.parquet", {200}),
        ("s3://logs/plain.log", {204}),
        ("s3://logs/*.parquet", {202}),
        ("s3://logs/*", {200, 201, 202, 203, 204}),
        ("s3://logs/**/*.parquet", {200, 201, 202, 203}),
        ("s3://logs/??/**/[ab].parquet", {200, 201}),
        ("s3://logs/odd*/**", {203}),
        ("s3://logs/nothing/*.parquet", set()),
    ],
)
def test_a_source_is_an_object_all_below_a_name_or_a_glob(
    source: str, found: set[int], logs: Logs, store: Store
) -> None:
    put(logs, "eu/2025/a.parquet", (NOON, A, 200))
    put(logs, "eu/2025/08/b.parquet", (NOON, A, 201))
    put(logs, "plain.parquet", (NOON, A, 202))
    put(logs, "odd/a b+%41é[1]*?.parquet", (NOON, A, 203))
    put(logs, "plain.log", (NOON, A, 204))
    put(logs, "_hidden/a.parquet", (NOON, A, 500))
    put(logs, "eu/.a.parquet", (NOON, A, 501))
    put(logs, "eu/a.parquet.tmp", (NOON, A, 502))
    assert store.run(source).complete is bool(found)
    assert {status for _, _, status in store.counts()} == found


def test_objects_and_files_are_counted_together_and_proved(
    logs: Logs, store: Store, tmp_path: Path, bucket: s3.Bucket
) -> None:
    put(logs, "a.parquet", (NOON, A, 200), (NOON, B, 404))
    here = Logs(tmp_path / "here").requests("b.parquet", (LATER, A, 200))
    assert store.run(bucket.url(), here).complete
    assert store.counts() == {(A, NOON, 200): 1, (B, NOON, 404): 1, (A, LATER, 200): 1}
    assert store.sql("SELECT path FROM source_files ORDER BY path") == [
        (str(here),), ("s3://logs/a.parquet",),
    ]  # fmt: skip
    # Only who has the credentials could open an object.
    assert store.sql("SELECT DISTINCT source_file FROM access_log") == [(str(here),)]
    assert verify(store.folder, deep=True).findings == []


def test_a_known_object_costs_no_request_of_its_own(
    logs: Logs, store: Store, bucket: s3.Bucket
) -> None:
    for number in range(3):
        put(logs, f"{number}.parquet", (NOON, A, 200 + number))
    store.run(bucket.url())
    bucket.asked()
    put(logs, "new.parquet", (NOON, B, 200))
    summary = store.run(bucket.url())
    assert (summary.outcome.files_ingested, summary.outcome.files_unchanged) == (1, 3)
    assert {key for _, key in bucket.asked()} == {"", "new.parquet"}


def test_a_listing_of_many_pages_is_read_to_its_end(
    logs: Logs, store: Store, bucket: s3.Bucket
) -> None:
    first = put(logs, "0000.parquet", (NOON, A, 200))
    for number in range(1, 1_100):
        (logs.folder / f"{number:04}.parquet").write_bytes(first.read_bytes())
    summary = store.run(bucket.url())
    assert (summary.outcome.files_ingested, summary.outcome.files_duplicate) == (1, 1_099)


def test_an_object_that_was_overwritten_replaces_its_counts(
    logs: Logs, store: Store, bucket: s3.Bucket
) -> None:
    put(logs, "a.parquet", (NOON, A, 200))
    store.run(bucket.url())
    put(logs, "a.parquet", (NOON, A, 404), at=OLD + 1)
    assert store.run(bucket.url()).outcome.files_replaced == 1
    assert store.counts() == {(A, NOON, 404): 1}
    put(logs, "a.parquet", (NOON, A, 404), at=OLD + 2)
    assert store.run(bucket.url()).outcome.files_unchanged == 1
    assert store.counts() == {(A, NOON, 404): 1}


def test_the_same_content_under_another_key_counts_once(
    logs: Logs, store: Store, bucket: s3.Bucket
) -> None:
    put(logs, "a.parquet", (NOON, A, 200))
    store.run(bucket.url())
    put(logs, "copy.parquet", (NOON, A, 200))
    assert store.run(bucket.url()).outcome.files_duplicate == 1
    (logs.folder / "a.parquet").unlink()
    store.run(bucket.url())
    assert store.counts() == {(A, NOON, 200): 1}
    forget(store.folder, [bucket.url("a.parquet")])
    assert store.counts() == {}


def test_an_object_that_vanishes_or_is_forbidden_leaves_the_others_to_be_counted(
    logs: Logs, store: Store, bucket: s3.Bucket, httpcodes: Command
) -> None:
    put(logs, "a.parquet", (NOON, A, 200))
    gone = put(logs, "gone.parquet", (NOON, A, 404))
    put(logs, "secret.parquet", (NOON, A, 500))

    def trouble(method: str, key: str) -> int | None:
        if key == "gone.parquet":
            gone.unlink(missing_ok=True)
        return 403 if key == "secret.parquet" else None

    bucket.trouble = trouble
    done = httpcodes("run", bucket.url(), "--json", "--store", store.folder)
    assert done.returncode == 3
    assert why(done) == {
        "s3://logs/gone.parquet": "cannot be read: it is gone",
        "s3://logs/secret.parquet": "cannot be read: access is denied",
    }
    assert store.counts() == {(A, NOON, 200): 1}
    bucket.trouble = lambda method, key: None
    assert store.run(bucket.url()).complete
    assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 500): 1}


@pytest.mark.parametrize("answered", range(1, 11))
def test_access_that_ends_at_any_request_leaves_the_object_to_the_next_run(
    answered: int, logs: Logs, store: Store, bucket: s3.Bucket, httpcodes: Command
) -> None:
    put(logs, "a.parquet", (NOON, A, 200))
    requests: list[str] = []

    def forbidden(_: str, key: str) -> int | None:
        requests.extend([key] if key else [])
        return 403 if len(requests) > answered else None

    bucket.trouble = forbidden
    done = httpcodes("run", "s3://logs", "--store", store.folder, "--json")
    assert b"Traceback" not in done.stderr
    counted = {(A, NOON, 200): 1}
    # Ten requests are all that it takes.
    if answered < 10:
        assert done.returncode == 3, done.stderr
        assert why(done) == {"s3://logs/a.parquet": "cannot be read: access is denied"}
    assert store.counts() == (counted if answered == 10 else {})
    bucket.trouble = lambda method, key: None
    store.run("s3://logs")
    assert store.counts() == counted


@pytest.mark.parametrize("when", [2, 3, 4])
def test_an_object_that_is_overwritten_while_it_is_read_adds_nothing(
    when: int, logs: Logs, store: Store, bucket: s3.Bucket
) -> None:
    put(logs, "a.parquet", (NOON, A, 200))
    put(logs, "b.parquet", (NOON, B, 200))
    asked = []

    def trouble(method: str, key: str) -> int | None:
        if key == "a.parquet":
            asked.append(method)
            if len(asked) == when:
                put(logs, "a.parquet", (NOON, A, 404), at=OLD + 1)
        return None

    bucket.trouble = trouble
    summary = store.run(bucket.url())
    assert summary.outcome.quarantined.keys() == {"s3://logs/a.parquet"}
    assert store.counts() == {(B, NOON, 200): 1}
    assert store.run(bucket.url()).complete
    assert store.counts() == {(A, NOON, 404): 1, (B, NOON, 200): 1}


def test_what_a_store_fails_to_answer_once_is_asked_again(
    logs: Logs, store: Store, bucket: s3.Bucket
) -> None:
    put(logs, "a.parquet", (NOON, A, 200))
    failed: set[tuple[str, str]] = set()

    def trouble(method: str, key: str) -> int | None:
        if (method, key) in failed:
            return None
        failed.add((method, key))
        return 503

    bucket.trouble = trouble
    assert store.run(bucket.url()).complete
    assert store.counts() == {(A, NOON, 200): 1}


def test_a_store_that_stops_answering_is_not_asked_for_ever(
    logs: Logs, store: Store, bucket: s3.Bucket
) -> None:
    for number in range(100):
        put(logs, f"{number}.parquet", (NOON, A, 100 + number))
    bucket.trouble = lambda method, key: 503 if key else None
    summary = store.run(bucket.url())
    assert len(summary.outcome.quarantined) == 100
    assert set(summary.outcome.quarantined.values()) == {
        "cannot be read: the store can't be reached or does not answer"
    }
    assert len(bucket.asked()) < 100
    bucket.trouble = lambda method, key: None
    assert store.run(bucket.url()).complete
    assert len(store.counts()) == 100


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "can't be listed: access is denied"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            "can't be listed: the store can't be reached or does not answer",
        ),
    ],
)
def test_a_bucket_that_can_not_be_listed_leaves_other_sources_to_be_counted(
    environment: dict[str, str], reason: str, store: Store, bucket: s3.Bucket, httpcodes: Command
) -> None:  # fmt: skip
    here = Logs(store.folder.with_name("here")).requests("b.parquet", (NOON, A, 200))
    done = httpcodes("run", bucket.url(), here, "--json", "--store", store.folder, env=environment)
    assert (done.returncode, why(done)) == (3, {"s3://logs": reason})
    assert store.counts() == {(A, NOON, 200): 1}


@pytest.mark.parametrize("source", ["s3://logs/nowhere", "s3://nobody"])
def test_a_name_with_nothing_below_it_is_refused(
    source: str, bucket: s3.Bucket, httpcodes: Command
) -> None:
    done = httpcodes("run", source)
    sentence = f"httpcodes: {source} does not exist; nothing is there or below it\n"
    assert (done.returncode, done.stderr.decode()) == (2, sentence)


def test_an_endpoint_is_an_option_before_the_configuration_before_the_environment(
    logs: Logs, bucket: s3.Bucket, httpcodes: Command, tmp_path: Path
) -> None:
    put(logs, "a.parquet", (NOON, A, 200))
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    config = tmp_path / "elsewhere" / "httpcodes.toml"
    config.write_text(f'endpoint = "{bucket.endpoint}"\n[[sources]]\npath = "s3://logs"\n')
    assert httpcodes("run", env=nowhere).returncode == 0
    assert httpcodes("inspect", "s3://logs/a.parquet", env=nowhere).returncode == 0
    config.write_text('endpoint = "http://127.0.0.1:1"\n')
    assert httpcodes("run", "s3://logs").returncode == 3
    assert httpcodes("run", "s3://logs", "--endpoint", bucket.endpoint).returncode == 0


def test_only_the_columns_that_count_travel(logs: Logs, store: Store, bucket: s3.Bucket) -> None:
    rows = 20_000
    file = logs.write(
        "wide.parquet",
        {
            "timestamp": pa.array([OLD] * rows, pa.int64()),
            "host": [A] * rows,
            "status": pa.array([200] * rows, pa.int32()),
            "noise": np.random.default_rng(1).bytes(rows * 200).hex(" ", 200).split(),
        },
    )
    assert store.run(bucket.url()).complete
    assert bucket.bytes_sent < file.stat().st_size / 10


def test_damage_rejects_and_rebuilds_are_as_of_files(
    logs: Logs, store: Store, bucket: s3.Bucket, httpcodes: Command
) -> None:
    put(logs, "a.parquet", (NOON, A, 200), (NOON, A, 1000))
    (logs.folder / "torn.parquet").write_bytes(b"PAR1 and no more")
    done = httpcodes("run", bucket.url(), "--json", "--store", store.folder)
    (reason,) = why(done).values()
    assert (done.returncode, reason.split(":")[0]) == (3, "cannot be read as Parquet")
    shown = httpcodes("rejects", "--store", store.folder)
    assert json.loads(shown.stdout)["row"]["status"] == 1000
    days = ("--from", "2025-09-09", "--to", "2025-09-09")
    put(logs, "a.parquet", (NOON, A, 404))
    assert httpcodes("rebuild", *days, "--store", store.folder).returncode == 0
    assert store.counts() == {(A, NOON, 404): 1}
    (logs.folder / "a.parquet").unlink()
    assert httpcodes("rebuild", *days, "--store", store.folder).returncode == 3
    assert store.counts() == {(A, NOON, 404): 1}


def test_a_missing_extra_is_named(logs: Logs, bucket: s3.Bucket, tmp_path: Path) -> None:
    put(logs, "a.parquet", (NOON, A, 200))
    without = "import sys; sys.modules['fsspec'] = None; from jobs.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", without, "run", bucket.url()],
        capture_output=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": PROJECT},
    )  # fmt: skip
    assert (done.returncode, done.stderr.decode()) == (
        2,
        "httpcodes: reading from an object store needs the extra s3: pip install 'cdn-httpcodes[s3]'\n",
    )


def test_a_dry_run_looks_into_objects(logs: Logs, bucket: s3.Bucket, httpcodes: Command) -> None:
    put(logs, "a.parquet", (NOON, A, 200))
    (logs.folder / "torn.parquet").write_bytes(b"PAR1 and no more")
    planned = json.loads(httpcodes("run", bucket.url(), "--dry-run", "--json").stdout)
    assert planned["ingest"] == ["s3://logs/a.parquet"]
    assert [file["path"] for file in planned["quarantined"]] == ["s3://logs/torn.parquet"]
