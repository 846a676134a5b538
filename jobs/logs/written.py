"""Values of our own classes as text, and back: what goes to another process and is trusted there.

JSON holds no code. What comes back is built as the types of the fields say, and nothing else.
"""

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def written(value: Any) -> str:
    """A dataclass as JSON; equal texts say the same."""
    return json.dumps(dataclasses.asdict(value), sort_keys=True)


def read(kind: type[T], text: str) -> T:
    """The value of a dataclass that was written. Raises ValueError if it is no such text."""
    try:
        value: T = _built(kind, json.loads(text))
    except (TypeError, KeyError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from error
    return value


def _built(kind: Any, json_value: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        fields = _fields(kind)
        return kind(**{name: _built(fields[name], value) for name, value in json_value.items()})
    if get_origin(kind) is tuple:
        inside = get_args(kind)
        if inside[1:] == (...,):
            return tuple(_built(inside[0], value) for value in json_value)
        return tuple(_built(each, value) for each, value in zip(inside, json_value, strict=True))
    if get_origin(kind) in (Mapping, dict):
        _, values = get_args(kind)
        return {name: _built(values, value) for name, value in json_value.items()}
    if others := [one for one in get_args(kind) if one is not NoneType]:
        # Something, or nothing.
        return None if json_value is None else _built(others[0], json_value)
    # A number without a fraction stays as it is.
    if not isinstance(json_value, (kind, int) if kind is float else kind):
        raise TypeError(f"{json_value!r} is no {kind.__name__}")
    return json_value


@cache
def _fields(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)
