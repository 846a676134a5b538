"""The environment of a run, as it is found."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Command, Logs, Store, mounted

from jobs.monitoring.doctor import NEEDED, _names
from queries.snapshot import SCHEMA_VERSION

A = "a.example"
NOON = "2025-09-09T12:00:00Z"

Findings = dict[str, tuple[str, str]]


@pytest.fixture
def config(logs: Logs, store: Store) -> Path:
    file = logs.folder.parent / "httpcodes.toml"
    file.write_text(f'store = "{store.folder}"\n[[sources]]\npath = "{logs.folder}"\n')
    return file


def examined(httpcodes: Command, config: Path, **how: object) -> tuple[int, Findings]:
    done = httpcodes("doctor", "--config", config, "--json", **how)
    assert done.stderr == b""
    findings = json.loads(done.stdout)
    assert {finding["state"] for finding in findings} <= {"ok", "warn", "fail"}
    return done.returncode, {f["check"]: (f["state"], f["says"]) for f in findings}


def test_a_sound_environment_is_ok_throughout(
    config: Path, logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    snapshot = store.run(logs.folder).snapshot
    before = sorted(store.folder.rglob("*"))
    code, findings = examined(httpcodes, config, env={"TZ": "Asia/Kolkata"})
    assert code == 0
    assert list(findings) == ["configuration", "python", "duckdb", "pyarrow", "packages", "time zone", "limits",
                              "permissions", "snapshot", "clock", "reflinks", "disk space", "source"]  # fmt: skip
    assert {check: says for check, (state, says) in findings.items() if state != "ok"} == {}
    assert findings["time zone"][1] == "this machine's is IST, UTC+0530; httpcodes uses UTC everywhere"  # fmt: skip
    assert findings["snapshot"][1] == f"{snapshot}, schema version {SCHEMA_VERSION}"
    assert findings["source"][1] == f"{logs.folder} holds 1 file"
    assert sorted(store.folder.rglob("*")) == before
    table = httpcodes("doctor", "--config", config).stdout.decode().splitlines()
    assert [line.split()[0] for line in table] == ["ok"] * len(findings)


def test_others_packages_of_our_names_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _names().state == "ok"
    told = tmp_path / "others" / "stranger-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (told / "RECORD").write_text("queries/__init__.py,,\n")
    monkeypatch.syspath_prepend(told.parent)
    found = _names()
    assert (found.state, found.says) == (
        "warn",
        "stranger installs packages of these names, too: give cdn-httpcodes an environment of its own (pipx install cdn-httpcodes)",
    )


def test_before_the_first_run_there_is_only_a_warning(
    config: Path, store: Store, httpcodes: Command
) -> None:
    code, findings = examined(httpcodes, config)
    assert code == 0
    assert {check for check, (state, _) in findings.items() if state != "ok"} == {"snapshot", "source"}  # fmt: skip
    assert "holds none yet" in findings["snapshot"][1]
    assert not store.folder.exists()


@pytest.mark.parametrize(
    ("told", "check", "sentence"),
    [
        ("stor = 1\n", "configuration", 'unknown key "stor"'),
        ('[limits]\nmemory = "lots"\n', "configuration", "a size such as 2GB"),
        ('[[sources]]\npath = "/nowhere"\n', "source", "/nowhere does not exist"),
    ],
)
def test_what_a_run_could_not_follow_fails(
    told: str, check: str, sentence: str, config: Path, httpcodes: Command
) -> None:
    config.write_text(told)
    code, findings = examined(httpcodes, config)
    state, says = findings[check]
    assert (code, state) == (1, "fail")
    assert sentence in says


def test_a_broken_snapshot_fails(config: Path, logs: Logs, store: Store, httpcodes: Command) -> None:  # fmt: skip
    store.run(logs.folder)
    file = (store.folder / "httpcodes.duckdb").resolve()
    file.chmod(0o644)
    os.truncate(file, file.stat().st_size - 1)
    code, findings = examined(httpcodes, config)
    assert (code, findings["snapshot"]) == (1, ("fail", f"{file} is cut short"))


def test_a_clock_that_went_back_is_told(
    config: Path, logs: Logs, store: Store, httpcodes: Command
) -> None:
    store.run(logs.folder)
    link = store.folder / "httpcodes.duckdb"
    later = link.resolve().rename(store.folder / "snapshots" / "20991231T000000Z-0000.duckdb")
    link.unlink()
    link.symlink_to(Path("snapshots", later.name))
    assert examined(httpcodes, config)[1]["clock"][0] == "warn"


def test_a_full_disk_fails_before_the_run_does(
    config: Path, logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    with mounted(store.folder, 16):
        store.run(logs.folder)
        size = (store.folder / "httpcodes.duckdb").stat().st_size
        leave(store.folder, size // 2)
        code, findings = examined(httpcodes, config)
        assert (code, findings["disk space"][0]) == (1, "fail")
        checked = httpcodes("config", "check", "--config", config)
        said = f"httpcodes: the next run can't do its work: {findings['disk space'][1]}\n"
        assert (checked.returncode, checked.stderr.decode()) == (1, said)
        leave(store.folder, size * 3 // 2)
        assert examined(httpcodes, config)[1]["disk space"][0] == "warn"


def leave(disk: Path, free: int) -> None:
    """Fill the disk up to this many bytes."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    ballast.write_bytes(bytes(shutil.disk_usage(disk).free - free))


def test_a_user_who_may_not_write_is_told(config: Path, logs: Logs, store: Store) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    code = f"import os\nfrom pathlib import Path\nfrom jobs.monitoring.doctor import _permissions\nos.setuid(65534)\nprint(_permissions(Path({str(store.folder)!r})).says)"
    for folder in (store.folder, *store.folder.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == f"{store.folder} can't be written by this user\n"


def test_the_versions_are_those_of_the_project() -> None:
    told = (PROJECT / "pyproject.toml").read_text()
    python = re.findall(r'requires-python = ">=(\S+)"', told)
    packages = {name: re.findall(rf'"{name}>=([\d.]+)', told) for name in ("duckdb", "pyarrow")}
    assert {name: [".".join(map(str, least))] for name, least in NEEDED.items()} == {
        "python": python, **packages,
    }  # fmt: skip
