"""A site: every link leads somewhere, whole days swap in, and only what changed is written."""

import os
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import Command, Logs, Store
from test_report import Tables

from queries.report.site import LATEST, publish
from queries.report.site_folders import BadSite, file_name, site_folders

LONG = f"{'l' * 60}.{'m' * 60}.example"
ODD = ("index", "a&b\"<i>'.example", "%41~.example", ".dot.example", LONG)
NINTH = datetime(2025, 9, 9)


def count(logs: Logs, store: Store, day: int, *services: str, code: int = 200) -> None:
    rows = [(NINTH + timedelta(days=day, hours=12), name, code) for name in services]
    logs.requests(f"{day}-{code}.parquet", *rows)
    store.run(logs.folder)


def inodes(out: Path) -> dict[str, int]:
    """Files by their path through the links, and which they are."""
    return {
        f"{file.relative_to(out)}": file.stat().st_ino
        for day in out.glob("2*")
        for file in day.rglob("*.html")
    }


def test_every_link_of_every_page_leads_to_a_page(logs: Logs, store: Store, tmp_path: Path) -> None:
    out = tmp_path / "site"
    count(logs, store, 0, *ODD, "gone.example")
    count(logs, store, 1, *ODD, "new.example", code=503)
    publish(store.folder, out)
    pages = [
        out / "index.html",
        *(page for day in out.glob("2*") for page in day.rglob("[!.]*.html")),
    ]
    assert len(pages) == 1 + 2 * (1 + 6)
    seen = set()
    for page in pages:
        for link in re.findall('href="([^"#]+)"', page.read_text()):
            # As a browser does: by the path that it knows, not through the link of the day.
            target = Path(os.path.normpath(page.parent / unquote(link)))
            assert target.is_file(), (page, link)
            seen.add(target)
    assert seen == set(pages)


def test_a_service_s_page_has_its_counts_and_the_files_that_brought_them(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    count(logs, store, -7, "a.example", "b.example", code=404)
    count(logs, store, 0, "a.example", "a.example", "b.example", code=404)
    count(logs, store, 0, "a.example", code=200)
    publish(store.folder, tmp_path / "site")
    html = (tmp_path / "site/2025-09-09/services/a.example.html").read_bytes()
    shown = Tables(html)
    changes = shown.below("code", "before", "now", "change", "relative")
    assert changes[:2] == [["200", "0", "1", "+1", "new"], ["404", "1", "2", "+1", "+100 %"]]
    files = {Path(path).name: int(n) for path, n in shown.below("file", "requests")}
    assert files == {"0-200.parquet": 1, "0-404.parquet": 2}
    assert "<title>2025-09-09 12:00: 2</title>" in html.decode()


def test_what_is_no_longer_known_of_folded_files_is_said(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    logs.requests("a.parquet", (NINTH, "a.example", 200))
    store.run(logs.folder, window=timedelta(0))
    logs.requests("b.parquet", (NINTH + timedelta(hours=1), "b.example", 200))
    store.run(logs.folder, window=timedelta(0))
    publish(store.folder, tmp_path / "site")
    shown = (tmp_path / "site/2025-09-09/services/a.example.html").read_text()
    assert "1 requests are from files of which it is no longer known" in shown


def test_only_days_that_changed_are_written(logs: Logs, store: Store, tmp_path: Path) -> None:
    out = tmp_path / "site"
    for day in (0, 1, 2):
        count(logs, store, day, "a.example")
    publish(store.folder, out)
    before = inodes(out)
    assert publish(store.folder, out).written == []
    assert inodes(out) == before
    # The hours around reach into the days beside: the third is compared with the fourth.
    count(logs, store, 3, "a.example")
    done = publish(store.folder, out)
    assert (done.written, done.unchanged) == (
        ["2025-09-11", "2025-09-12"],
        ["2025-09-09", "2025-09-10"],
    )
    after = inodes(out)
    assert {name for name, inode in before.items() if after[name] != inode} == {
        "2025-09-11/index.html", "2025-09-11/.moved.html", "2025-09-11/services/a.example.html",
    }  # fmt: skip


def test_a_reader_of_the_version_before_goes_on_reading_it(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    count(logs, store, 0, "a.example")
    publish(store.folder, out)
    held = (out / "2025-09-09").resolve()
    count(logs, store, 0, "b.example", code=404)
    publish(store.folder, out)
    assert (held / "services/a.example.html").is_file()
    assert (out / "2025-09-09").resolve() != held
    publish(store.folder, out)
    assert not held.exists()


def test_a_failure_half_way_leaves_the_day_as_it_was(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    count(logs, store, 0, "a.example")
    publish(store.folder, out)
    before = inodes(out)

    def fails() -> object:
        yield "index.html", b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), site_folders(out) as folders:
        folders.write("2025-09-09", "0", fails())  # type: ignore[arg-type]
    assert inodes(out) == before
    publish(store.folder, out)
    assert [entry.name for entry in out.iterdir() if entry.name.startswith(".tmp")] == []


def test_days_that_are_not_named_stay_and_without_names_it_is_the_latest(
    logs: Logs, store: Store, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    for day in (0, LATEST, LATEST + 1):
        count(logs, store, day, "a.example")
    assert publish(store.folder, out).written == ["2025-09-16", "2025-09-17"]
    ninth = date(2025, 9, 9)
    assert publish(store.folder, out, (ninth, ninth)).written == ["2025-09-09"]
    assert sorted(day.name for day in out.glob("2*")) == ["2025-09-09", "2025-09-16", "2025-09-17"]
    assert (out / "index.html").read_text().count("<h2><a") == 3


@pytest.mark.parametrize("held", ["file", "stranger", "export"])
def test_a_place_that_is_no_site_is_refused_and_left_alone(
    held: str, logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    count(logs, store, 0, "a.example")
    out = tmp_path / "out"
    if held == "file":
        out.write_text("mine")
    elif held == "stranger":
        out.mkdir()
        (out / "index.html").write_text("mine")
    else:
        assert httpcodes("export", out, "--store", store.folder).returncode == 0
    before = sorted(out.rglob("*"))
    done = httpcodes("report", "--store", store.folder, "--site", out)
    assert (done.returncode, b"a new or an empty" in done.stderr) == (2, True), done.stderr
    assert sorted(out.rglob("*")) == before


def test_two_at_once_do_not_write_to_one_site(logs: Logs, store: Store, tmp_path: Path) -> None:
    count(logs, store, 0, "a.example")
    with site_folders(tmp_path / "site"), pytest.raises(BadSite, match="another report"):
        publish(store.folder, tmp_path / "site")


def test_the_command_says_what_it_wrote(
    logs: Logs, store: Store, tmp_path: Path, httpcodes: Command
) -> None:
    count(logs, store, 0, "a.example")
    out = tmp_path / "site"
    first = httpcodes("report", "--store", store.folder, "--site", out)
    assert first.stderr.decode().startswith(f"{out}: 1 day written, ")
    again = httpcodes("report", "--store", store.folder, "--site", out)
    assert (again.returncode, again.stderr.decode()) == (
        0,
        f"{out}: 0 days written, 0 bytes; 1 unchanged\n",
    )
    wrong = httpcodes("report", "--store", store.folder, "--site", out, "--out", "x.html")
    assert (wrong.returncode, b"goes without --chart and --out" in wrong.stderr) == (2, True)


def test_names_of_pages_fit_every_file_system() -> None:
    names = [file_name(name) for name in (*ODD, "é" * 120, "é" * 119 + "a")]
    assert len({name.casefold() for name in names}) == len(names)
    assert all(len(name) <= 255 and not set(name) & set('/\\:"<>|?*') for name in names)
    assert all(not name.startswith(".") for name in names)
