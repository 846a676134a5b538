"""Failures: each class has its exit code, and one place turns them into an exit."""

import importlib
from collections.abc import Iterator

import duckdb
import pytest
import typer
from conftest import PROJECT
from house import module, rooms

from jobs.cli import exits as of_jobs
from jobs.logs.objects.trouble import ObjectError
from queries import failures
from queries.api.errors import ApiError, Refusal
from queries.cli import exits
from queries.failures import Failure

CAUGHT_WHERE_THEY_ARISE = {
    "jobs.convert._Same": "the file stays as it is",
    "jobs.rebuild._Unusable": "the rebuild begins again",
    "jobs.counts.codes._Unserved": "the file is counted by SQL",
    "jobs.counts.results.NoResult": "the engine has failed",
    "jobs.engine.isolated.ChildFailed": "it fails its task, and Spark says so",
    "jobs.store.raw_copies._Gone": "the file is left out",
}


def exceptions() -> Iterator[type[BaseException]]:
    """Every exception class that the project defines."""
    for file in rooms(PROJECT):
        if file.stem == "__main__":
            continue
        room = importlib.import_module(module(PROJECT, file))
        for thing in vars(room).values():
            own = isinstance(thing, type) and thing.__module__ == room.__name__
            if own and issubclass(thing, BaseException):
                yield thing


def test_every_exception_class_has_an_exit_code_or_a_reason_to_have_none() -> None:
    known = {f"{each.__module__}.{each.__qualname__}": each for each in exceptions()}
    without = {name for name, each in known.items() if not isinstance(getattr(each, "exit_code", None), int)}  # fmt: skip
    assert without == {"queries.failures.Failure", *CAUGHT_WHERE_THEY_ARISE}
    for name in known.keys() - CAUGHT_WHERE_THEY_ARISE.keys():
        assert issubclass(known[name], Failure), name


@pytest.mark.parametrize("exit_codes", [exits.exit_codes, of_jobs.exit_codes], ids=["queries", "jobs"])  # fmt: skip
@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (failures.Failed("a\nb"), 1, "a"),
        (failures.Misused("a"), 2, "a"),
        (failures.Locked("a"), 11, "a"),
        (ObjectError("a is gone"), 1, "[Errno 5] a is gone"),
        (Refusal(ApiError.UNKNOWN_DOMAIN), 4, "Domain.NotFound"),
        (duckdb.IOException("a"), 1, "a"),
        (FileNotFoundError(2, "No such file", "x"), 1, "[Errno 2] No such file: 'x'"),
        (MemoryError(), 1, "there is not enough memory"),
        (RuntimeError("can't start new thread"), 1, "the system lets this user start no more threads; raise its limit (ulimit -u)"),
        (RuntimeError("Query interrupted"), 130, "interrupted"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)  # fmt: skip
def test_what_is_expected_ends_with_its_code_and_one_sentence(
    exit_codes: type, error: BaseException, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    with pytest.raises(typer.Exit) as ended, exit_codes():
        raise error
    assert (ended.value.exit_code, capsys.readouterr().err) == (code, f"httpcodes: {sentence}\n")


def test_what_nobody_expected_keeps_its_traceback() -> None:
    with pytest.raises(KeyError), exits.exit_codes():
        raise KeyError("a")
