"""gzip for those who accept it.

One member for an answer, made in one piece: curl and httpx stop after the first of several.
"""

from collections.abc import Iterable

from isal import isal_zlib

# Smaller answers fit into a packet or two.
FROM_BYTES = 2048
_GZIP = 16 + isal_zlib.MAX_WBITS
# The largest answer, 1.7 MB: 4 ms and 0.38 MB, against 19 ms and 0.40 MB with zlib at level 2.
_LEVEL = 1


def packed(body: bytes) -> bytes:
    """The same as a gzip member."""
    return bytes(isal_zlib.compress(body, _LEVEL, _GZIP))


def accepts_gzip(headers: Iterable[str]) -> bool:
    """Whether these Accept-Encoding headers prefer gzip, or `*`, to nothing done to the body."""
    weights = dict(_weight(coding) for coding in ",".join(headers).split(","))
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _weight(coding: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in coding.split(";"))
    given = [part.partition("=")[2] for part in parameters if part.partition("=")[0].strip() == "q"]
    try:
        weight = float(given[0]) if given else 1.0
    except ValueError:
        weight = 0.0
    # NaN is no weight, either.
    return name, weight if 0 <= weight <= 1 else 0.0
