"""The same requests as Parquet and as text of every kind give the same counts, to the row."""

import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Command, Counts, Logs, Store

from jobs.rejects import rejects
from jobs.verify import verify

A, B = "a.example", "b.example"
Row = tuple[str, str, str, str]
"""Time, host, status, user agent; a hyphen is nothing."""
ROWS: list[Row] = [
    ("2025-09-09T12:00:00Z", A, "200", "Mozilla/5.0 (X11; Linux)"),
    ("2025-09-09T12:00:59Z", "B.example:443", "404", 'says "quoted", with a comma'),
    ("2025-09-09T12:04:59Z", A, "000", "-"),
    ("2025-09-09T12:05:00Z", A, "200", "bücher/1.0 #not a comment"),
    ("2025-09-09T13:00:00Z", "-", "200", "no host"),
    ("never", A, "200", "no time"),
    ("-", A, "200", "none"),
    ("2025-09-09T13:00:00Z", A, "9999", "no status"),
    ("2025-09-09T13:00:00Z", A, "-", "none"),
    ("2025-09-09T13:00:00Z", "a" * 300, "200", "no name"),
]


def parquet(rows: Sequence[Row], logs: Logs) -> Path:
    times, hosts, statuses, agents = (
        pa.array([None if v == "-" else v for v in column]) for column in zip(*rows, strict=True)
    )
    columns = {"timestamp": times, "host": hosts, "status": statuses, "user_agent": agents}
    return logs.write("twin.parquet", columns)


def as_json(rows: Sequence[Row]) -> list[str]:
    names = ("timestamp", "host", "status", "user_agent")
    return [json.dumps({n: v for n, v in zip(names, row, strict=True) if v != "-"}) for row in rows]


def delimited(delimiter: str) -> Callable[[Sequence[Row]], list[str]]:
    def field(value: str) -> str:
        needs = any(sign in value for sign in (delimiter, '"', " "))
        return '"' + value.replace('"', '""') + '"' if needs else "" if value == "-" else value

    def lines(rows: Sequence[Row]) -> list[str]:
        header = delimiter.join(("timestamp", "host", "status", "user_agent"))
        return [header, *(delimiter.join(map(field, row)) for row in rows)]

    return lines


def iis(rows: Sequence[Row]) -> list[str]:
    lines = ["#Software: Microsoft IIS", "#Version: 1.0", "#Fields: date time cs-host sc-status sc-substatus cs(User-Agent)"]  # fmt: skip
    for time, host, status, agent in rows:
        date, _, clock = time.rstrip("Z").partition("T")
        values = (date, clock or date, host.replace(" ", "+"), status, "0", agent.replace(" ", "+"))
        lines.append(" ".join(values))
    return lines


def cloudfront(rows: Sequence[Row]) -> list[str]:
    lines = ["#Version: 1.0", "#Fields: date time x-edge-location sc-status x-host-header cs(User-Agent)"]  # fmt: skip
    for time, host, status, agent in rows:
        date, _, clock = time.rstrip("Z").partition("T")
        lines.append("\t".join((date, clock or date, "FRA", status, host, agent)))
    return lines


def array(rows: Sequence[Row]) -> list[str]:
    """Objects of several lines each, in brackets."""
    objects = (json.dumps(json.loads(line), indent=1) for line in as_json(rows))
    return ["[", ",\n".join(objects), "]"]


def concatenated(rows: Sequence[Row]) -> list[str]:
    return ["".join(json.dumps(json.loads(line), indent=1) for line in as_json(rows))]


WHOLE = {"array": array, "concatenated": concatenated}
"""Kinds of which lines are no rows."""
KINDS: dict[str, Callable[[Sequence[Row]], list[str]]] = {
    "ndjson": as_json,
    "csv": delimited(","),
    "tsv": delimited("\t"),
    "semicolons": delimited(";"),
    "iis": iis,
    "cloudfront": cloudfront,
}


@pytest.fixture
def twin(logs: Logs, tmp_path: Path) -> tuple[Counts, dict[str, int]]:
    """What the rows give as Parquet."""
    store = Store(tmp_path / "twin")
    store.run(parquet(ROWS, logs))
    return store.counts(), store.rejected()


def twins(
    names: Iterable[str], twin: tuple[Counts, dict[str, int]]
) -> tuple[dict[str, Counts], dict[str, dict[str, int]]]:
    """Counts and rejects by file, if each of them gave those of the twin."""
    counts, rejected = twin
    return dict.fromkeys(names, counts), dict.fromkeys(names, rejected)


def test_text_of_any_kind_gives_the_counts_and_the_rejects_of_its_twin_in_parquet(
    twin: tuple[Counts, dict[str, int]], logs: Logs, store: Store
) -> None:
    lines = {kind: lines(ROWS) for kind, lines in KINDS.items()}
    for kind in KINDS:
        for name, ending in (("lf", "\n"), ("crlf", "\r\n")):
            text = "".join(line + ending for line in lines[kind]).encode()
            (logs.folder / f"{kind}-{name}.log").write_bytes(text)
    done = store.run(str(logs.folder / "*.log")).outcome
    assert done.quarantined == {}
    assert done.rows_read + done.rows_passed_over == 2 * sum(map(len, lines.values()))
    names = {f"{kind}-{ending}.log" for kind in KINDS for ending in ("lf", "crlf")}
    assert (store.of_each(), store.rejected_of_each()) == twins(names, twin)


def test_a_broken_line_is_a_reject_that_is_shown_as_it_stands(logs: Logs, store: Store) -> None:
    broken = '{"timestamp": "2025-09-09T12:00:00Z", "host": '
    many = 0
    for kind, kinds_lines in KINDS.items():
        lines = kinds_lines(ROWS[:4])
        many += len(lines) + 1
        text = "".join(f"{line}\n" for line in [*lines[:-1], broken, lines[-1]])
        (logs.folder / f"{kind}.log").write_text(text)
    done = store.run(str(logs.folder / "*.log")).outcome
    assert done.rows_read + done.rows_passed_over == many
    assert {name: sum(counts.values()) for name, counts in store.of_each().items()} == {
        f"{kind}.log": 4 for kind in KINDS
    }
    told = list(rejects(store.folder, None, 10))
    assert {Path(one.path).stem for one in told} == KINDS.keys()
    assert [one.shown for one in told] == [[({"line": broken}, ["line"])]] * len(KINDS)


def test_compressed_text_is_told_by_its_content_whatever_it_is_called(
    twin: tuple[Counts, dict[str, int]], logs: Logs, store: Store
) -> None:
    names = set()
    for kind, lines in KINDS.items():
        text = "".join(f"{line}\n" for line in lines(ROWS)).encode()
        for how, data in {
            "gzip": gzip.compress(text),
            "members": gzip.compress(text[:-70]) + gzip.compress(text[-70:]),
            "zstd": pa.compress(text, "zstd", asbytes=True),
        }.items():
            file = logs.folder / f"{kind}-{how}.bin"
            file.write_bytes(data)
            names.add(file.name)
    store.run(*(logs.folder / name for name in names))
    assert (store.of_each(), store.rejected_of_each()) == twins(names, twin)


def test_json_need_not_be_lines(
    twin: tuple[Counts, dict[str, int]], logs: Logs, store: Store
) -> None:
    files = {kind: logs.folder / f"{kind}.json.gz" for kind in WHOLE}
    texts = {kind: "\n".join(lines(ROWS)).encode() for kind, lines in WHOLE.items()}
    for kind, file in files.items():
        file.write_bytes(gzip.compress(texts[kind]))
    done = store.run(*files.values()).outcome
    names = {file.name for file in files.values()}
    assert (store.of_each(), store.rejected_of_each()) == twins(names, twin)
    assert done.rows_read == len(ROWS) * len(WHOLE)
    assert verify(store.folder, deep=True).findings == []
    for kind, file in files.items():
        file.write_bytes(gzip.compress(texts[kind][: texts[kind].rindex(b"{") + 9]))
    refused = store.run(*files.values()).outcome.quarantined
    assert {Path(path).name for path in refused} == names
    assert all(why.startswith("cannot be read as text: Malformed JSON") for why in refused.values())


def test_rows_of_text_are_shown_by_access_log_and_counted_again(logs: Logs, store: Store) -> None:
    for number, (kind, lines) in enumerate(KINDS.items()):
        rows = [(f"2025-09-0{number + 1}T12:00:00Z", *row[1:]) for row in ROWS[:4]]
        text = "".join(f"{line}\n" for line in lines(rows)).encode()
        (logs.folder / f"{kind}.log").write_bytes(text if number % 2 else gzip.compress(text))
    store.run(str(logs.folder / "*.log"))
    seen = store.sql(
        "SELECT requested_at::DATE::VARCHAR, service_name, count(*), any_value(user_agent)"
        " FROM access_log GROUP BY ALL ORDER BY ALL"
    )
    assert [row[:3] for row in seen] == [
        (f"2025-09-0{number}", name, rows)
        for number in range(1, len(KINDS) + 1)
        for name, rows in ((A, 3), (B, 1))
    ]
    proof = verify(store.folder, deep=True)
    assert (proof.findings, proof.files_read) == ([], len(KINDS))


VHOST = (
    '{host}:443 203.0.113.9 - - [09/Sep/2025:12:00:0{second} +0000] "GET /a HTTP/1.1" {status} 5 '
    '"-" "Mozilla/5.0 (\\"x\\")"'
)
NPM = (
    '[09/Sep/2025:12:00:0{second} +0000] - {status} {status} - GET https {host} "/a" [Client '
    '203.0.113.9] [Length 5] [Gzip -] [Sent-to 10.0.0.2] "Mozilla/5.0" "-"'
)
ALB = (
    "https 2025-09-09T12:00:0{second}.123456Z app/lb/50dc 203.0.113.9:2817 10.0.0.1:80 0.0 0.1 0.0 "
    '{status} {status} 34 366 "GET https://{host}:443/a HTTP/1.1" "curl/7.46" ECDHE-RSA TLSv1.2 '
    'arn:aws:x "Root=1-58" "{host}" "arn:aws:y" 0 2025-09-09T12:00:00Z "forward" "-" "-"'
)
PATTERNS = {"vhost_combined": VHOST, "npm": NPM, "alb": ALB}


def test_lines_of_servers_are_known_by_their_patterns(logs: Logs, store: Store) -> None:
    told = [(A, 200), (B, 404), (A, 200), (A, 499)]
    for name, pattern in PATTERNS.items():
        lines = [
            pattern.format(host=host, status=status, second=second)
            for second, (host, status) in enumerate(told)
        ]
        (logs.folder / f"{name}.log").write_text("\n".join([*lines, "kernel: out of memory", ""]))
    store.run(str(logs.folder / "*.log"))
    names, noon = [f"{name}.log" for name in PATTERNS], "2025-09-09T12:00:00Z"
    counts = {(A, noon, 200): 2, (B, noon, 404): 1, (A, noon, 499): 1}
    assert store.of_each() == dict.fromkeys(names, counts)
    assert store.rejected_of_each() == {name: {"line unreadable": 1} for name in names}
    shown = store.sql("SELECT user_agent, client_ip FROM access_log WHERE status_code = 499")
    assert {(agent[:4], client) for agent, client in shown} == {("Mozi", "203.0.113.9"), ("curl", "203.0.113.9")}  # fmt: skip
    assert len(shown) == len(PATTERNS)


def test_lines_without_a_host_need_a_name(logs: Logs, store: Store) -> None:
    line = '203.0.113.9 - joe doe [09/Sep/2025:14:00:00 +0200] "GET / HTTP/1.0" 200 5'
    file = logs.folder / "access.log"
    file.write_text(f"{line}\n" * 3)
    (why,) = store.run(file).outcome.quarantined.values()
    assert "no column for service" in why
    assert "--service-name NAME" in why
    store.run(file, service_name=A)
    assert store.counts() == {(A, "2025-09-09T12:00:00Z", 200): 3}


def test_any_other_lines_are_read_by_a_pattern_that_the_configuration_names(
    logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    (logs.folder / "edge").mkdir()
    lines = ["1757419200 a.example GET=200", "1757419201 b.example GET=404", "rotated"]
    (logs.folder / "edge" / "app.0").write_text("\n".join([*lines, ""]))
    (tmp_path / "httpcodes.toml").write_text(
        "store = 'store'\n"
        "[patterns]\n"
        r"edge = '^(?P<ts>\d+) (?P<domain>\S+) \w+=(?P<status>\d+)'" + "\n"
        "[[sources]]\npath = 'logs/edge'\nkind = 'lines'\npattern = 'edge'\n"
    )
    done = httpcodes("run", "--json", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["rejected"] == {"line unreadable": 1}
    noon = "2025-09-09T12:00:00Z"
    assert Store(tmp_path / "store").counts() == {(A, noon, 200): 1, (B, noon, 404): 1}


def test_a_folder_means_parquet_unless_a_kind_is_said(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (ROWS[0][0], A, 200))
    (logs.folder / "sub").mkdir()
    text = "".join(f"{line}\n" for line in as_json(ROWS[3:4]))
    (logs.folder / "sub" / "b.json").write_text(text)
    (logs.folder / "_c.json").write_text(text)
    store.run(logs.folder)
    assert store.states() == {"a.parquet": "ingested"}
    store.run(logs.folder, kind="auto")
    assert store.states() == {"a.parquet": "ingested", "b.json": "ingested"}


def test_inspect_and_a_dry_run_see_what_a_run_would_count(
    logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    file = logs.folder / "access.log"
    file.write_text("".join(f"{line}\n" for line in as_json(ROWS)))
    seen = httpcodes("inspect", file)
    assert seen.returncode == 3
    told = [" ".join(line.split()) for line in seen.stdout.decode().splitlines()]
    assert told[:6] == [
        *("format generic", "service host", "timestamp timestamp", "status status"),
        *("rows 10", "counted 4"),
    ]
    assert f"{'2025-09-09T12:00:00.000000Z'} {A} 200 2025-09-09T12:00:00Z" in told
    planned = httpcodes("run", file, "--dry-run", "--json", "--store", tmp_path / "none")
    assert json.loads(planned.stdout)["ingest"] == [str(file)]


def test_a_table_whose_columns_change_is_followed_line_by_line(logs: Logs, store: Store) -> None:
    """IIS repeats its header when it starts again, also with other columns."""
    file = logs.folder / "u_ex250909.log"
    file.write_text(
        "#Fields: date time cs-host sc-status sc-substatus\n"
        "2025-09-09 12:00:00 a.example 200 0\n"
        "#Software: again\n#Fields: date time cs-host sc-status sc-substatus\n"
        "2025-09-09 12:00:01 a.example 200 0\n"
        "#Fields: date time sc-status sc-substatus cs-host cs-method\n"
        "2025-09-09 12:00:02 404 0 b.example GET\n"
        "#Fields: date time cs-host sc-status sc-substatus\n"
        "2025-09-09 12:00:03 a.example 500 0\n"
        "2025-09-09 12:00:03 404 0 b.example GET\n"
    )
    done = store.run(file).outcome
    noon = "2025-09-09T12:00:00Z"
    assert store.counts() == {(A, noon, 200): 2, (B, noon, 404): 1, (A, noon, 500): 1}
    assert (done.rejected, done.passed_over) == ({"line unreadable": 1}, {"comment line": 5})
