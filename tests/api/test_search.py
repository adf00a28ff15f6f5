"""`harness.search`: the search of the command line, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import harness
from harness.api import searching
from harness.runner.store import Store
from harness.spaces.registry import published
from tests.api.conftest import SMALL


def small(method: str = "single-darts", **changes: Any) -> harness.Found:
    return harness.search(method, dataset="digits", settings=SMALL, device="cpu", **changes)


def test_it_is_the_search_of_the_command_line(elsewhere: Path) -> None:
    found = small(seed=1)
    harness.run(
        "nb201", method="single-darts", table="single-darts-t1", seeds="1", settings=SMALL | {"training.epochs": 1},
        results="mine", jobs=0, device="cpu", quiet=True,
    )  # fmt: skip
    (record,) = [r for r in Store(Path("mine")).read_all() if not isinstance(r, Exception) and r.trajectory]
    track = record.trajectory
    assert track is not None and found.row == "nb201/single-darts-t1/single-darts"
    assert found.settings == record.spec and found.architecture == track.architectures[-1]
    assert list(found.trajectory["architecture"]) == track.architectures
    assert list(found.trajectory["weight_loss"])[1:] == track.weight_loss[1:]
    assert pd.isna(found.trajectory["weight_loss"][0]) and found.trajectory.index.name == "epoch"
    options = track.groups[0].options[0]
    for place, name in enumerate(options):  # every edge of NAS-Bench-201 offers all
        means = [sum(row[place] for row in epoch) / 6 for epoch in track.mixing["cell"]]
        assert list(found.trajectory[f"cell/{name}"]) == pytest.approx(means, rel=1e-12)


def test_it_goes_on_from_a_checkpoint(elsewhere: Path) -> None:
    def stop(epoch: int, epochs: int) -> None:
        raise KeyboardInterrupt

    whole = small()
    with pytest.raises(KeyboardInterrupt):
        small(checkpoints="states", on_epoch=stop)
    told: list[tuple[int, int]] = []
    resumed = small(checkpoints="states", on_epoch=lambda *about: told.append(about))
    assert told == [(2, 2)]
    assert small(checkpoints="states", seed=1).trajectory["weight_loss"][1] != whole.trajectory["weight_loss"][1]
    pd.testing.assert_frame_equal(resumed.trajectory, whole.trajectory)


def test_the_caller_keeps_its_threads(elsewhere: Path) -> None:
    import torch

    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(3)
    try:
        small(threads=2, on_epoch=lambda *_: seen.append(torch.get_num_threads()))
        assert seen == [2, 2] and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_the_table_says_how_good_it_is(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"digits/test/12": 1.0, "digits/test/200": 2.0, "digits/valid/200": 3.0, "cifar10/test/900": 4.0}

    class Table:
        @staticmethod
        def accuracies(architecture: str) -> dict[str, float]:
            assert architecture.startswith("|")
            return said

    assert small().accuracy is None and small().accuracies == {}
    monkeypatch.setattr(searching, "benchmark", lambda name: {"nb201-table": Table}[name])
    found = small()
    assert found.accuracies == said and found.accuracy == 2.0


def test_a_row_without_settings_of_its_own_is_chosen() -> None:
    chosen = searching._find_row("darts-v1", "nb201", "cifar10", "paper")
    assert chosen.name == "nb201/single-darts-t1/darts"
    chosen = searching._find_row("halves-201", "s2", "digits", "reduced", "s1_s4/levels/s2-bilevel")
    assert chosen.embedded and chosen.searches(published("s2"), "reduced")
    assert not chosen.searches(published("s4"), "reduced")


def test_settings_of_a_row_are_never_taken_in_silence() -> None:
    with pytest.raises(harness.HarnessError, match="only as rows state it: row='s1_s4/levels/s2-bilevel'"):
        searching._find_row("halves-201", "s2", "cifar10", "reduced")
    with pytest.raises(harness.HarnessError, match="row='ablations_sp/sp-darts-t6"):
        searching._find_row("darts-v1", "nb201", "cifar100", "paper")


def test_a_row_that_the_profile_leaves_out_gives_no_settings() -> None:
    row = searching._find_row("darts-pt", "nb201", "cifar10", "reduced")  # the suite of DARTS-PT trains it elsewhere
    assert row.loaded.why_not_run(row.table, row.row, "reduced") is None


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"method": "darts-v1", "seed": 1.5}, "seed=1.5: a whole number from 0 on"),
        ({"method": "darts-v1", "threads": 0}, "threads=0: a whole number from 1 on"),
        ({"method": "darts-v1", "device": "gpu"}, "device='gpu'"),
        ({"method": "single-dart"}, "unknown method 'single-dart'; did you mean 'single-darts'"),
        ({"method": "rea"}, "computes and does not search"),
        ({"method": "darts-v1", "space": "nb202"}, "unknown space 'nb202'; did you mean 'nb201'?"),
        ({"method": "darts-v1", "space": "s2"}, "with 'darts-v1' under the reduced profile; it searches nb201 on cif"),
        ({"method": "darts-v1", "dataset": "svhn"}, "no shipped suite searches nb201 on svhn"),
        ({"method": "darts-v1", "dataset": "cifar10"}, "dataset cifar10 not found"),
        ({"method": "darts-v1", "settings": {"epoch": 3}}, "--set epoch=3: epoch: unknown key 'epoch'; did you mean"),
    ],
)
def test_mistakes_are_one_line(elsewhere: Path, asked: dict[str, Any], says: str) -> None:
    with pytest.raises(harness.HarnessError) as mistake:
        harness.search(**asked)
    assert says in str(mistake.value) and "\n" not in str(mistake.value)
