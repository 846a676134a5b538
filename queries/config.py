"""httpcodes.toml: what a scheduled run would otherwise be told by options.

Options override the file, and the file overrides the environment.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from queries.failures import Misused

FILE = Path("httpcodes.toml")
MOST_DAYS = 36_525
"""A century is for ever."""
MOST_THREADS = 1024
"""DuckDB starts as many as it is told to; a hundred thousand take it minutes, or fail."""


class BadConfig(Misused):
    """A configuration that can't be followed; the message names the file, the key, and what
    would be accepted."""


@dataclass(frozen=True)
class SourceConfig:
    """A `[[sources]]` table."""

    path: tuple[str, ...]
    """Files, folders, globs or URLs of object stores; paths are absolute."""
    format: str | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    service_name: str | None = None
    service_from_path: str | None = None
    zone: str | None = None
    """Of times that name none."""
    optional: bool = False
    """Whether it may be missing, or hold nothing, without a word."""


@dataclass(frozen=True)
class Config:
    """What the file says; None and empty where it says nothing."""

    file: Path = FILE
    store: Path | None = None
    sources: tuple[SourceConfig, ...] = ()
    services: str | None = None
    """`seen` or `registered`: which services count."""
    settle_hours: int | None = None
    """How long after its end a bucket may still change."""
    replace_within_days: int | None = None
    """For how long after it was counted a file may be replaced."""
    plausible_from: date | None = None
    """Rows of earlier days are rejected."""
    plausible_ahead_hours: int | None = None
    """Rows of moments that lie further ahead of the run's start are rejected."""
    keep_snapshots: int | None = None
    rollup_days: int | None = None
    """`prune` drops counts that are older."""
    keep_daily_days: int | None = None
    """For how many days the last snapshot of each is kept, beside the last few."""
    keep_raw_days: int | None = None
    """For how many days after they were counted copies of log files are kept."""
    memory: str | None = None
    """How much memory DuckDB may use, such as 2GB."""
    threads: int | None = None
    metrics_file: Path | None = None
    """Where a run leaves its metrics, a Prometheus textfile."""
    log_format: str | None = None
    """`text` or `json`: how a run tells what it does."""
    ping_url: str | None = None
    """What a run asks for when it starts and when it has ended."""
    endpoint: str | None = None
    """Of an object store that speaks the S3 protocol elsewhere than at AWS."""
    export: Path | None = None
    """A folder that a run exports to as its last step."""


def load(file: Path | None) -> Config:
    """Read this file, or `./httpcodes.toml` if it is there. Raises BadConfig."""
    if file is None and not FILE.exists():
        return Config()
    file = file or FILE
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(f"{file} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise BadConfig(f"{file} is not TOML: {error}") from error
    values = _checked(told, _CONFIG, str(file))
    limits = _checked(values.pop("limits", {}), _LIMITS, f"{file}, limits")
    retention = _checked(values.pop("retention", {}), _RETENTION, f"{file}, retention")
    folder = Path(os.path.abspath(file)).parent
    sources = tuple(
        _source(source, f"{file}, sources[{number}]", folder)
        for number, source in enumerate(values.pop("sources", ()), 1)
    )
    paths = {key: folder / values.pop(key) for key in _PATHS if key in values}
    return Config(file, sources=sources, **paths, **values, **limits, **retention)


def store_of(option: Path | None, config: Config) -> Path:
    """The store that is meant: an option before the file, that before the environment."""
    return option or config.store or Path(os.environ.get("HTTPCODES_STORE") or "store")


def _source(told: Mapping[str, Any], where: str, folder: Path) -> SourceConfig:
    values = _checked(told, _SOURCE, where)
    if "path" not in values:
        raise BadConfig(f'{where}: "path" is missing; it says where the logs are')
    paths = values.pop("path")
    listed = [paths] if isinstance(paths, str) else paths
    absolute = [path if "://" in path else os.path.join(folder, path) for path in listed]
    return SourceConfig(tuple(absolute), **values)


Check = tuple[Callable[[Any], bool], str]


def _checked(told: Mapping[str, Any], keys: Mapping[str, Check], where: str) -> dict[str, Any]:
    for key, value in told.items():
        if key not in keys:
            raise BadConfig(f'{where}: unknown key "{key}"; known are {", ".join(keys)}')
        accepts, wanted = keys[key]
        if not accepts(value):
            raise BadConfig(f'{where}: "{key}" is {value!r}; it would have to be {wanted}')
    return dict(told)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(_is_text, value))


def _is_map(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _whole(least: int, most: int | None = None) -> Check:
    wanted = f"{least} or more" if most is None else f"{least} to {most:,}"
    # To Python, true is a number.
    return (
        lambda value: type(value) is int and least <= value and (most is None or value <= most),
        f"a whole number, {wanted}",
    )


def is_url(value: object) -> bool:
    """Whether this names something to ask for over HTTP."""
    try:
        parts = urlsplit(value) if isinstance(value, str) and value.isprintable() else None
        return bool(parts and parts.scheme in ("http", "https") and parts.hostname)
    except ValueError:
        return False


def is_size(value: object) -> bool:
    """Whether DuckDB takes this for how much memory it may use."""
    sizes = r"\d+(\.\d+)? *([kmgt]i?b?|b|bytes?|%)"
    return isinstance(value, str) and re.fullmatch(sizes, value.strip(), re.I) is not None


_PATHS = ("store", "export", "metrics_file")
_TEXT: Check = (_is_text, "text")
_CONFIG: Mapping[str, Check] = {
    "store": (_is_text, "the path of a folder"),
    "services": (lambda value: value in ("seen", "registered"), '"seen" or "registered"'),
    "settle_hours": _whole(0, MOST_DAYS * 24),
    "replace_within_days": _whole(0, MOST_DAYS),
    "plausible_from": (lambda value: type(value) is date, "a date such as 1990-01-01"),
    "plausible_ahead_hours": _whole(0, MOST_DAYS * 24),
    "keep_snapshots": _whole(1),
    "metrics_file": (_is_text, "the path of a file"),
    "log_format": (lambda value: value in ("text", "json"), '"text" or "json"'),
    "ping_url": (is_url, "a URL, https://…"),
    "endpoint": (_is_text, "a URL"),
    "export": (_is_text, "the path of a folder"),
    "limits": (lambda value: isinstance(value, dict), "a table, [limits]"),
    "retention": (lambda value: isinstance(value, dict), "a table, [retention]"),
    "sources": (
        lambda value: isinstance(value, list) and all(isinstance(s, dict) for s in value),
        "tables, each [[sources]]",
    ),
}
_LIMITS: Mapping[str, Check] = {
    "memory": (is_size, "a size such as 2GB"),
    "threads": _whole(1, MOST_THREADS),
}
_RETENTION: Mapping[str, Check] = {
    "rollup_days": _whole(1, MOST_DAYS),
    "keep_daily_days": _whole(0, MOST_DAYS),
    "keep_raw_days": _whole(0, MOST_DAYS),
}
_SOURCE: Mapping[str, Check] = {
    "path": (lambda value: _is_text(value) or _are_texts(value), "a path or a list of paths"),
    "format": _TEXT,
    "map": (_is_map, "a table of roles and columns"),
    "service_name": _TEXT,
    "service_from_path": _TEXT,
    "zone": _TEXT,
    "optional": (lambda value: isinstance(value, bool), "true or false"),
}
