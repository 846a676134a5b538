"""The columns of JSON, as the first objects of a file have them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobs.logs.columns import Column, Schema
from queries.access_log.scan import RESERVED

_MOST = 200
"""Objects of a text that are looked at."""
_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR", list: "JSON[]"}

Object = Mapping[str, Any]


def of_lines(lines: Sequence[str]) -> list[Object]:
    """Those of the lines that are objects."""
    found: list[Object] = []
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def of_text(text: str) -> list[Object]:
    """The first objects of an array, or of objects one behind the other; none if it is neither."""
    decoder = json.JSONDecoder()
    found: list[Object] = []
    position = 1 if text.startswith("[") else 0
    while len(found) < _MOST:
        between = re.compile(r"[\s,]*").match(text, position)
        position = between.end() if between else position
        if text.startswith("]", position) or position == len(text):
            break
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            # A sample ends anywhere.
            return found if len(found) > 1 and text.startswith("{", position) else []
        if not isinstance(value, dict):
            return []
        found.append(value)
    return found


def columns(sample: Sequence[Object]) -> tuple[Schema, dict[str, tuple[str, ...]]]:
    """The columns by dotted names, and the keys under which each lies inside an object."""
    found: dict[tuple[str, ...], set[str]] = {}
    for value in sample:
        for keys, kind in _leaves(value, ()):
            found.setdefault(keys, set()).add(kind)
    names = {keys: ".".join(keys) for keys in found}
    schema: dict[str, Column] = {}
    paths: dict[str, tuple[str, ...]] = {}
    for keys, name in names.items():
        if name in schema or name.startswith(RESERVED):
            continue
        alike = [other for other in names.values() if other == name]
        twins = tuple(alike) if len(alike) > 1 else ()
        schema[name] = Column((name,), _type(found[keys]), twins=twins)
        paths[name] = keys
    return schema, paths


def _leaves(value: Object, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, inside in value.items():
        keys = (*above, key)
        if isinstance(inside, dict):
            yield keys, "STRUCT"
            yield from _leaves(inside, keys)
        else:
            yield keys, "" if inside is None else _TYPES[type(inside)]


def _type(kinds: set[str]) -> str:
    there = kinds - {""}
    if there == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return next(iter(there)) if len(there) == 1 else "VARCHAR"
