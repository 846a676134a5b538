"""Whether there are credentials for a store, found out at once.

The stores' own chains end in a question to the cloud's machines. Where there is no cloud they take
most of a minute to fail, so it is asked here first, and a store of which none are found is asked
without: what is public may be read.
"""

import http.client
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

_METADATA_SERVER = "169.254.169.254"
_SECONDS = 1

_VARIABLES = {
    "s3": (
        "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS",),
    "abfs": ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"),
}  # fmt: skip
# The name of the variable that moves it, and where it is else.
_FILES = {
    "s3": (
        ("AWS_SHARED_CREDENTIALS_FILE", "", "~/.aws/credentials"),
        ("AWS_CONFIG_FILE", "", "~/.aws/config"),
    ),
    "gs": (("CLOUDSDK_CONFIG", "application_default_credentials.json", "~/.config/gcloud"),),
    "abfs": (),
}


def are_found(scheme: str) -> bool:
    """Whether the usual chain of a store would find any, besides keys that are handed to it."""
    environment = os.environ
    if any(map(environment.get, _VARIABLES[scheme])):
        return True
    places = [
        Path(environment.get(name) or folder).expanduser() / rest
        for name, rest, folder in _FILES[scheme]
    ]
    return any(place.is_file() for place in places) or _ASKED[scheme]()


def _of_an_instance() -> bool:
    disabled = os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    return not disabled and _answered("/", {}) is not None


def _of_google() -> bool:
    answer = _answered("/computeMetadata/v1/", {"Metadata-Flavor": "Google"})
    return answer is not None and answer.getheader("Metadata-Flavor") == "Google"


def _of_azure() -> bool:
    folder = Path(os.environ.get("AZURE_CONFIG_DIR") or "~/.azure").expanduser()
    if shutil.which("az") and folder.is_dir():
        return True
    answer = _answered("/metadata/instance?api-version=2021-02-01", {"Metadata": "true"})
    return answer is not None and answer.status == http.client.OK


_ASKED = {"s3": _of_an_instance, "gs": _of_google, "abfs": _of_azure}


def _answered(path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse | None:
    connection = http.client.HTTPConnection(_METADATA_SERVER, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
