"""Where a published count comes from: the files that made it, and how it came to be what it is."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from jobs.counts import rollup
from jobs.counts.recount import recount
from jobs.store.revision import USUAL, Terms, snapshots
from queries import snapshot, utc
from queries.failures import Misused
from queries.service_name import canonical
from queries.statements import statements

_SQL = statements(__name__)
_BUCKET = timedelta(minutes=5)


class NotTraceable(Misused):
    """A service or a moment that can't be asked for; the message says why."""


@dataclass
class Contribution:
    """What one file added to the count."""

    path: str
    run_id: str
    """The run that counted it."""
    counted_at: datetime
    """When that run started; naive, UTC."""
    codes: dict[int, int]
    """Requests by status code."""
    again: bool
    """Whether that was counted again from the file just now, because it is not kept apart."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Rows of the whole file that could not be counted, by reason."""

    @property
    def requests(self) -> int:
        """Of all the codes."""
        return sum(self.codes.values())


@dataclass(frozen=True)
class Trace:
    """A count, and what it is made of."""

    snapshot: str
    service_name: str
    bucket_start: datetime
    """Naive, UTC."""
    code: int | None
    """None: all codes."""
    published: dict[int, int]
    """Requests by status code."""
    contributions: list[Contribution]
    """In the order in which they were counted."""
    untold: dict[str, str]
    """Files that may have added something, and why nobody can say what; by path."""
    earlier: list[tuple[str, str, str | None, str]]
    """Files that reach the hour and count nothing (any more): path, state, reason, and the run
    that counted them."""
    history: list[tuple[str, int]]
    """Snapshots that are kept and in which the count was another than before: name, requests."""
    kept: bool
    """False: the bucket is older than what is kept."""

    @property
    def requests(self) -> int:
        """As published."""
        return sum(self.published.values())

    @property
    def rest(self) -> dict[int, int]:
        """What the contributions do not tell of the published count, by status code."""
        rest = Counter(self.published)
        for contribution in self.contributions:
            rest.subtract(contribution.codes)
        return {code: requests for code, requests in sorted(rest.items()) if requests}

    @property
    def contradicts(self) -> bool:
        """Whether the contributions can't add up to what is published."""
        return any(self.rest.values()) and (not self.untold or min(self.rest.values()) < 0)

    def as_json(self) -> dict[str, Any]:
        """The machine's form, as the command prints it."""
        runs = [contribution.run_id for contribution in self.contributions]
        return {
            "snapshot": self.snapshot,
            "service_name": self.service_name,
            "bucket_start": utc.written(self.bucket_start),
            "code": self.code,
            "kept": self.kept,
            "requests": self.requests,
            "codes": _named(self.published),
            "files": [
                {
                    "path": contribution.path,
                    "requests": contribution.requests,
                    "codes": _named(contribution.codes),
                    "run_id": contribution.run_id,
                    "counted_at": utc.written(contribution.counted_at),
                    "late": contribution.run_id != min(runs),
                    "counted_again": contribution.again,
                    "rejected": contribution.rejected,
                }
                for contribution in self.contributions
            ],
            "untold": [{"path": path, "reason": why} for path, why in self.untold.items()],
            "rest": _named(self.rest),
            "adds_up": not self.contradicts,
            "earlier": [
                {"path": path, "state": state, "reason": reason, "run_id": run_id}
                for path, state, reason, run_id in self.earlier
            ],
            "history": [{"snapshot": name, "requests": n} for name, n in self.history],
        }


def _named(codes: dict[int, int]) -> dict[str, int]:
    return {f"{code:03d}": requests for code, requests in codes.items()}


def trace(
    store: Path, service: str, moment: str, code: int | None = None, terms: Terms = USUAL
) -> Trace:
    """Say which files made a service's count at a moment (ISO 8601; without a zone UTC).

    Raises NotTraceable, SnapshotError, duckdb.Error or OSError.
    """
    name, bucket = canonical(service), _bucket(moment)
    file = snapshot.newest(store)
    with snapshot.reading(store) as connection:
        snapshot.check_version(connection, store)
        found = connection.execute(_SQL["service"], {"service": name}).fetchall()
        if not found:
            raise NotTraceable(
                f"{service!r} is no service that is known; `httpcodes services list` lists them"
            )
        asked = {"service_id": found[0][0], "bucket": bucket, "code": code}
        published = dict(connection.execute(_SQL["published"], asked).fetchall())
        ((kept_from,),) = connection.execute("SELECT kept_from FROM internal.snapshot").fetchall()
        contributions = _kept_apart(connection, asked)
        again, untold = _again(connection, {**asked, "service": name}, terms)
        contributions = sorted(
            [*contributions, *again],
            key=lambda each: (each.run_id, each.path),
        )
        by_path = {contribution.path: contribution for contribution in contributions}
        paths = {"paths": list(by_path)}
        for path, reason, rows in connection.execute(_SQL["rejected"], paths).fetchall():
            next(
                contribution for contribution in contributions if contribution.path == path
            ).rejected[reason] = rows
        earlier = connection.execute(_SQL["earlier"], {"bucket": bucket}).fetchall()
    return Trace(
        file.stem,
        str(name),
        bucket,
        code,
        published,
        contributions,
        untold,
        earlier,
        _history(snapshots(store), {"service": name, "bucket": bucket, "code": code}),
        kept_from is None or bucket >= kept_from,
    )


def _bucket(moment: str) -> datetime:
    try:
        at = datetime.fromisoformat(moment)
        at = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    except (ValueError, OverflowError):
        raise NotTraceable(
            f"{moment!r} is no moment; one such as 2025-09-09T12:35:00Z would be"
        ) from None
    return at - (at - datetime.min) % _BUCKET


def _kept_apart(connection: duckdb.DuckDBPyConnection, asked: dict[str, Any]) -> list[Contribution]:
    contributions: dict[tuple[str, str], Contribution] = {}
    for path, run_id, counted_at, code, requests in connection.execute(
        _SQL["contributed"], asked
    ).fetchall():
        contribution = contributions.setdefault(
            (path, run_id), Contribution(path, run_id, counted_at, {}, again=False)
        )
        contribution.codes[code] = contribution.codes.get(code, 0) + requests
    return list(contributions.values())


def _again(
    connection: duckdb.DuckDBPyConnection, asked: dict[str, Any], terms: Terms
) -> tuple[list[Contribution], dict[str, str]]:
    """Folded files, counted again; and those of which that can't be done."""
    contributions, untold = {}, {}
    for path, known, displaced, run_id, counted_at in connection.execute(
        _SQL["folded"], {"bucket": asked["bucket"]}
    ).fetchall():
        if displaced or not terms.storage.holds(path, known):
            untold[path] = "what was counted is not there any more"
        else:
            contributions[path] = Contribution(path, run_id, counted_at, {}, again=True)
    if contributions:
        rollup.define_buckets(connection)
        recounted = recount(connection, list(contributions), terms.storage)
        wanted = {key: asked[key] for key in ("service", "bucket", "code")}
        rows = connection.execute(_SQL["recounted"].format(recounted=recounted), wanted).fetchall()
        for path, code, requests in rows:
            contributions[path].codes[code] = requests
    return [contribution for contribution in contributions.values() if contribution.codes], untold


def _history(files: Iterable[Path], asked: dict[str, Any]) -> list[tuple[str, int]]:
    """The count in the snapshots that are kept, where it changed."""
    history: list[tuple[str, int]] = []
    for file in files:
        # One of them may go at any time, or be broken.
        with suppress(duckdb.Error, OSError, snapshot.SnapshotError), duckdb.connect() as session:
            snapshot.attach_file(session, file)
            before = _SQL["before"].format(side="httpcodes")
            ((requests,),) = session.execute(before, asked).fetchall()
            if not history or history[-1][1] != requests:
                history.append((file.stem, requests))
    return history
