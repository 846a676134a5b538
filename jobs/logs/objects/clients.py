"""The clients of object stores: pyarrow's file systems, where and as whom they ask."""

import os
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from jobs.logs.objects import credentials

if TYPE_CHECKING:
    from pyarrow import fs

_ATTEMPTS = 3
_CONNECT_SECONDS, _REQUEST_SECONDS, _RETRY_SECONDS = 5, 30, 5
_ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")}
_KEYS = ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY")
_SAS = "AZURE_STORAGE_SAS_TOKEN"


class Clients:
    """One for each store that is asked, made when it first is.

    `endpoints` has the URLs of servers by scheme, where a store is not where the environment
    says.
    """

    def __init__(self, endpoints: Mapping[str, str]) -> None:
        self._endpoints = endpoints
        self._connected = cache(_connected)
        self._are_found = cache(credentials.are_found)

    def of(self, url: str) -> "fs.FileSystem":
        """The client of the store that a URL names."""
        scheme, _, rest = url.partition("://")
        host = rest.partition("/")[0].partition("@")[2]
        return self._connected(scheme, host, self.endpoint(url), self.is_anonymous(url))

    def endpoint(self, url: str) -> str | None:
        """The server that a URL's store is at, if it is said."""
        scheme = url.partition("://")[0]
        named = (self._endpoints.get(scheme), *map(os.environ.get, _ENDPOINTS.get(scheme, ())))
        return next(filter(None, named), None)

    def is_anonymous(self, url: str) -> bool:
        """Whether a store is asked without credentials, because there are none."""
        scheme = url.partition("://")[0]
        if scheme == "abfs" and (_key() or os.environ.get(_SAS)):
            return False
        return not self._are_found(scheme)


def azure_hosts(host: str) -> tuple[str, dict[str, str]]:
    """The account that a URL's host names, and what pyarrow calls the hosts of its two services.

    The host may be one of the clouds of their own, `account.dfs.core.chinacloudapi.cn`, or the
    account alone.
    """
    account, _, rest = host.partition(".")
    labels = rest.split(".") if rest else []
    services = {}
    for service in ("blob", "dfs"):
        own = [service if label in ("blob", "dfs") else label for label in labels]
        services[f"{service}_storage_authority"] = "." + ".".join(own)
    return account, services if labels else {}


def _connected(scheme: str, host: str, endpoint: str | None, anonymous: bool) -> "fs.FileSystem":
    from pyarrow import fs  # noqa: PLC0415 - slow to import

    elsewhere = urlsplit(endpoint) if endpoint else None
    if scheme == "abfs":
        return _azure(host, elsewhere, anonymous=anonymous)
    where = {
        "endpoint_override": elsewhere.netloc if elsewhere else None,
        "scheme": elsewhere.scheme if elsewhere else "https",
    }
    if scheme == "gs":
        retry = timedelta(seconds=_RETRY_SECONDS)
        return fs.GcsFileSystem(anonymous=anonymous, retry_time_limit=retry, **where)
    return fs.S3FileSystem(
        anonymous=anonymous,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_REQUEST_SECONDS,
        **where,
    )


def _azure(host: str, elsewhere: Any, *, anonymous: bool) -> "fs.FileSystem":
    from pyarrow import fs  # noqa: PLC0415 - slow to import

    account, where = azure_hosts(host)
    tls = not elsewhere or elsewhere.scheme == "https"
    if elsewhere:
        where = dict.fromkeys(("blob_storage_authority", "dfs_storage_authority"), elsewhere.netloc)
    if anonymous:
        # Only its URLs have a way to say so.
        how = {**where, "credential_kind": "anonymous", "enable_tls": str(tls).lower()}
        return fs.FileSystem.from_uri(f"abfs://{account}@127.0.0.1/x?{urlencode(how)}")[0]
    schemes = dict.fromkeys(
        ("blob_storage_scheme", "dfs_storage_scheme"), "https" if tls else "http"
    )
    sas = os.environ.get(_SAS, "").removeprefix("?")
    key = None if sas else _key()
    return fs.AzureFileSystem(
        account, account_key=key, sas_token=f"?{sas}" if sas else None, **where, **schemes
    )


def _key() -> str | None:
    return next(filter(None, map(os.environ.get, _KEYS)), None)
