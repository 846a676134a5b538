"""The scheduled run as units, a crontab line, a CronJob or a DAG, ready for one configuration.

The templates stand in schedules/. What they all see to: absolute paths, a random delay so
that many machines don't start at once, no overlap, an end to a run that hangs, and that the
exit codes 3 (partly done) and 11 (another run is at work) are no alarm.
"""

import glob
import json
import os
import pwd
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from jobs.logs.named_tables import is_table
from queries.config import BadConfig, Config

_MOST_DELAY = timedelta(minutes=10)
_TIMEOUT = timedelta(hours=6)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Times:
    """When to run: once a day at a time (UTC), or every so often."""

    hour: int
    minute: int
    every: timedelta | None = None

    @classmethod
    def of(cls, at: str | None, every: timedelta | None) -> "Times":
        """From options. Raises BadConfig."""
        if at is not None and every is not None:
            raise BadConfig("--at and --every exclude each other; give one of them")
        if every is not None:
            return cls(0, 0, _checked(every))
        found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", at or "02:30")
        if not found:
            raise BadConfig(f"--at {at}: it would have to be a time of day, UTC, such as 02:30")
        return cls(int(found[1]), int(found[2]))

    @property
    def cron(self) -> str:
        """Minute, hour, day, month, day of the week."""
        if self.every is None:
            return f"{self.minute} {self.hour} * * *"
        minutes = self.every // timedelta(minutes=1)
        return f"*/{minutes} * * * *" if minutes < 60 else f"0 */{minutes // 60} * * *"

    @property
    def calendar(self) -> str:
        """As systemd writes times."""
        if self.every is None:
            return f"*-*-* {self.hour:02}:{self.minute:02}:00 UTC"
        minutes = self.every // timedelta(minutes=1)
        when = f"*:0/{minutes}" if minutes < 60 else f"0/{minutes // 60}:00"
        return f"*-*-* {when}:00 UTC"

    @property
    def delay(self) -> int:
        """How much later a run may begin, at random, in seconds."""
        most = min(_MOST_DELAY, self.every / 10) if self.every else _MOST_DELAY
        return int(most.total_seconds())

    @property
    def deadline(self) -> int:
        """For how long a missed start is worth making up for, in seconds."""
        return int((self.every or _TIMEOUT).total_seconds())


def _checked(every: timedelta) -> timedelta:
    whole_minutes = not every % timedelta(minutes=1)
    hour = timedelta(hours=1)
    fits = not hour % every if every < hour else every < _DAY and not (every % hour or _DAY % every)
    if whole_minutes and fits:
        return every
    raise BadConfig(
        "--every would have to divide an hour or a day evenly: 1m, 5m, 15m, 30m, 1h, 6h, 12h; "
        "for once a day say --at 02:30"
    )


@dataclass(frozen=True)
class Plan:
    """What is to be run, and when; all paths are absolute."""

    times: Times
    config_file: Path
    config: Config
    store: Path

    def check(self) -> None:
        """Raises BadConfig for what no scheduler could be told."""
        if not self.config.sources:
            raise BadConfig(
                f"{self.config_file} names no [[sources]]; a scheduled run knows no others"
            )
        for path in (*self._run("httpcodes"), str(self.store)):
            if not path.isprintable():
                raise BadConfig(f"{path!r} can't be written into a schedule; rename it")

    def _run(self, *program: str) -> list[str]:
        store = [] if self.config.store else ["--store", str(self.store)]
        return [*program, "run", "--config", str(self.config_file), *store]

    @property
    def here(self) -> list[str]:
        """The command as this machine runs it."""
        installed = Path(sys.executable).with_name("httpcodes")
        if installed.exists():
            return self._run(str(installed))
        return self._run(sys.executable, "-m", "jobs.cli")

    @property
    def in_image(self) -> list[str]:
        """The command as an image runs it."""
        return self._run("httpcodes")

    @property
    def folders(self) -> list[str]:
        """Those that the sources lie in."""
        places = (path for source in self.config.sources for path in source.path)
        local = [
            place.partition(":")[2] if is_table(place) and "/" in place else place
            for place in places
            if "://" not in place
        ]
        return sorted(set(map(_folder, local)))


def _folder(folder: str) -> str:
    steps = folder.split(os.sep)
    if glob.has_magic(folder):
        fixed = next(number for number, step in enumerate(steps) if glob.has_magic(step))
        return os.sep.join(steps[:fixed]) or os.sep
    return (
        folder
        if os.path.isdir(folder) or not folder.endswith(".parquet")
        else os.path.dirname(folder)
    )


def systemd(plan: Plan) -> dict[str, object]:
    """A service and a timer."""
    store = os.path.abspath(plan.store)
    return {
        "store_path": _unit_word(store),
        # $ is for variables, in commands only.
        "command": " ".join(_unit_word(word).replace("$", "$$") for word in plan.here),
        "calendar": plan.times.calendar,
        "private_tmp": str(not _below_tmp(plan)).lower(),
    }


def _unit_word(word: str) -> str:
    """A word as systemd.syntax(7) quotes it; % is for specifiers."""
    escaped = word.replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    plain = re.fullmatch(r"[\w@%+=:,./-]+", word, re.ASCII)
    return escaped if plain else f'"{escaped}"'


def _below_tmp(plan: Plan) -> bool:
    """Whether something lies where a private /tmp would hide it."""
    paths = [*plan.here, str(plan.store), *plan.folders]
    return any(path.startswith(("/tmp/", "/var/tmp/")) for path in paths)  # noqa: S108 (no file is made)


def cron(plan: Plan) -> dict[str, object]:
    """A crontab line: what a run says is mailed only if it failed."""
    quiet = (
        f"{_delay(plan)}; said=$(timeout -k 60 {_seconds(_TIMEOUT)} {shlex.join(plan.here)} 2>&1); "
        f'code=$?; case $code in 0|3|11) ;; *) echo "$said"; exit $code;; esac'
    )
    # To cron a bare % ends the line.
    return {"command": quiet.replace("%", r"\%")}


def kubernetes(plan: Plan) -> dict[str, object]:
    """A ConfigMap and a CronJob."""
    accepting = (
        f"{_delay(plan)}; {shlex.join(plan.in_image)}; code=$?; "
        "case $code in 3|11) exit 0;; *) exit $code;; esac"
    )
    claims = {"httpcodes-store": os.path.abspath(plan.store)}
    claims |= {f"httpcodes-logs-{n}": folder for n, folder in enumerate(plan.folders, 1)}
    mounts = [_yaml("name: config", f"mountPath: {_quoted(str(plan.config_file))}",
                    "subPath: httpcodes.toml", "readOnly: true")]  # fmt: skip
    volumes = [_yaml("name: config", "configMap: {name: httpcodes}")]
    for claim, path in claims.items():
        read_only = [] if claim == "httpcodes-store" else ["readOnly: true"]
        mounts.append(_yaml(f"name: {claim}", f"mountPath: {_quoted(path)}", *read_only))
        volumes.append(_yaml(f"name: {claim}", f"persistentVolumeClaim: {{claimName: {claim}}}"))
    config = plan.config
    lost = (
        "# What metrics_file leaves goes with the pod: pushgateway_url or otlp_endpoint, in the\n"
        "# configuration, send it on.\n"
    )
    pushes = config.otlp_endpoint or config.pushgateway_url
    return {
        "extra": " (with cdn-httpcodes[otel])" if config.otlp_endpoint else "",
        "lost": lost if config.metrics_file and not pushes else "",
        # OpenTelemetry's SDK tells by these which pod it was.
        "environment": textwrap.indent(_POD, " " * 14) if config.otlp_endpoint else "",
        # Kubernetes puts variables in place of $(NAME), and $ in place of $$.
        "command": _quoted(accepting.replace("$", "$$")),
        "config_text": textwrap.indent(plan.config_file.read_text("utf-8").rstrip(), " " * 4),
        "mounts": textwrap.indent("".join(mounts).rstrip("\n"), " " * 16),
        "volumes": textwrap.indent("".join(volumes).rstrip("\n"), " " * 12),
    }


_POD = """\
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  - name: POD_NAMESPACE
    valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
  - name: OTEL_RESOURCE_ATTRIBUTES
    value: k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE)
"""


def _yaml(*entries: str) -> str:
    return "- " + "\n  ".join(entries) + "\n"


def _quoted(text: str) -> str:
    # JSON is YAML, but for the escapes of letters beyond 16 bits.
    return json.dumps(text, ensure_ascii=False)


def airflow(plan: Plan) -> dict[str, object]:
    """A DAG for Airflow 3."""
    accepting = (
        f"{_delay(plan)}; {shlex.join(plan.here)}; code=$?; "
        "[ $code -ne 3 ] || { echo 'partly done: see httpcodes status'; exit 0; }; exit $code"
    )
    # Airflow takes the command for a Jinja template.
    return {"command": repr(re.sub(r"\{(?=[{%#])", "{{ '{' }}", accepting))}


def _delay(plan: Plan) -> str:
    """POSIX shells know no $RANDOM."""
    return f"sleep $(( $(od -An -N2 -tu2 /dev/urandom) % {plan.times.delay} ))"


SCHEDULERS: Mapping[str, Callable[[Plan], dict[str, object]]] = {
    "systemd": systemd,
    "cron": cron,
    "kubernetes": kubernetes,
    "airflow": airflow,
}


def schedule(scheduler: str, plan: Plan) -> str:
    """What to give to the scheduler. Raises BadConfig."""
    plan.check()
    template = files("jobs").joinpath(f"schedules/{scheduler}.template")
    return Template(template.read_text(encoding="utf-8")).substitute(
        {
            "cron": plan.times.cron,
            "delay_seconds": plan.times.delay,
            "deadline_seconds": plan.times.deadline,
            "timeout_seconds": _seconds(_TIMEOUT),
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "version": version("cdn-httpcodes"),
        }
        | SCHEDULERS[scheduler](plan)
    )


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
