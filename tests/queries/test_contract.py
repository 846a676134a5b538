"""`httpcodes tables` and `httpcodes describe`: the contract, from the comments in a snapshot."""

from pathlib import Path

import pytest
from conftest import Command
from test_snapshot import CONTRACT


def test_tables_lists_every_relation_with_its_comment(
    sample_store: Path, httpcodes: Command
) -> None:
    done = httpcodes("tables", "--store", sample_store)
    _, *lines = done.stdout.decode().splitlines()
    shown = dict(line.strip().split(maxsplit=1) for line in lines)
    assert set(shown) == set(CONTRACT)
    assert (
        shown["bucket_status"]
        == "Whether a bucket can still change, and whether all of it was delivered."
    )


@pytest.mark.parametrize("relation", CONTRACT)
def test_describe_lists_every_column_with_its_type_and_comment(
    relation: str, sample_store: Path, httpcodes: Command
) -> None:
    done = httpcodes("describe", relation.upper(), "--store", sample_store)
    _, *lines = done.stdout.decode().splitlines()
    assert " ".join(line.split()[0] for line in lines) == CONTRACT[relation]
    assert all(len(line.split()) > 2 for line in lines)


def test_an_unknown_relation_is_named_with_those_that_are_close(
    sample_store: Path, httpcodes: Command
) -> None:
    done = httpcodes("describe", "rollup5m", "--store", sample_store)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        'httpcodes: no relation is called "rollup5m"; there is rollup_5m, rollup_1h, rollup_1d\n'
    )


@pytest.mark.parametrize("command", [["tables"], ["describe", "runs"]])
def test_a_store_without_a_snapshot_fails_with_a_sentence(
    command: list[str], tmp_path: Path, httpcodes: Command
) -> None:
    done = httpcodes(*command, "--store", tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "nothing was published here yet" in done.stderr.decode()
