"""Files behind links that expire, from a server that signs them."""

import hashlib
import json
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import Command, Logs, Store
from quiet import Quiet

from jobs.logs.objects.links import unsigned
from jobs.verify import verify

A = "a.example"
NOON = "2025-09-09T12:00:00Z"


class Vendor:
    """Files, and links to them that are valid for as long as they have the token of tonight."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.token = folder, "first"
        self.asked: list[tuple[str, int]] = []
        """Names, and how many bytes were asked for."""
        self.trouble: Callable[[str], int | None] = lambda name: None
        self.content_etags, self.ranges = True, True
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def lists(self, file: Path, *names: str) -> str:
        """Write a list of links; the source that it is."""
        links = [f"{self.url(name)}?part=1&X-Amz-Signature={self.token}" for name in names]
        file.write_text("# tonight\n\n" + "\n".join(links) + "\n")
        return f"links:{file}"

    def path(self, name: str) -> str:
        return f"{self.url(name)}?part=1"


def _handler(vendor: Vendor) -> type[Quiet]:
    class Handler(Quiet):
        def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
            split = urlsplit(self.path)
            name = split.path.strip("/")
            file = vendor.folder / name
            valid = parse_qs(split.query).get("X-Amz-Signature") == [vendor.token]
            status = vendor.trouble(name) or (None if valid else 403) or (None if file.exists() else 404)  # fmt: skip
            if status:
                self.answer(status, b"")
                return
            content = file.read_bytes()
            first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            vendor.asked.append((name, last - first + 1))
            digest = hashlib.md5(content).hexdigest()
            tag = digest if vendor.content_etags else f"version-{digest[:8]}"
            told = {"ETag": f'"{tag}"', "Content-Range": f"bytes {first}-{last}/{len(content)}"}
            if vendor.ranges:
                self.answer(206, content[first : last + 1], told)
            else:
                self.answer(200, content, told)

    return Handler


@pytest.fixture
def vendor(logs: Logs) -> Iterator[Vendor]:
    vendor = Vendor(logs.folder)
    yield vendor
    vendor.server.shutdown()
    vendor.server.server_close()


def test_links_signed_anew_lead_to_what_is_known(
    vendor: Vendor, logs: Logs, store: Store, tmp_path: Path
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    logs.requests("b.parquet", (NOON, A, 404))
    summary = store.run(vendor.lists(tmp_path / "links", "a.parquet", "b.parquet"))
    assert summary.complete, summary.outcome.quarantined
    assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 404): 1}
    paths = [path for (path,) in store.sql("SELECT path FROM source_files ORDER BY path")]
    assert paths == [vendor.path("a.parquet"), vendor.path("b.parquet")]
    vendor.token, vendor.asked = "second", []
    logs.requests("c.parquet", (NOON, A, 500))
    again = store.run(vendor.lists(tmp_path / "links", "a.parquet", "b.parquet", "c.parquet"))
    assert (again.outcome.files_unchanged, again.outcome.files_ingested) == (2, 1)
    # What is known costs a byte.
    assert {size for name, size in vendor.asked if name != "c.parquet"} == {1}
    assert verify(store.folder, deep=True).findings == []


def test_what_expired_or_is_gone_is_named_and_counted_when_it_is_back(
    vendor: Vendor, logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    logs.requests("late.parquet", (NOON, A, 404))
    source = vendor.lists(tmp_path / "links", "a.parquet", "late.parquet", "gone.parquet")
    vendor.trouble = lambda name: 403 if name == "late.parquet" else None
    with (tmp_path / "links").open("a") as more:
        more.write("logs/a.parquet\n")
    done = httpcodes("run", source, "--store", store.folder, "--json")
    assert done.returncode == 3
    said = {file["path"]: file["reason"] for file in json.loads(done.stdout)["quarantined"]}
    assert said == {
        vendor.path("late.parquet"): "cannot be read: access is denied; its link may have expired",
        vendor.path("gone.parquet"): "cannot be read: it is gone",
        f"links:{tmp_path / 'links'}, line 6": "is no URL of http:// or https://",
    }
    assert b"first" not in done.stdout + done.stderr
    vendor.trouble, vendor.token = (lambda name: None), "second"
    assert store.run(vendor.lists(tmp_path / "links", "late.parquet")).complete
    assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 404): 1}


def test_content_counts_once_whatever_its_links_are_called(
    vendor: Vendor, logs: Logs, store: Store, tmp_path: Path
) -> None:
    vendor.content_etags = False
    file = logs.requests("a.parquet", (NOON, A, 200))
    store.run(vendor.lists(tmp_path / "links", "a.parquet"))
    # A signature of a kind that nobody knows.
    links = (tmp_path / "links").read_text().replace("part=1", "x=17&part=1")
    (tmp_path / "links").write_text(links)
    assert store.run(f"links:{tmp_path / 'links'}").outcome.files_duplicate == 1
    assert store.counts() == {(A, NOON, 200): 1}
    file.unlink()
    logs.requests("a.parquet", (NOON, A, 404))
    assert store.run(vendor.lists(tmp_path / "links", "a.parquet")).outcome.files_replaced == 1


def test_what_is_overwritten_while_it_is_read_adds_nothing(
    vendor: Vendor, logs: Logs, store: Store, tmp_path: Path
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    seen: list[str] = []

    def overwrite(name: str) -> None:
        seen.append(name)
        if len(seen) == 4:
            logs.requests("a.parquet", (NOON, A, 404), (NOON, A, 404))

    vendor.trouble = overwrite
    source = vendor.lists(tmp_path / "links", "a.parquet")
    assert store.run(source).outcome.quarantined.keys() == {vendor.path("a.parquet")}
    assert store.counts() == {}
    assert store.run(source).complete
    assert store.counts() == {(A, NOON, 404): 2}


def test_a_server_that_gives_no_parts_is_named_and_one_that_fails_once_asked_again(
    vendor: Vendor, logs: Logs, store: Store, tmp_path: Path
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    source = vendor.lists(tmp_path / "links", "a.parquet")
    vendor.ranges = False
    (why,) = store.run(source).outcome.quarantined.values()
    assert why == "cannot be read: its server gives no parts of files (Range)"
    vendor.ranges = True
    failing = [503, None, 503]
    vendor.trouble = lambda name: failing.pop() if failing else None
    assert store.run(source).complete


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("links:nowhere", "nowhere does not exist; links:FILE is a file of URLs"),
        ("https://h.example/a?sig=x", "https://h.example/a is a link; links:FILE counts what a file of links names"),
    ],
)  # fmt: skip
def test_a_list_that_is_none_is_refused(source: str, sentence: str, httpcodes: Command) -> None:
    done = httpcodes("run", source)
    assert (done.returncode, done.stderr.decode()) == (2, f"httpcodes: {sentence}\n")


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("X-Amz-Date=1&X-Amz-Signature=2&X-Amz-Security-Token=3", ""),
        ("Expires=1&Signature=2&Key-Pair-Id=3&Policy=4", ""),
        ("OSSAccessKeyId=1&Expires=2&Signature=3", ""),
        ("GoogleAccessId=1&Expires=2&Signature=3", ""),
        ("sv=1&sr=b&se=2&sp=r&sig=3&skoid=4&sktid=5&skt=6&ske=7&sks=b&skv=8", ""),
        ("auth_key=1-0-0-2", ""),
        ("file=b&st=2&date=1", "?date=1&file=b&st=2"),
        ("author=x&design=y", "?author=x&design=y"),
    ],
)
def test_what_expires_is_no_part_of_a_name(query: str, kept: str) -> None:
    assert unsigned(f"https://h.example/a.log.gz?{query}") == f"https://h.example/a.log.gz{kept}"
