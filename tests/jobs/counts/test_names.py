"""Names move from night to night: what each content counts does not."""

import shutil
from dataclasses import replace
from datetime import date, timedelta

import pytest
from conftest import Counts, Logs, Store

from jobs.counts import counting
from jobs.forget import forget
from jobs.logs.options import ReadingOptions
from jobs.logs.selection import Selection
from jobs.logs.storage import Storage
from jobs.rebuild import Days, rebuild
from jobs.store.revision import USUAL
from jobs.verify import verify

A, B = "a.example", "b.example"
AS_IT_IS = ReadingOptions()
DAYS = Days(date(2025, 9, 9), date(2025, 9, 9))
LETTERS = "abcdef"


def counts(*contents: int) -> Counts:
    return {(A, f"2025-09-09T{content:02d}:00:00Z", 200): content + 1 for content in contents}


class Night:
    """A folder whose files hold contents by number, all of one size."""

    def __init__(self, logs: Logs, store: Store) -> None:
        self.logs, self.store = logs, store

    def write(self, name: str, content: int) -> None:
        rows = [(f"2025-09-09T{content:02d}:00:{row:02d}Z", A, 200) for row in range(content + 1)]
        self.logs.requests(f"{name}.parquet", *rows)

    def move(self, **names: str) -> None:
        """All at once, new names by old ones."""
        for old in names:
            (self.logs.folder / f"{old}.parquet").rename(self.logs.folder / f"{old}.moving")
        for old, new in names.items():
            (self.logs.folder / f"{old}.moving").rename(self.logs.folder / f"{new}.parquet")

    def copy(self, old: str, new: str) -> None:
        shutil.copy(self.logs.folder / f"{old}.parquet", self.logs.folder / f"{new}.parquet")

    def remove(self, name: str) -> None:
        (self.logs.folder / f"{name}.parquet").unlink()

    def run(self, *names: str, deep: bool = True, **how: object) -> "Night":
        where = [self.logs.folder / f"{name}.parquet" for name in names] or [self.logs.folder]
        self.store.run(*where, **how)  # type: ignore[arg-type]
        assert verify(self.store.folder, deep=deep).findings == []
        return self

    def rebuild(self, options: ReadingOptions = AS_IT_IS, **how: bool) -> "Night":
        listed = list(Storage().find([str(self.logs.folder)]).files.values())
        rebuild(self.store.folder, DAYS, lambda _: options, listed=listed, **how)
        assert verify(self.store.folder, deep=False).findings == []
        return self

    def holds(self, *contents: int) -> None:
        assert self.store.counts() == counts(*contents)


@pytest.fixture
def night(logs: Logs, store: Store) -> Night:
    return Night(logs, store)


def test_rotated_names_count_every_night_once(night: Night) -> None:
    for number in range(6):
        night.move(**{LETTERS[n]: LETTERS[n + 1] for n in range(min(number, 5))})
        night.write("a", number)
        night.run().holds(*range(number + 1))


def test_what_rotation_drops_keeps_its_counts(night: Night) -> None:
    for number in range(6):
        night.move(**{LETTERS[n]: LETTERS[n + 1] for n in range(min(number, 2))})
        night.write("a", number)
        night.run().holds(*range(number + 1))


@pytest.mark.parametrize("names", [{"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "a"}])
def test_names_that_go_in_a_circle_change_no_count(night: Night, names: dict[str, str]) -> None:
    for number, name in enumerate(names):
        night.write(name, number)
    night.run()
    for _ in range(3):
        night.move(**names)
        night.run().holds(*range(len(names)))
    assert set(night.store.states().values()) == {"ingested"}


def test_a_known_file_that_is_moved_over_another_corrects_nothing(night: Night) -> None:
    night.write("a", 1)
    night.write("b", 2)
    night.run()
    night.move(b="a")
    night.run().holds(1, 2)
    night.write("b", 3)
    night.run().holds(1, 2, 3)
    night.write("a", 4)
    night.run().holds(1, 3, 4)


def test_content_that_comes_back_over_its_old_name_counts_once(night: Night) -> None:
    night.write("a", 1)
    night.write("b", 2)
    night.run()
    night.copy("a", "kept")
    night.move(b="a")
    night.run("a", "b*").holds(1, 2)
    night.move(kept="a")
    night.run().holds(1, 2)
    night.write("a", 3)
    night.run().holds(2, 3)


def test_a_log_that_is_copied_away_and_begun_anew_counts_once(night: Night) -> None:
    night.write("a", 1)
    night.run()
    night.copy("a", "b")
    night.write("a", 2)
    night.run().holds(1, 2)
    night.copy("b", "c")
    night.copy("a", "b")
    night.write("a", 3)
    night.run().holds(1, 2, 3)


def test_a_swap_that_is_seen_in_two_runs_changes_no_count(night: Night) -> None:
    night.write("a", 1)
    night.write("b", 2)
    night.run()
    night.move(a="b", b="a")
    night.run("a", deep=False).holds(1, 2)
    night.run("b").holds(1, 2)


def test_what_two_paths_delivered_stays_where_one_was_moved_over_and_one_corrected(
    night: Night,
) -> None:
    night.write("a", 1)
    night.write("b", 2)
    night.copy("a", "c")
    night.run()
    night.move(b="a")
    night.run().holds(1, 2)
    night.remove("a")
    night.write("c", 3)
    night.run().holds(1, 2, 3)


def test_two_copies_that_are_corrected_in_one_night_count_no_more(night: Night) -> None:
    night.write("a", 1)
    night.copy("a", "b")
    night.run()
    night.write("a", 2)
    night.write("b", 3)
    night.run().holds(2, 3)


@pytest.mark.parametrize("batch", [1, 2, 2_000])
def test_where_a_batch_ends_changes_no_verdict(
    night: Night, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "BATCH_FILES", batch)
    for number, name in enumerate("abcd"):
        night.write(name, number)
    night.run()
    night.move(a="b", b="c", c="e", d="a")
    night.write("d", 5)
    night.copy("d", "f")
    night.run().holds(0, 1, 2, 3, 5)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_files_that_wait_change_no_verdict(night: Night, most: int) -> None:
    night.write("a", 1)
    night.write("b", 2)
    night.run()
    night.move(a="c")
    night.write("a", 3)
    night.write("b", 4)
    night.copy("b", "d")
    for _ in range(3):
        night.run(deep=False, selection=Selection(most=most))
    night.holds(1, 3, 4)


def test_a_folded_file_moves_as_any_other(night: Night) -> None:
    night.write("a", 1)
    night.write("b", 2)
    night.run(window=timedelta(0))
    night.move(a="b", b="a")
    night.run().holds(1, 2)
    night.move(a="c")
    night.write("a", 3)
    night.run().holds(1, 2, 3)
    forget(night.store.folder, [str(night.logs.folder / "b.parquet")])
    night.holds(2, 3)


def test_what_was_refused_is_counted_once_its_cause_lies_elsewhere(night: Night) -> None:
    night.write("a", 1)
    night.run(window=timedelta(0))
    night.move(a="b")
    night.write("a", 2)
    night.run("a", deep=False).holds(1)
    assert night.store.states()["a.parquet"] == "refused"
    night.run().holds(1, 2)


def test_what_is_broken_in_between_takes_nothing_away(night: Night) -> None:
    night.write("a", 1)
    night.write("b", 2)
    night.run()
    night.move(a="c")
    (night.logs.folder / "a.parquet").write_bytes(b"PAR1 and no more")
    night.store.run(night.logs.folder)
    night.holds(1, 2)
    night.move(c="b", a="d")
    night.store.run(night.logs.folder)
    night.holds(1, 2)


def test_copies_of_logs_follow_their_files(night: Night) -> None:
    terms = replace(USUAL, raw_days=3)
    night.write("a", 1)
    night.write("b", 2)
    night.run(terms=terms)
    night.move(a="b", b="a")
    night.run(terms=terms)
    night.move(a="b")
    night.run(terms=terms).holds(1, 2)
    assert night.store.sql("SELECT count(*) FROM access_log") == [(5,)]


@pytest.mark.parametrize("window", [timedelta(0), timedelta(days=1)])
def test_names_that_move_before_days_are_rebuilt_take_no_counts(
    night: Night, window: timedelta
) -> None:
    for number, name in enumerate("abcd"):
        night.write(name, number)
    night.run(window=window)
    night.copy("b", "a")
    night.move(c="d", d="e")
    night.rebuild().holds(0, 1, 2, 3)
    night.run().holds(0, 1, 2, 3)
    night.rebuild(drop_missing=True).holds(1, 2, 3)


def test_content_that_left_a_known_name_is_counted_where_it_lies_when_its_days_are_rebuilt(
    night: Night,
) -> None:
    night.write("a", 1)
    night.run()
    night.move(a="b")
    night.write("a", 2)
    other = {(B, bucket, code): rows for (_, bucket, code), rows in counts(1, 2).items()}
    night.rebuild(ReadingOptions.of(service_name=B))
    assert night.store.counts() == other


def test_a_file_that_gets_another_name_and_another_service_is_refused(night: Night) -> None:
    night.write("a", 1)
    night.run(service_name=A)
    night.move(a="b")
    (refused,) = night.store.run(night.logs.folder, service_name=B).outcome.refused.values()
    a = night.logs.folder / "a.parquet"
    assert f"holds what {a} held, which counts for {A}; `httpcodes forget {a}`" in refused
    night.holds(1)
    forget(night.store.folder, [str(a)])
    night.run(service_name=B)
    assert night.store.counts() == {(B, "2025-09-09T01:00:00Z", 200): 2}


def test_the_same_content_of_two_services_counts_for_both(night: Night) -> None:
    night.write("a", 1)
    night.copy("a", "b")
    night.run("a", service_name=A, deep=False)
    night.run("b", service_name=B)
    assert {service for service, *_ in night.store.counts()} == {A, B}


def test_a_log_that_grew_before_it_was_rotated_takes_the_place_of_what_it_was_alone(
    night: Night,
) -> None:
    def log(name: str, *hours: int) -> None:
        rows = [(f"2025-09-09T{hour:02d}:00:00Z", A, 200) for hour in hours]
        night.logs.requests(f"{name}.parquet", *rows)

    log("b", 1, 2)
    log("a", 3, 4)
    night.run()
    log("b", 3, 4, 5)
    log("a", 6)
    night.run()
    assert sorted(int(bucket[11:13]) for _, bucket, _ in night.store.counts()) == [1, 2, 3, 4, 5, 6]
    # A correction holds other counts of the same time, or none of what went elsewhere.
    log("b", 3, 4)
    log("a", 7)
    night.run()
    assert sorted(int(bucket[11:13]) for _, bucket, _ in night.store.counts()) == [1, 2, 3, 4, 7]
