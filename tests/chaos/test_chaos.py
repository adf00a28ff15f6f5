"""The short form of `python -m tests.chaos`: each blow a few times."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.runner.record import Record
from tests.chaos import blows
from tests.chaos.plan import SHORT

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes below /proc"),
    pytest.mark.timeout(900),
    pytest.mark.long,
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """The records of a run that nothing disturbed."""
    return blows.undisturbed(tmp_path_factory.mktemp("chaos") / "undisturbed")


def test_killed_runs_end_as_if_they_had_not_been(tmp_path: Path, whole: dict[str, Record]) -> None:
    said = blows.kills(tmp_path, whole, SHORT.kills, random.Random(1))
    assert said.startswith("3 kills (1 group, 1 parent, 1 worker)")


def test_two_runs_with_equal_process_ids_share_the_work(tmp_path: Path, whole: dict[str, Record]) -> None:
    assert "no trial done twice" in blows.two_runs(tmp_path, whole, SHORT.two_runs)


def test_checkpoints_stay_whole_in_a_race(tmp_path: Path) -> None:
    assert blows.checkpoint_race(tmp_path, SHORT.saves).endswith("all whole")


def test_a_run_ends_by_sighup_whatever_follows(tmp_path: Path, whole: dict[str, Record]) -> None:
    assert blows.signals(tmp_path, whole, SHORT.signals).startswith("1 runs ended by signals")
