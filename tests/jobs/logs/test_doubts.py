"""Host columns that hold clients or machines, and what a refusal proposes in their place."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import Command, Logs, Store

NOON = "2025-09-09T12:00:00Z"
REQUESTS = {"method": "GET", "endpoint": "/"}


def log(hosts: Sequence[str], **others: str) -> Mapping[str, Any]:
    rows = len(hosts)
    said = {name: [value] * rows for name, value in others.items()}
    return {"timestamp": [NOON] * rows, "host": list(hosts), "status": [200] * rows, **said}


SITES = [f"s{n:04}.example" for n in range(1000)]
DOUBTFUL = {
    "customers of networks": log(
        ["dsl-12.isp.example", "10-2-3-4.pool.example", "pc4.example.edu"], **REQUESTS
    ),
    "addresses within names": log(
        ["7.1.68.34.bc.isp.example", "static.1.2.3.4.clients.isp.example", "x-1.2.3.4.isp.example"],
        **REQUESTS,
    ),
    "customers of other networks": log(
        ["p5b2f0c2c.dip0.isp.example", "q4.adsl.isp.example", "c-aa.hsd1.isp.example"], **REQUESTS
    ),
    "a name for nearly each row": log([f"{n:x}.example" for n in range(20)], **REQUESTS),
    "names and addresses": log(
        ["192.0.2.1", "192.0.2.2", "anna.example", "ben.example", "cleo.example"], **REQUESTS
    ),
    "as many names as rows": log([f"{n:x}.example" for n in range(300)], **REQUESTS),
    "machines": log(["web-01", "web-02", "web-01"], **REQUESTS),
    "machines of a cloud": log(["ip-10-0-0-1.eu.compute.internal"], **REQUESTS),
    "machines and their ports": log(["web01:8080", "web02:8080"], **REQUESTS),
    "machines within a network": log(["api.default.svc.cluster.local", "db.lan"], **REQUESTS),
    "machines of another cloud": log(
        ["ip-10-0-0-1.ec2.internal", "a.corp.internal:80"], **REQUESTS
    ),
    "this machine": log(["localhost", "localhost:8080", "www.a.example"], **REQUESTS),
    "Vector": log(["www.a.example"], source_type="file"),
    "Filebeat": log(["www.a.example"], **{"log.file.path": "/var/log/x"}),
    "Kubernetes": log(["node.a.example"], container_name="nginx"),
    "Kubernetes, flat": log(["node.a.example"], **{"kubernetes.pod_name": "web"}),
    "a container's stream": log(["node.a.example"], stream="stdout", logtag="F"),
    "CloudWatch": log(["node.a.example"], logGroup="web", logStream="1"),
    "rsyslog": log(["node.a.example"], programname="nginx", syslogtag="nginx:"),
    "GELF": log(["node.a.example"], short_message="GET /"),
    "NXLog": log(["node.a.example"], SourceModuleName="in"),
    "the journal": log(["node.a.example"], _SYSTEMD_UNIT="nginx.service"),
}
HONEST = {
    "many sites, often": log(SITES * 6, **REQUESTS),
    "some sites, twice": log(SITES[:30] * 2, **REQUESTS),
    "a new site a row": log(SITES[:19], **REQUESTS),
    "versions": log(["v1-2-3.example", "v1.2.3.example", "v10.example"], **REQUESTS),
    "many sites, and nothing of requests": log(SITES),
    "names of one's own": log(["shop", "shop", "blog"]),
    "many sites beside clients": log(SITES, client_ip="192.0.2.1", **REQUESTS),
    "few sites": log(["a.example", "b.example", "192.0.2.1"] * 3, **REQUESTS),
    "a site on this machine": log(["localhost", "localhost:8080"]),
    "sites, and some asked for from within": log(
        ["a.example", "local.example", "b.internal.example", "localhost", "a.svc.cluster.local"],
        **REQUESTS,
    ),
    "numbered sites": log(["cdn2.example", "img-3.example", "s1.example"], **REQUESTS),
}


def test_a_host_that_is_no_service_is_refused_until_it_is_spelled_out(
    logs: Logs, store: Store
) -> None:
    names = {f"{kind}.parquet" for kind in DOUBTFUL}
    for kind, columns in DOUBTFUL.items():
        logs.write(f"{kind}.parquet", columns)
    reasons = store.run(logs.folder).outcome.quarantined
    assert {Path(path).name for path in reasons} == names
    for reason in reasons.values():
        assert reason.startswith('the column "host" holds ')
        assert reason.endswith("--service-name NAME --map timestamp=timestamp --map status=status")
    assert store.counts() == {}
    (maps,) = {tuple(re.findall(r"--map (\w+=\w+)", reason)) for reason in reasons.values()}
    assert store.run(logs.folder, maps=maps).complete
    assert store.states() == dict.fromkeys(names, "ingested")


def test_a_host_that_may_well_be_the_service_is_counted(logs: Logs, store: Store) -> None:
    for kind, columns in HONEST.items():
        logs.write(f"{kind}.parquet", columns)
    assert store.run(logs.folder).complete
    assert store.states() == {f"{kind}.parquet": "ingested" for kind in HONEST}


# What a refusal proposes.

STRUCT = pa.array([{"name": "web-01"}])
CODE = pa.array([{"response": {"status_code": 200}}])
PROPOSED: dict[str, tuple[Mapping[str, Any], str]] = {
    "no struct": (
        {"@timestamp": [NOON], "http": CODE, "site": pa.array([{"domain": "a.example"}]), "host": STRUCT},
        "--map service=site.domain --map timestamp=@timestamp --map status=http.response.status_code",
    ),
    "no client": (
        {"date": [1757419200.5], "host": ["192.0.2.1"], "method": ["GET"], "path": ["/"], "code": ["200"]},
        "--service-name NAME --map timestamp=date --map status=code",
    ),
    "all that is open": (
        {"ip": ["192.0.2.1"], "timestamp": [NOON], "status": [200], "extracted_at": [NOON]},
        "--service-name NAME --map timestamp=timestamp --map status=status",
    ),
    "two roles at once": (
        {"host": ["a.example"], "time": [NOON], "ts": [NOON], "status": [200], "status_code": [200]},
        "--map service=host --map timestamp=time --map status=status",
    ),
    "a vendor's other clock": (
        {"timestamp": [NOON], "sc-status": ["200"], "x-host-header": ["a.example"]},
        "--map service=x-host-header --map timestamp=timestamp --map status=sc-status",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PROPOSED)
def test_a_refusal_ends_in_a_whole_command_that_works(
    kind: str, logs: Logs, store: Store, httpcodes: Command
) -> None:
    columns, options = PROPOSED[kind]
    logs.write("it's here/a.parquet", columns)
    where = logs.folder / "it's here"
    done = httpcodes("run", where, "--store", store.folder, "--zone", "Europe/Berlin")
    assert done.returncode == 3
    _, _, command = done.stderr.decode().partition("; settle it with ")
    command = command.partition("\n")[0]
    typed = ["httpcodes", "run", str(where), "--store", str(store.folder)]
    assert command == f"{shlex.join([*typed, '--zone', 'Europe/Berlin'])} {options}"
    assert httpcodes(*shlex.split(command)[1:]).returncode == 0


def test_of_many_columns_those_that_may_be_meant_are_named(logs: Logs, store: Store) -> None:
    many = {f"c{n}": ["x"] for n in range(20)}
    logs.write("a.parquet", {**many, "time": [NOON], "status_code": [200], "domain_name": ["a.b"]})
    (reason,) = store.run(logs.folder).outcome.quarantined.values()
    assert 'the file has "domain_name", "time", "status_code", "c0"' in reason
    assert reason.endswith(
        "--map service=domain_name --map timestamp=time --map status=status_code"
    )


def test_a_cause_of_many_files_is_told_once(logs: Logs, store: Store, httpcodes: Command) -> None:
    for number in range(3):
        logs.write(f"{number}.parquet", {"a": [number]})
    done = httpcodes("run", logs.folder, "--store", store.folder, "--json")
    first = logs.folder / "0.parquet"
    told = [line for line in done.stderr.decode().splitlines() if line.startswith("quarantined ")]
    assert len(told) == 1
    assert told[0].startswith(f"quarantined {first} and 2 others: no format fits")
    assert done.stdout.count(b'"reason"') == 3
