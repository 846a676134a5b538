"""The columns of a file: what they are called, and which of them a name means."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from jobs.logs.options import split_pattern

NOTHING = '"NULL"'
"""DuckDB's type of a column that was written without one, because it holds no value."""


@dataclass(frozen=True)
class Column:
    """A column of a file: its path (more than one step inside structs) and DuckDB's type."""

    path: tuple[str, ...]
    type: str
    pattern: str | None = None
    """What the first group of this regular expression finds in it is meant, not the whole."""
    key: str | None = None
    """What lies under this key of a map is meant."""
    name: str | None = None
    """What the file calls it, where SQL has to call it otherwise."""
    twins: tuple[str, ...] = ()
    """The columns that its name could mean, if they are several."""
    twice: bool = False
    """Whether it is scanned twice, to tell what is not UTF-8."""
    others: "tuple[Column, ...]" = ()
    """What stands for it, in this order, in rows where it says nothing; then it is text."""

    def __str__(self) -> str:
        pattern = "" if self.pattern is None else f"~{self.pattern}"
        steps = self.path if self.key is None else (*self.path, self.key)
        return f"{self.name or '.'.join(steps)}{pattern}"

    @property
    def is_empty(self) -> bool:
        """Whether it holds no value at all, as its type says."""
        return self.type == NOTHING

    @property
    def all(self) -> "tuple[Column, ...]":
        """Itself, and what stands for it."""
        return (self, *self.others)


Schema = Mapping[str, Column]
"""The columns of a file by their names; those inside structs by dotted names."""


@lru_cache(4096)
def fold(name: str) -> str:
    """A name without regard to case and punctuation."""
    return re.sub(r"[^a-z0-9.]+", "_", name.lower()).strip("_")


def find(schema: Schema, name: str, nested: Sequence[str] = ()) -> tuple[Column, ...]:
    """The columns that a format's name stands for; none if one of them is not there.

    Of alternatives it is the first that holds anything.
    """
    there = []
    for alternative in name.split(" | "):
        parts = [alternative] if "~" in alternative else alternative.split("+")
        columns = [_row_by_row(schema, part, nested) for part in parts]
        if all(columns):
            there.append(tuple(found for found in columns if found))
    return next((found for found in there if not is_empty(found)), there[0] if there else ())


def _row_by_row(schema: Schema, name: str, nested: Sequence[str]) -> Column | None:
    """The first of `a || b` that is there, and the others for rows where it says nothing."""
    names = name.split(" || ")
    found = [
        c for each in names for c in (column(schema, each, nested), *_in_maps(schema, each, nested))
    ]
    there = list(dict.fromkeys(each for each in found if each and not each.is_empty))
    if len(there) < 2:
        return there[0] if there else next(filter(None, found), None)
    twins = tuple(twin for each in there for twin in each.twins)
    return replace(there[0], others=tuple(there[1:]), twins=twins)


def is_empty(columns: tuple[Column, ...]) -> bool:
    """Whether one of them holds no value at all."""
    return any(found.is_empty for found in columns)


def column(schema: Schema, name: str, nested: Sequence[str] = ()) -> Column | None:
    """The column of this name, also inside a struct `nested.`, or with its twins."""
    plain, pattern = split_pattern(name)
    for prefix in ("", *nested):
        wanted = fold(f"{prefix}{plain}")
        matches = [found for known, found in schema.items() if fold(known) == wanted]
        if len(matches) > 1:
            return replace(matches[0], pattern=pattern, twins=tuple(map(str, matches)))
        if matches:
            return replace(matches[0], pattern=pattern) if pattern else matches[0]
    return None


def _in_maps(schema: Schema, name: str, nested: Sequence[str]) -> Iterator[Column]:
    """What may lie under a dotted name in maps: which keys they hold, no schema says."""
    plain, pattern = split_pattern(name)
    maps = {fold(prefix.rstrip(".")) for prefix in nested} if "." in plain else ()
    for known, found in schema.items():
        kind = fold(known) in maps and re.fullmatch(r"MAP\(VARCHAR, (.+)\)", found.type)
        if kind:
            yield replace(found, type=kind[1], key=plain, pattern=pattern, name=None)


def spelled_out(schema: Schema, name: str) -> Column | None:
    """The column that a caller names: by its whole name, a key of a map, or nearly its name."""
    plain, pattern = split_pattern(name)
    exact = schema.get(name) or schema.get(plain) or _in_a_map(schema, plain)
    if exact is None:
        return column(schema, name)
    return replace(exact, pattern=pattern) if pattern and name not in schema else exact


def _in_a_map(schema: Schema, name: str) -> Column | None:
    # Keys may hold dots themselves.
    steps = name.split(".")
    for taken in range(len(steps) - 1, 0, -1):
        known = schema.get(".".join(steps[:taken]))
        kind = known and re.fullmatch(r"MAP\(VARCHAR, (.+)\)", known.type)
        if known and kind:
            return replace(known, type=kind[1], key=".".join(steps[taken:]), name=None)
    return None
