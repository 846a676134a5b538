"""A first configuration, written for the logs that it is shown."""

import gzip
import os
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import PROJECT, Command, Logs, Store

from jobs.init import configuration, look
from queries.config import load

NOON = "2025-09-09T12:00:00Z"
NGINX = {
    "time_local": ["2025-09-09 14:00:00"], "status": [404], "body_bytes_sent": [1],
    "request": ["GET / HTTP/1.1"], "remote_addr": ["192.0.2.1"],
}  # fmt: skip


def written(where: Path | str, file: Path) -> str:
    """The configuration for a source, which the program can read."""
    text = configuration("/srv/store", {}, [look(str(where))])
    file.write_text(text, encoding="utf-8")
    assert load(file).sources[0].path == (str(where),)
    return text


def test_a_night_is_two_commands_away(httpcodes: Command, tmp_path: Path) -> None:
    here = tmp_path / "elsewhere"
    done = httpcodes("init", PROJECT / "sample_data" / "logs")
    assert (done.returncode, done.stdout) == (0, b"")
    text = (here / "httpcodes.toml").read_text()
    for format_, service in (("cloudfront", "x-host-header"), ("cloudflare", "ClientRequestHost"), ("generic", "host")):  # fmt: skip
        assert f": {format_}, told by the columns\n#   service: {service}, such as " in text
    assert '# expect = "every 1h"  # so say 24 moments in names' in text
    assert b"httpcodes.toml is written for 72 files" in done.stderr
    assert httpcodes("schedule", "cron").returncode == 0
    assert httpcodes("config", "check").returncode == 0
    assert httpcodes("run").returncode == 0
    assert Store(here / "store").sql("SELECT sum(requests)::BIGINT FROM rollup_5m") == [(20_853,)]


def test_every_line_that_is_proposed_may_be_said(logs: Logs, tmp_path: Path) -> None:
    logs.requests("a.parquet", (NOON, "a.example", 200))
    file = tmp_path / "httpcodes.toml"
    text = written(logs.folder, file)
    said = "\n".join(
        line.removeprefix("# ") if " = " in line or line.startswith("# [") else line
        for line in text.splitlines()
    )
    file.write_text(said, encoding="utf-8")
    config = load(file)
    assert (config.settle_hours, config.rollup_days, config.threads) == (48, 400, 4)


def test_folders_named_like_services_name_them(
    logs: Logs, tmp_path: Path, httpcodes: Command
) -> None:
    for site in ("a.example", "b.example"):
        logs.write(f"{site}/2025/1.parquet", NGINX)
    done = httpcodes("init", logs.folder)
    assert done.returncode == 0, done.stderr
    assert httpcodes("run").returncode == 0
    counted = Store(tmp_path / "elsewhere" / "store").counts()
    assert {service for service, _, _ in counted} == {"a.example", "b.example"}


def test_what_a_person_has_to_say_is_asked_for(logs: Logs, httpcodes: Command) -> None:
    logs.write("x/1.parquet", NGINX)
    done = httpcodes("init", logs.folder)
    assert done.returncode == 3
    assert b"to settle in httpcodes.toml: nothing names the service; say it as service_name" in done.stderr  # fmt: skip


def test_a_folder_of_text_logs_is_a_source_of_any_kind(
    logs: Logs, httpcodes: Command, tmp_path: Path
) -> None:
    line = '192.0.2.1 - - [09/Sep/2025:12:00:00 +0000] "GET / HTTP/1.1" 404 1 "-" "curl"\n'
    (logs.folder / "access.log").write_text(line)
    os.utime(logs.folder / "access.log", (0, 0))
    (logs.folder / "access.log.1.gz").write_bytes(gzip.compress(line.encode() * 2))
    done = httpcodes("init", logs.folder)
    *settle, written, _ = done.stderr.decode().splitlines()
    assert settle == ["httpcodes: to settle in httpcodes.toml: nothing names the service; say it as service_name"]  # fmt: skip
    assert written == "httpcodes.toml is written for 2 files; once that is settled, `httpcodes run` counts them"  # fmt: skip
    file = tmp_path / "elsewhere" / "httpcodes.toml"
    assert '\nkind = "auto"  #' in file.read_text()
    file.write_text(file.read_text().replace("\n# service_name", "\nservice_name"))
    assert httpcodes("run").returncode == 0
    assert Store(tmp_path / "elsewhere" / "store").counts() == {("www.example.com", NOON, 404): 3}


def test_columns_that_may_be_meant_are_proposed(logs: Logs, store: Store, tmp_path: Path) -> None:
    logs.write("1.parquet", {"when": [NOON], "site": ["a.example"], "code": [200]})
    text = written(logs.folder, tmp_path / "httpcodes.toml")
    proposed = '# map = { service = "site", timestamp = "when", status = "code" }\n'
    assert "# TO SETTLE: no format fits" in text
    assert proposed in text
    told = tomllib.loads(text.replace(proposed, proposed.removeprefix("# ")))
    maps = [f"{role}={column}" for role, column in told["sources"][0]["map"].items()]
    store.run(logs.folder, maps=maps)
    assert store.counts() == {("a.example", NOON, 200): 1}


def test_times_that_lie_ahead_of_their_file_ask_for_a_zone(logs: Logs, tmp_path: Path) -> None:
    zoned = '# zone = "Europe/Berlin"'
    for name, said in (("2025-09-09T12:00:00Z", False), ("2025-09-09 14:00:00", True)):
        file = logs.requests("a.parquet", (name, "a.example", 200))
        written_at = datetime(2025, 9, 9, 12, 1, tzinfo=UTC).timestamp()
        os.utime(file, (written_at, written_at))
        text = written(logs.folder, tmp_path / "httpcodes.toml")
        assert (zoned in text, "they lie 1:59:00 after the file was written" in text) == (said, said)  # fmt: skip


def test_nothing_is_written_over(logs: Logs, httpcodes: Command, tmp_path: Path) -> None:
    logs.requests("a.parquet", (NOON, "a.example", 200))
    mine = tmp_path / "elsewhere" / "httpcodes.toml"
    mine.write_text("# mine")
    done = httpcodes("init", logs.folder)
    assert (done.returncode, mine.read_text()) == (2, "# mine")
    assert done.stderr == b"httpcodes: httpcodes.toml is there already; --config FILE names another\n"  # fmt: skip


@pytest.mark.parametrize("name", ['a "b" \\c', "a\nb", "tab\t# x", "x' = 1", "ü\x7f"])
def test_any_name_of_a_folder_stays_a_name(name: str, tmp_path: Path) -> None:
    folder = Logs(tmp_path / name)
    folder.requests("a.parquet", (NOON, "a.example", 200))
    (folder.folder / "b.parquet").write_bytes(b"broken")
    text = written(folder.folder, tmp_path / "httpcodes.toml")
    assert f"# TO SETTLE: {folder.folder}"[:14] in text
