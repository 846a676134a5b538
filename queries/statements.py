"""SQL lives in `.sql` files beside its only caller; this room reads them.

A file is one statement or several; each of several begins with a line `-- name: NAME`.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def beside(module: str, file: str) -> str:
    """The whole text of a file that lies in a module's folder; `module` is its `__name__`."""
    package, _, _ = module.rpartition(".")
    return files(package).joinpath(file).read_text(encoding="utf-8")


@cache
def statements(module: str, file: str | None = None) -> Mapping[str, str]:
    """The named statements of the `.sql` file that goes with a module, or of another beside it."""
    text = beside(module, file or f"{module.rpartition('.')[2]}.sql")
    _, *parts = _NAME.split(text)
    return MappingProxyType(dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True)))
