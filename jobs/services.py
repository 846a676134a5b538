"""The registry of services: which of them count, where not every Host header may."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jobs.counts import runs
from jobs.counts.runs import Outcome
from jobs.counts.trouble import nothing_changed
from jobs.store.revision import Revision, Terms, revision
from queries import snapshot
from queries.failures import Misused
from queries.service_name import canonical
from queries.statements import statements

_SQL = statements(__name__)


class BadService(Misused):
    """A name that can't be registered or is not; the message names it."""


@dataclass(frozen=True)
class Service:
    """A service that is known."""

    service_name: str
    registered: bool
    first_seen: datetime | None
    """Start of the first bucket with a request of it; naive, UTC."""
    last_seen: datetime | None
    requests: int


def add(store: Path, names: Iterable[str], terms: Terms) -> list[str]:
    """Register services; the canonical names of those that were not registered yet.

    Raises BadService, StoreLocked, StoreUnusable, SnapshotError, duckdb.Error or OSError; then
    nothing has changed.
    """
    wanted = _canonical(names)
    with nothing_changed(), revision(store, terms) as work:
        known = work.connection.execute(_SQL["registered"], {"names": wanted}).fetchall()
        work.connection.execute(_SQL["add"], {"names": wanted})
        work.connection.execute(_SQL["register"], _when(work, wanted))
        work.connection.execute(_SQL["mark_registered"])
        runs.record(work, Outcome())
    return [name for name in wanted if (name,) not in known]


def remove(store: Path, names: Iterable[str], terms: Terms) -> list[str]:
    """Register services no longer; what was counted of them stays. Their canonical names.

    Raises as `add`, and BadService for one that is not registered.
    """
    wanted = _canonical(names)
    with nothing_changed(), revision(store, terms) as work:
        known = work.connection.execute(_SQL["registered"], {"names": wanted}).fetchall()
        for name in wanted:
            if (name,) not in known:
                raise BadService(f"{name} is not registered")
        work.connection.execute(_SQL["unregister"], _when(work, wanted))
        work.connection.execute(_SQL["mark_registered"])
        runs.record(work, Outcome())
    return wanted


def read(file: Path) -> list[str]:
    """The names in a text file, one a line; `#` begins a comment. Raises BadService, OSError."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise BadService(f"{file} is not UTF-8 text, with a name on each line") from None
    named = {number: line.partition("#")[0].strip() for number, line in enumerate(lines, 1)}
    for number, name in named.items():
        if name and canonical(name) is None:
            raise BadService(f"{file}, line {number}: {name!r} can't be the name of a service")
    return [name for name in named.values() if name]


def known(store: Path) -> list[Service]:
    """Every service that is known, by name.

    Raises SnapshotError, duckdb.Error or OSError if there is no snapshot that can be read.
    """
    with snapshot.reading(store) as connection:
        return [Service(*row) for row in connection.execute(_SQL["list"]).fetchall()]


def _when(work: Revision, names: list[str]) -> dict[str, object]:
    return {"names": names, "now": work.started_at, "run_id": work.run_id}


def _canonical(names: Iterable[str]) -> list[str]:
    folded = {name: canonical(name) for name in names}
    for given, name in folded.items():
        if name is None:
            raise BadService(f"{given!r} can't be the name of a service")
    return list(dict.fromkeys(name for name in folded.values() if name))
