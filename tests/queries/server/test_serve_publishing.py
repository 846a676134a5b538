"""The server keeps answering, from whole snapshots, while runs publish and prune."""

import sys
from pathlib import Path

from conftest import PROJECT

sys.path.insert(0, str(PROJECT / "tests" / "benchmarks"))

from serve import Night, under_load


def test_no_request_fails_and_every_answer_is_one_snapshots_while_runs_publish(
    tmp_path: Path,
) -> None:
    night = Night(tmp_path, services=2)
    first = {file.name for file in (night.store / "snapshots").iterdir()}
    load = under_load(night, clients=4, runs=7, every=0.3)
    assert load.failures == []
    assert load.answers <= night.answers
    assert len(load.answers) > len(night.requests)
    # Seven runs later, the snapshot that was served first is pruned.
    assert not first & {file.name for file in (night.store / "snapshots").iterdir()}
