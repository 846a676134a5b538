"""Emulators of Google Cloud Storage and Azure Blob Storage, each behind the proxy that makes trouble."""

import base64
import hashlib
import hmac
import http.client
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import ports
import s3

# Known to everybody: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_PAGE = 2
"""Objects on a page of a listing."""


@dataclass
class Cloud(s3.Troubled):
    """A bucket or container called logs, which is empty for each test."""

    scheme: str = ""
    port: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    composed: bool = False
    """Whether Google says its objects to be composed of others, which have no MD5."""

    def url(self, key: str = "") -> str:
        where = {"gs": "logs", "abfs": f"logs@{ACCOUNT}.dfs.core.windows.net"}[self.scheme]
        return f"{self.scheme}://{where}/{key}".rstrip("/")

    def put(self, key: str, content: bytes, container: str = "logs") -> None:
        self._put.add(key)
        if self.scheme == "gs":
            named = urlencode({"uploadType": "media", "name": key})
            self._ask("POST", f"/upload/storage/v1/b/logs/o?{named}", content)
        else:
            path = f"/{ACCOUNT}/{container}/{quote(key)}?{sas()}"
            self._ask("PUT", path, content, {"x-ms-blob-type": "BlockBlob"})

    def delete(self, key: str) -> None:
        path = (
            f"/storage/v1/b/logs/o/{quote(key, '')}"
            if self.scheme == "gs"
            else f"{_blob(key)}?{sas()}"
        )
        self._ask("DELETE", path)

    def make(self, container: str, headers: Mapping[str, str] | None = None) -> None:
        """Another container, of Azure."""
        self._ask("PUT", f"/{ACCOUNT}/{container}?restype=container&{sas()}", b"", headers or {})

    def empty(self) -> None:
        """As it was in the beginning."""
        for key in self._put:
            self.delete(key)
        self._put.clear()
        self.trouble, self.requests, self.composed = (lambda method, key: None), [], False

    def __post_init__(self) -> None:
        self._put: set[str] = set()

    def _ask(
        self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request(
            method, path, content, {"Content-Type": "application/octet-stream", **(headers or {})}
        )
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        gone = method == "DELETE" and answer.status == 404
        assert answer.status < 400 or gone, (answer.status, said)


def _blob(key: str) -> str:
    return f"/{ACCOUNT}/logs/{quote(key)}"


def sas() -> str:
    """A token that lets its bearer do all in the account."""
    told = {
        "sv": "2020-08-04",
        "ss": "b",
        "srt": "sco",
        "sp": "rwdlac",
        "se": "2099-01-01T00:00:00Z",
    }
    lines = [ACCOUNT, told["sp"], told["ss"], told["srt"], "", told["se"], "", "", told["sv"], ""]
    signed = hmac.new(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256)
    return urlencode({**told, "sig": base64.b64encode(signed.digest()).decode()})


def key_of(path: str) -> str:
    """The key that a request is about; '' for a listing."""
    split = urlsplit(path)
    asked = parse_qs(split.query)
    if asked.get("comp") == ["list"]:
        # How the client of Azure asks for one.
        return asked.get("prefix", [""])[0] if "maxresults" in asked else ""
    path = split.path.removeprefix("/storage/v1/b/logs").removeprefix(f"/{ACCOUNT}/logs")
    return unquote(path).removeprefix("/o").strip("/")


def small_pages(path: str) -> str:
    """A listing of Azure, asked for by small pages."""
    # A key signs what is asked for, a token does not.
    is_listing = "comp=list" in path and "maxresults=" not in path and "sig=" in path
    return f"{path}&maxresults={_PAGE}" if is_listing else path


def small_page(path: str, body: bytes) -> bytes:
    """A page of a listing of Google, which its emulator gives as a whole."""
    split = urlsplit(path)
    if split.path != "/storage/v1/b/logs/o" or not body.startswith(b"{"):
        return body
    told = json.loads(body)
    first = int(parse_qs(split.query).get("pageToken", ["0"])[0])
    items = told.get("items", [])
    told["items"] = items[first : first + _PAGE]
    if len(items) > first + _PAGE:
        told["nextPageToken"] = str(first + _PAGE)
    return json.dumps(told).encode()


def azurite() -> list[str] | None:
    """The command that starts it, if it is installed."""
    program = shutil.which("azurite-blob")
    if program is None:
        return None
    return [
        program, "--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry",
        "--blobPort",
    ]  # fmt: skip


def gcs() -> list[str]:
    """The command that starts it."""
    return [
        sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory", "--quiet",
        "--default-bucket", "logs", "--host", "127.0.0.1", "--port",
    ]  # fmt: skip


def serve(scheme: str, command: list[str]) -> tuple[Cloud, Callable[[], None]]:
    """Start an emulator and its proxy; what ends both."""
    port = ports.free()
    server = subprocess.Popen(
        [*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not s3.answers(port):
        assert server.poll() is None, command
        time.sleep(0.02)
    cloud = Cloud(scheme=scheme, port=port)

    def tell(path: str, body: bytes) -> bytes:
        told = small_page(path, body)
        return (
            re.sub(rb'"(md5Hash|etag)": "[^"]+"', rb'"etag": "CJ0="', told)
            if cloud.composed
            else told
        )

    proxy = s3.proxy(port, cloud, key_of, small_pages, tell)
    cloud.environment = {
        "AZURE_STORAGE_SAS_TOKEN": sas(), "GOOGLE_APPLICATION_CREDENTIALS": "", "CLOUDSDK_CONFIG": "/nowhere",
    }  # fmt: skip
    if scheme == "abfs":
        cloud.make("logs")

    def end() -> None:
        proxy.shutdown()
        proxy.server_close()
        server.kill()
        server.wait()

    return cloud, end
