"""What lies where no log was found: a source that holds nothing is said, with what is there."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

_MOST = 10_000
_SHOWN = 3
PASSED_OVER = (
    "is passed over, because its name begins with . or _ or ends as an unfinished upload's does; "
    "rename it to have it counted"
)


def below(folder: str) -> str:
    """Why a folder gave no file."""
    return _sentence(_names_below(folder), folder)


def among(urls: Iterable[str], source: str) -> str:
    """Why a URL, or a glob of them, gave no object."""
    names = (url.rpartition("/")[2] for url in urls)
    return _sentence(names, source)


def by_glob(pattern: str) -> str:
    """Why a glob gave no file."""
    # glob itself passes over hidden names only.
    names = (
        os.path.basename(match.rstrip(os.sep)) for match in glob.iglob(pattern, recursive=True)
    )
    return _sentence(names, pattern)


def _names_below(folder: str) -> Iterator[str]:
    for _, _, names in os.walk(folder):
        yield from names


def _sentence(names: Iterable[str], source: str) -> str:
    seen = list(islice(names, _MOST))
    if not seen:
        return "matches nothing" if glob.has_magic(source) else "holds no *.parquet, and no file"
    kinds = Counter(map(_kind, seen))
    first: dict[str, list[str]] = {}
    for name in sorted(seen):
        first.setdefault(_kind(name), []).append(name)
    there = ", ".join(
        f"{number:,} {kind} ({', '.join(first[kind][:_SHOWN])}{', …' if number > _SHOWN else ''})"
        for kind, number in kinds.most_common(6)
    )
    more = " at least" if len(seen) == _MOST else ""
    return (
        f"holds no *.parquet to count; there are{more} {there}; "
        "Parquet files of other names are counted if a glob names them, as in 'FOLDER/*', and "
        "text with --kind auto"
    )


def _kind(name: str) -> str:
    if name.startswith((".", "_")):
        return "hidden or underscored"
    stem, dot, ending = name.rpartition(".")
    if not (dot and stem):
        return "without an extension"
    inner = stem.rpartition(".")[2].lower() if "." in stem else ""
    both = (
        f"{inner}.{ending}" if inner in ("csv", "json", "log", "parquet", "txt", "tsv") else ending
    )
    return f"*.{both.lower()}"
