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
def statement(package: str, file: str) -> str:
    """The whole text of a `.sql` file that a package brings along."""
    return files(package).joinpath(file).read_text(encoding="utf-8")


@cache
def statements(package: str, file: str) -> Mapping[str, str]:
    """The named statements of a `.sql` file, by their names."""
    _, *parts = _NAME.split(statement(package, file))
    return MappingProxyType(dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True)))
