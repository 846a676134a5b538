"""Where contributions lie that are too many for a snapshot: sidecars of them, as files beside it.

A snapshot lists its sidecars, and a view over them is among its own. Like access_log, this view
says where the run that published it had the store; sessions of ours say where it lies by now.
"""

import os
from pathlib import Path

import duckdb

from queries.quoting import glob_of, literal

_PLACE = "httpcodes_contributions"


def folder(store: Path) -> Path:
    """The folder of all sidecars; absolute."""
    return Path(os.path.abspath(store / "contributions"))


def locate(connection: duckdb.DuckDBPyConnection, store: Path) -> None:
    """Tell the session where the sidecars of the store are, if it has any."""
    if (place := folder(store)).is_dir():
        connection.execute(f"SET VARIABLE {_PLACE} = {literal(glob_of(str(place)))}")


def named(store: Path, name: str) -> str:
    """An SQL expression: a glob of the sidecar of this name, for whoever reads the store."""
    place = literal(glob_of(str(folder(store))))
    return f"concat(coalesce(getvariable({literal(_PLACE)}), {place}), {literal(f'/{name}')})"


def files(connection: duckdb.DuckDBPyConnection, store: Path) -> list[str]:
    """The sidecars that the current database, a snapshot of the store, lists."""
    try:
        names = connection.execute("SELECT name FROM internal.sidecars ORDER BY sidecar").fetchall()
    except duckdb.CatalogException:
        # Snapshots before schema version 4 have none.
        return []
    return [str(folder(store) / name) for (name,) in names]
