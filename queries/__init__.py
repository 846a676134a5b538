"""The reading side: what a snapshot holds, and the documented answer from it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from queries.api.beyond import Beyond, Interval
    from queries.api.http_codes import Answer, answer
    from queries.api.prepared import keep_in_memory

__all__ = ["Answer", "Beyond", "Interval", "answer", "keep_in_memory"]

_ROOMS = {"Beyond": "beyond", "Interval": "beyond", "keep_in_memory": "prepared"}


def __getattr__(name: str) -> Any:
    """What is promised, once it is asked for: `httpcodes --help` waits for no database."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = _ROOMS.get(name, "http_codes")
    return getattr(import_module(f"queries.api.{room}"), name)
