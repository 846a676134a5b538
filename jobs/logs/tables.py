"""Folders that are tables of Delta, Iceberg or Hudi, whose files are not all of their rows.

Such a table keeps files whose rows were merged into others or deleted; only its own log tells
which count. What lies in one is refused, however a source reaches into it.
"""

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import PurePosixPath

_LOGS = {"_delta_log": "Delta", ".hoodie": "Hudi"}
_METADATA = ".metadata.json"


def _way(kind: str) -> str:
    if kind == "Hudi":
        return "write its rows to a plain folder of Parquet files, and name that"
    name = kind.lower()
    return f"{name}:PATH in place of the path counts its rows (it needs the extra {name})"


def sentence(kind: str) -> str:
    """Why a table is refused."""
    return (
        f"is {'an' if kind == 'Iceberg' else 'a'} {kind} table, of whose files only its own log "
        f"tells which count; {_way(kind)}"
    )


class Tables:
    """The tables that files lie in; a folder is looked at once."""

    def __init__(self) -> None:
        self._holding = cache(self._found)
        self.holding = cache(self._through_links)
        self._real = cache(self._resolved)

    def _through_links(self, folder: str) -> tuple[str, str] | None:
        """The outermost table that a folder lies in, or is itself: where it is, and its kind."""
        return self._holding(folder) or self._holding(self._real(folder))

    def _resolved(self, folder: str) -> str:
        # As os.path.realpath, which looks at every folder above each time.
        above, name = os.path.split(folder)
        if above == folder:
            return folder
        path = os.path.join(self._real(above), name)
        return os.path.realpath(path) if os.path.islink(path) else path

    def _found(self, path: str) -> tuple[str, str] | None:
        above = os.path.dirname(path)
        outer = self._holding(above) if above != path else None
        kind = None if outer else _kind(path)
        return outer or ((path, kind) if kind else None)


_KNOWN = Tables()


def identity(path: str, content: str) -> str:
    """What a file holds, and where in a table: equal files are rows that it has more than once."""
    table = _KNOWN.holding(os.path.dirname(path))
    return f"{content} in {os.path.relpath(path, table[0])}" if table else content


def content_of(identity: str) -> str:
    """The part of an identity that tells the content, wherever it lies."""
    return identity.partition(" in ")[0]


def _kind(folder: str) -> str | None:
    for name, kind in _LOGS.items():
        if os.path.isdir(os.path.join(folder, name)):
            return kind
    try:
        with os.scandir(os.path.join(folder, "metadata")) as listing:
            return "Iceberg" if any(_METADATA in entry.name for entry in listing) else None
    except OSError:
        return None


def among(urls: Iterable[str]) -> dict[str, str]:
    """The tables that objects of a listing show: their URLs and kinds."""
    found = {}
    for url in urls:
        steps = PurePosixPath(url.partition("://")[2]).parts
        for number, step in enumerate(steps[:-1]):
            iceberg = step == "metadata" and number == len(steps) - 2 and _METADATA in steps[-1]
            if kind := _LOGS.get(step) or ("Iceberg" if iceberg else None):
                table = "/".join(steps[:number])
                found[f"{url.partition('://')[0]}://{table}"] = kind
                break
    return found


def above(url: str, names_in: Callable[[str], Iterable[str]]) -> tuple[str, str] | None:
    """The table that objects at or below a URL lie in, as far as the store tells.

    `names_in` a folder are those right below it that the store lets be seen.
    """
    scheme, _, rest = url.partition("://")
    steps = rest.split("/")
    for number in range(1, len(steps)):
        folder = f"{scheme}://{'/'.join(steps[:number])}"
        for name, kind in _LOGS.items():
            if names_in(f"{folder}/{name}"):
                return folder, kind
        if any(_METADATA in name for name in names_in(f"{folder}/metadata")):
            return folder, "Iceberg"
    return None
