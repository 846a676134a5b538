"""Moments that nobody believes: rejected by reason, and never the newest of anything."""

import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Command, Logs, Store

from jobs.forget import forget
from jobs.logs.options import ReadingOptions
from jobs.rebuild import Days, rebuild
from jobs.verify import verify
from queries.server.health import health

A, NOON = "a.example", "2025-09-09T12:00:00Z"
COUNTED = {(A, NOON, 200): 1}
FAR = datetime(9999, 12, 31, 23, 59, 59)
US = pa.timestamp("us")


def write(logs: Logs, times: pa.Array, name: str = "a.parquet", **options: Any) -> Path:
    columns = {"timestamp": times, "host": [A] * len(times), "status": [200] * len(times)}
    return logs.write(name, columns, **options)


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (pa.array(["2025-09-09T12:00:01Z", "9999-12-31T23:59:59Z"]), "timestamp in the future"),
        (pa.array(["2025-09-09T12:00:01Z", "0001-01-01T00:00:00Z"]), "timestamp implausible"),
        (pa.array(["2025-09-09T12:00:01Z", "1989-12-31T23:59:59Z"]), "timestamp implausible"),
        (pa.array(["2025-09-09T12:00:01Z", "0"]), "timestamp missing"),
        (pa.array(["2025-09-09T12:00:01Z", "2016-12-31T23:59:60Z"]), "timestamp unreadable"),
        (pa.array([1757419201, 0]), "timestamp missing"),
        (pa.array([1757419201.5, -1]), "timestamp missing"),
        (pa.array([20250909120001, 20250909]), "timestamp unreadable"),
        (pa.array([datetime(2025, 9, 9, 12, 0, 1), FAR], US), "timestamp in the future"),
        (pa.array([datetime(2025, 9, 9, 12), datetime(1970, 1, 1)], US), "timestamp implausible"),
    ],
)
def test_a_moment_that_nobody_believes_costs_its_row_and_its_reason_is_told(
    times: pa.Array, reason: str, logs: Logs, store: Store
) -> None:
    write(logs, times)
    store.run(logs.folder)
    assert (store.counts(), store.rejected()) == (COUNTED, {reason: 1})
    assert verify(store.folder, deep=True).findings == []
    assert store.sql("SELECT count(*) FROM access_log") == [(2,)]
    assert store.sql("SELECT last_request::DATE::VARCHAR FROM source_files") == [("2025-09-09",)]


def test_what_lies_up_to_a_day_ahead_of_the_run_counts_and_what_lies_further_does_not(
    logs: Logs, store: Store
) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    ahead = [now + timedelta(hours=23, minutes=50), now + timedelta(hours=24, minutes=10)]
    write(logs, pa.array(ahead, US))
    summary = store.run(logs.folder)
    assert summary.outcome.rows_counted == 1
    assert store.rejected() == {"timestamp in the future": 1}


@pytest.mark.parametrize(
    ("times", "counted"),
    [
        (pa.array([datetime(1985, 3, 1), datetime(1985, 3, 2)], US), 2),
        (pa.array([datetime(1985, 3, 1), datetime(2025, 3, 2)], US), 1),
        # As text, no type says it; and seconds taken for milliseconds lie in January 1970.
        (pa.array(["1985-03-01T00:00:00Z"]), 0),
        (pa.array([datetime(1970, 1, 21, 8)], US), 0),
        (pa.array([datetime(1, 1, 1)], US), 0),
    ],
)
def test_a_file_of_timestamps_that_is_old_as_a_whole_is_an_archive(
    times: pa.Array, counted: int, logs: Logs, store: Store
) -> None:
    write(logs, times)
    assert store.run(logs.folder).outcome.rows_counted == counted
    assert verify(store.folder, deep=True).findings == []


def test_the_configuration_moves_the_bounds_and_a_proof_and_a_rebuild_keep_them(
    logs: Logs, store: Store, httpcodes: Command, tmp_path: Path
) -> None:
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=30)
    logs.requests("a.parquet", ("1975-01-01T00:00:00Z", A, 200), (f"{later:%Y-%m-%dT%H:%M:%SZ}", A, 404))  # fmt: skip
    config = tmp_path / "httpcodes.toml"
    config.write_text("plausible_from = 1975-01-01\nplausible_ahead_hours = 1000\n")
    run = httpcodes("run", logs.folder, "--store", store.folder, "--config", config, "--json")
    assert json.loads(run.stdout)["rows"]["counted"] == 2
    assert verify(store.folder, deep=True).findings == []
    # Counted afresh on the usual terms, both are what nobody believes.
    days = Days(datetime(1975, 1, 1).date(), later.date())
    assert rebuild(store.folder, days, lambda _: ReadingOptions()).outcome.rows_counted == 0
    assert store.rejected() == {"timestamp implausible": 1, "timestamp in the future": 1}
    assert verify(store.folder, deep=True).findings == []


@pytest.mark.parametrize("told", ['plausible_from = "1990"', "plausible_ahead_hours = -1"])
def test_bounds_that_mean_nothing_are_refused(
    told: str, httpcodes: Command, tmp_path: Path
) -> None:
    config = tmp_path / "httpcodes.toml"
    config.write_text(told)
    done = httpcodes("config", "check", "--config", config)
    assert (done.returncode, b"it would have to be" in done.stderr) == (2, True)


def test_a_moment_that_the_statistics_of_its_column_deny_is_rejected(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    good, far = 1757419201_000000, 459_000_000_000_000000
    file = write(logs, pa.array([good, far], pa.timestamp("us", "UTC")), use_dictionary=False, compression="none")  # fmt: skip
    content = file.read_bytes()
    footer = len(content) - 8 - struct.unpack("<I", content[-8:-4])[0]
    file.write_bytes(
        content[:footer] + content[footer:].replace(struct.pack("<q", far), struct.pack("<q", good))
    )
    assert pq.read_metadata(file).row_group(0).column(0).statistics.max.year == 2025
    run = httpcodes("run", logs.folder, "--store", store.folder, "--metrics-file", "m.prom")
    assert (run.returncode, b"Traceback" in run.stderr) == (3, False)
    assert (store.counts(), store.rejected()) == (COUNTED, {"timestamp unreadable": 1})
    assert verify(store.folder, deep=True).findings == []


def test_forget_and_replacements_bring_the_ends_of_a_service_back(logs: Logs, store: Store) -> None:
    seen = "SELECT first_seen::DATE::VARCHAR, last_seen::DATE::VARCHAR FROM services"
    logs.requests("a.parquet", (NOON, A, 200))
    early = logs.requests("b.parquet", ("2025-01-01T00:00:00Z", A, 200))
    logs.requests("c.parquet", ("2026-01-01T00:00:00Z", A, 200))
    store.run(logs.folder)
    assert store.sql(seen) == [("2025-01-01", "2026-01-01")]
    logs.requests("c.parquet", ("2025-10-10T00:00:00Z", A, 200))
    store.run(logs.folder)
    assert store.sql(seen) == [("2025-01-01", "2025-10-10")]
    forget(store.folder, [str(early)])
    assert store.sql(seen) == [("2025-09-09", "2025-10-10")]
    forget(store.folder, [str(logs.folder)])
    assert store.sql(seen) == [(None, None)]


@pytest.mark.parametrize("last", ["9999-12-31 23:55:00", "16534-01-01 00:00:00"])
def test_a_store_that_already_holds_the_end_of_the_calendar_breaks_no_reader(
    last: str, logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    store.run(logs.folder)
    file = (store.folder / "httpcodes.duckdb").resolve()
    file.chmod(0o644)
    with duckdb.connect(file) as older:
        older.execute("UPDATE internal.services SET last_seen = CAST($1 AS TIMESTAMP)", [last])
        older.execute("UPDATE internal.files SET last_request = CAST($1 AS TIMESTAMP)", [last])
        older.execute("INSERT INTO internal.cells SELECT service_id, CAST($1 AS TIMESTAMP), 200, 1 FROM internal.services", [last])  # fmt: skip
    assert health(store.folder).newest_bucket is None
    for command in (
        ["status"], ["status", "--json"], ["services", "list"], ["snapshots"],
        ["report", "--out", "r.html"], ["sql", "FROM watermarks"], ["prune", "--dry-run"],
        ["export", "out"], ["run", logs.folder, "--metrics-file", "m.prom"],
    ):  # fmt: skip
        done = httpcodes(*command, "--store", store.folder)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), (command, done.stderr)


def test_numbers_that_can_not_be_the_time_are_refused(logs: Logs, store: Store) -> None:
    write(logs, pa.array([1757419201.0], pa.float32()))
    taken = {"date": pa.array([datetime(2025, 9, 9)], US), "time": [0.5], "host": [A], "status": [200]}  # fmt: skip
    logs.write("b.parquet", taken)
    single, beside = store.run(logs.folder).outcome.quarantined.values()
    assert "FLOAT, whose epoch seconds are 128 apart" in single
    assert '"time" is DOUBLE beside "date"' in beside


def test_digits_that_spell_a_date_are_in_the_zone_that_is_said(logs: Logs, store: Store) -> None:
    write(logs, pa.array([20250909140001]))
    write(logs, pa.array(["20250909140001", "09/Sep/2025:14:00:01.5"]), "b.parquet")
    store.run(logs.folder, zone="Europe/Berlin")
    assert store.counts() == {(A, NOON, 200): 3}


def test_a_service_that_never_counted_has_no_end_of_its_data(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (datetime(1970, 1, 1), A, 200))
    store.run(logs.folder)
    assert store.sql("SELECT data_from, data_until FROM watermarks") == [(None, None)]
    told = httpcodes("status", "--store", store.folder).stdout.decode()
    assert "never heard of" in told
    assert "9999" not in told
    report = httpcodes("report", "--store", store.folder)
    assert (report.returncode, b"9999" in report.stderr) == (2, False)


def test_a_file_that_holds_what_no_reader_takes_is_told_of_its_timestamp(
    logs: Logs, store: Store
) -> None:
    path = write(logs, pa.array([-(2**62), 1757419201000], pa.timestamp("ms")))
    assert store.run(logs.folder).outcome.quarantined == {
        str(path): "cannot be read as Parquet: a timestamp lies outside of the years "
        "-290307 to 294246; write the file again without it"
    }


def test_numbers_that_count_from_another_day_are_refused_until_somebody_says_that_they_do_not(
    logs: Logs, store: Store
) -> None:
    """Seconds since 2001 or 1980 would be times of 1994 and 2015."""
    now = int(datetime.now(UTC).timestamp())
    apple, gps = now - 978_307_200, now - 315_964_800
    write(logs, pa.array([apple - 60, apple]), "apple.parquet")
    write(logs, pa.array([apple - 0.5, float(apple)]), "floats.parquet")
    write(logs, pa.array([str(gps), str(gps)]), "gps.parquet")
    rows = [f'{{"timestamp":{apple},"host":"{A}","status":200}}\n'] * 2
    (logs.folder / "apple.log").write_text("".join(rows))
    sources = (logs.folder, str(logs.folder / "*.log"))
    refused = store.run(*sources, kind="auto").outcome.quarantined
    assert len(refused) == 4
    for path, reason in refused.items():
        day = "1980-01-06" if "gps" in path else "2001-01-01"
        assert f"and when it was written if they count from {day}" in reason
        assert reason.endswith("--map service=host --map timestamp=timestamp --map status=status")
    assert store.counts() == {}
    said = ["service=host", "timestamp=timestamp", "status=status"]
    assert store.run(*sources, kind="auto", maps=said).outcome.rows_counted == 8


def test_what_says_that_it_is_a_time_or_is_of_another_age_is_not_doubted(
    logs: Logs, store: Store
) -> None:
    write(logs, pa.array([datetime(1995, 7, 1)], US), "typed.parquet")
    write(logs, pa.array(["1995-07-01T00:00:00Z"]), "text.parquet")
    write(logs, pa.array([19950701000000]), "digits.parquet")
    write(logs, pa.array([int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())]), "recent.parquet")
    write(logs, pa.array([1_320_279_566.4, 1_320_279_673.2]), "copied.parquet")
    assert store.run(logs.folder).outcome.rows_counted == 6
