"""What runs and the status say to people: what needs somebody first, and how far they are."""

import re
import threading
from io import StringIO
from pathlib import Path

import pytest
from conftest import Command, Logs, Store
from rich.console import Console
from spark_cluster import FAULTS
from terminal import Terminal, screen
from waiting import until

from jobs.cli.progress import _Far, progress
from jobs.counts.runs import Outcome
from jobs.nightly import Progress
from queries.quantities import scaled

NOON = "2025-09-09T12:00:00Z"
A = "a.example"


@pytest.fixture
def troubled(logs: Logs, store: Store, tmp_path: Path) -> Path:
    """A configuration of logs of which one is broken, one has a row that can't be counted, and a
    source that is missing."""
    logs.requests("a.parquet", (NOON, A, 200), (NOON, A, 1000))
    for name in ("b", "c", "d"):
        (logs.folder / f"{name}.parquet").write_bytes(b"broken")
    config = tmp_path / "httpcodes.toml"
    sources = [logs.folder, tmp_path / "unmounted"]
    config.write_text(
        f'store = "{store.folder}"\n' + "".join(f'[[sources]]\npath = "{at}"\n' for at in sources)
    )
    return config


def test_what_needs_somebody_comes_first(
    httpcodes: Command, troubled: Path, logs: Logs, store: Store, tmp_path: Path
) -> None:
    done = httpcodes("run", "--config", troubled)
    said = done.stderr.decode().splitlines()
    assert done.returncode == 3
    assert [line.split(" in ")[0][:9] if "published" in line else line for line in said] == [
        f"source {tmp_path / 'unmounted'} does not exist; a source is a file, a folder or a glob",
        f"quarantined {logs.folder / 'b.parquet'} and 2 others: cannot be read as Parquet: it is text",
        "  `httpcodes run --retry` tries them again; changed files are tried anyway",
        "rejected 1 row: status unreadable",
        f"  `httpcodes rejects --store {store.folder}` shows them",
        "1 file ingested, 3 quarantined; 2 rows read, 1 counted, 1 rejected (status unreadable)",
        "published",
    ]
    told = httpcodes("status", "--config", troubled).stdout.decode().splitlines()
    attention = [line.strip() for line in told[: [line[:8] for line in told].index("snapshot")]]
    assert attention[0].startswith(f"attention     {tmp_path / 'unmounted'} does not exist")
    assert attention[1].startswith(f"quarantined {logs.folder / 'b.parquet'} and 2 others: cannot")
    assert attention[2:] == ["rejected 1 row: status unreadable"]


def test_options_that_would_settle_it_are_said_to_belong_into_the_configuration_too(
    httpcodes: Command, logs: Logs, store: Store
) -> None:
    logs.write("a.parquet", {"time_local": [NOON], "status": [200], "body_bytes_sent": [1]})
    said = httpcodes("run", logs.folder, "--store", store.folder).stderr.decode().splitlines()
    assert said[0].endswith("--service-name NAME")
    assert said[1] == "  each of [[sources]] in httpcodes.toml takes such options, too"


def test_a_quiet_night_is_two_lines_and_needs_nobody(
    httpcodes: Command, logs: Logs, store: Store
) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    for what in ("1 file ingested; 1 row read, all counted", "nothing new: no count changed; 1 file unchanged"):  # fmt: skip
        said = httpcodes("run", logs.folder, "--store", store.folder).stderr.decode().splitlines()
        assert (said[0], len(said)) == (what, 2)
    told = httpcodes("status", "--store", store.folder).stdout.decode()
    assert told.startswith("attention     none needed")


def test_a_run_that_failed_needs_somebody(httpcodes: Command, logs: Logs, store: Store) -> None:
    logs.requests("a.parquet", (NOON, A, 200))
    httpcodes("run", logs.folder, "--store", store.folder)
    (logs.folder / "b.parquet").write_bytes(b"broken")
    run = httpcodes("run", logs.folder, "--store", store.folder, "--fail-fast")
    reason = run.stderr.decode().removeprefix("httpcodes: ").strip()
    assert (run.returncode, "b.parquet" in reason) == (1, True)
    told = httpcodes("status", "--store", store.folder).stdout.decode()
    assert told.startswith(f"attention     the last run failed: {reason}")


@pytest.mark.parametrize("coloured", [True, False])
def test_colour_is_for_terminals_that_want_it(
    coloured: bool, troubled: Path, tmp_path: Path
) -> None:
    told = {}
    for command in ("run", "status"):
        with Terminal(command, "--config", troubled, cwd=tmp_path, coloured=coloured) as terminal:
            terminal.end()
            told[command] = terminal.raw
    red, yellow = "\x1b[1;31m", "\x1b[33m"
    for shown in told.values():
        assert (red in shown, yellow in shown) == (coloured, coloured)


def test_a_hint_that_is_folded_is_dim_to_its_end(troubled: Path, tmp_path: Path) -> None:
    with Terminal("run", "--config", troubled, cwd=tmp_path, columns=40, coloured=True) as terminal:
        terminal.end()
    assert "\x1b[2m  again; changed files are tried anyway\x1b[0m" in terminal.raw


@pytest.mark.parametrize("columns", [40, 80])
def test_what_is_said_breaks_between_words(columns: int, troubled: Path, tmp_path: Path) -> None:
    for arguments in (
        (),
        ("--help",),
        ("run", "--config", troubled),
        ("query", "--day", "2025-02-30"),
    ):
        with Terminal(*arguments, cwd=tmp_path, columns=columns) as terminal:
            terminal.end()
        lines = screen(terminal.raw)
        # A path that is longer than a line stays whole, to be copied.
        assert all(len(line) <= columns or " " not in line.strip() for line in lines), lines
        told = " ".join(" ".join(lines).split())
        assert any(
            sentence in told
            for sentence in (
                "LOGS counts the access logs in a folder",
                "run Count the access logs that the sources hold, and publish a snapshot.",
                "2 rows read, 1 counted, 1 rejected (status unreadable) published",
                "--day 2025-02-30 is no day; it would be written 2025-09-09",
            )
        ), told


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_progress_fits_the_terminal_and_leaves_nothing_behind(
    columns: int, logs: Logs, store: Store, tmp_path: Path
) -> None:
    logs.requests("a.parquet", *((NOON, A, 200 + n % 100) for n in range(2_000)))
    steps = (("run", logs.folder), ("rebuild", "--from", "2025-09-09", "--to", "2025-09-09"))
    for step in steps:
        arguments = (*step, "--store", store.folder)
        with Terminal(*arguments, cwd=tmp_path, columns=columns) as terminal:
            code, _ = terminal.end()
        # What is written over is a line of what was sent.
        sent = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.raw))
        moving = [line.rstrip() for line in sent if "publishing" in line]
        assert code == 0
        assert moving
        assert max(map(len, moving)) <= columns
        left = [line for line in screen(terminal.raw) if line]
        # At 40 columns the first line is two.
        assert [line.split()[0] for line in left if line != "counted"] == ["1", "published"]


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
@pytest.mark.parametrize(
    ("done", "to_do", "rows"),
    [(0, 5_000, 0), (10**9, 3 * 10**9, 123_456_789), (999 * 10**12, 10**15, 10**12)],
)
def test_bytes_rows_speed_and_time_left_are_told_at_any_width(
    columns: int, done: int, to_do: int, rows: int
) -> None:
    far = _Far()
    far.note(Progress(to_do, Outcome(files_ingested=1_000, rows_read=rows, bytes_done=done)))
    told = far.text(columns)
    assert len(told) <= columns
    assert all(piece in told for piece in (" rows", "/s", "left" if done else "just begun"))
    assert re.search(r"\d (bytes|[kMGTP]B) ", told)
    assert columns < 200 or " of " in told


def test_without_a_terminal_there_is_a_line_every_so_often() -> None:
    class Lines(StringIO):
        """Notes when there are two."""

        twice = threading.Event()

        def write(self, text: str) -> int:
            written = super().write(text)
            if self.getvalue().count("\n") > 1:
                self.twice.set()
            return written

    said = Lines()
    console = Console(file=said, soft_wrap=True)
    with progress(console, every=0.001) as note:
        note(Progress(2_000, Outcome(files_ingested=1, rows_read=37, bytes_done=1_000)))
        assert said.twice.wait(600)
    lines = said.getvalue().splitlines()
    assert lines[-1].startswith("50%  1.0 kB of 2.0 kB  1 file  37 rows  ")
    with progress(Console(file=(quiet := StringIO()), quiet=True), every=0.001) as note:
        note(Progress(1, Outcome()))
    assert quiet.getvalue() == ""


def test_an_interrupt_leaves_a_clean_line(
    logs: Logs, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.requests("slow.parquet", (NOON, A, 200))
    monkeypatch.setenv("PYTHONPATH", str(FAULTS))
    monkeypatch.setenv("HTTPCODES_FAULTS", str(tmp_path))
    with Terminal("run", logs.folder, "--store", store.folder, cwd=tmp_path) as terminal:
        until((tmp_path / "slow.parquet").exists)
        terminal.type("\x03")
        code, _ = terminal.end()
    (said,) = [line for line in screen(terminal.raw) if line]
    assert (code, said) == (130, "httpcodes: interrupted; the newest snapshot stands")
    # The cursor is there again.
    assert terminal.raw.rfind("\x1b[?25h") > terminal.raw.rfind("\x1b[?25l")


def test_numbers_are_scaled_where_there_is_no_room() -> None:
    numbers = (0, 999, 1_000, 9_949, 9_950, 999_499, 999_500, 123_456_789, 10**13, 10**16)
    assert [scaled(number) for number in numbers] == [
        "0", "999", "1.0k", "9.9k", "10k", "999k", "1.0M", "123M", "10T", "10,000T",
    ]  # fmt: skip
