"""What goes wrong with object stores, in an operator's words, and how long they are waited for."""

import errno
import re

from queries.failures import Failed

SILENT = "the store can't be reached or does not answer"
DENIED = "access is denied"

# What the stores' clients say.
_TROUBLE = {
    r"NO_SUCH_BUCKET|NoSuchBucket": "there is no such bucket",
    r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE|PERMISSION_DENIED|UNAUTHENTICATED|Forbidden|"
    r"HTTP status 40[13]|\] 40[13] |PublicAccessNotPermitted": DENIED,
    r"NO_SUCH_KEY|NOT_FOUND|HTTP status 404|\] 404 ": "it is gone",
    r"NETWORK_CONNECTION|curlCode|timed? ?out|INTERNAL_FAILURE|SLOW_DOWN|HTTP status (429|50\d)|"
    r"\] (429|50\d) |UNAVAILABLE|DEADLINE_EXCEEDED|[Cc]ould ?n[o']t connect|[Cc]onnection|"
    r"[Rr]esolve host": SILENT,
}

# So many requests that a store left unanswered, or so long, are enough to know that it does.
_REQUESTS, _SECONDS = 16, 15


class ObjectError(Failed, OSError):
    """An object or bucket that can't be had; strerror says why, in a few words."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EIO, why)


def why(error: OSError, *, anonymous: bool) -> str:
    """What a client's error comes to."""
    said = str(error)
    meanings = (meaning for signs, meaning in _TROUBLE.items() if re.search(signs, said))
    # A URL with a signature is a key.
    unsigned = re.sub(r"\?[^\s'\"]+", "", said.partition("\n")[0])
    meaning = next(meanings, unsigned)
    return f"{DENIED}; no credentials were found" if anonymous and meaning == DENIED else meaning


class Patience:
    """With stores that keep silent, each by its URL."""

    def __init__(self) -> None:
        self._unanswered: dict[str, tuple[int, float]] = {}

    def is_at_an_end(self, store: str) -> bool:
        """Whether a store left so much unanswered that asking on is in vain."""
        requests, seconds = self._unanswered.get(store, (0, 0))
        return requests >= _REQUESTS or seconds >= _SECONDS

    def wear(self, store: str, seconds: float) -> None:
        """Note a request that was waited for in vain."""
        requests, waited = self._unanswered.get(store, (0, 0))
        self._unanswered[store] = requests + 1, waited + seconds

    def renew(self, store: str) -> None:
        """Note that a store answers, or is to be asked anew."""
        self._unanswered.pop(store, None)
