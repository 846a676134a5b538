"""Formats: what is recognised, what is refused, and which `--map` the refusal shows."""

import re

import pytest
from conftest import Logs, Store

from jobs.logs.options import BadMapping, ReadingOptions
from jobs.logs.reading import Column, Schema, choose
from jobs.logs.roles import UnreadableFile

NOON = "2025-09-09T12:00:00Z"


def schema(**columns: str) -> Schema:
    return {name: Column((name,), kind) for name, kind in columns.items()}


def named(names: str, kind: str = "VARCHAR") -> Schema:
    return {name: Column(tuple(name.split(".")), kind) for name in names.split()}


def refusal(columns: Schema, options: ReadingOptions | None = None) -> str:
    with pytest.raises(UnreadableFile) as refused:
        choose(columns, options or ReadingOptions())
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("columns", "format_name", "service"),
    [
        ("timestamp host status", "generic", "host"),
        ("ts service_name status_code bytes", "generic", "service_name"),
        ("Time DOMAIN Status", "generic", "DOMAIN"),
        ("date time x-host-header cs(Host) sc-status", "cloudfront", "x-host-header"),
        ("date time x_host_header cs_Host sc_status", "cloudfront", "x_host_header"),
        ("DATE TIME X_HOST_HEADER SC_STATUS", "cloudfront", "X_HOST_HEADER"),
        ("ClientRequestHost EdgeStartTimestamp EdgeEndTimestamp EdgeResponseStatus", "cloudflare",
         "ClientRequestHost"),
    ],
)  # fmt: skip
def test_a_format_is_chosen_by_the_columns_present(
    columns: str, format_name: str, service: str
) -> None:
    reading = choose(named(columns), ReadingOptions())
    assert (reading.format, str(reading.service)) == (format_name, service)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ("timestamp time host status",
         '"timestamp" and "time" could both be the timestamp; settle it with '
         "--map service=host --map timestamp=timestamp --map status=status"),
        ("timestamp host domain status",
         '"host" and "domain" could both be the service; settle it with '
         "--map service=host --map timestamp=timestamp --map status=status"),
        ("timestamp host status status_code",
         '"status" and "status_code" could both be the status; settle it with '
         "--map service=host --map timestamp=timestamp --map status=status"),
        ("date time cs(Host) cs-host sc-status s-sitename",
         'the columns "cs(Host)" and "cs-host" are one name; settle it with '
         "--map 'service=cs(Host)' --map timestamp=date+time --map status=sc-status"),
        ("date time cs(Host) sc-status",
         "no format fits: iis comes nearest and has no column that tells it (sc-win32-status or "
         'sc-substatus or s-sitename or s-computername); the file has "date", "time", "cs(Host)", '
         "\"sc-status\"; settle it with --format iis"),
        ("date time x-edge-location sc-status",
         "no format fits: cloudfront comes nearest and has no column for service (x-host-header); "
         'the file has "date", "time", "x-edge-location", "sc-status"; the service is named by '
         "--service-name NAME (one site) or --service-from-path 'logs/{service}/*'; "
         "settle it with --service-name NAME"),
        ("x-host-header x_host_header date time sc-status",
         'the columns "x-host-header" and "x_host_header" are one name; settle it with '
         "--map service=x-host-header --map timestamp=date+time --map status=sc-status"),
        ("date time x-host-header sc-status host status",
         "the formats generic and cloudfront both fit; settle it with --format cloudfront"),
    ],
)  # fmt: skip
def test_when_it_is_not_certain_which_column_is_meant_the_file_is_refused(
    columns: str, sentence: str
) -> None:
    assert refusal(named(columns)) == sentence


def test_format_settles_which_of_two_formats_is_meant() -> None:
    both = named("date time x-host-header sc-status host status")
    assert choose(both, ReadingOptions(format="cloudfront")).format == "cloudfront"


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"timestamp": "BOOLEAN", "host": "VARCHAR", "status": "INTEGER"},
         'the column "timestamp" is BOOLEAN; as timestamp it would have to be a timestamp, text or '
         "an epoch number"),
        ({"timestamp": "TIMESTAMP", "host": "INTEGER", "status": "INTEGER"},
         'the column "host" is INTEGER; as service it would have to be text'),
        ({"timestamp": "TIMESTAMP", "host": "VARCHAR", "status": "DATE"},
         'the column "status" is DATE; as status it would have to be an integer, a whole double or '
         "text"),
        ({"timestamp": "DATE", "host": "VARCHAR", "status": "INTEGER"},
         'the column "timestamp" is DATE; as timestamp it would have to be a timestamp, text or an '
         "epoch number"),
    ],
)  # fmt: skip
def test_a_column_of_an_impossible_type_is_refused(columns: dict[str, str], sentence: str) -> None:
    assert refusal(schema(**columns)) == sentence


def test_a_map_names_columns_by_their_names_and_reaches_into_structs() -> None:
    columns = {
        **named("ts status a.b"),
        **named("request.host"),
        "a.b": Column(("a.b",), "VARCHAR"),
    }
    maps = ["service=request.host", "timestamp=ts", "status=a.b"]
    reading = choose(columns, ReadingOptions.of(None, maps))
    assert (reading.service.path, reading.status.path) == (("request", "host"), ("a.b",))


def test_a_map_of_date_plus_time_joins_two_columns_unless_one_has_that_name() -> None:
    maps = ["service=host", "timestamp=day+hour", "status=status"]
    joined = choose(named("day hour host status"), ReadingOptions.of(None, maps))
    assert [str(column) for column in joined.timestamp] == ["day", "hour"]
    single = choose(named("day hour day+hour host status"), ReadingOptions.of(None, maps))
    assert [str(column) for column in single.timestamp] == ["day+hour"]


def test_a_map_to_a_column_that_is_not_there_is_refused() -> None:
    maps = ["service=site", "timestamp=ts", "status=status"]
    assert refusal(named("ts host status"), ReadingOptions.of(None, maps)) == (
        '--map service=site: there is no column "site"; the file has "ts", "host", "status"'
    )


@pytest.mark.parametrize(
    ("format_name", "maps", "sentence"),
    [
        ("ngnix", [], "unknown format 'ngnix'; known are generic, cloudfront, cloudflare, fastly"),
        ("generic", ["service=a"], "exclude each other"),
        (None, ["service=a"], "needed once for each of service, timestamp and status"),
        (None, ["service=a", "timestamp=b", "status="], "needed once"),
        (None, ["service=a", "timestamp=b", "status=c", "host=d"], "needed once"),
        (None, ["service=a", "service=b", "timestamp=b", "status=c"], "needed once"),
    ],
)
def test_a_choice_that_nobody_could_follow_is_refused(
    format_name: str | None, maps: list[str], sentence: str
) -> None:
    with pytest.raises(BadMapping, match=re.escape(sentence)):
        ReadingOptions.of(format_name, maps)


def test_a_host_column_that_holds_addresses_is_refused_until_it_is_spelled_out(
    logs: Logs, store: Store
) -> None:
    clients = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "www.example.com", None, "-"]
    logs.write("vector.parquet", {"timestamp": [NOON] * 6, "host": clients, "status": [200] * 6})
    sites = [*("www.example.com",) * 4, "192.0.2.1", "192.0.2.1:8080"]
    logs.write("sites.parquet", {"timestamp": [NOON] * 6, "host": sites, "status": [200] * 6})
    summary = store.run(logs.folder)
    ((path, reason),) = summary.outcome.quarantined.items()
    assert path.endswith("vector.parquet")
    assert reason == (
        'the column "host" holds addresses, perhaps of clients: if it is the service all the same, '
        "say --map service=host in place of --service-name NAME; the service is named by "
        "--service-name NAME (one site) or --service-from-path 'logs/{service}/*'; settle it with "
        f"httpcodes run {logs.folder} --service-name NAME --map timestamp=timestamp "
        "--map status=status"
    )
    assert store.counts() == {("www.example.com", NOON, 200): 4, ("192.0.2.1", NOON, 200): 2}
    said = re.findall(r"--map (\S+=\w+)", reason)
    assert said == ["service=host", "timestamp=timestamp", "status=status"]
    assert store.run(logs.folder, maps=said).complete is False
    assert store.counts()["[2001:db8::1]", NOON, 200] == 1


def test_a_domain_column_may_hold_addresses(logs: Logs, store: Store) -> None:
    logs.write("a.parquet", {"timestamp": [NOON], "domain": ["192.0.2.1"], "status": [200]})
    assert store.run(logs.folder).complete
