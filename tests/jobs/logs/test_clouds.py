"""Logs in Google's and Azure's stores, through the troubles that S3 goes through."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from clouds import ACCOUNT, KEY, Cloud
from conftest import Command, Logs, Store

from jobs.logs.objects.clients import azure_hosts

A, B = "a.example", "b.example"
# The emulator of Google is asked without any.
DENIED = {
    "gs": "access is denied; no credentials were found",
    "abfs": "access is denied",
}
NOON = "2025-09-09T12:00:00Z"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made"


@pytest.fixture
def logs(cloud: Cloud, made: Path) -> "Objects":
    return Objects(cloud, Logs(made))


class Objects:
    """Log files that are written here and put there."""

    def __init__(self, cloud: Cloud, made: Logs) -> None:
        self._cloud, self._made = cloud, made

    def put(self, key: str, *rows: tuple[str, str, int]) -> None:
        self._cloud.put(key, self._made.requests("made.parquet", *rows).read_bytes())


def run(httpcodes: Command, cloud: Cloud, store: Store, source: str = "", **how: object) -> "Run":
    # As a process of its own: the client of Google lets no other thread run while it waits.
    elsewhere = ("--endpoint", f"{cloud.scheme}={cloud.endpoint}")
    where = source or cloud.url()
    done = httpcodes("run", where, *elsewhere, "--json", "--store", store.folder, **how)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return Run(done)


class Run:
    """What a run said."""

    def __init__(self, done: "subprocess.CompletedProcess[bytes]") -> None:
        self.code, self.said = done.returncode, done.stderr.decode()
        self.told = json.loads(done.stdout or b"{}")

    @property
    def why(self) -> dict[str, str]:
        return {file["path"]: file["reason"] for file in self.told["quarantined"]}


def test_what_lies_there_is_counted_by_whatever_name_page_by_page(
    cloud: Cloud, logs: Objects, store: Store, httpcodes: Command
) -> None:
    logs.put("eu/2025/a.parquet", (NOON, A, 200))
    logs.put("eu/2025/08/b.parquet", (NOON, A, 201))
    logs.put("odd/a b+%41é[1]*?.parquet", (NOON, A, 203))
    logs.put("plain.parquet", (NOON, A, 202))
    logs.put("plain.log", (NOON, A, 500))
    logs.put("_hidden/a.parquet", (NOON, A, 501))
    done = run(httpcodes, cloud, store)
    assert done.code == 0
    assert {status for _, _, status in store.counts()} == {200, 201, 202, 203}
    assert sum(key == "" for _, key in cloud.asked()) > 2
    assert run(httpcodes, cloud, store, cloud.url("eu/**/b.*")).told["files"]["unchanged"] == 1


def test_what_vanishes_is_forbidden_or_overwritten_leaves_the_others_to_be_counted(
    cloud: Cloud, logs: Objects, store: Store, httpcodes: Command
) -> None:
    for key, status in (("a", 200), ("gone", 404), ("moving", 301), ("secret", 500)):
        logs.put(f"{key}.parquet", (NOON, A, status))
    asked: list[str] = []

    def trouble(method: str, key: str) -> int | None:
        asked.append(key)
        if key == "gone.parquet":
            cloud.delete("gone.parquet")
        if key == "moving.parquet" and asked.count(key) == 3:
            logs.put("moving.parquet", (NOON, A, 302), (NOON, A, 302))
        return 403 if key == "secret.parquet" else None

    cloud.trouble = trouble
    done = run(httpcodes, cloud, store)
    assert done.code == 3
    moving = done.why.pop(cloud.url("moving.parquet"), "")
    assert "changed while it was read" in moving or "cannot be read: " in moving, moving
    assert {path: why for path, why in done.why.items() if "moving" not in path} == {
        cloud.url("gone.parquet"): "cannot be read: it is gone",
        cloud.url("secret.parquet"): f"cannot be read: {DENIED[cloud.scheme]}",
    }
    assert store.counts() == {(A, NOON, 200): 1}
    cloud.trouble = lambda method, key: None
    assert run(httpcodes, cloud, store).code == 0
    assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 302): 2, (A, NOON, 500): 1}


@pytest.mark.parametrize("answered", [1, 2, 3])
def test_access_that_ends_at_any_request_leaves_the_object_to_the_next_run(
    answered: int, cloud: Cloud, logs: Objects, store: Store, httpcodes: Command
) -> None:
    logs.put("a.parquet", (NOON, A, 200))
    requests: list[str] = []

    def forbidden(_: str, key: str) -> int | None:
        requests.extend([key] if key else [])
        return 403 if len(requests) > answered else None

    cloud.trouble = forbidden
    done = run(httpcodes, cloud, store, cloud.url())
    assert done.code == 3, done.said
    assert done.why == {cloud.url("a.parquet"): f"cannot be read: {DENIED[cloud.scheme]}"}
    assert store.counts() == {}


def test_what_a_store_fails_to_answer_once_is_asked_again(
    cloud: Cloud, logs: Objects, store: Store, httpcodes: Command
) -> None:
    logs.put("a.parquet", (NOON, A, 200))
    failed: set[tuple[str, str]] = set()

    def trouble(method: str, key: str) -> int | None:
        if (method, key) in failed:
            return None
        failed.add((method, key))
        return 503

    cloud.trouble = trouble
    assert run(httpcodes, cloud, store).code == 0
    assert store.counts() == {(A, NOON, 200): 1}


def test_a_store_that_stops_answering_is_not_asked_for_ever(
    cloud: Cloud, logs: Objects, store: Store, httpcodes: Command
) -> None:
    for number in range(24):
        logs.put(f"{number}.parquet", (NOON, A, 100 + number))
    cloud.trouble = lambda method, key: 503 if key else None
    done = run(httpcodes, cloud, store)
    assert set(done.why.values()) == {
        "cannot be read: the store can't be reached or does not answer"
    }
    assert len(done.why) == 24
    # Some were never asked for.
    assert len({key for _, key in cloud.asked()} - {""}) < 24


def test_content_is_known_by_its_checksum_under_any_name_and_time(
    cloud: Cloud, logs: Objects, made: Path, store: Store, httpcodes: Command
) -> None:
    logs.put("a.parquet", (NOON, A, 200))
    assert run(httpcodes, cloud, store).code == 0
    logs.put("a.parquet", (NOON, A, 200))
    logs.put("copy.parquet", (NOON, A, 200))
    files = run(httpcodes, cloud, store).told["files"]
    assert (files["unchanged"], files["duplicate"], files["replaced"]) == (1, 1, 0)
    content = made.joinpath("made.parquet").read_bytes()
    known = f"etag {hashlib.md5(content).hexdigest()} {len(content)}"
    assert set(store.sql("SELECT fingerprint FROM source_files")) == {(known,)}
    logs.put("a.parquet", (NOON, A, 404))
    assert run(httpcodes, cloud, store).told["files"]["replaced"] == 1
    assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 404): 1}


@pytest.mark.parametrize("cloud", ["gs"], indirect=True)
def test_composite_objects_are_known_by_the_checksum_that_they_have(
    cloud: Cloud, logs: Objects, store: Store, httpcodes: Command
) -> None:
    cloud.composed = True
    logs.put("a.parquet", (NOON, A, 200))
    logs.put("copy.parquet", (NOON, A, 200))
    logs.put("b.parquet", (NOON, A, 404))
    files = run(httpcodes, cloud, store).told["files"]
    assert (files["ingested"], files["duplicate"]) == (2, 1)
    fingerprints = store.sql("SELECT DISTINCT left(fingerprint, 7) FROM source_files")
    assert fingerprints == [("crc32c ",)]


def test_nothing_that_is_wrong_with_keys_takes_long_or_many_words(
    cloud: Cloud, logs: Objects, store: Store, httpcodes: Command
) -> None:
    logs.put("a.parquet", (NOON, A, 200))
    cloud.trouble = lambda method, key: 401
    none = {"AZURE_STORAGE_SAS_TOKEN": "", "HOME": "/nowhere"}
    done = run(httpcodes, cloud, store, env=none)
    assert done.why == {cloud.url(): "can't be listed: access is denied; no credentials were found"}


def test_stores_are_where_the_configuration_says(
    clouds: Callable[[str], Cloud],
    made: Path,
    store: Store,
    httpcodes: Command,
    tmp_path: Path,
) -> None:
    both = [clouds("gs"), clouds("abfs")]
    for number, cloud in enumerate(both):
        Objects(cloud, Logs(made)).put("a.parquet", (NOON, A, 200 + number))
    (tmp_path / "elsewhere" / "httpcodes.toml").write_text(
        f"[endpoints]\ngs = '{both[0].endpoint}'\nabfs = '{both[1].endpoint}'\n"
        f"[[sources]]\npath = {[cloud.url() for cloud in both]}\n"
    )
    try:
        done = httpcodes("run", "--store", store.folder, env=both[1].environment)
        assert done.returncode == 0, done.stderr
        assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 201): 1}
    finally:
        for cloud in both:
            cloud.empty()


def test_azure_takes_a_key_and_what_is_public_needs_none(
    clouds: Callable[[str], Cloud], made: Path, store: Store, httpcodes: Command
) -> None:
    cloud = clouds("abfs")
    cloud.make("public", {"x-ms-blob-public-access": "container"})
    Objects(cloud, Logs(made)).put("a.parquet", (NOON, A, 200))
    file = Logs(made).requests("public.parquet", (NOON, A, 201))
    cloud.put("b.parquet", file.read_bytes(), "public")
    try:
        for source, key in ((cloud.url(), KEY), (f"abfs://public@{ACCOUNT}", "")):
            done = run(
                httpcodes, cloud, store, source,
                env={"AZURE_STORAGE_ACCOUNT_KEY": key, "HOME": "/nowhere"},
            )  # fmt: skip
            assert done.code == 0, done.why
        assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 201): 1}
    finally:
        cloud.empty()


@pytest.mark.parametrize(
    ("host", "account", "blob", "dfs"),
    [
        ("a.dfs.core.windows.net", "a", ".blob.core.windows.net", ".dfs.core.windows.net"),
        ("a.blob.core.windows.net", "a", ".blob.core.windows.net", ".dfs.core.windows.net"),
        ("a.dfs.core.chinacloudapi.cn", "a", ".blob.core.chinacloudapi.cn", ".dfs.core.chinacloudapi.cn"),
        ("a.dfs.core.usgovcloudapi.net", "a", ".blob.core.usgovcloudapi.net", ".dfs.core.usgovcloudapi.net"),
        ("a.z12.blob.storage.azure.net", "a", ".z12.blob.storage.azure.net", ".z12.dfs.storage.azure.net"),
        ("onelake.dfs.fabric.microsoft.com", "onelake", ".blob.fabric.microsoft.com", ".dfs.fabric.microsoft.com"),
    ],
)  # fmt: skip
def test_azure_is_asked_in_the_cloud_that_the_host_names(
    host: str, account: str, blob: str, dfs: str
) -> None:
    services = {"blob_storage_authority": blob, "dfs_storage_authority": dfs}
    assert azure_hosts(host) == (account, services)


def test_an_account_alone_is_in_the_usual_cloud() -> None:
    assert azure_hosts("account") == ("account", {})


def test_an_endpoint_that_is_no_url_is_refused(httpcodes: Command) -> None:
    done = httpcodes("run", "gs://logs", "--endpoint", "gs=localhost")
    assert (done.returncode, done.stderr.decode()) == (
        2,
        "httpcodes: --endpoint gs=localhost: it would have to be a URL, http://… or https://…, "
        "or one after s3, gs, abfs and =\n",
    )
