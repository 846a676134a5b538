"""Lines of text as servers write them are told, taken apart and counted."""

import os

import pytest
from conftest import Logs, Store

SITE = "www.example.com"

S3_LINE = '79a59df9 bucket [06/Feb/2019:00:00:3{0} +0000] 192.0.2.3 79a59df9 3E57427F3EXAMPLE REST.GET.VERSIONING - "GET /bucket?versioning HTTP/1.1" {1} - 113 - 7 - "-" "S3Console/0.4" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader bucket.s3.us-west-1.amazonaws.com TLSV1.2 - -'
HAPROXY_LINE = "Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2019:12:14:1{0}.655] http-in static/srv1 10/0/30/69/109 {1} 2750 - - ---- 1/1/1/1/0 0/0 {{www.example.com}} {{}} \"GET /index.html HTTP/1.1\""  # fmt: skip
AS_WRITTEN = {
    "s3": (S3_LINE.format(1, 200) + "\n" + S3_LINE.format(2, 404) + "\n", {"2019-02-06T00:00:00Z"}, {200: 1, 404: 1}),
    "haproxy": (HAPROXY_LINE.format(1, 200) + "\n" + HAPROXY_LINE.format(2, 503) + "\n", {"2019-02-06T12:10:00Z"}, {200: 1, 503: 1}),
    "iis": (
        "#Date: 2025-09-09 23:59:00\n#Fields: time cs-host sc-status sc-substatus sc-win32-status\n23:59:59 a.example 200 0 0\n"
        "#Date: 2025-09-10 00:00:00\n00:00:01 a.example 404 0 0\n",
        {"2025-09-09T23:55:00Z", "2025-09-10T00:00:00Z"},
        {200: 1, 404: 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_lines_as_servers_write_them_are_told_and_counted(name: str, logs: Logs, store: Store) -> None:  # fmt: skip
    text, buckets, statuses = AS_WRITTEN[name]
    (logs.folder / "access.log").write_text(text)
    os.utime(logs.folder / "access.log", (1_750_000_000,) * 2)
    # What a proxy captured may be any header: it is told whose requests these are.
    site = SITE if name == "haproxy" else None
    done = store.run(logs.folder, kind="auto", service_name=site).outcome
    assert (done.quarantined, done.rejected) == ({}, {})
    counts = store.counts()
    assert {bucket for _, bucket, _ in counts} == buckets
    assert {status: n for (_, _, status), n in counts.items()} == statuses
    assert store.sql("SELECT format FROM source_files") == [(name,)]
