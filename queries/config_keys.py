"""What may stand in httpcodes.toml: the keys, what each accepts and means, and what applies
without it."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlsplit

MOST_DAYS = 36_525
"""A century is for ever."""
KINDS = ("parquet", "ndjson", "csv", "w3c", "lines", "auto")
MOST_THREADS = 1024
"""DuckDB starts as many as it is told to; a hundred thousand take it minutes, or fail."""


class Key(NamedTuple):
    """What may stand at a key, and what it says."""

    accepts: Callable[[Any], bool]
    wanted: str
    """What would be accepted, for a sentence."""
    example: str = ""
    """As it is written."""
    meaning: str = ""
    default: Any = None
    """What applies unless it is said; None: nothing."""


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(map(_is_text, value))


def _is_map(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _whole(
    example: int,
    meaning: str,
    least: int,
    most: int | None = None,
    *,
    default: int | None = None,
) -> Key:
    wanted = f"{least} or more" if most is None else f"{least} to {most:,}"
    # To Python, true is a number.
    return Key(
        lambda value: type(value) is int and least <= value and (most is None or value <= most),
        f"a whole number, {wanted}",
        f"{example}",
        meaning,
        default,
    )


def _usually(default: int, meaning: str, least: int, most: int | None = None) -> Key:
    return _whole(default, meaning, least, most, default=default)


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


def bytes_of(size: str) -> int:
    """How many bytes a size such as 256MB is."""
    number, unit = re.findall(_BYTES, size, re.I)[0]
    power = " kmgt".index(unit[:1].lower() or " ")
    return int(number) * int((1024 if "i" in unit.lower() else 1000) ** power)


def _is_number_of_bytes(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(_BYTES, value.strip(), re.I) is not None


_BYTES = r"([1-9][0-9]{0,9}) *([kmgt]?i?b)"
_URL = "a URL, http://… or https://…"
_PATTERN = r"{ edge = '^(?P<ts>\d+) (?P<domain>\S+) (?P<status>\d+)' }"
KEYS: Mapping[str, Key] = {
    "store": Key(
        _is_text,
        "the path of a folder",
        '"/srv/httpcodes"',
        "paths are relative to this file",
        "store",
    ),
    "services": Key(
        lambda value: value in ("seen", "registered"),
        '"seen" or "registered"',
        '"seen"',
        'or "registered"',
        "seen",
    ),
    "settle_hours": _usually(
        48, "how long after its end a bucket may still change", 0, MOST_DAYS * 24
    ),
    "replace_within_days": _usually(30, "how long a counted file may be replaced", 0, MOST_DAYS),
    "plausible_from": Key(
        lambda value: type(value) is date,
        "a date such as 1990-01-01",
        "1990-01-01",
        "rows of earlier days are rejected",
        date(1990, 1, 1),
    ),
    "plausible_ahead_hours": _usually(
        24, "so are rows that lie further ahead of the run's start", 0, MOST_DAYS * 24
    ),
    "keep_snapshots": _usually(5, "how many are kept", 1),
    "endpoint": Key(is_url, _URL),
    "export": Key(
        _is_text, "the path of a folder", '"/srv/www"', "a run exports here as its last step"
    ),
    "strict": Key(
        lambda value: isinstance(value, bool),
        "true or false",
        "true",
        "a gap in what sources bring makes a run exit with 3",
        default=False,
    ),
    "metrics_file": Key(
        _is_text,
        "the path of a file",
        '"/var/lib/node_exporter/httpcodes.prom"',
        "for Prometheus",
    ),
    "log_format": Key(
        lambda value: value in ("text", "json"),
        '"text" or "json"',
        '"json"',
        'or "text"',
        "text",
    ),
    "ping_url": Key(
        is_url, "a URL, https://…", '"https://hc-ping.com/your-check"', "told of start and end"
    ),
    "patterns": Key(_is_map, "a table of names and patterns", _PATTERN, "of lines, by name"),
    "endpoints": Key(lambda value: isinstance(value, dict), "a table, [endpoints]"),
    "pushgateway_url": Key(
        is_url, "a URL, https://…", '"http://pushgateway:9091"', "gets the metrics, too"
    ),
    "otlp_endpoint": Key(
        is_url, "a URL, https://…", '"http://collector:4318"', "and so does this, with a span"
    ),
    "engine": Key(lambda value: isinstance(value, dict), "a table, [engine]"),
    "limits": Key(lambda value: isinstance(value, dict), "a table, [limits]"),
    "retention": Key(lambda value: isinstance(value, dict), "a table, [retention]"),
    "sources": Key(
        lambda value: isinstance(value, list) and all(isinstance(s, dict) for s in value),
        "tables, each [[sources]]",
    ),
}
RETENTION: Mapping[str, Key] = {
    "rollup_days": _whole(400, "`httpcodes prune` drops older counts", 1, MOST_DAYS),
    "keep_daily_days": _whole(
        14, "the last snapshot of each day is kept, too", 0, MOST_DAYS, default=0
    ),
    "keep_raw_days": _whole(
        7, "copies of log files are kept, for access_log; else none", 0, MOST_DAYS, default=0
    ),
}
LIMITS: Mapping[str, Key] = {
    "memory": Key(is_size, "a size such as 2GB", '"2GB"', "of what DuckDB uses"),
    "threads": _whole(4, "at the most", 1, MOST_THREADS),
}
ENDPOINTS: Mapping[str, Key] = {
    "s3": Key(is_url, _URL, '"https://s3.example.net"', "else at AWS"),
    "gs": Key(is_url, _URL, '"https://storage.example.net"', "else at Google"),
    "abfs": Key(is_url, _URL, '"https://blob.example.net"', "else in the cloud of the account"),
}
ENGINE: Mapping[str, Key] = {
    "spark": Key(
        _is_text,
        "what --engine accepts",
        '"sc://spark.internal:15002"',
        'counts on it; or "spark://host:7077", "local[4]", "yarn", "k8s://…", "spark"',
    ),
    "share": Key(
        _is_text,
        "the path of a folder",
        '"/mnt/share/httpcodes"',
        "driver and executors see it: large results go there",
    ),
    "archive": Key(
        _is_text,
        "the path or URL of a packed environment",
        '"/mnt/share/httpcodes-env.tar.gz"',
        "what executors run with; else what they have",
    ),
    "task_bytes": Key(
        _is_number_of_bytes,
        "a size such as 256MB",
        '"256MB"',
        "so much of the logs for a task",
        "256MB",
    ),
    "conf": Key(
        _is_map,
        "a table of Spark's settings, each a text",
        '{ "spark.executor.memory" = "2g" }',
        "Spark's own settings, or a table [engine.conf]",
    ),
}
TABLES: Mapping[str, Mapping[str, Key]] = {
    "retention": RETENTION,
    "limits": LIMITS,
    "endpoints": ENDPOINTS,
    "engine": ENGINE,
}
_RHYTHM = "off|(every )?(5m|1h|1d)"
SOURCE: Mapping[str, Key] = {
    "path": Key(
        lambda value: _is_text(value) or _are_texts(value),
        "a path or a list of paths",
        '"/var/log/cdn"',
        "a file, a folder, a glob, or a list of them",
    ),
    "format": Key(_is_text, "text"),
    "map": Key(_is_map, "a table of roles and columns"),
    "service_name": Key(_is_text, "text"),
    "service_from_path": Key(_is_text, "text"),
    "zone": Key(_is_text, "text"),
    "kind": Key(
        lambda value: value in KINDS,
        " or ".join(f'"{kind}"' for kind in KINDS),
        *('"auto"', "or the other kinds of text; told by what each file holds"),
    ),
    "pattern": Key(_is_text, "text", '"edge"', "of its lines, one of those below"),
    "optional": Key(
        lambda value: isinstance(value, bool),
        "true or false",
        "true",
        "may be missing, or hold nothing, without a word",
        default=False,
    ),
    "expect": Key(
        lambda value: _is_text(value) and re.fullmatch(_RHYTHM, value) is not None,
        '"every 5m", "every 1h", "every 1d" or "off"',
        '"every 1h"',
        'or "every 5m", "every 1d", "off"; else by what it brought before',
    ),
    "least_share": Key(
        lambda value: type(value) in (int, float) and 0 < value <= 1,
        "a share, above 0 and up to 1",
        "0.5",
        "of what is usual: an hour with less is short",
        0.5,
    ),
    "serials": Key(
        lambda value: _is_text(value) and value.count("{serial}") == 1 and "/" not in value,
        "the end of a file's name with {serial} in it",
        '"{hour}-{serial}.parquet"',
        "a number that is left out is told",
    ),
    "grace_hours": _whole(
        6, "how long an hour is waited for; else as long as is usual", 0, MOST_DAYS * 24
    ),
}
