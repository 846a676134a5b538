"""httpcodes.toml: what it settles, what overrides it, and the sentences that refuse it."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from conftest import Command, Logs, Store

from queries.config_keys import KEYS, SOURCE, TABLES

A, B = "a.example", "b.example"
NOON = "2025-09-09T12:00:00Z"


class Folder:
    """The folder that commands run in, with its configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def configure(self, text: str, name: str = "httpcodes.toml") -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file


@pytest.fixture
def here(tmp_path: Path, httpcodes: Command) -> Folder:
    return Folder(tmp_path / "elsewhere")  # where the fixture httpcodes runs


def refusal(done: "CompletedProcess[bytes]", code: int = 2) -> str:
    """The one sentence with which a command was refused."""
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (code, b""), said
    (sentence,) = said.splitlines()
    assert sentence.startswith("httpcodes: ")
    return sentence.removeprefix("httpcodes: ")


def answered(httpcodes: Command, *options: object, **how: object) -> list[str]:
    """The status codes of the documented answer for A."""
    done = httpcodes(
        "query", "--service", A, "--start", NOON, "--end", "2025-09-09T12:05:00Z", *options, **how
    )
    assert done.returncode == 0, done.stderr
    ((bucket,),) = [service["httpCodes"] for service in json.loads(done.stdout)]
    return list(bucket["httpCodeValues"])


def test_a_run_without_options_follows_the_file_in_its_folder(
    here: Folder, logs: Logs, httpcodes: Command
) -> None:
    logs.requests("plain/a.parquet", (NOON, A, 200), ("2025-09-09 12:00:00", A, 200))
    logs.write(
        "nginx/a.parquet",
        {
            "time_local": ["2025-09-09 14:00:00"], "status": [404], "body_bytes_sent": [1],
            "request": ["GET / HTTP/1.1"], "remote_addr": ["192.0.2.1"],
        },
    )  # fmt: skip
    here.configure("""
        store = "counts/store"
        [[sources]]
        path = "../logs/plain"
        format = "generic"
        [[sources]]
        path = ["../logs/nginx/*.parquet"]
        format = "nginx"
        service_name = "B.example:443"
        zone = "Europe/Berlin"
    """)
    done = httpcodes("run")
    assert done.returncode == 0, done.stderr
    store = Store(here.folder / "counts" / "store")
    assert store.counts() == {(A, NOON, 200): 2, (B, NOON, 404): 1}
    formats = store.sql("SELECT path, format FROM source_files ORDER BY format")
    assert formats == [
        (str(logs.folder / "plain" / "a.parquet"), "generic"),
        (str(logs.folder / "nginx" / "a.parquet"), "nginx"),
    ]
    assert answered(httpcodes) == ["200"]
    assert httpcodes("verify", "--deep").returncode == 0


def test_a_source_may_name_the_columns_and_the_file_may_lie_anywhere(
    here: Folder, tmp_path: Path, httpcodes: Command
) -> None:
    Logs(tmp_path / "etc" / "logs").write("a.parquet", {"when": [NOON], "site": [A], "code": [200]})
    file = here.configure(
        """
        store = "store"
        [[sources]]
        path = "logs"
        map = { service = "site", timestamp = "when", status = "code" }
        """,
        "../etc/cdn.toml",
    )
    assert httpcodes("run", "--config", "../etc/cdn.toml").returncode == 0
    assert Store(file.resolve().parent / "store").counts() == {(A, NOON, 200): 1}
    assert answered(httpcodes, "--config", file) == ["200"]


def test_a_configured_source_is_rebuilt_as_it_was_read(
    here: Folder, logs: Logs, httpcodes: Command
) -> None:
    logs.requests("a.parquet", ("2025-09-09 14:00:00", A, 200))
    here.configure('[[sources]]\npath = "../logs"\nzone = "Europe/Berlin"')
    assert httpcodes("run").returncode == 0
    days = ("--from", "2025-09-09", "--to", "2025-09-09")
    assert httpcodes("rebuild", *days).returncode == 0
    assert Store(here.folder / "store").counts() == {(A, NOON, 200): 1}


def test_an_option_overrides_the_file_that_overrides_the_environment_that_overrides_the_usual(
    here: Folder, logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    stores = {201: "option", 202: "file", 203: "environment", 204: "elsewhere/store"}
    for status, folder in stores.items():
        log = logs.requests(f"{status}.parquet", (NOON, A, status))
        Store(tmp_path / folder).run(log)
    file = here.configure('store = "../file"')
    environment = {"env": {"HTTPCODES_STORE": str(tmp_path / "environment")}}
    assert answered(httpcodes, "--store", tmp_path / "option", **environment) == ["201"]
    assert answered(httpcodes, **environment) == ["202"]
    file.unlink()
    assert answered(httpcodes, **environment) == ["203"]
    assert answered(httpcodes) == ["204"]


def test_a_run_publishes_where_the_same_order_says(
    here: Folder, logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    file = here.configure('store = "../file"\n[[sources]]\npath = "../logs"')
    environment = {"env": {"HTTPCODES_STORE": str(tmp_path / "environment")}}
    commands = {"option": ["run", "--store", tmp_path / "option"], "file": ["run"]}
    for folder, command in commands.items():
        assert not (tmp_path / folder).exists()
        assert httpcodes(*command, **environment).returncode == 0
        assert Store(tmp_path / folder).counts() == {(A, NOON, 200): 1}
    assert not (tmp_path / "environment").exists()
    file.unlink()
    assert httpcodes("run", logs.folder, **environment).returncode == 0
    assert (tmp_path / "environment").exists()


def test_sources_and_choices_that_are_typed_take_the_place_of_those_configured(
    here: Folder, logs: Logs, httpcodes: Command
) -> None:
    logs.write("a/a.parquet", {"timestamp": ["2025-09-09 12:00:00"], "status": [200]})
    typed = logs.requests("typed.parquet", (NOON, B, 404))
    here.configure("""
        [[sources]]
        path = "../logs/a"
        service_name = "configured.example"
        zone = "Europe/Berlin"
    """)
    store = Store(here.folder / "store")
    assert httpcodes("run", typed).returncode == 0
    assert store.counts() == {(B, NOON, 404): 1}
    assert httpcodes("run", "--service-name", A).returncode == 0
    assert store.counts() == {(B, NOON, 404): 1, (A, NOON, 200): 1}


def sentence_of(key: str, value: str, wanted: str, table: str = "") -> str:
    return f'httpcodes.toml{table}: "{key}" is {value}; it would have to be {wanted}'


KNOWN = (
    "store, services, settle_hours, replace_within_days, plausible_from, plausible_ahead_hours, keep_snapshots, endpoint, export, "
    "strict, metrics_file, log_format, ping_url, patterns, endpoints, pushgateway_url, otlp_endpoint, engine, limits, retention, sources"
)
REFUSED = {
    'stroe = "x"': f'httpcodes.toml: unknown key "stroe"; known are {KNOWN}',
    "store = 1": sentence_of("store", "1", "the path of a folder"),
    'store = ""': sentence_of("store", "''", "the path of a folder"),
    'services = "some"': sentence_of("services", "'some'", '"seen" or "registered"'),
    'settle_hours = "48"': sentence_of("settle_hours", "'48'", "a whole number, 0 to 876,600"),
    "settle_hours = true": sentence_of("settle_hours", "True", "a whole number, 0 to 876,600"),
    "settle_hours = 1.5": sentence_of("settle_hours", "1.5", "a whole number, 0 to 876,600"),
    "replace_within_days = -1": sentence_of("replace_within_days", "-1", "a whole number, 0 to 36,525"),
    "keep_snapshots = 0": sentence_of("keep_snapshots", "0", "a whole number, 1 or more"),
    "endpoint = false": sentence_of("endpoint", "False", "a URL, http://… or https://…"),
    "[endpoints]\ngs = 'localhost'": sentence_of("gs", "'localhost'", "a URL, http://… or https://…", ", endpoints"),
    "[endpoints]\nhdfs = 'http://x'": 'httpcodes.toml, endpoints: unknown key "hdfs"; known are s3, gs, abfs',
    "endpoint = 'http://x'\n[endpoints]\ns3 = 'http://y'":
        'httpcodes.toml: "endpoint" is "s3" of [endpoints]; leave one of them out',
    'limits = "2GB"': sentence_of("limits", "'2GB'", "a table, [limits]"),
    "[limits]\ncpu = 1": 'httpcodes.toml, limits: unknown key "cpu"; known are memory, threads',
    "[limits]\nthreads = true": sentence_of("threads", "True", "a whole number, 1 to 1,024", ", limits"),
    "[limits]\nmemory = 2": sentence_of("memory", "2", "a size such as 2GB", ", limits"),
    'sources = "logs"': sentence_of("sources", "'logs'", "tables, each [[sources]]"),
    '[[sources]]\npath = "."\n[[sources]]\nformat = "generic"':
        'httpcodes.toml, sources[2]: "path" is missing; it says where the logs are',
    '[[sources]]\npath = "."\nsite = "x"':
        'httpcodes.toml, sources[1]: unknown key "site"; known are '
        "path, format, map, service_name, service_from_path, zone, kind, pattern, optional, expect, least_share, serials, grace_hours",
    "[[sources]]\npath = []": sentence_of("path", "[]", "a path or a list of paths", ", sources[1]"),
    '[[sources]]\npath = "."\nzone = 2': sentence_of("zone", "2", "text", ", sources[1]"),
    '[[sources]]\npath = "."\nmap = { service = 1 }':
        sentence_of("map", "{'service': 1}", "a table of roles and columns", ", sources[1]"),
    'store = "x': "httpcodes.toml is not TOML: ",
}  # fmt: skip
"""Sentences, or how they begin, by what the file says."""


@pytest.mark.parametrize(("text", "sentence"), REFUSED.items(), ids=REFUSED)
def test_a_file_that_can_not_be_followed_is_refused_with_its_key_and_what_would_be_accepted(
    text: str, sentence: str, here: Folder, httpcodes: Command
) -> None:
    here.configure(text)
    refused = refusal(httpcodes("config", "check"))
    assert refused.startswith(sentence) if sentence.endswith(": ") else refused == sentence


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ('format = "ngnix"', ["format 'ngnix'", "known are generic, cloudfront"]),
        ('zone = "Mars/Base"', ["zone 'Mars/Base'", "a name such as Europe/Berlin is accepted"]),
        ('service_name = "a b"', ["service", "'a b'"]),
        ('service_from_path = "logs/*"', ["service-from-path 'logs/*'", "{service}"]),
        ('map = { service = "site" }', ["--map", "service, timestamp and status"]),
    ],
    ids=["format", "zone", "service_name", "service_from_path", "map"],
)
def test_a_source_that_nobody_could_read_is_refused_with_the_file_that_says_so(
    line: str, parts: list[str], here: Folder, logs: Logs, httpcodes: Command
) -> None:
    here.configure(f'[[sources]]\npath = "../logs"\n{line}')
    for command in ("run", "config check"):
        refused = refusal(httpcodes(*command.split()))
        assert refused.startswith("httpcodes.toml, ")
        assert all(part in refused for part in parts)
    assert not (here.folder / "store").exists()


def test_the_file_that_is_refused_is_the_one_that_was_named(
    here: Folder, httpcodes: Command
) -> None:
    here.configure('[[sources]]\npath = "."\nzone = "Mars/Base"', "other.toml")
    assert refusal(httpcodes("run", "--config", "other.toml")).startswith("other.toml, ")
    here.configure("keep_snapshots = 0", "other.toml")
    assert refusal(httpcodes("run", "--config", "other.toml")).startswith("other.toml: ")


@pytest.mark.parametrize(
    "command", ["run", "query", "verify", "rebuild", "forget", "services list"]
)
def test_every_command_refuses_such_a_file_in_the_same_words(
    command: str, here: Folder, httpcodes: Command
) -> None:
    here.configure("keep_snapshots = 0")
    arguments = {
        "query": ["--service", A, "--start", NOON, "--end", "2025-09-09T13:00:00Z"],
        "rebuild": ["--from", "2025-09-09", "--to", "2025-09-09"],
        "forget": ["x"],
    }
    done = httpcodes(*command.split(), *arguments.get(command, []))
    assert refusal(done) == REFUSED["keep_snapshots = 0"]


def test_a_file_that_can_not_be_read_is_refused(here: Folder, httpcodes: Command) -> None:
    named = refusal(httpcodes("config", "check", "--config", "nowhere.toml"))
    assert named == "nowhere.toml can't be read: No such file or directory"
    (here.folder / "folder.toml").mkdir()
    folder = refusal(httpcodes("run", "--config", "folder.toml"))
    assert folder == "folder.toml can't be read: Is a directory"
    (here.folder / "httpcodes.toml").write_bytes(b'store = "\xff"')
    assert refusal(httpcodes("run")) == "httpcodes.toml is not TOML: it is no text in UTF-8"


@pytest.mark.parametrize("key", ["settle_hours", "replace_within_days"])
@pytest.mark.parametrize("value", [10**7, 10**10])
def test_a_time_that_no_calendar_holds_is_refused_or_means_forever(
    key: str, value: int, here: Folder, logs: Logs, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    here.configure(f'{key} = {value}\n[[sources]]\npath = "../logs"')
    done = httpcodes("run", "--quiet")
    if done.returncode == 0:
        assert Store(here.folder / "store").sql("SELECT final FROM bucket_status") == [(False,)]
    else:
        assert key in refusal(done)


def test_config_check_says_what_applies(
    here: Folder, logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    for name in ("a.parquet", "b.parquet"):
        logs.requests(name, (NOON, A, 200))
    here.configure("""
        store = "../store"
        services = "registered"
        settle_hours = 6
        replace_within_days = 0
        keep_snapshots = 9
        ping_url = "https://hc-ping.com/secret"
        patterns = { edge = '^(?P<ts>\\d+) (?P<domain>\\S+) (?P<status>\\d+)' }
        [endpoints]
        s3 = "https://s3.example.net"
        gs = "http://127.0.0.1:9023"
        [retention]
        keep_raw_days = 7
        [limits]
        memory = "512MB"
        threads = 2
        [engine.conf]
        "spark.secret" = "secret"
        [[sources]]
        path = "../logs"
        map = { service = "site", timestamp = "at", status = "code" }
        optional = true
    """)
    done = httpcodes("config", "check")
    assert (done.returncode, done.stderr) == (0, b"")
    said = [line.split("  ", 1) for line in done.stdout.decode().splitlines()]
    told = {what: value.strip() for what, value in said}
    assert Path(told.pop("store")).resolve() == tmp_path / "store"
    assert Path(told.pop("sources[1].path")).resolve() == logs.folder
    assert "B are free; the next run needs 0 bytes to 0 bytes" in told.pop("disk space")
    said_here = {
        "services": "registered",
        "settle_hours": "6",
        "replace_within_days": "0",
        "keep_snapshots": "9",
        "ping_url": "hc-ping.com",
        "patterns": "edge",
        "retention.keep_raw_days": "7",
        "limits.memory": "512MB",
        "limits.threads": "2",
        "endpoints.s3": "https://s3.example.net",
        "endpoints.gs": "http://127.0.0.1:9023",
        "engine.conf": "spark.secret",
        "sources[1].map": "service = site, timestamp = at, status = code",
        "sources[1].optional": "true",
    }
    usual = {
        "plausible_from": "1990-01-01",
        "plausible_ahead_hours": "24",
        "strict": "false",
        "log_format": "text",
        "retention.keep_daily_days": "0",
        "engine.task_bytes": "256000000B",
        "files there now": "2",
    }
    nothing = ["export", "metrics_file", "pushgateway_url", "otlp_endpoint", "retention.rollup_days", "endpoints.abfs", "engine.spark", "engine.share", "engine.archive"]  # fmt: skip
    assert told == said_here | usual | dict.fromkeys(nothing, "-")
    assert not (tmp_path / "store").exists()


def test_config_check_without_a_file_says_what_is_usual(httpcodes: Command) -> None:
    done = httpcodes("config", "check")
    assert done.returncode == 0
    said = done.stdout.decode().splitlines()
    applies = dict(line.split(maxsplit=1) for line in said)
    assert applies["store"] == "store"
    for key, how in (item for keys in (KEYS, SOURCE, *TABLES.values()) for item in keys.items()):
        assert how.default is None or how.accepts(how.default), key
        if key in KEYS and type(how.default) in (str, int, date):
            assert applies[key] == str(how.default)
    assert applies["settle_hours"] == "48"


@pytest.mark.parametrize(("hours", "final"), [(2, True), (4, False)])
def test_settle_hours_say_when_a_bucket_is_final(
    hours: int, final: bool, here: Folder, logs: Logs, httpcodes: Command
) -> None:
    ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=3)
    logs.requests("a.parquet", (ago, A, 200))
    here.configure(f'settle_hours = {hours}\n[[sources]]\npath = "../logs"')
    assert httpcodes("run").returncode == 0
    assert Store(here.folder / "store").sql("SELECT final FROM bucket_status") == [(final,)]


def test_replace_within_0_days_folds_unless_an_option_says_otherwise(
    here: Folder, logs: Logs, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    here.configure('replace_within_days = 0\n[[sources]]\npath = "../logs"')
    folded = "SELECT bool_or(folded), count(*) FROM source_files"
    assert httpcodes("run", "--replace-within", 1).returncode == 0
    assert Store(here.folder / "store").sql(folded) == [(False, 1)]
    assert httpcodes("run").returncode == 0
    assert Store(here.folder / "store").sql(folded) == [(True, 1)]
    logs.requests("a.parquet", (NOON, A, 404))
    assert httpcodes("run").returncode == 3


@pytest.mark.parametrize("command", ["run", "forget", "rebuild", "services"])
def test_as_many_snapshots_are_kept_as_the_file_says(
    command: str, here: Folder, logs: Logs, store: Store, httpcodes: Command
) -> None:
    log = logs.requests("a.parquet", (NOON, A, 200))
    for status in (404, 500, 200):
        logs.requests("a.parquet", (NOON, A, status))
        store.run(log)
    if command == "run":
        logs.requests("b.parquet", (NOON, B, 200))
    here.configure('store = "../store"\nkeep_snapshots = 2\n[[sources]]\npath = "../logs"')
    arguments = {
        "forget": [log],
        "rebuild": ["--from", "2025-09-09", "--to", "2025-09-09"],
        "services": ["add", B],
    }
    last = store.snapshots()[-1]
    assert httpcodes(command, *arguments.get(command, [])).returncode == 0
    assert len(store.snapshots()) == 2
    assert store.snapshots()[0] == last


def test_a_run_keeps_the_limits(here: Folder, logs: Logs, httpcodes: Command) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    limits = '[limits]\nmemory = "512MB"\nthreads = 1\n'
    here.configure(f'{limits}[[sources]]\npath = "../logs"')
    assert httpcodes("run").returncode == 0
    assert Store(here.folder / "store").counts() == {(A, NOON, 200): 1}


def test_a_limit_that_is_no_size_fails_in_one_sentence_and_publishes_nothing(
    here: Folder, logs: Logs, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    here.configure('[limits]\nmemory = "12XB"\n[[sources]]\npath = "../logs"')
    done = httpcodes("run")
    assert "would have to be a size such as 2GB" in refusal(done)
    assert "would have to be a size" in refusal(httpcodes("config", "check"))
    store = here.folder / "store"
    assert not (store / "httpcodes.duckdb").exists()
    assert list(store.glob("snapshots/*")) == []


def test_a_run_that_nobody_told_a_source_is_refused(here: Folder, httpcodes: Command) -> None:
    for text in ("", 'store = "x"', "sources = []"):
        here.configure(text)
        assert refusal(httpcodes("run")) == (
            "no source: name one (httpcodes run SOURCE), or some as [[sources]] in httpcodes.toml, which `httpcodes init SOURCE` writes"
        )
    assert [file.name for file in here.folder.iterdir()] == ["httpcodes.toml"]


def test_a_configured_source_that_is_not_there_is_named(here: Folder, httpcodes: Command) -> None:
    here.configure('[[sources]]\npath = "nowhere"')
    for command in (["run"], ["config", "check"]):
        done = httpcodes(*command)
        assert (done.returncode, b"does not exist" in done.stderr) == (3, True)


def test_a_source_that_is_not_there_stops_no_other_and_is_no_success_unless_it_is_optional(
    here: Folder, logs: Logs, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    (logs.folder / "unmounted").mkdir()
    both = '[[sources]]\npath = "../logs/a.parquet"\n[[sources]]\npath = '
    for missing in ('"../logs/unmounted"', '["nowhere", "../logs/a.parquet"]'):
        here.configure(both + missing)
        assert httpcodes("run").returncode == 3
        assert Store(here.folder / "store").counts() == {(A, NOON, 200): 1}
        status = json.loads(httpcodes("status", "--json").stdout)
        assert (status["last_run"]["exit_code"], status["last_success"]) == (3, None)
        assert [source["trouble"] is None for source in status["sources"]] == [True, False]
        here.configure(f"{both}{missing}\noptional = true")
        assert httpcodes("config", "check").returncode == 0
    assert httpcodes("run").returncode == 0
    assert json.loads(httpcodes("status", "--json").stdout)["last_success"]


@pytest.mark.parametrize("key", ["export", "metrics_file"])
def test_places_to_write_to_are_looked_at_before_a_run_is(
    key: str, here: Folder, logs: Logs, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    (here.folder / "file").touch()
    here.configure(f'{key} = "file/out/x"\n[[sources]]\npath = "../logs"')
    assert f'"{key}" leads to ' in refusal(httpcodes("config", "check"))
    doctor = json.loads(httpcodes("doctor", "--json").stdout)
    assert [found["check"] for found in doctor if found["state"] == "fail"] == [key]
