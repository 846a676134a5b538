"""Tables of Delta and Iceberg as sources, written by their own libraries."""

import json
import shutil
from base64 import b85encode
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from struct import pack
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3
from conftest import Command, Store
from deltalake import DeltaTable, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _OverwriteFiles
from pyroaring import BitMap

from jobs.verify import verify

A, B, C = "a.example", "b.example", "c.example"
MORNING = datetime(2025, 9, 9, 12)
Row = tuple[str, int]


def rows(*requests: Row, minute: int = 0) -> pa.Table:
    times = [MORNING + timedelta(minutes=minute)] * len(requests)
    sites, codes = zip(*requests, strict=True)
    return pa.table(
        {
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "host": pa.array(sites, pa.string()),
            "status": pa.array(codes, pa.int32()),
        }
    )


class Delta:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = f"delta:{folder}"

    def append(self, data: pa.Table) -> None:
        write_deltalake(self.folder, data, mode="append", schema_mode="merge")

    def overwrite(self, data: pa.Table) -> None:
        write_deltalake(self.folder, data, mode="overwrite")

    def delete(self, site: str) -> None:
        DeltaTable(self.folder).delete(f"host = '{site}'")

    def compact(self) -> None:
        DeltaTable(self.folder).optimize.compact()

    def add_column(self) -> None:
        data = rows((A, 200)).append_column("edge", pa.array(["FRA"]))
        write_deltalake(self.folder, data, mode="append", schema_mode="merge")

    def go_back(self, steps: int) -> None:
        table = DeltaTable(self.folder)
        table.restore(table.version() - steps)

    def expire(self) -> None:
        DeltaTable(self.folder).vacuum(0, dry_run=False, enforce_retention_duration=False)

    def all(self) -> pa.Table:
        return pa.table(DeltaTable(self.folder).to_pyarrow_table())


class Rewrite(_OverwriteFiles):
    """A snapshot as engines write it that compact: pyiceberg itself writes none that replaces."""

    def _summary(self, snapshot_properties: Any = None) -> Summary:
        made = super()._summary(snapshot_properties or {})
        return Summary(Operation.REPLACE, **made.additional_properties)


class Iceberg:
    def __init__(self, folder: Path) -> None:
        self.catalog = SqlCatalog(
            "prod", uri=f"sqlite:///{folder}.db", warehouse=f"file://{folder}"
        )
        self.catalog.create_namespace("logs")
        self.catalog.create_table("logs.access", rows((A, 200)).schema)
        self.source = f"iceberg:{folder}/logs/access"

    @property
    def table(self) -> Table:
        return self.catalog.load_table("logs.access")

    def append(self, data: pa.Table) -> None:
        self.table.append(data)

    def overwrite(self, data: pa.Table) -> None:
        self.table.overwrite(data)

    def delete(self, site: str) -> None:
        self.table.delete(f"host = '{site}'")

    def compact(self) -> None:
        table = self.table
        old = [task.file for task in table.scan().plan_files()]
        data = table.scan().to_arrow()
        with table.transaction() as change, Rewrite(Operation.OVERWRITE, change, table.io) as made:
            for file in old:
                made.delete_data_file(file)
            for file in _dataframe_to_data_files(table.metadata, data, table.io):
                made.append_data_file(file)

    def add_column(self) -> None:
        data = rows((A, 200)).append_column("edge", pa.array(["FRA"]))
        with self.table.update_schema() as update:
            update.union_by_name(data.schema)
        self.table.append(data)

    def go_back(self, steps: int) -> None:
        table = self.table
        snapshot = table.current_snapshot()
        for _ in range(steps):
            assert snapshot and snapshot.parent_snapshot_id
            snapshot = table.snapshot_by_id(snapshot.parent_snapshot_id)
        assert snapshot
        table.manage_snapshots().rollback_to_snapshot(snapshot.snapshot_id).commit()

    def expire(self) -> None:
        table = self.table
        now = table.current_snapshot()
        assert now
        table.maintenance.expire_snapshots().by_ids(
            [each.snapshot_id for each in table.snapshots() if each.snapshot_id != now.snapshot_id]
        ).commit()

    def all(self) -> pa.Table:
        return self.table.scan().to_arrow()


Written = Delta | Iceberg
KINDS = {"delta": Delta, "iceberg": Iceberg}


@pytest.fixture(params=KINDS)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Written:
    """A table in which two requests of one site lie, and one of another, in two files."""
    made: Written = KINDS[request.param](tmp_path / "table")
    made.append(rows((A, 200), (B, 404)))
    made.append(rows((A, 200)))
    return made


def held(table: Written) -> Counter[tuple[str, str, int]]:
    """What the library itself reads."""
    read = table.all().to_pylist()
    return Counter((row["host"], f"{row['timestamp']:%Y-%m-%dT%H:%M:%SZ}", row["status"]) for row in read)  # fmt: skip


def follows(store: Store, table: Written, *others: str) -> dict[str, Any]:
    """The summary of a run, after which the counts are those that the library reads."""
    summary = store.run(table.source, *others)
    assert store.counts() == held(table)
    assert verify(store.folder, deep=True).findings == []
    return summary.as_json()


def test_a_table_counts_as_its_current_files_say(table: Written, store: Store) -> None:
    assert follows(store, table)["files"]["ingested"] == 2
    assert follows(store, table)["files"]["unchanged"] == 2
    table.append(rows((C, 503), minute=5))
    assert follows(store, table)["files"]["ingested"] == 1
    table.overwrite(rows((B, 200), (B, 200)))
    done = follows(store, table)
    assert (done["files"]["ingested"], len(done["withdrawn"])) == (1, 3)
    table.append(rows((A, 500)))
    follows(store, table)
    table.delete(B)
    assert len(follows(store, table)["withdrawn"]) == 1
    table.delete(A)
    follows(store, table)
    assert store.counts() == {}


def test_rows_that_a_delete_leaves_in_a_file_written_anew_count_on(
    table: Written, store: Store
) -> None:
    follows(store, table)
    table.delete(B)
    assert follows(store, table)["files"]["ingested"] == 1
    assert store.counts() == {(A, "2025-09-09T12:00:00Z", 200): 2}


def test_a_compaction_changes_no_count(table: Written, store: Store) -> None:
    follows(store, table)
    before = store.counts()
    table.compact()
    done = follows(store, table)
    assert (done["files"]["ingested"], len(done["withdrawn"])) == (1, 2)
    assert store.counts() == before
    # What was appended and compacted in between was never seen in a file of its own.
    table.append(rows((C, 200)))
    table.compact()
    table.append(rows((C, 201)))
    table.compact()
    table.expire()
    follows(store, table)


def test_columns_that_are_added_later_disturb_nothing(table: Written, store: Store) -> None:
    follows(store, table)
    table.add_column()
    assert follows(store, table)["files"]["ingested"] == 1
    table.compact()
    follows(store, table)


def test_a_rollback_takes_back_and_a_way_forward_counts_again(table: Written, store: Store) -> None:
    follows(store, table)
    table.append(rows((C, 503)))
    follows(store, table)
    table.go_back(1)
    assert len(follows(store, table)["withdrawn"]) == 1
    table.append(rows((C, 503)))
    follows(store, table)


def test_expiry_loses_nothing(table: Written, store: Store) -> None:
    table.overwrite(rows((C, 200)))
    table.append(rows((B, 200)))
    follows(store, table)
    table.expire()
    done = follows(store, table)
    assert (done["files"]["unchanged"], done["withdrawn"]) == (2, [])


def test_equal_files_of_a_table_are_rows_that_it_has_twice(store: Store, tmp_path: Path) -> None:
    delta = Delta(tmp_path / "table")
    for _ in range(3):
        delta.append(rows((A, 200)))
    files = list((tmp_path / "table").glob("*.parquet"))
    assert len({file.read_bytes() for file in files}) < len(files) == 3
    assert follows(store, delta)["files"]["ingested"] == 3
    delta.compact()
    follows(store, delta)


def test_a_branch_counts_when_it_is_the_table(store: Store, tmp_path: Path) -> None:
    iceberg = Iceberg(tmp_path / "table")
    iceberg.append(rows((A, 200)))
    now = iceberg.table.current_snapshot()
    assert now
    iceberg.table.manage_snapshots().create_branch(now.snapshot_id, "audit").commit()
    iceberg.table.append(rows((B, 500)), branch="audit")
    follows(store, iceberg)
    assert store.counts() == {(A, "2025-09-09T12:00:00Z", 200): 1}
    branch = iceberg.table.refs()["audit"].snapshot_id
    iceberg.table.manage_snapshots().set_current_snapshot(branch).commit()
    follows(store, iceberg)
    assert len(store.counts()) == 2


def test_a_file_of_the_table_that_cannot_be_counted_leaves_all_as_it_was(
    table: Written, store: Store
) -> None:
    follows(store, table)
    before = store.counts()
    table.overwrite(rows((C, 200)))
    data = newest(table)
    sound = data.read_bytes()
    data.write_bytes(sound[:-9])
    assert not store.run(table.source).complete
    assert store.counts() == before
    data.write_bytes(sound)
    follows(store, table)


def newest(table: Written) -> Path:
    """The file of data that was written last."""
    folder = Path(table.source.partition(":")[2])
    return max(folder.rglob("*.parquet"), key=lambda file: file.stat().st_mtime_ns)


def test_a_compaction_that_holds_other_rows_is_refused_with_the_difference(
    table: Written, store: Store
) -> None:
    follows(store, table)
    before = store.counts()
    table.compact()
    pq.write_table(rows((A, 200), (B, 500)), newest(table))
    refused = store.run(table.source).outcome.refused
    (reason,) = refused.values()
    assert "1 requests more and 2 fewer; `httpcodes run --count-anyway`" in reason
    assert store.counts() == before


def test_what_was_counted_long_ago_stays_when_the_table_lets_it_go(
    table: Written, store: Store, httpcodes: Command
) -> None:
    store.run(table.source, window=timedelta(0))
    before = store.counts()
    table.overwrite(rows((C, 200), minute=60 * 24))
    summary = store.run(table.source)
    assert store.counts() == before | {(C, "2025-09-10T12:00:00Z", 200): 1}
    assert len(summary.outcome.refused) == 2
    assert all("holds it no more; what " in why for why in summary.outcome.refused.values())
    assert store.run(table.source).complete
    # What comes for these times may hold the same rows, for as long as they count.
    table.append(rows((A, 200)))
    (reason,) = store.run(table.source).outcome.refused.values()
    assert "`httpcodes rebuild --from 2025-09-09 --to 2025-09-09 --drop-missing`" in reason
    command = ["rebuild", "--from", "2025-09-09", "--to", "2025-09-09", "--drop-missing"]
    assert httpcodes(*command, "--store", store.folder).returncode in (0, 3)
    follows(store, table)


def test_what_may_hold_rows_of_long_ago_stays_away_until_the_days_are_counted_afresh(
    table: Written, store: Store, httpcodes: Command
) -> None:
    store.run(table.source, window=timedelta(0))
    before = store.counts()
    table.compact()
    (reason,) = store.run(table.source).outcome.refused.values()
    way = "`httpcodes rebuild --from 2025-09-09 --to 2025-09-09 --drop-missing`"
    assert way in reason
    assert store.counts() == before
    table.expire()
    command = way.strip("`").split()[1:]
    assert httpcodes(*command, "--store", store.folder).returncode in (0, 3)
    store.run(table.source)
    assert store.counts() == before == held(table)


def inline_vector(*numbers: int) -> dict[str, Any]:
    """A deletion vector in the log itself, as the protocol has it: Z85 of a bitmap of rows."""
    bitmap = pack("<Iqi", 1681511377, 1, 0) + BitMap(numbers).serialize()
    padded = bitmap + bytes(-len(bitmap) % 4)
    z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    b85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
    text = b85encode(padded).translate(bytes.maketrans(b85, z85)).decode()
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(bitmap), "cardinality": len(numbers)}  # fmt: skip


def test_row_level_deletes_are_refused_with_what_would_settle_it(
    store: Store, tmp_path: Path
) -> None:
    delta = Delta(tmp_path / "table")
    delta.append(rows(*[(A, 200)] * 40))
    log = tmp_path / "table" / "_delta_log" / "00000000000000000001.json"
    commit = json.loads((log.parent / "00000000000000000000.json").read_text().splitlines()[-1])
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7,
                "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}  # fmt: skip
    vector = inline_vector(3, 4, 7)
    add = {**commit["add"], "deletionVector": vector}
    log.write_text("\n".join(json.dumps(each) for each in ({"protocol": protocol}, {"add": add})))
    (reason,) = store.run(delta.source).outcome.quarantined.values()
    assert "deletion vectors" in reason
    assert store.counts() == {}


def test_renamed_columns_of_delta_are_refused(store: Store, tmp_path: Path) -> None:
    write_deltalake(tmp_path / "table", rows((A, 200)))
    log = tmp_path / "table" / "_delta_log" / "00000000000000000000.json"
    log.write_text(log.read_text().replace('"configuration":{}', '"configuration":{"delta.columnMapping.mode":"name"}'))  # fmt: skip
    (reason,) = store.run(f"delta:{tmp_path / 'table'}").outcome.quarantined.values()
    assert "columnMapping" in reason


def test_a_name_that_means_two_columns_is_refused(store: Store, tmp_path: Path) -> None:
    iceberg = Iceberg(tmp_path / "table")
    iceberg.append(rows((A, 200)))
    with iceberg.table.update_schema() as update:
        update.delete_column("host")
    with iceberg.table.update_schema() as update:
        update.union_by_name(rows((A, 200)).schema)
    (reason,) = store.run(iceberg.source).outcome.quarantined.values()
    assert 'its column "host" was dropped and made anew' in reason


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("delta:{}/none", "can't be read as a Delta table: "),
        ("iceberg:{}/none", "holds no metadata of Iceberg"),
        ("iceberg:nowhere.logs.access", "can't be read as an Iceberg table: "),
    ],
)
def test_a_table_that_is_not_there_is_said_and_loses_nothing(
    source: str, said: str, store: Store, tmp_path: Path
) -> None:
    refused = store.run(source.format(tmp_path)).outcome.quarantined
    assert [*refused] == [source.format(tmp_path)]
    assert said in refused[source.format(tmp_path)]


def test_metadata_that_only_a_catalog_tells_apart_is_refused(store: Store, tmp_path: Path) -> None:
    iceberg = Iceberg(tmp_path / "table")
    iceberg.append(rows((A, 200)))
    metadata = Path(iceberg.table.metadata_location.removeprefix("file://"))
    shutil.copy(metadata, metadata.with_name("00001-0000.metadata.json"))
    (reason,) = store.run(iceberg.source).outcome.quarantined.values()
    assert "only its catalog knows which holds" in reason
    assert store.run(f"iceberg:{metadata}").complete


def test_a_catalog_tells_the_table(store: Store, tmp_path: Path, httpcodes: Command) -> None:
    iceberg = Iceberg(tmp_path / "table")
    iceberg.append(rows((A, 200)))
    environment = {"PYICEBERG_CATALOG__PROD__TYPE": "sql",
                   "PYICEBERG_CATALOG__PROD__URI": f"sqlite:///{tmp_path}/table.db",
                   "PYICEBERG_CATALOG__PROD__WAREHOUSE": f"file://{tmp_path}/table"}  # fmt: skip
    toml = tmp_path / "httpcodes.toml"
    toml.write_text(f'store = "{store.folder}"\n[[sources]]\npath = "iceberg:prod.logs.access"\n')
    done = httpcodes("run", "--config", toml, env=environment)
    assert done.returncode == 0, done.stderr
    iceberg.overwrite(rows((B, 404)))
    done = httpcodes("run", "--config", toml, env=environment)
    assert b"withdrawn " in done.stderr
    assert store.counts() == held(iceberg)


def test_a_relative_path_in_the_configuration_is_relative_to_it(
    store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    Delta(tmp_path / "table").append(rows((A, 200)))
    toml = tmp_path / "httpcodes.toml"
    toml.write_text(f'store = "{store.folder}"\n[[sources]]\npath = "delta:table"\n')
    done = httpcodes("run", "--config", toml)
    assert done.returncode == 0, done.stderr
    assert store.counts() == {(A, "2025-09-09T12:00:00Z", 200): 1}


def test_a_table_in_a_bucket_is_followed(bucket: s3.Bucket, store: Store) -> None:
    delta = Delta(bucket.folder / "table")
    delta.append(rows((A, 200), (B, 404)))
    source = f"delta:{bucket.url('table')}"
    assert store.run(source).complete
    assert store.counts() == held(delta)
    delta.overwrite(rows((C, 200)))
    assert store.run(source).complete
    assert store.counts() == held(delta)


@pytest.mark.parametrize("kind", KINDS)
def test_without_its_extra_a_table_is_refused_with_the_name_of_it(
    kind: str, store: Store, httpcodes: Command, tmp_path: Path
) -> None:
    library = {"delta": "deltalake", "iceberg": "pyiceberg"}[kind]
    (tmp_path / f"{library}.py").write_text("raise ImportError")
    done = httpcodes(
        "run", f"{kind}:/x", "--store", store.folder, env={"PYTHONPATH": f"{tmp_path}"}
    )
    assert done.returncode == 2
    assert f"pip install 'cdn-httpcodes[{kind}]'" in done.stderr.decode()


def test_a_dry_run_says_what_would_be_withdrawn(
    table: Written, store: Store, httpcodes: Command
) -> None:
    store.run(table.source)
    table.overwrite(rows((C, 200)))
    said = json.loads(httpcodes("run", table.source, "--store", store.folder, "--dry-run", "--json").stdout)  # fmt: skip
    assert (len(said["ingest"]), len(said["withdraw"])) == (1, 2)


def test_a_table_is_set_up_as_any_source(
    table: Written, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    done = httpcodes("init", table.source, "--store", store.folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert httpcodes("run", cwd=tmp_path).returncode == 0
    assert store.counts() == held(table)
