"""Schedules, checked with what reads them: systemd, cron, sh, Kubernetes' schemas."""

import ast
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from conftest import Command, Logs, Store

NOON = "2025-09-09T12:00:00Z"
AWKWARD = "a b%c\"d$$e{{f'g"
SCHEDULERS = ["systemd", "cron", "kubernetes", "airflow"]
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
needs_cron = pytest.mark.skipif(
    not shutil.which("cron") or os.geteuid() != 0, reason="starting cron takes cron and root"
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a hard name that holds a configuration and the logs that it names."""
    folder = tmp_path / AWKWARD
    Logs(folder / "logs").requests("a.parquet", (NOON, "a.example", 200))
    (folder / "httpcodes.toml").write_text(
        'store = "store"\n\n[[sources]]\npath = "logs"\n\n[[sources]]\npath = "logs/*/x.parquet"\n'
    )
    return folder


@pytest.fixture
def scheduled(httpcodes: Command, site: Path):
    def text(*arguments: object) -> str:
        done = httpcodes("schedule", *arguments, "--config", site / "httpcodes.toml")
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode()

    return text


def units(text: str) -> dict[str, str]:
    """The unit files, by the names that stand above them."""
    _, *parts = re.split(r"^# (httpcodes\.\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@needs_systemd
@pytest.mark.parametrize("when", [(), ("--at", "23:59"), ("--every", "1m"), ("--every", "6h")])
def test_systemd_accepts_the_units(when: tuple[str, ...], scheduled, tmp_path: Path) -> None:
    files = units(scheduled("systemd", *when))
    assert list(files) == ["httpcodes.service", "httpcodes.timer"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", tmp_path / name],
            capture_output=True, check=False, timeout=600,
        )  # fmt: skip
        ours = [line for line in done.stderr.decode().splitlines() if "httpcodes" in line]
        assert (done.returncode, ours) == (0, [])
    assert "SuccessExitStatus=3 11\n" in files["httpcodes.service"]


@needs_systemd
@pytest.mark.parametrize(
    ("when", "next_after_noon"),
    [
        ((), "02:30:00"),
        (("--at", "13:05"), "13:05:00"),
        (("--every", "15m"), "12:15:00"),
        (("--every", "6h"), "18:00:00"),
    ],
)
def test_systemd_understands_when(when: tuple[str, ...], next_after_noon: str, scheduled) -> None:
    calendar = re.findall("OnCalendar=(.*)", scheduled("systemd", *when))
    done = subprocess.run(
        ["systemd-analyze", "calendar", "--base-time=2026-01-01 12:00:00 UTC", *calendar],
        capture_output=True, check=True, timeout=600, env={**os.environ, "TZ": "UTC"},
    )  # fmt: skip
    assert f"{next_after_noon} UTC" in done.stdout.decode()


@needs_cron
def test_a_real_cron_daemon_runs_the_line(scheduled, site: Path, tmp_path: Path) -> None:
    line = tmp_path / "crontab"
    line.write_text(scheduled("cron", "--every", "1m"))
    # In mounts of its own, so that it sees no other crontab and no other cron sees this one.
    alone = "mount -t tmpfs none /etc/cron.d && mount -t tmpfs none /run && mount --bind /dev/null /etc/crontab && mount -t tmpfs none /var/spool/cron/crontabs && crontab $0 && exec cron -f"
    daemon = subprocess.Popen(
        ["unshare", "--mount", "sh", "-ec", alone, line],
        start_new_session=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        until = time.monotonic() + 600
        link = site / "store" / "httpcodes.duckdb"
        while not link.exists() and time.monotonic() < until and daemon.poll() is None:
            time.sleep(0.5)
        assert link.exists(), daemon.poll()
    finally:
        os.killpg(daemon.pid, signal.SIGTERM)
        daemon.communicate(timeout=600)
    assert Store(site / "store").counts() == {("a.example", NOON, 200): 1}


def cron_command(text: str) -> str:
    """What cron hands to sh, without the delay."""
    *_, line = text.splitlines()
    assert not re.search(r"(?<!\\)%", line)
    return line.split(maxsplit=5)[5].replace(r"\%", "%").partition("; ")[2]


@pytest.mark.parametrize("code", [0, 1, 2, 3, 11, 130])
def test_cron_mails_only_about_failures(code: int, scheduled, site: Path) -> None:
    installed = shlex.quote(str(Path(sys.executable).with_name("httpcodes")))
    command = cron_command(scheduled("cron")).replace(installed, f"sh -c 'echo oh; exit {code}'")
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, check=False, timeout=600, text=True
    )
    silent = code in (0, 3, 11)
    assert (done.returncode, done.stdout) == ((0, "") if silent else (code, "oh\n"))


def test_the_delay_is_random_and_short(scheduled) -> None:
    sleeps = re.findall(r"sleep \$\(\((.*?)\)\);", scheduled("cron", "--every", "15m"))
    shown = {
        int(subprocess.check_output(["sh", "-c", f"echo $(({sleeps[0]}))".replace("\\%", "%")]))
        for _ in range(20)
    }
    assert len(shown) > 1
    assert shown <= set(range(90))


@pytest.mark.parametrize("when", [(), ("--every", "15m")])
def test_kubernetes_accepts_the_objects(when: tuple[str, ...], scheduled, site: Path) -> None:
    config, job = yaml.safe_load_all(scheduled("kubernetes", *when))
    for described in (config, job):
        kubernetes_validate.validate(described, "1.30", strict=True)
    assert config["data"]["httpcodes.toml"].strip() == (site / "httpcodes.toml").read_text().strip()
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted == {f"{site}/httpcodes.toml", f"{site}/store", f"{site}/logs"}
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}


def test_a_pod_sends_its_signals_on(scheduled, site: Path) -> None:
    """What is pushed stands in the configuration, which goes along; OTLP is told which pod it is."""
    file = site / "httpcodes.toml"
    plain = file.read_text()
    file.write_text('metrics_file = "m.prom"\n' + plain)
    assert "# What metrics_file leaves goes with the pod" in scheduled("kubernetes")
    file.write_text(
        'pushgateway_url = "http://push:9091"\notlp_endpoint = "http://c:4318"\n' + plain
    )
    text = scheduled("kubernetes")
    assert "the image (with cdn-httpcodes[otel])," in text
    config, job = yaml.safe_load_all(text)
    for described in (config, job):
        kubernetes_validate.validate(described, "1.30", strict=True)
    pushed = tomllib.loads(config["data"]["httpcodes.toml"])
    assert (pushed["pushgateway_url"], pushed["otlp_endpoint"]) == (
        "http://push:9091",
        "http://c:4318",
    )
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    assert (
        told["OTEL_RESOURCE_ATTRIBUTES"]
        == "k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE)"
    )
    assert list(told)[:2] == ["POD_NAME", "POD_NAMESPACE"]


@pytest.mark.parametrize(("code", "seen"), [(0, 0), (1, 1), (2, 2), (3, 0), (11, 0), (130, 130)])
def test_a_pod_succeeds_where_nothing_is_wrong(
    code: int, seen: int, scheduled, site: Path, tmp_path: Path
) -> None:
    _, job = yaml.safe_load_all(scheduled("kubernetes"))
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    script = container["args"][0].replace("$$", "$").partition("; ")[2]
    stand_in = tmp_path / "httpcodes"
    stand_in.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@"\nexit {code}\n')
    stand_in.chmod(0o755)
    path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [*container["command"], script], capture_output=True, check=False, env=path, timeout=600
    )
    assert done.returncode == seen
    assert done.stdout.decode().splitlines() == ["run", "--config", f"{site}/httpcodes.toml"]


def test_the_dag_is_python_and_its_command_survives_templates(scheduled, site: Path) -> None:
    dag = ast.parse(scheduled("airflow", "--at", "4:05"))
    told = {
        keyword.arg: ast.literal_eval(keyword.value)
        for keyword in ast.walk(dag)
        if isinstance(keyword, ast.keyword) and not isinstance(keyword.value, ast.Call)
        and keyword.arg != "tzinfo"
    }  # fmt: skip
    assert (told["schedule"], told["catchup"], told["max_active_runs"]) == ("5 4 * * *", False, 1)
    assert told["skip_on_exit_code"] == [11]
    # What Jinja makes of it.
    command = told["bash_command"].replace("{{ '{' }}", "{")
    assert shlex.quote(f"{site}/httpcodes.toml") in command


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_typed_store_is_in_the_command(
    scheduler: str, httpcodes: Command, site: Path, tmp_path: Path
) -> None:
    config = site / "httpcodes.toml"
    done = httpcodes("schedule", scheduler, "--config", config, "--store", "other")
    assert f"--store {tmp_path}/elsewhere/other" in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fcron"], "fcron is not known; systemd, cron, kubernetes, airflow are"),
        (["cron", "--at", "25:00"], "--at 25:00: it would have to be a time of day, UTC, such as 02:30"),
        (["cron", "--every", "7m"], "--every would have to divide an hour or a day evenly"),
        (["cron", "--every", "90s"], "--every would have to divide an hour or a day evenly"),
        (["cron", "--every", "24h"], "for once a day say --at 02:30"),
        (["cron", "--every", "soon"], "'soon' is no span of time; 90s, 15m, 26h or 2d would be accepted"),
        (["cron", "--every", "1h", "--at", "1:00"], "--at and --every exclude each other"),
    ],
)  # fmt: skip
def test_a_schedule_that_nobody_could_keep_is_refused(
    arguments: list[str], sentence: str, httpcodes: Command, site: Path
) -> None:
    done = httpcodes("schedule", *arguments, "--config", site / "httpcodes.toml")
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in done.stderr.decode()


def test_a_schedule_needs_configured_sources(httpcodes: Command, tmp_path: Path) -> None:
    bare = httpcodes("schedule", "cron")
    assert (bare.returncode, bare.stdout) == (2, b"")
    assert b"httpcodes.toml does not exist, which tells a scheduled run what to do" in bare.stderr
    config = tmp_path / "httpcodes.toml"
    config.write_text('store = "store"\n')
    sourceless = httpcodes("schedule", "cron", "--config", config)
    assert (sourceless.returncode, sourceless.stdout) == (2, b"")
    assert b"names no [[sources]]" in sourceless.stderr
