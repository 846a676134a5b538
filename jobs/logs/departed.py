"""Files that have left: they lay below what the sources name, and are there no more.

A source that is not asked has lost nothing, and neither has one that can't be reached.
"""

import glob
import os
from collections.abc import Iterable

from jobs.logs import objects
from jobs.logs.sources import look, place


def below(paths: Iterable[str], wanted: Iterable[str]) -> set[str]:
    """Those of the paths that lie below a folder where the sources look for files."""
    folders = tuple({_folder(place(source)).rstrip("/") + "/" for source in wanted})
    return {path for path in paths if path.startswith(folders)}


def is_gone(path: str) -> bool:
    """Whether certainly nothing lies there any more."""
    try:
        return look(path) is None
    except OSError:
        return False


def _folder(source: str) -> str:
    """A folder itself; where a file lies, for others beside it may be named the next time."""
    is_object = objects.is_object(source)
    if not is_object and os.path.isdir(source):
        return source
    steps = source.split("/")
    is_file = source.lower().endswith(".parquet") if is_object else os.path.lexists(source)
    known = len(steps) - 1 if is_file else len(steps)
    wild = (number for number, step in enumerate(steps) if glob.has_magic(step))
    return "/".join(steps[: known if is_file else next(wild, known)])
