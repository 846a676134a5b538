"""The reading side: what a snapshot holds, and the documented answer from it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from queries.api.beyond import Beyond, Interval
    from queries.api.http_codes import Answer, answer

__all__ = ["Answer", "Beyond", "Interval", "answer"]


def __getattr__(name: str) -> Any:
    """What is promised, once it is asked for: `httpcodes --help` waits for no database."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "beyond" if name in ("Beyond", "Interval") else "http_codes"
    return getattr(import_module(f"queries.api.{room}"), name)
