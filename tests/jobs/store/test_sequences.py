"""Numbers in rows tell what is lost; ids of requests tell what is there twice."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Command, Logs, Store

from jobs.logs.options import BadMapping, ReadingOptions
from jobs.verify import verify

NUMBERS = ("sequence=seq", "server=origin")
HOUR = timedelta(hours=1)
IDS = ("request_id=rid",)


def numbered(logs: Logs, name: str, rows: list[tuple[str, str, int | None]], ids: list[str | None] | None = None) -> Path:  # fmt: skip
    """Rows of minutes past noon: server, minute, number."""
    minutes, servers, numbers = zip(*rows, strict=True)
    columns = {
        "timestamp": [f"2025-09-09T{minute}:00Z" for minute in minutes],
        "host": ["a.example"] * len(rows),
        "status": [200] * len(rows),
        "origin": servers,
        "seq": pa.array(numbers, pa.int64()),
        "rid": pa.array(ids or [None] * len(rows), pa.string()),
    }
    return logs.write(name, columns)


def sequences(store: Store) -> list[tuple[object, ...]]:
    return store.sql(
        "SELECT server, date_part('hour', hour_start), files, rows, expected, lost, repeated, unnumbered"
        " FROM sequences ORDER BY ALL"
    )


def test_rows_are_lost_or_repeated_by_server_and_hour_across_files(logs: Logs, store: Store) -> None:  # fmt: skip
    numbered(logs, "1.parquet", [("12:00", "x", n) for n in (100, 101, 102, 102)])
    numbered(logs, "2.parquet", [("12:10", "x", n) for n in (105, 106)] + [("12:10", "y", None)])
    numbered(logs, "3.parquet", [("13:00", "x", n) for n in (107, 108)])
    done = store.run(logs.folder, maps=NUMBERS)
    assert sequences(store) == [
        ("x", 12, 2, 6, 7, 2, 1, 0),
        ("x", 13, 1, 2, 2, 0, 0, 0),
        ("y", 12, 1, 1, None, None, 0, 1),
    ]
    assert done.outcome.rows_counted == 9
    # What comes late mends it, and what is taken back is lost again.
    late = numbered(logs, "late.parquet", [("12:05", "x", n) for n in (103, 104)])
    store.run(logs.folder, maps=NUMBERS)
    assert sequences(store)[0] == ("x", 12, 3, 8, 7, 0, 1, 0)
    numbered(logs, late.name, [("12:05", "x", 104)])
    store.run(logs.folder, maps=NUMBERS)
    assert sequences(store)[0] == ("x", 12, 3, 7, 7, 1, 1, 0)


def test_a_server_that_begins_anew_promises_nothing_for_the_hour(logs: Logs, store: Store) -> None:
    numbered(logs, "1.parquet", [("12:00", "x", n) for n in (90_000, 90_001, 0, 1, 2)])
    numbered(logs, "2.parquet", [("13:00", "y", n) for n in (0, 1, 2)])
    store.run(logs.folder, maps=NUMBERS)
    assert sequences(store) == [("x", 12, 1, 5, None, None, 0, 0), ("y", 13, 1, 3, 3, 0, 0, 0)]


def test_losses_of_the_last_days_are_told_by_server_and_time(logs: Logs, store: Store) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0, tzinfo=None) - 3 * HOUR
    rows = [(hour, n) for n in range(1000, 1010)] + [(hour + HOUR, n) for n in (1010, 1013, 1013)]
    columns = {"timestamp": [at for at, _ in rows], "seq": [n for _, n in rows]}
    same = {
        "host": ["a.example"] * len(rows),
        "status": [200] * len(rows),
        "origin": ["x"] * len(rows),
    }
    logs.write("a.parquet", columns | same)
    (loss,) = store.run(logs.folder, maps=NUMBERS).hints.losses
    start = hour + HOUR
    assert (loss.start, loss.end, loss.expected, loss.lost, loss.repeated) == (
        start,
        start + HOUR,
        4,
        2,
        1,
    )
    assert loss.sentence == (
        f"server x of {logs.folder}: 2 of 4 numbered rows are lost and 1 is there again "
        f"from {start:%Y-%m-%dT%H:%MZ} to {start + HOUR:%Y-%m-%dT%H:%MZ}"
    )


def test_rows_twice_in_two_files_are_found_by_their_ids(logs: Logs, store: Store) -> None:
    first = [("12:00", "x", None)] * 3
    numbered(logs, "1.parquet", first, ["a", "b", "c"])
    numbered(logs, "2.parquet", [*first, ("13:00", "x", None)], ["d", "d", "-", "a"])
    assert store.run(logs.folder, maps=IDS).hints.overlaps == []
    # Other files of the hour, which were counted before, are asked again.
    numbered(logs, "3.parquet", [*first, ("13:30", "x", None)], ["b", "c", "e", "a"])
    (one, two) = store.run(logs.folder, maps=IDS).hints.overlaps
    assert [(Path(o.path).name, Path(o.other).name, o.hours, o.requests) for o in (one, two)] == [
        ("3.parquet", "1.parquet", 1, 2),
        ("3.parquet", "2.parquet", 1, 1),
    ]
    assert f"{two.start:%H:%M}" == "13:00"
    assert store.run(logs.folder, maps=IDS).hints.overlaps == []


def test_the_run_status_and_json_tell_it_and_forget_settles_it(logs: Logs, store: Store, httpcodes: Command, tmp_path: Path) -> None:  # fmt: skip
    """Of text, whose lines that are no rows have neither number nor id."""

    def write(name: str, numbers: list[int]) -> None:
        lines = [f"2025-09-09T12:{n:02}:00Z,a.example,200,{n},r{n}" for n in numbers]
        text = "\n".join(["timestamp,host,status,seq,rid", *lines, "broken", ""])
        (logs.folder / name).write_bytes(gzip.compress(text.encode()))

    config = tmp_path / "httpcodes.toml"
    config.write_text(
        f'store = "{store.folder}"\n[[sources]]\npath = "{logs.folder}"\nkind = "csv"\n'
        'map = { sequence = "seq", request_id = "rid" }\n'
    )
    write("a.csv.gz", [10, 11, 12])
    write("b.csv.gz", [12, 15, 16])
    done = httpcodes("run", "--json", "--config", config)
    assert done.returncode == 3
    figures = json.loads(done.stdout)
    assert [(each["lost"], each["repeated"]) for each in figures["lost_rows"]] == []
    a, b = logs.folder / "a.csv.gz", logs.folder / "b.csv.gz"
    assert figures["overlaps"] == [
        {
            "path": str(b),
            "other": str(a),
            "start": "2025-09-09T12:00:00Z",
            "hours": 1,
            "requests": 1,
        }
    ]
    sentence = (
        f"{b} and {a} both hold 1 request of the same ids in the hour from 2025-09-09T12:00Z, which count twice; "
        f"`httpcodes forget {b}` takes back all that the former added"
    )
    assert sentence in done.stderr.decode()
    assert sentence in httpcodes("status", "--config", config).stdout.decode()
    proof = httpcodes("verify", "--json", "--config", config)
    assert (proof.returncode, sentence in proof.stderr.decode()) == (0, True)
    assert json.loads(proof.stdout)["overlaps"] == figures["overlaps"]
    assert json.loads(proof.stdout)["not_measured"] == figures["not_measured"] == []
    assert store.sql("SELECT expected, lost, repeated, unnumbered FROM sequences") == [(7, 1, 0, 0)]
    assert httpcodes("forget", b, "--config", config).returncode == 0
    assert "same ids" not in httpcodes("status", "--config", config).stdout.decode()


def test_what_can_not_be_read_again_is_told_and_hides_no_other(logs: Logs, store: Store) -> None:
    """A file that is damaged behind what is counted, among others of its hour."""
    minutes = [("12:00", "x", number) for number in (1, 2)]
    numbered(logs, "1.parquet", minutes, ["a", "b"])
    numbered(logs, "2.parquet", minutes, ["c", "d"])
    numbered(logs, "3.parquet", minutes, ["b", "e"])
    broken = logs.folder / "2.parquet"
    content = bytearray(broken.read_bytes())
    for column in ("rid", "seq"):
        spoil(content, broken, column)
    broken.write_bytes(content)
    done = store.run(logs.folder, maps=(*IDS, "sequence=seq"))
    assert done.outcome.quarantined == {}
    assert [(Path(o.path).name, o.requests) for o in done.hints.overlaps] == [("3.parquet", 1)]
    left = [(each.what, each.files, Path(each.path).name) for each in done.hints.unmeasured]
    assert left == [("request ids", 1, "2.parquet"), ("row numbers", 1, "2.parquet")]
    assert verify(store.folder, deep=False).unmeasured == done.hints.unmeasured
    assert any(
        sentence.startswith(f"the request ids of {broken} could not be read a second time")
        for sentence in done.hints.sentences
    )
    # A later run of the hour finds it as it should be.
    numbered(logs, "2.parquet", minutes, ["c", "d"])
    assert store.run(logs.folder, maps=(*IDS, "sequence=seq")).hints.unmeasured == []
    assert verify(store.folder, deep=False).unmeasured == []


def spoil(content: bytearray, file: Path, column: str) -> None:
    """Break the pages of a column."""
    group = pq.read_metadata(file).row_group(0)
    told = next(
        group.column(n)
        for n in range(group.num_columns)
        if group.column(n).path_in_schema == column
    )
    start = told.dictionary_page_offset or told.data_page_offset
    content[start : start + 12] = b"\xff" * 12


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        (("server=origin",), "--map server= says whose numbers --map sequence= has"),
        (("sequence=a", "sequence=b"), "one column for each of sequence, server, request_id"),
        (("sequence=",), "one column for each"),
        (("request_id=a~(?=b)",), "can't be searched for"),
    ],
)
def test_marks_that_nobody_could_follow_are_refused(maps: tuple[str, ...], said: str) -> None:
    with pytest.raises(BadMapping) as refused:
        ReadingOptions.of(maps=maps)
    assert said in str(refused.value) or "regular expression with a group" in str(refused.value)


def test_a_file_without_the_column_is_refused_and_others_count(logs: Logs, store: Store) -> None:
    logs.requests("plain.parquet", ("2025-09-09T12:00:00Z", "a.example", 200))
    numbered(logs, "numbered.parquet", [("12:00", "x", 1)])
    done = store.run(logs.folder, maps=NUMBERS)
    assert list(done.outcome.quarantined.values()) == [
        '--map sequence=seq: there is no column "seq"'
    ]
    assert store.counts() == {("a.example", "2025-09-09T12:00:00Z", 200): 1}
