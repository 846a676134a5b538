"""Suspected copies: rows that seem to count twice, in files that are not the same bytes.

The same requests re-encoded, renamed or merged into a file that lies beside the small ones: every
cell agrees, and all count. Nothing proves it, so nobody is refused for it: it is said, and
`forget` settles it.
"""

import shlex
from dataclasses import dataclass
from typing import Any

import duckdb

from jobs.store.revision import Revision
from queries.statements import statements

PROOF = 12
"""How many different counts (a service, a status code, a number) have to agree."""

_SQL = statements(__name__)


@dataclass(frozen=True)
class Copy:
    """A file in force, and others in force that hold the same rows together."""

    path: str
    others: list[str]
    rows: int

    @property
    def sentence(self) -> str:
        """For people, with the command that settles it."""
        more = len(self.others) - 1
        others = f"{self.others[0]}{f' and {more:,} other{chr(115) * (more > 1)}' if more else ''}"
        holds = "holds" if not more else "hold"
        return (
            f"{self.path} seems to hold what {others} {holds}: every count agrees, and "
            f"{self.rows:,} requests count twice; `httpcodes forget {shlex.quote(self.path)}` "
            "settles it if they are the same"
        )

    def as_json(self) -> dict[str, Any]:
        """The machine's form."""
        return vars(self)


def measure(work: Revision) -> None:
    """Note which files of this run some of many others hold together."""
    work.connection.execute(_SQL["fresh_files"], {"run_id": work.run_id})
    work.connection.execute(_SQL["few"], {"proof": PROOF})
    if work.connection.execute(_SQL["any_candidate"]).fetchall() == [(True,)]:
        work.connection.execute(_SQL["note"])


def suspected(connection: duckdb.DuckDBPyConnection, run_id: str | None = None) -> list[Copy]:
    """Suspected copies among files whose contributions are kept apart.

    With a run, only those that it counted, or counted others of. Raises duckdb.Error.
    """
    if connection.execute(_SQL["possible"], {"run_id": run_id}).fetchall() == [(False,)]:
        return []
    rows = connection.execute(_SQL["suspected"], {"run_id": run_id, "proof": PROOF}).fetchall()
    named: set[str] = set()
    found = []
    for path, others, count in rows:
        # Of two that are equal, the later is told.
        if path not in named:
            named.update(others if len(others) == 1 else ())
            found.append(Copy(path, others, count))
    return found
