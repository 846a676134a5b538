"""Which days and services an export takes, and what becomes of those before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Command, Logs, Store
from exported import tree, whole

from jobs import nightly
from jobs.export.documents import export
from jobs.logs.options import ReadingOptions, Source
from jobs.store.revision import Terms

A, B = "a.example", "b.example"
DAYS = ["2025-09-08", "2025-09-09", "2025-09-10"]


def deliver(logs: Logs, store: Store, status: int = 200) -> Store:
    logs.requests("a.parquet", *((f"{day}T00:00:00Z", A, status) for day in DAYS))
    store.run(logs.folder)
    return store


def run(store: Store, logs: Logs, terms: Terms) -> None:
    sources = [Source((str(logs.folder),), ReadingOptions())]
    nightly.run(store.folder, sources, lambda _: None, nightly.Policy(terms=terms))


@pytest.mark.parametrize(
    "choice",
    [
        (["--day", DAYS[1]], DAYS[1:2]),
        (["--from", DAYS[1]], DAYS[1:]),
        (["--to", DAYS[1]], DAYS[:2]),
        (["--from", DAYS[1], "--to", DAYS[1]], DAYS[1:2]),
        (["--from", "2025-09-11"], []),
    ],
)
def test_only_chosen_days_are_written_and_others_stay_as_they_are(
    choice: tuple[list[str], list[str]],
    logs: Logs,
    store: Store,
    tmp_path: Path,
    httpcodes: Command,
) -> None:
    options, chosen = choice
    deliver(logs, store)
    assert httpcodes("export", tmp_path / "new", "--store", store.folder, *options).returncode == 0
    assert list(whole(tmp_path / "new")["days"]) == chosen
    export(store.folder, tmp_path / "out")
    before = whole(tmp_path / "out")["days"]
    deliver(logs, store, 404)
    assert httpcodes("export", tmp_path / "out", "--store", store.folder, *options).returncode == 0
    after = whole(tmp_path / "out")["days"]
    assert list(after) == DAYS
    assert [day for day in DAYS if before[day] != after[day]] == chosen


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--day", DAYS[0], "--from", DAYS[0]], "give --day, or --from and --to"),
        (["--from", DAYS[1], "--to", DAYS[0]], "--to is earlier than --from"),
        (["--day", "2025-02-30"], "is no day"),
    ],
)
def test_days_that_make_no_sense_are_refused(
    options: list[str], sentence: str, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    refused = httpcodes("export", tmp_path / "out", "--store", store.folder, *options)
    assert refused.returncode == 2
    assert sentence in refused.stderr.decode()
    assert not (tmp_path / "out").exists()


def test_a_day_that_becomes_final_changes_nothing_but_the_index(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    logs.requests("a.parquet", (f"{yesterday:%Y-%m-%dT%H:%M:%SZ}", A, 200))
    run(store, logs, Terms(settle=timedelta(days=3)))
    export(store.folder, tmp_path / "out")
    before, index = tree(tmp_path / "out"), whole(tmp_path / "out")
    run(store, logs, Terms(settle=timedelta(0)))
    assert export(store.folder, tmp_path / "out").written == {}
    after, final = tree(tmp_path / "out"), whole(tmp_path / "out")
    assert [day["final"] for day in (*index["days"].values(), *final["days"].values())] == [False, True]  # fmt: skip
    assert [file for file in after if before.get(file) != after[file]] == [str(tmp_path / "out" / "index.json")]  # fmt: skip
    assert before.keys() == after.keys()


def test_a_replaced_version_stays_for_one_export(logs: Logs, store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    folders = []
    for status in (200, 404):
        export(deliver(logs, store, status).folder, out)
        folders.append({out / day["folder"] for day in whole(out)["days"].values()})
    assert set((out / ".days").iterdir()) == folders[0] | folders[1]
    export(store.folder, out)
    assert set((out / ".days").iterdir()) == folders[1]
    whole(out)


def test_files_of_a_service_without_data_go_and_it_stays_known(
    logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    deliver(logs, store)
    file = logs.requests("b.parquet", (f"{DAYS[0]}T00:00:00Z", B, 200))
    store.run(logs.folder)
    out = tmp_path / "out"
    export(store.folder, out)
    assert (out / DAYS[0] / f"{B}.json").exists()
    httpcodes("forget", file, "--store", store.folder)
    assert list(export(store.folder, out).written) == DAYS[:1]
    assert whole(out)["services"] == [A, B]
    assert not (out / DAYS[0] / f"{B}.json").exists()
