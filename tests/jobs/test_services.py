"""The registry: which services count, what the others leave behind, and what a registration
changes for what was counted before."""

import json
import shutil
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from conftest import Command, Logs, Store

from jobs import nightly
from jobs.counts.fold import WINDOW
from jobs.forget import forget
from jobs.logs.options import ReadingOptions, Source
from jobs.rebuild import Days, rebuild
from jobs.services import BadService, Service, add, known, read, remove
from jobs.store.revision import Terms
from jobs.verify import verify
from queries import answer

A, B, C = "a.example", "b.example", "c.example"
NOON, LATER = "2025-09-09T12:00:00Z", "2025-09-09T13:00:00Z"
REGISTERED = Terms(registered_only=True)
DAY = Days(date(2025, 9, 9), date(2025, 9, 9))


def run(
    store: Store, logs: Logs, terms: Terms = REGISTERED, window: timedelta = WINDOW
) -> nightly.Summary:
    policy = nightly.Policy(window=window, terms=terms)
    return nightly.run(store.folder, [Source((str(logs.folder),))], lambda _: None, policy)


def holds(store: Store) -> bool:
    return verify(store.folder, deep=True).findings == []


def asked(store: Store, service: str) -> tuple[int, object]:
    request = {"serviceNames": [service], "startTime": NOON, "endTime": LATER}
    given = answer(store.folder, request)
    return given.status, json.loads(given.body)


def said(done: "CompletedProcess[bytes]") -> list[str]:
    return done.stderr.decode().splitlines()


@pytest.fixture
def scanned(logs: Logs, store: Store) -> Store:
    """A store where A is registered, and a scanner has been."""
    logs.requests(
        "a.parquet",
        (NOON, A, 200), (NOON, "A.Example.:443", 404), (NOON, "B.example:80", 200),
        (NOON, "invented.example", 200), (NOON, "EVIL", 400), (NOON, "no such name", 400),
    )  # fmt: skip
    add(store.folder, [A], REGISTERED)
    run(store, logs)
    return store


def test_only_registered_services_count_and_that_is_no_failure(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, "A.example:80", 200), (NOON, B, 200))
    config = logs.folder / "cdn.toml"
    config.write_text(
        f'store = "{store.folder}"\nservices = "registered"\n[[sources]]\npath = "{logs.folder}"'
    )
    assert httpcodes("services", "add", A, "--config", config).returncode == 0
    done = httpcodes("run", "--config", config, "--json", "--quiet")
    assert (done.returncode, done.stderr) == (0, b"")
    summary = json.loads(done.stdout)
    assert summary["rows"] == {"read": 3, "counted": 2, "rejected": 1, "passed_over": 0}
    assert summary["rejected"] == {"service not registered": 1}
    assert store.counts() == {(A, NOON, 200): 2}
    assert store.rejected() == {"service not registered": 1}
    assert httpcodes("verify", "--deep", "--config", config).returncode == 0


def test_other_bad_rows_still_make_a_run_incomplete(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), ("yesterday", A, 200))
    add(store.folder, [A], REGISTERED)
    assert run(store, logs).complete is False
    assert store.rejected() == {"timestamp unreadable": 1}


def test_an_invented_host_leaves_nothing_behind(scanned: Store) -> None:
    assert scanned.counts() == {(A, NOON, 200): 1, (A, NOON, 404): 1}
    assert scanned.rejected() == {"service not registered": 3, "service unreadable": 1}
    assert scanned.sql("SELECT service_name FROM internal.services") == [(A,)]
    aliases = scanned.sql(
        "SELECT logged, service_name FROM internal.service_aliases WHERE logged NOT IN ('-', '')"
    )
    assert aliases == [("A.Example.:443", A)]
    assert holds(scanned)


def test_by_default_every_service_counts(logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 200))
    add(store.folder, [A], Terms())
    run(store, logs, Terms())
    assert store.counts() == {(A, NOON, 200): 1, (B, NOON, 200): 1}
    assert store.sql("SELECT service_name, registered FROM services ORDER BY 1") == [
        (A, True), (B, False),
    ]  # fmt: skip


def test_what_is_registered_later_counts_from_then_on(logs: Logs, scanned: Store) -> None:
    before = scanned.counts()
    add(scanned.folder, [B], REGISTERED)
    assert scanned.counts() == before
    assert holds(scanned)
    logs.requests("b.parquet", (LATER, "b.Example:80", 503))
    run(scanned, logs)
    assert scanned.counts() == before | {(B, LATER, 503): 1}
    assert holds(scanned)


def test_a_rebuild_counts_the_earlier_rows_of_what_was_registered_since(
    logs: Logs, scanned: Store, httpcodes: Command
) -> None:
    before = scanned.counts()
    add(scanned.folder, [B], REGISTERED)
    config = logs.folder / "cdn.toml"
    config.write_text(f'store = "{scanned.folder}"\nservices = "registered"')
    days = ("--from", "2025-09-09", "--to", "2025-09-09", "--config", config)
    assert httpcodes("rebuild", *days).returncode == 3  # one name is unreadable
    assert scanned.counts() == before | {(B, NOON, 200): 1}
    assert scanned.rejected() == {"service not registered": 2, "service unreadable": 1}
    assert scanned.sql("SELECT DISTINCT service_name FROM services ORDER BY 1") == [(A,), (B,)]
    assert holds(scanned)


def test_a_removed_service_keeps_its_counts_and_gets_no_more(logs: Logs, scanned: Store) -> None:
    before = scanned.counts()
    assert remove(scanned.folder, ["A.example:443"], REGISTERED) == [A]
    assert scanned.counts() == before
    assert scanned.sql("SELECT service_name, registered FROM services") == [(A, False)]
    assert asked(scanned, A)[0] == 200
    assert holds(scanned)
    logs.requests("b.parquet", (LATER, A, 200))
    run(scanned, logs)
    assert scanned.counts() == before
    assert holds(scanned)


def test_a_service_may_be_registered_removed_and_registered_again(logs: Logs, store: Store) -> None:
    for number, change in enumerate((add, remove, add)):
        change(store.folder, [A], REGISTERED)
        logs.requests(f"{number}.parquet", (NOON, A, 200 + number))
        run(store, logs)
    assert store.counts() == {(A, NOON, 200): 1, (A, NOON, 202): 1}
    assert holds(store)


def test_what_was_counted_while_every_service_did_stays_until_its_days_are_rebuilt(
    logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 200))
    store.run(logs.folder)
    add(store.folder, [A], REGISTERED)
    run(store, logs)
    assert store.counts() == {(A, NOON, 200): 1, (B, NOON, 200): 1}
    assert holds(store)


def test_a_file_of_an_unregistered_service_is_replaced_and_forgotten_like_any(
    logs: Logs, scanned: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 500), (NOON, C, 200))
    run(scanned, logs)
    assert scanned.counts() == {(A, NOON, 500): 1}
    assert scanned.rejected() == {"service not registered": 1}
    forget(scanned.folder, [str(logs.folder)], REGISTERED)
    assert scanned.counts() == {}
    assert holds(scanned)


@pytest.mark.parametrize("window", [timedelta(days=1), timedelta(0)])
def test_a_copy_that_takes_a_files_place_is_proved_as_that_was_counted(
    window: timedelta, logs: Logs, store: Store
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 404))
    add(store.folder, [A], REGISTERED)
    run(store, logs, window=window)
    add(store.folder, [B], REGISTERED)
    remove(store.folder, [A], REGISTERED)
    shutil.copy(file, logs.folder / "copy.parquet")
    run(store, logs)
    logs.requests("a.parquet", (LATER, B, 503))
    run(store, logs)
    if window:
        assert store.counts() == {(A, NOON, 200): 1, (B, LATER, 503): 1}
        assert holds(store)
    rebuild(store.folder, DAY, lambda _: ReadingOptions(), REGISTERED)
    assert store.counts() == {(B, NOON, 404): 1, (B, LATER, 503): 1}
    assert holds(store)


def test_rejects_shows_the_rows_that_were_rejected_whatever_was_registered_since(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 404))
    add(store.folder, [A], REGISTERED)
    run(store, logs)

    def shown() -> list[object]:
        done = httpcodes("rejects", "--store", store.folder)
        return [json.loads(line)["row"]["host"] for line in done.stdout.splitlines()]

    assert shown() == [B]
    add(store.folder, [B], REGISTERED)
    assert shown() == [B]
    remove(store.folder, [A], REGISTERED)
    assert shown() == [B]


def test_names_are_folded_as_those_in_logs_are(store: Store, httpcodes: Command) -> None:
    done = httpcodes(
        "services", "add", "WWW.A.example:443", "Bücher.example.", "www.a.example",
        "--store", store.folder,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"")
    assert said(done) == ["registered www.a.example", "registered xn--bcher-kva.example"]
    again = httpcodes("services", "add", "www.A.example", "--store", store.folder)
    assert (again.returncode, again.stdout, again.stderr) == (0, b"", b"")
    rows = store.sql("SELECT service_name, registered FROM services ORDER BY 1")
    assert rows == [("www.a.example", True), ("xn--bcher-kva.example", True)]
    assert store.sql("SELECT count(*) FROM internal.registry") == [(2,)]


def test_an_impossible_name_is_refused_and_registers_nothing(
    store: Store, httpcodes: Command
) -> None:
    done = httpcodes("services", "add", A, "a b", "--store", store.folder)
    assert (done.returncode, said(done)) == (2, ["httpcodes: 'a b' can't be the name of a service"])
    assert not (store.folder / "httpcodes.duckdb").exists()


def test_what_is_not_registered_can_not_be_removed(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, B, 200))
    store.run(logs.folder)
    add(store.folder, [A], REGISTERED)
    before = store.snapshots()
    for name, canonical in (("B.example", B), (C, C)):
        done = httpcodes("services", "remove", A, name, "--store", store.folder)
        assert (done.returncode, said(done)) == (2, [f"httpcodes: {canonical} is not registered"])
    assert store.snapshots() == before
    assert store.sql("SELECT service_name FROM services WHERE registered") == [(A,)]
    done = httpcodes("services", "remove", "A.example:80", "--store", store.folder)
    assert (done.returncode, said(done)) == (0, [f"registered no longer {A}"])


def test_a_file_of_names_is_imported(store: Store, tmp_path: Path, httpcodes: Command) -> None:
    names = tmp_path / "names.txt"
    names.write_text(
        "# our sites\n\n  A.example:443  \nbücher.example # since May\n\t\n#b.example\na.example\n",
        encoding="utf-8",
    )
    done = httpcodes("services", "import", names, "--store", store.folder)
    assert done.returncode == 0
    assert said(done) == [f"registered {A}", "registered xn--bcher-kva.example"]
    assert [service.service_name for service in known(store.folder)] == [
        A, "xn--bcher-kva.example",
    ]  # fmt: skip
    again = httpcodes("services", "import", names, "--store", store.folder)
    assert (again.returncode, again.stderr) == (0, b"")


def test_an_impossible_name_in_a_file_names_its_line_and_nothing_is_registered(
    store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    names = tmp_path / "names.txt"
    names.write_text(f"{A}\n\n# next\na b\n{B}\n")
    done = httpcodes("services", "import", names, "--store", store.folder)
    assert done.returncode == 2
    assert said(done) == [f"httpcodes: {names}, line 4: 'a b' can't be the name of a service"]
    assert not (store.folder / "httpcodes.duckdb").exists()


def test_a_file_that_is_no_list_of_names_is_refused(
    store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    binary = tmp_path / "names.txt"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(BadService, match="is not UTF-8 text"):
        read(binary)
    empty = tmp_path / "empty.txt"
    empty.write_text("# nothing\n")
    assert read(empty) == []
    missing = httpcodes("services", "import", tmp_path / "nowhere", "--store", store.folder)
    assert missing.returncode in (1, 2)
    assert len(said(missing)) == 1


def test_services_are_listed_with_what_was_counted_of_them(
    logs: Logs, store: Store, httpcodes: Command
) -> None:
    logs.requests("a.parquet", (NOON, A, 200), (LATER, A, 404), (NOON, B, 200))
    store.run(logs.folder)
    add(store.folder, [A, C], Terms())
    listed = httpcodes("services", "list", "--store", store.folder)
    assert (listed.returncode, listed.stderr) == (0, b"")
    titles, *lines = [line.split() for line in listed.stdout.decode().splitlines()]
    assert titles == ["service", "registered", "first", "seen", "last", "seen", "requests"]
    assert lines == [
        [A, "yes", "2025-09-09T12:00Z", "2025-09-09T13:00Z", "2"],
        [B, "no", "2025-09-09T12:00Z", "2025-09-09T12:00Z", "1"],
        [C, "yes", "0"],
    ]
    as_json = httpcodes("services", "list", "--json", "--store", store.folder)
    assert (as_json.returncode, as_json.stderr) == (0, b"")
    assert json.loads(as_json.stdout) == [
        {"service_name": A, "registered": True, "first_seen": NOON, "last_seen": LATER, "requests": 2},
        {"service_name": B, "registered": False, "first_seen": NOON, "last_seen": NOON, "requests": 1},
        {"service_name": C, "registered": True, "first_seen": None, "last_seen": None, "requests": 0},
    ]  # fmt: skip


def test_a_registered_service_without_data_is_answered_and_an_unknown_one_is_not(
    scanned: Store, httpcodes: Command
) -> None:
    add(scanned.folder, [C], REGISTERED)
    assert asked(scanned, C) == (200, [{"serviceName": C, "httpCodes": []}])
    times = ("--start", NOON, "--end", LATER, "--store", scanned.folder)
    known_one = httpcodes("query", "--service", C, *times)
    assert known_one.returncode == 0
    assert known_one.stdout.decode() == f'[{{"serviceName":"{C}","httpCodes":[]}}]'
    for name in (B, "invented.example"):
        unknown = httpcodes("query", "--service", name, *times)
        assert unknown.returncode == 4
        assert unknown.stdout == b'{"code":"Domain.NotFound","message":"Domain is not found."}'


def test_a_registered_service_that_was_never_seen_has_no_buckets(store: Store) -> None:
    add(store.folder, [A], REGISTERED)
    assert known(store.folder) == [Service(A, True, None, None, 0)]
    assert store.sql("SELECT count(*) FROM rollup_5m") == [(0,)]
    assert holds(store)


class Ahead(datetime):
    """A clock that goes wrong."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=5)


def test_what_was_registered_on_a_clock_that_is_ahead_counts_again_as_it_was_counted(
    logs: Logs, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = logs.requests("a.parquet", (NOON, A, 200), (NOON, B, 200), (NOON, C, 200))
    with monkeypatch.context() as ahead:
        ahead.setattr("jobs.store.revision.datetime", Ahead)
        add(store.folder, [A, B], REGISTERED)
    run(store, logs, window=timedelta(0))
    with monkeypatch.context() as ahead:
        ahead.setattr("jobs.store.revision.datetime", Ahead)
        remove(store.folder, [B], REGISTERED)
        add(store.folder, [C], REGISTERED)
    assert store.counts() == {(A, NOON, 200): 1, (B, NOON, 200): 1}
    assert holds(store)
    assert rebuild(store.folder, DAY, lambda _: ReadingOptions(), REGISTERED).kept == {}
    assert store.counts() == {(A, NOON, 200): 1, (C, NOON, 200): 1}
    assert holds(store)
    run(store, logs, window=timedelta(0))
    forget(store.folder, [str(file)], REGISTERED)
    assert store.counts() == {}
