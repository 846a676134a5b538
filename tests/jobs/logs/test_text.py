"""Bytes that are not UTF-8, names longer than any service: what they cost, and what they don't."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Command, Logs, Store
from pyarrow.parquet import encryption

from jobs import verify as proofs

NOON = "2025-09-09T12:00:00Z"
BUCKET = "2025-09-09T12:00:00Z"
A = "a.example"
ALL = "SELECT service_name, status_code, user_agent FROM access_log ORDER BY ALL"


def text(*values: bytes | None) -> pa.Array:
    """A column that claims to be text, whatever its bytes are."""
    return pa.array(values, pa.binary()).view(pa.string())


def requests(
    logs: Logs,
    name: str = "a.parquet",
    *,
    time: Sequence[bytes | None] = (),
    host: Sequence[bytes | None] = (),
    status: Sequence[bytes | None] = (),
    agent: Sequence[bytes | None] = (),
    **options: object,
) -> Path:
    """Three requests; columns that are not given are sound."""
    return logs.write(
        name,
        {
            "timestamp": text(*(time or [NOON.encode()] * 3)),
            "host": text(*(host or [A.encode()] * 3)),
            "status": text(*(status or [b"200"] * 3)),
            "user_agent": text(*(agent or [b"curl"] * 3)),
        },
        **options,
    )


def is_proven(store: Store) -> bool:
    return not proofs.verify(store.folder, deep=True).findings


BAD = {
    "host": ([b"a.example", b"b\xff.example", b"c\xe9"], {"service unreadable": 2}),
    "status": ([b"200", b"20\xff", b"\xc3\x28"], {"status unreadable": 2}),
    "time": ([NOON.encode(), NOON.encode() + b"\xfe", b"\xe2\x82"], {"timestamp unreadable": 2}),
}


@pytest.mark.parametrize("column", BAD)
def test_a_value_that_is_no_text_costs_its_row_only(
    column: str, logs: Logs, store: Store, httpcodes: Command
) -> None:
    values, rejected = BAD[column]
    file = requests(logs, **{column: values})  # type: ignore[arg-type]
    requests(logs, "sound.parquet", agent=[b"a", b"b", b"c"])
    store.run(logs.folder)
    assert store.counts() == {(A, BUCKET, 200): 4}
    assert store.rejected() == rejected
    assert is_proven(store)
    assert store.sql("SELECT count(*) FROM access_log") == [(6,)]
    whole = "service_name IS NOT NULL AND status_code IS NOT NULL AND requested_at IS NOT NULL"
    assert store.sql(f"SELECT count(*) FROM access_log WHERE {whole}") == [(4,)]
    assert store.sql(f"SELECT count(*) FROM access_log WHERE service_name = '{A}' AND status_code = 200 AND requested_at >= '2025-09-09'") == [(4,)]  # fmt: skip
    shown = httpcodes("rejects", "--store", store.folder)
    assert [json.loads(line)["path"] for line in shown.stdout.splitlines()] == [str(file)] * 2
    looked = httpcodes("inspect", file)
    assert b"rejected 2" in b" ".join(looked.stdout.split())
    rebuilt = httpcodes(
        "rebuild", "--from", "2025-09-09", "--to", "2025-09-09", "--store", store.folder
    )
    assert rebuilt.returncode == 3
    assert store.counts() == {(A, BUCKET, 200): 4}


def test_a_name_that_only_looks_like_one_that_is_no_text_counts(logs: Logs, store: Store) -> None:
    requests(logs, host=[b"b?.example", b"b\xff.example", b"b.example"])
    store.run(logs.folder)
    assert store.counts() == {("b?.example", BUCKET, 200): 1, ("b.example", BUCKET, 200): 1}
    assert store.sql(ALL) == [("b.example", 200, "curl"), ("b?.example", 200, "curl"), (None, 200, "curl")]  # fmt: skip


def test_what_is_counted_by_other_columns_counts_and_is_shown(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    requests(logs, agent=[b"caf\xe9", b"curl", None])
    requests(logs, "b.parquet", agent=[b"x", b"y", b"z"])
    store.run(logs.folder)
    assert store.counts() == {(A, BUCKET, 200): 6}
    for question, lines in [
        ("SELECT count(*) FROM access_log", ["6"]),
        ("SELECT user_agent FROM access_log ORDER BY ALL", ["caf?", "curl", "x", "y", "z", '""']),
        ("SELECT status_code FROM access_log WHERE user_agent = 'curl'", ["200"]),
        ("SELECT count(*) FROM access_log WHERE user_agent LIKE '%?'", ["1"]),
        (f"SELECT max(user_agent) FROM access_log WHERE service_name = '{A}'", ["z"]),
    ]:
        done = httpcodes("sql", question, "--store", store.folder)
        assert done.stdout.decode().splitlines()[1:] == lines
    assert is_proven(store)


def test_a_line_counts_by_what_of_it_is_text(logs: Logs, store: Store) -> None:
    line = b'192.0.2.1 - - [09/Sep/2025:12:00:01 +0000] "GET / HTTP/1.1" %s 12 "-" "%s"'
    logs.write("a.parquet", {"line": text(line % (b"200", b"\xe9"), line % (b"404", b"curl"))})
    logs.write("b.parquet", {"line": text(line % (b"20\xff", b"x"), line % (b"500", b"\xe9\"'"))})
    store.run(logs.folder, service_name=A)
    assert {key[2]: n for key, n in store.counts().items()} == {200: 1, 404: 1, 500: 1}
    assert store.rejected() == {"status missing": 1}
    assert is_proven(store)


def test_a_url_names_a_service_whatever_stands_behind_it(logs: Logs, store: Store) -> None:
    url = text(b"https://a.example/\xff", b"https://b\xff.example/", b"https://c.example/")
    columns = {"u": url, "timestamp": [NOON] * 3, "status": [200] * 3}
    logs.write("a.parquet", columns)
    store.run(logs.folder, maps=["url=u", "timestamp=timestamp", "status=status"])
    assert {key[0] for key in store.counts()} == {A, "c.example"}
    assert store.rejected() == {"service unreadable": 1}
    assert is_proven(store)


def test_text_inside_a_struct_is_no_different(logs: Logs, store: Store) -> None:
    request = pa.StructArray.from_arrays([text(b"a.example", b"\xff")], ["host"])
    logs.write("a.parquet", {"request": request, "ts": [1757419200.0] * 2, "status": [200] * 2})
    store.run(logs.folder, maps=["service=request.host", "timestamp=ts", "status=status"])
    assert store.counts() == {(A, BUCKET, 200): 1}
    assert is_proven(store)


def test_a_value_of_the_dictionary_that_no_row_has_costs_nothing(logs: Logs, store: Store) -> None:
    host = pa.DictionaryArray.from_arrays(pa.array([0, 0, 2]), text(b"a.example", b"\xff", b"b.example"))  # fmt: skip
    logs.write("a.parquet", {"timestamp": [NOON] * 3, "host": host, "status": [200] * 3})
    store.run(logs.folder)
    assert sum(store.counts().values()) == 3
    assert store.rejected() == {}


def test_one_value_in_many_row_groups_is_found(logs: Logs, store: Store) -> None:
    hosts = [b"%d.example" % (i % 7) for i in range(50_000)]
    hosts[33_333] = b"\x80.example"
    table = {"timestamp": [NOON] * 50_000, "host": text(*hosts), "status": [200] * 50_000}
    logs.write("a.parquet", table, row_group_size=1000)
    store.run(logs.folder)
    assert sum(store.counts().values()) == 49_999
    assert store.rejected() == {"service unreadable": 1}
    assert is_proven(store)


LONG = "x" * 1_000_000 + ".example"


@pytest.mark.parametrize("name", ["x" * 254, "y" * 512, "z" * 513, LONG, "é" * 600, f"{A}{chr(0x200B) * 600}x"])  # fmt: skip
def test_a_name_longer_than_any_service_is_rejected_and_not_kept(
    name: str, logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, name, 200))
    logs.requests("b.parquet", (NOON, "A.example:80", 200))
    store.run(logs.folder)
    assert store.counts() == {(A, BUCKET, 200): 2}
    assert store.rejected() == {"service unreadable": 1}
    assert store.sql("SELECT max(length(logged)) <= 512 FROM internal.service_aliases") == [(True,)]
    named = "SELECT service_name, count(*) FROM access_log GROUP BY ALL ORDER BY ALL"
    assert store.sql(named) == [(A, 2), (None, 1)]
    assert is_proven(store)


def test_a_name_of_253_characters_counts_with_its_port(logs: Logs, store: Store) -> None:
    name = f"{'x' * 245}.example"
    logs.requests("a.parquet", (NOON, f"{name}:443", 200))
    store.run(logs.folder)
    assert store.counts() == {(name, BUCKET, 200): 1}


@pytest.mark.parametrize("column", ["host", "status", "timestamp", "path"])
def test_a_text_of_50_megabytes_takes_no_memory_to_speak_of(
    column: str, logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("sound.parquet", (NOON, A, 200))
    row = {"timestamp": NOON, "host": A, "status": "200", "path": "/"}
    long = {name: [value, value] for name, value in row.items()}
    long[column][1] = "x" * 50_000_000
    logs.write("long.parquet", long, compression="zstd")
    done = httpcodes("run", logs.folder, "--store", store.folder, "--memory-limit", "300MB")
    assert done.returncode == (0 if column == "path" else 3)
    assert sum(store.counts().values()) == (3 if column == "path" else 2)
    assert store.states() == {"sound.parquet": "ingested", "long.parquet": "ingested"}


class _Keys(encryption.KmsClient):
    """Keys that wrap others in plain sight."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        return base64.b64decode(wrapped_key)


def encrypt(file: Path, column: str) -> None:
    """Encrypt a column of the file, and leave the footer as it is."""
    table = pq.read_table(file)
    way = encryption.EncryptionConfiguration(
        "k", column_keys={"k": [column]}, plaintext_footer=True
    )
    keys = encryption.CryptoFactory(lambda _: _Keys())
    properties = keys.file_encryption_properties(encryption.KmsConnectionConfig(), way)
    with pq.ParquetWriter(file, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)


def test_an_encrypted_column_is_unknown_unless_it_is_counted_by(logs: Logs, store: Store) -> None:
    encrypt(requests(logs), "user_agent")
    encrypt(requests(logs, "host.parquet"), "host")
    requests(logs, "sound.parquet", agent=[b"x", b"y", b"z"])
    store.run(logs.folder)
    assert store.counts() == {(A, BUCKET, 200): 6}
    assert store.states()["host.parquet"] == "quarantined"
    rows = [(A, 200, agent) for agent in ("x", "y", "z", None, None, None)]
    assert store.sql(ALL) == rows
    assert is_proven(store)


def spoil(file: Path, column: str, how: str) -> None:
    """Break the pages of a column, and nothing else of the file."""
    (group,) = [pq.read_metadata(file).row_group(0)]
    chunk = next(
        c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == column
    )
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    whole, size = bytearray(file.read_bytes()), chunk.total_compressed_size
    at, end = {"head": (0, 8), "middle": (size // 2, size // 2 + 50), "end": (size - 60, size), "all": (0, size)}[how]  # fmt: skip
    whole[start + at : start + end] = b"\xff" * (end - at)
    file.write_bytes(whole)


@pytest.mark.parametrize(("how", "codec"), [("head", "none"), ("middle", "zstd"), ("all", "zstd")])
def test_a_column_with_broken_pages_is_unknown_where_it_is_asked_for(
    how: str, codec: str, logs: Logs, store: Store, httpcodes: Command
) -> None:
    agents = [b"agent %d" % number for number in range(3000)]
    many = {"time": [NOON.encode()] * 3000, "host": [A.encode()] * 3000, "status": [b"200"] * 3000}
    spoil(broken := requests(logs, agent=agents, compression=codec, **many), "user_agent", how)
    requests(logs, "sound.parquet", agent=[b"x", b"y", b"z"])
    requests(logs, "later.parquet", time=[b"2025-09-10T12:00:00Z"] * 3, agent=[b"q", b"q", b"q"])
    store.run(logs.folder)
    assert sum(store.counts().values()) == 3006
    question = (
        "SELECT user_agent, count(*) AS n, min(path) AS p FROM access_log GROUP BY ALL ORDER BY ALL"
    )
    done = httpcodes("sql", question, "--store", store.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split() == [
        "user_agent,n,p",
        "q,3,",
        "x,1,",
        "y,1,",
        "z,1,",
        ",3000,",
    ]
    (said,) = done.stderr.decode().splitlines()
    assert said == f"access_log shows nothing for what can't be read: user_agent of {broken}"
    other = "SELECT count(*) AS n FROM access_log WHERE status_code = 200"
    assert httpcodes("sql", other, "--store", store.folder).stdout == b"n\n3006\n"
    wrong = httpcodes("sql", f"SELECT error('no') FROM ({question})", "--store", store.folder)
    assert wrong.returncode == 1 and b"no" in wrong.stderr


def test_a_column_in_an_encoding_that_nobody_reads_is_unknown(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    agent = pa.array([b"0123456789abcdef"] * 3, pa.binary(16))
    columns = {"timestamp": [NOON] * 3, "host": [A] * 3, "status": [200] * 3, "user_agent": agent}
    way = {"column_encoding": {"user_agent": "BYTE_STREAM_SPLIT"}, "use_dictionary": False}
    logs.write("a.parquet", columns, **way)
    store.run(logs.folder)
    for out in ([], ["--out", store.folder.parent / "out.csv"]):
        done = httpcodes("sql", "FROM access_log", "--store", store.folder, *out)
        assert done.returncode == 0, done.stderr
        assert b"user_agent of" in done.stderr
        text = Path(out[1]).read_bytes() if out else done.stdout
        assert len(text.splitlines()) == 4


@pytest.mark.parametrize("column", BAD)
def test_rejected_rows_show_the_bytes_that_are_no_text(
    column: str, logs: Logs, store: Store, httpcodes: Command
) -> None:
    values, _ = BAD[column]
    names = {"time": "timestamp"}
    requests(logs, agent=[b"caf\xe9?"] * 3, row_group_size=2, **{column: values})  # type: ignore[arg-type]
    store.run(logs.folder)
    shown = httpcodes("rejects", "--store", store.folder).stdout
    rows = [json.loads(line)["row"] for line in shown.splitlines()]
    spelled = [value.decode(errors="backslashreplace") for value in values[1:]]  # type: ignore[union-attr]
    assert sorted(row[names.get(column, column)] for row in rows) == sorted(spelled)
    assert {row["user_agent"] for row in rows} == {"caf\\xe9?"}
    assert {len(row) for row in rows} == {4}


def test_rejected_rows_are_shown_without_the_columns_that_are_broken(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    hosts = [A.encode()] * 2999 + [b"-"]
    agents = [b"agent %d" % number for number in range(3000)]
    many = {"time": [NOON.encode()] * 3000, "host": hosts, "status": [b"200"] * 3000}
    spoil(requests(logs, agent=agents, compression="zstd", **many), "user_agent", "middle")
    tag = {"request": pa.StructArray.from_arrays([text(b"x\xff", b"?")], ["tag"])}
    sound = {"timestamp": [NOON, ""], "host": [A, A], "status": [200, 200]}
    logs.write("b.parquet", {**tag, **{name: values[::-1] for name, values in sound.items()}})
    store.run(logs.folder)
    shown = httpcodes("rejects", "--store", store.folder)
    assert shown.returncode == 0, shown.stderr
    assert [json.loads(line)["row"] for line in shown.stdout.splitlines()] == [
        {"timestamp": NOON, "host": "-", "status": "200", "user_agent": None},
        {"request": {"tag": "x\\xff"}, "timestamp": "", "host": A, "status": 200},
    ]
