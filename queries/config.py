"""httpcodes.toml: what a scheduled run would otherwise be told by options.

Options override the file, and the file overrides the environment.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from queries.config_keys import (
    ENGINE,
    KEYS,
    RETENTION,
    SOURCE,
    TABLES,
    Key,
    bytes_of,
)
from queries.failures import Misused

FILE = Path("httpcodes.toml")


_PATHS = ("store", "export", "metrics_file")


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
    optional: bool = SOURCE["optional"].default
    """Whether it may be missing, or hold nothing, without a word."""
    kind: str | None = None
    """Of the files: Parquet, a kind of text, or `auto`."""
    pattern: str | None = None
    """The name of a pattern of lines."""
    expect: str | None = None
    """How often it brings something: `every 5m`, `every 1h`, `every 1d`; or `off`."""
    least_share: float = SOURCE["least_share"].default
    """An hour with less than this share of what is usual is short."""
    serials: str | None = None
    """How the names of its files end, with `{serial}` for a number that leaves none out."""
    grace_hours: int | None = None
    """How long after its end an hour is waited for."""


@dataclass(frozen=True)
class EngineConfig:
    """The `[engine]` table: who counts, if not this process."""

    spark: str | None = None
    """Spark's master, a URL of Spark Connect, or `spark` for the session that is there."""
    share: Path | None = None
    """A folder that the driver and the executors see: large results go there."""
    archive: str | None = None
    """A packed environment that executors run with."""
    task_bytes: int = bytes_of(ENGINE["task_bytes"].default)
    """How much of the logs a task gets."""
    conf: Mapping[str, str] = field(default_factory=dict)
    """Spark's own settings."""


@dataclass(frozen=True)
class Config:
    """What the file says, and what applies where it says nothing; None and empty: nothing."""

    file: Path = FILE
    store: Path | None = None
    """None: the environment says it, or what is usual."""
    sources: tuple[SourceConfig, ...] = ()
    services: str = KEYS["services"].default
    """`seen` or `registered`: which services count."""
    settle_hours: int = KEYS["settle_hours"].default
    """How long after its end a bucket may still change."""
    replace_within_days: int = KEYS["replace_within_days"].default
    """For how long after it was counted a file may be replaced."""
    plausible_from: date = KEYS["plausible_from"].default
    """Rows of earlier days are rejected."""
    plausible_ahead_hours: int = KEYS["plausible_ahead_hours"].default
    """Rows of moments that lie further ahead of the run's start are rejected."""
    keep_snapshots: int = KEYS["keep_snapshots"].default
    rollup_days: int | None = None
    """`prune` drops counts that are older."""
    keep_daily_days: int = RETENTION["keep_daily_days"].default
    """For how many days the last snapshot of each is kept, beside the last few."""
    keep_raw_days: int = RETENTION["keep_raw_days"].default
    """For how many days after they were counted copies of log files are kept."""
    memory: str | None = None
    """How much memory DuckDB may use, such as 2GB."""
    threads: int | None = None
    metrics_file: Path | None = None
    """Where a run leaves its metrics, a Prometheus textfile."""
    log_format: str = KEYS["log_format"].default
    """`text` or `json`: how a run tells what it does."""
    pushgateway_url: str | None = None
    """A Pushgateway that gets the metrics when a run ends."""
    otlp_endpoint: str | None = None
    """What takes metrics and a span over OTLP when a run ends; `/v1/metrics` is below it."""
    ping_url: str | None = None
    """What a run asks for when it starts and when it has ended."""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """URLs of object stores that are not where they usually are, by scheme: s3, gs, abfs."""
    patterns: Mapping[str, str] = field(default_factory=dict)
    """Patterns of lines, by name."""
    export: Path | None = None
    """A folder that a run exports to as its last step."""
    engine: EngineConfig = EngineConfig()
    strict: bool = KEYS["strict"].default
    """Whether a gap in what sources bring makes a run end as partly done."""


def load(file: Path | None) -> Config:
    """Read this file, or `./httpcodes.toml` if it is there. Raises BadConfig."""
    if file is None and not FILE.exists():
        return Config()
    file = file or FILE
    import tomllib  # noqa: PLC0415 - most questions have no file to read

    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(f"{file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{file} is not TOML: it is no text in UTF-8") from error
    except ValueError as error:
        raise BadConfig(f"{file} is not TOML: {error}") from error
    values = _checked(told, KEYS, str(file))
    limits, retention, endpoints, engine = (
        _checked(values.pop(table, {}), TABLES[table], f"{file}, {table}")
        for table in ("limits", "retention", "endpoints", "engine")
    )
    if endpoint := values.pop("endpoint", None):
        if "s3" in endpoints:
            raise BadConfig(f'{file}: "endpoint" is "s3" of [endpoints]; leave one of them out')
        endpoints["s3"] = endpoint
    folder = Path(os.path.abspath(file)).parent
    sources = tuple(
        _source(source, f"{file}, sources[{number}]", folder)
        for number, source in enumerate(values.pop("sources", ()), 1)
    )
    values["engine"] = _engine(engine, folder)
    paths = {key: folder / values.pop(key) for key in _PATHS if key in values}
    return Config(
        file, sources=sources, endpoints=endpoints, **paths, **values, **limits, **retention
    )


def _engine(table: dict[str, Any], folder: Path) -> EngineConfig:
    if "share" in table:
        table["share"] = folder / table["share"]
    if "task_bytes" in table:
        table["task_bytes"] = bytes_of(table["task_bytes"])
    return EngineConfig(**table)


def store_of(option: Path | None, config: Config) -> Path:
    """The store that is meant: an option before the file, that before the environment."""
    return (
        option or config.store or Path(os.environ.get("HTTPCODES_STORE") or KEYS["store"].default)
    )


def _source(table: Mapping[str, Any], where: str, folder: Path) -> SourceConfig:
    values = _checked(table, SOURCE, where)
    if "path" not in values:
        raise BadConfig(f'{where}: "path" is missing; it says where the logs are')
    paths = values.pop("path")
    listed = [paths] if isinstance(paths, str) else paths
    return SourceConfig(tuple(placed(path, folder) for path in listed), **values)


def placed(path: str, folder: Path) -> str:
    """A source with its path made absolute, below a folder; a table or a list of links has its
    kind before it."""
    table = re.match("(delta|iceberg|links):", path)
    kind, where = (path[: table.end()], path[table.end() :]) if table else ("", path)
    # A table of a catalog has a name with dots.
    is_named = kind == "iceberg:" and "/" not in where and "." in where
    return (
        path if "://" in where or is_named else kind + os.path.normpath(os.path.join(folder, where))
    )


def _checked(table: Mapping[str, Any], keys: Mapping[str, Key], where: str) -> dict[str, Any]:
    for key, value in table.items():
        if key not in keys:
            raise BadConfig(f'{where}: unknown key "{key}"; known are {", ".join(keys)}')
        if not keys[key].accepts(value):
            wanted = keys[key].wanted
            raise BadConfig(f'{where}: "{key}" is {value!r}; it would have to be {wanted}')
    return dict(table)
