"""What two stores have to have in common, if the same files were counted into them."""

from typing import Any

from conftest import Store

_RELATIONS = (
    "rollup_5m", "rollup_1h", "rollup_1d", "bucket_status", "status_classes_5m", "services", "watermarks",
    "rejected_rows", "source_files", "contributions", "runs", "internal.readings",
)  # fmt: skip
_OF_THE_RUN = {
    "run_id", "file_id", "reading_id", "service_id", "started_at", "finished_at", "ingested_at", "final_until",
    "first_run", "since", "until", "complete_until",
}  # fmt: skip
"""Times and ids."""


def relations(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all relations, in an order of their own, without times and ids of the run."""
    found = {}
    for name in _RELATIONS:
        columns = [column for column, *_ in store.sql(f"DESCRIBE {name}")]
        kept = ", ".join(f'"{column}"' for column in columns if column not in _OF_THE_RUN)
        found[name] = store.sql(f"SELECT {kept} FROM {name} ORDER BY ALL")
    return found
