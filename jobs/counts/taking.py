"""What was counted goes into a revision: names, verdicts on rows, contributions, ledger rows.

All of a batch commits together, so that a ledger row and its data are there or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.counts import misfit, readings
from jobs.counts.contents import Content
from jobs.counts.counted import Counted, Unusable
from jobs.counts.ledger import Ledger
from jobs.logs import expressions
from jobs.logs.arrays import column_of, numbers_of, whole
from jobs.store.revision import Revision
from queries.service_name import canonical
from queries.statements import statements

_SQL = statements(__name__)


@dataclass
class Taken:
    """What became of a batch."""

    files: int = 0
    replaced: int = 0
    """Files among them that took the place of other content."""
    read: int = 0
    counted: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Rows by reason; the same below."""
    passed_over: Mapping[str, int] = field(default_factory=dict)
    unusable: list[Unusable] = field(default_factory=list)


def take(revision: Revision, ledger: Ledger, counted: Counted) -> Taken:
    """Add what was counted to the revision, but for files that the reading does not fit."""
    return _Taking(revision, ledger, counted).taken


def _is_said(content: Content) -> bool:
    """Whether somebody said how the file is read, or which columns are meant."""
    return bool(content.options.format or content.options.mapping)


class _Taking:
    def __init__(self, revision: Revision, ledger: Ledger, counted: Counted) -> None:
        self._revision = revision
        self._connection = revision.connection
        self._ledger = ledger
        self._reading = counted.reading
        self._kind = counted.kind
        self.taken = Taken()
        self._rows, self._logged = _numbered(counted.rows)
        self._passed_over = counted.passed_over
        self._connection.register("passed_over", self._passed_over)
        self._show()
        self._take(dict(counted.contents))
        # After a failure the connection is of no more use, and would hide what happened.
        for relation in ("counted", "logged", "passed_over"):
            self._connection.unregister(relation)

    def _show(self) -> None:
        """Let SQL see the rows, their services as numbers, and the texts of these."""
        numbers = column_of(np.arange(len(self._logged), dtype=np.int32))
        logged = pa.Table.from_arrays([numbers, self._logged], names=["service", "text"])
        self._connection.register("counted", self._rows)
        self._connection.register("logged", logged)

    def _take(self, contents: dict[int, Content]) -> None:
        self._leave_doubtful(contents)
        self._leave_miscounted(contents)
        while contents:
            self._connection.begin()
            self._add_rows(contents)
            misfits = self._misfits(next(iter(contents.values())))
            if not misfits:
                self._record(contents)
                return
            # What they name leaves no trace; the others are taken without them.
            self._connection.rollback()
            for file, found in misfits.items():
                content = contents.pop(file)
                path = content.file.path
                why = misfit.sentence(self._connection, path, self._reading, found)
                self.taken.unusable.append(Unusable(content, why))

    def _leave_doubtful(self, contents: dict[int, Content]) -> None:
        """Files whose services look like something else are not taken."""
        if (doubt := self._reading.doubt) is None:
            return
        bounds = {"clientless": doubt.clientless, "detailed": doubt.detailed}
        self._connection.execute(_SQL["texts"], {"longest": expressions.LONGEST_SERVICE})
        if self._connection.execute(_SQL["any_doubtful"], bounds).fetchall() == [(False,)]:
            return
        for file, held in self._connection.execute(_SQL["doubts"], bounds).fetchall():
            if content := contents.pop(file, None):
                self.taken.unusable.append(Unusable(content, doubt.sentence(held)))

    def _leave_miscounted(self, contents: dict[int, Content]) -> None:
        """Files of numbers that count from another day than 1970-01-01 are not taken unasked."""
        one = next(iter(contents.values()), None)
        if one is None or _is_said(one) or expressions.says_by_type(self._reading):
            return
        began = int(self._revision.started_at.replace(tzinfo=UTC).timestamp() * 1_000_000)
        bounds = {"earliest": self._revision.terms.plausible_from, "until": began}
        for file, newest in self._connection.execute(_SQL["newest"], bounds).fetchall():
            content = contents.get(file)
            day = misfit.epoch(newest, content.file.modified_us) if content else None
            if content and day:
                which = content.file.path, self._reading, newest, day
                if why := misfit.miscounted(self._connection, *which):
                    self.taken.unusable.append(Unusable(contents.pop(file), why))

    def _misfits(self, one: Content) -> dict[int, misfit.Misfit]:
        """Files of the batch that a reading which nobody asked for fits in no row."""
        if self._all_taken and not self._passed_over.num_rows:
            return {}
        roles = {
            "said": _is_said(one),
            "in_text": misfit.looked_for_in_text(self._reading),
            "texts": misfit.texts(self._reading),
            "by_type": expressions.says_by_type(self._reading),
            "nothing": [rule.reason for _, rule in self._reading.passed_over if rule.missing],
        }
        rows = self._connection.execute(_SQL["misfits"], roles).fetchall()
        return {file: misfit.Misfit(*found) for file, *found in rows}

    def _add_rows(self, contents: Mapping[int, Content]) -> None:
        connection = self._connection
        self._describe_batch(contents)
        if self._reading.service_path:
            self._name_by_path()
        self._name_services()
        self._bound()
        connection.execute(_SQL["judge"])
        incoming = {"incoming": self._ledger.incoming}
        ((unlike,),) = connection.execute(_SQL["unlike"]).fetchall()
        # A file's rows become one for each cell, if they are not that already.
        how = {"rows": "CAST(sum(rows) AS BIGINT)", "grouped": "GROUP BY ALL"}
        if not unlike and _is_unique(self._rows):
            how = {"rows": "rows", "grouped": ""}
        ((taken,),) = connection.execute(_SQL["take"].format_map(incoming | how)).fetchall()
        connection.execute(_SQL["verdicts"].format_map(incoming))
        self._all_taken = taken == self._rows.num_rows
        if not self._all_taken:
            connection.execute(_SQL["rejects"])
        if self._passed_over.num_rows:
            connection.execute(_SQL["passed_over"])
        connection.execute(_SQL["hours"])

    def _describe_batch(self, contents: Mapping[int, Content]) -> None:
        files = [content.file for content in contents.values()]
        file_ids = self._ledger.new_file_ids(len(files))
        self._ledger.add(file_ids)
        self._connection.execute(
            _SQL["batch"],
            {
                "numbers": list(contents),
                "file_ids": file_ids,
                "paths": [file.path for file in files],
                "sizes": [file.size for file in files],
                "modified_us": [file.modified_us for file in files],
                "versions": [file.version for file in files],
                "fingerprints": [content.fingerprint for content in contents.values()],
                "named_services": [content.named_service for content in contents.values()],
                "read_under": [content.options.as_text for content in contents.values()],
            },
        )

    def _name_by_path(self) -> None:
        """Every row of a file is of the service that its path names."""
        named = expressions.service_in_path(self._reading, "path")
        found = self._connection.execute(_SQL["in_paths"].format(service_in_path=named)).fetchall()
        services = dict(found)
        self._logged = pa.array([services.get(n) for n in range(max(services) + 1)], pa.string())
        position = self._rows.schema.get_field_index("service")
        self._rows = self._rows.set_column(position, "service", self._rows["file"])
        self._show()

    def _name_services(self) -> None:
        longest = {"longest": expressions.LONGEST_SERVICE}
        rows = self._connection.execute(_SQL["logged_names"], longest).fetchall()
        texts = [text for _, text in rows]
        self._connection.execute(
            _SQL["canonical"],
            {
                "services": [service for service, _ in rows],
                "texts": texts,
                # With its port, too, a hyphen stands for none.
                "canonical": [None if name == "-" else name for name in map(canonical, texts)],
            },
        )
        registered_only = self._revision.terms.registered_only
        self._connection.execute(_SQL["name_services"].format(registered_only=registered_only))

    def _bound(self) -> None:
        """Say which moments are plausible: by the run's start, so that a proof can say it again."""
        terms = self._revision.terms
        self._connection.execute(
            _SQL["plausible"],
            {
                "earliest": terms.plausible_from,
                "until": self._revision.started_at + terms.plausible_ahead,
                "says_by_type": expressions.says_by_type(self._reading),
            },
        )

    def _record(self, contents: Mapping[int, Content]) -> None:
        connection = self._connection
        self.taken.replaced = self._ledger.replace(list(contents.values()))
        connection.execute(
            _SQL["record"],
            {
                "format": self._reading.format,
                "reading_id": readings.number(connection, self._kind, self._reading),
                "ingested_at": self._revision.started_at,
                "run_id": self._revision.run_id,
                "registered_only": self._revision.terms.registered_only,
            },
        )
        self._note_long_names()
        connection.commit()
        ((self.taken.files, self.taken.read, self.taken.counted),) = connection.execute(
            _SQL["taken"]
        ).fetchall()
        if not self._all_taken:
            self.taken.rejected = dict(connection.execute(_SQL["rejected"]).fetchall())
        if self._passed_over.num_rows:
            reasons = connection.execute(_SQL["reasons_passed_over"]).fetchall()
            self.taken.passed_over = dict(reasons)

    def _note_long_names(self) -> None:
        # In bytes there are as many as characters, or more.
        if (pc.max(pc.binary_length(self._logged)).as_py() or 0) <= expressions.LONGEST_SERVICE:
            return
        longest = {"longest": expressions.LONGEST_SERVICE}
        files = self._connection.execute(_SQL["long_named"], longest).fetchall()
        if files:
            numbers = [file_id for (file_id,) in files]
            readings.note_long_names(self._connection, self._kind, self._reading, numbers)


_MOST_CELLS = 1 << 26


def _is_unique(rows: pa.Table) -> bool:
    """Whether it is certain that each file, service, bucket and status code stands once."""
    key, cells = np.zeros(rows.num_rows, np.int64), 1
    for name in ("file", "service", "bucket", "status_code"):
        column = rows[name]
        if column.null_count or not rows.num_rows:
            return False
        values = numbers_of(whole(column))
        values = values - values.min()
        if values.max() >= _MOST_CELLS:
            return False
        used = np.flatnonzero(np.bincount(values))
        position = np.empty(used[-1] + 1, np.int32)
        position[used] = np.arange(len(used))
        cells *= len(used)
        if cells > _MOST_CELLS:
            return False
        key *= len(used)
        key += position[values]
    seen = np.zeros(cells, bool)
    seen[key] = True
    return bool(np.count_nonzero(seen) == rows.num_rows)


def _numbered(rows: pa.Table) -> tuple[pa.Table, pa.Array]:
    """Rows with numbers for their services, and the texts that these stand for."""
    services = rows["service"]
    if not pa.types.is_dictionary(services.type):
        services = services.dictionary_encode()
    services = services.unify_dictionaries()
    texts = services.chunk(0).dictionary if services.num_chunks else pa.array([], pa.string())
    numbers = pa.chunked_array([chunk.indices for chunk in services.chunks], pa.int32())
    position = rows.schema.get_field_index("service")
    return rows.set_column(position, "service", numbers), texts
