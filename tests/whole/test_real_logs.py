"""Real logs against counts that were made without this project.

Their folder comes in HTTPCODES_REAL_LOGS; it is not part of the project, because the logs
hold addresses of real clients.
"""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest
from conftest import Store

from queries.service_name import canonical

FOLDER = os.environ.get("HTTPCODES_REAL_LOGS")

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="HTTPCODES_REAL_LOGS names no folder of real logs; see the README"
)

SITE = "www.example.com"
DETECTED: dict[str, str] = {
    "caddy__by_request_host": "caddy",
    "cloudflare_lnav__by_ClientRequestHost": "cloudflare",
    "cloudfront_awswaf__by_x_host_header": "cloudfront",
    "cloudfront_cratesio__by_x_host_header": "cloudfront",
    "elastic_apache_hostconst__by_host": "apache",
    "fastly_rubygems_2017__by_request_host": "fastly",
    "nginx_zanbil_1k_hostconst__by_host": "nginx",
    "zeek_http__by_host": "zeek",
}
MAPPED = {
    "alb_ozantunca__by_elb": ("elb", "time", "elb_status_code"),
    "cloudfront_awswaf__by_cs_Host": ("cs(Host)", "date+time", "sc-status"),
    "cloudfront_cratesio__by_cs_Host": ("cs(Host)", "date+time", "sc-status"),
}
WITHOUT_HOST = {
    "elastic_apache__nohost": "apache",
    "native_logeagle__nohost": "combined",
    "nginx_zanbil_1k__nohost": "nginx",
}
"""Sets of counts, by how they are read; the last ones are told their service."""


def folder() -> Path:
    assert FOLDER
    return Path(FOLDER)


def oracle(name: str, site: str | None) -> Counter[tuple[str, str, int]]:
    """The counts that are right."""
    expected: Counter[tuple[str, str, int]] = Counter()
    with (folder() / "expected" / f"{name}.csv").open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            service_name = site or row["service"]
            if service_name and row["bucket_start"] and row["status"]:
                service = canonical(service_name)
                assert service
                expected[service, row["bucket_start"], int(row["status"])] += int(row["count"])
    return expected


@pytest.mark.parametrize("name", [*DETECTED, *MAPPED, *WITHOUT_HOST])
def test_a_real_log_gives_the_counts_of_its_oracle(name: str, store: Store) -> None:
    columns = zip(("service", "timestamp", "status"), MAPPED.get(name, ()), strict=False)
    maps = [f"{role}={column}" for role, column in columns]
    site = SITE if name in WITHOUT_HOST else None
    summary = store.run(folder() / "logs" / name.partition("__")[0], maps=maps, service_name=site)
    format_ = (DETECTED | WITHOUT_HOST).get(name, "map")
    assert store.sql("SELECT DISTINCT format FROM source_files") == [(format_,)]
    assert store.counts() == oracle(name, site)
    with (folder() / "counts.csv").open(newline="", encoding="utf-8") as lines:
        (figures,) = (row for row in csv.DictReader(lines) if row["csv"] == f"{name}.csv")
    done = summary.outcome
    assert (done.rows_read + done.rows_passed_over, done.rows_counted) == (
        int(figures["rows"]),
        int(figures["usable"]),
    )
    assert done.rows_rejected + done.rows_passed_over == int(figures["rows"]) - int(
        figures["usable"]
    )
    assert done.rejected.get("timestamp missing", 0) == int(figures["no_time"])
    no_host = 0 if site else int(figures["no_host"])
    shown = store.sql("SELECT count(*), count(requested_at), count(service_name), count(status_code) FROM access_log")  # fmt: skip
    # What is passed over is not shown, and may lack things, too.
    assert done.rows_passed_over or shown == [
        (done.rows_read, *(done.rows_read - n for n in (int(figures["no_time"]), no_host, int(figures["no_status"]))))
    ]  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_HOST)
def test_a_real_log_without_a_host_column_is_refused_with_what_it_needs(
    name: str, store: Store
) -> None:
    summary = store.run(folder() / "logs" / name.partition("__")[0])
    (reason,) = summary.outcome.quarantined.values()
    assert f"{WITHOUT_HOST[name]} comes nearest" in reason
    assert "--service-name NAME" in reason


def test_damaged_files_add_nothing_and_each_has_a_reason(store: Store) -> None:
    good = folder() / "logs" / "cloudfront_cratesio"
    damaged = {str(file) for file in (folder() / "bad").glob("*.parquet")}
    summary = store.run(good, folder() / "bad")
    assert set(summary.outcome.quarantined) == damaged
    assert all(reason and "\n" not in reason for reason in summary.outcome.quarantined.values())
    assert summary.outcome.files_ingested == 3
    assert sum(store.counts().values()) == 28
