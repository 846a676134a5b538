"""Dead-man switches: a URL that is asked for when a run starts and when it has ended.

After the manner of healthchecks.io: URL/start, then URL for a success or URL/<exit code>.
https://healthchecks.io/docs/http_api/
"""

import http.client
import urllib.error
import urllib.request
from urllib.parse import urlsplit, urlunsplit

from queries.failures import Failed

TIMEOUT = 3.0
"""Seconds, of each of two tries: a service that hangs must not hold up a run for long."""


class PingFailed(Failed):
    """The switch could not be reached; the message names its host and no more of the URL, which
    is as good as a password."""


def ping(url: str, step: str = "") -> None:
    """Ask for the URL, or for one step below it. Raises PingFailed."""
    parts = urlsplit(url)
    path = f"{parts.path.rstrip('/')}/{step}" if step else parts.path
    target = urlunsplit(parts._replace(path=path))
    try:
        _ask(target)
    except (OSError, http.client.HTTPException, ValueError):
        try:
            _ask(target)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PingFailed(f"the ping to {parts.hostname} failed: {_why(error)}") from error


def _ask(url: str) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT):  # noqa: S310 (the configuration lets only http and https in)
        pass


def _why(error: Exception) -> object:
    if isinstance(error, urllib.error.HTTPError):
        return f"status {error.code}"
    return error.reason if isinstance(error, urllib.error.URLError) else error
