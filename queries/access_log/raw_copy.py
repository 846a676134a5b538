"""Where a store keeps copies of log files, and which file each is a copy of.

A copy lies at STORE/raw/RUN/file/var/log/a.parquet, or STORE/raw/RUN/s3/bucket/a.parquet if it is
of an object; RUN is the run that counted the file. So its name tells the view access_log whose
rows it shows, without a look at any table.
"""

import os
from pathlib import Path

from queries.quoting import literal

RUN_ID_LENGTH = len("20261123T020001Z-3fa9")


def folder(store: Path) -> str:
    """The folder of all copies; absolute."""
    return os.path.abspath(store / "raw")


def path_of(folder: str, run_id: str, path: str) -> str:
    """Where the copy of a file or object lies that this run counted.

    Raises ValueError for an object whose name is no path of a file.
    """
    scheme, is_object, name = path.partition("://")
    if not is_object:
        return f"{folder}/{run_id}/file{path}"
    if any(step in ("", ".", "..") for step in name.split("/")):
        raise ValueError("its name is no path of a file")
    return f"{folder}/{run_id}/{scheme}/{name}"


def original(column: str, folder: str) -> str:
    """An SQL expression: whose copy the path in a column is, or the path if it is none."""
    named = f"substr({column}, {len(folder) + RUN_ID_LENGTH + 3})"
    return (
        f"CASE WHEN NOT starts_with({column}, {literal(f'{folder}/')}) THEN {column}"
        f" WHEN starts_with({named}, 'file/') THEN substr({named}, {len('file') + 1})"
        f" ELSE regexp_replace({named}, '/', '://') END"
    )
