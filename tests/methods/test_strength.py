"""How strong operations are, by a stand-in for a search whose accuracies after every epoch are told beforehand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from harness.methods.selections import Selection
from harness.methods.strength import Strength, edges
from harness.spaces.registry import published
from harness.spaces.space import UNDECIDED

SPACE = published("nb201")
OPS = SPACE.groups[0].options[0]
FULL = {"name": "strength", "edges": "all", "start": "end", "tuning_lr": 0.1, "gain": 0.5, "patience": 2, "cap": 6,
        "images": "all"}  # fmt: skip


def strength(**changes: object) -> Strength:
    made = TypeAdapter[Any](Selection).validate_python(FULL | changes)
    assert isinstance(made, Strength)
    return made


# the rule ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curve", "patience", "settled"),
    [
        ([], 1, False),
        ([50.0], 1, False),
        ([50.0, 50.5], 1, True),  # a gain of half a point is none
        ([50.0, 50.6], 1, False),
        ([50.0, 50.5, 51.0], 1, True),  # each above the one before by no more: it creeps
        ([50.0, 40.0], 1, True),  # falling is no gain
        ([50.0, 40.0, 49.0], 1, True),  # above the last, not above the best
        ([50.0, 50.2], 2, False),  # two epochs have to be seen
        ([50.0, 50.2, 50.4], 2, True),
        ([50.0, 50.2, 50.7], 2, False),
        ([50.0, 50.7, 50.2], 2, False),  # the gain is among the last two
        ([50.0, 50.7, 50.2, 51.2], 2, True),  # of the best before, 50.7
    ],
)
def test_an_accuracy_has_settled_when_no_late_epoch_gains(curve: list[float], patience: int, settled: bool) -> None:
    assert strength(patience=patience).settled(curve) is settled


def test_the_strength_is_the_mean_of_the_last_epochs() -> None:
    assert strength(patience=2).value([40.0, 60.0, 50.0, 51.0]) == 50.5
    assert strength(patience=1).value([40.0, 60.0, 50.0, 51.0]) == 51.0


# a search ---------------------------------------------------------------------------------------------------


class Stand:
    """A search on NAS-Bench-201 of 3 epochs; an operation's accuracy is ``start`` + gains, epoch by epoch."""

    def __init__(self, selection: Strength, gains: dict[str, list[float]]) -> None:
        self.spec = SimpleNamespace(epochs=3, space=SPACE, select=selection)
        self.gains, self.epoch, self.tuned, self.log = gains, 0, 0, []  # type: ignore[var-annotated]
        self.decided = {"cell": torch.full((6,), UNDECIDED)}
        self.measured: dict[str, list[float | None]] = {name: [None] for name in selection.names(SPACE)}

    def keep(self) -> None:
        self.log.append("keep")
        self.kept = self.decided["cell"].clone()

    def go_back(self) -> None:
        self.log.append("back")
        self.decided["cell"], self.tuned = self.kept.clone(), 0

    def strengths(self) -> dict[str, torch.Tensor]:
        return {"cell": torch.full((6, 5), 0.2)}

    def fixed(self, mixing: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return mixing

    def accuracies(self, mixings: list[dict[str, torch.Tensor]], images: int | None) -> list[float]:
        self.images = images
        edge = (self.decided["cell"] >= 0).nonzero().flatten().tolist()
        if edge:
            operation = OPS[int(self.decided["cell"][edge[0]])]
            self.log.append(f"{edge[0]} {operation}")
            return [sum(self.gains[operation][: self.tuned])]
        return [float((mixing["cell"] == 0).nonzero()[0][1]) for mixing in mixings]  # the operation left out

    def observe(self) -> None:
        found = self.spec.select.measure(self)
        for name, series in self.measured.items():
            series.append(found.get(name))

    def curve(self, name: str) -> list[float]:
        return [value for value in self.measured[name] if value is not None]


def measured(gains: dict[str, list[float]], **changes: object) -> Stand:
    """Run a measurement as the engine does."""
    selection = strength(**changes)
    stand, last = Stand(selection, gains), selection.search_epochs(3) + selection.tuning_epochs(SPACE)
    while stand.epoch < last and not selection.finished(stand):
        selection.before_epoch(stand)
        stand.epoch += 1
        stand.tuned += 1
        stand.observe()
    assert selection.conclude(stand)
    stand.observe()
    return stand


GAINS = {
    "none": [10.0, 0.0, 0.0, 9.0, 9.0, 9.0],
    "skip_connect": [50.0, 5.0, 2.0, 1.0, 0.4, 0.05],
    "nor_conv_1x1": [30.0, 0.5, 0.5, 1.0, 1.0, 1.0],
    "nor_conv_3x3": [20.0, 9.0, 8.0, 7.0, 6.0, 5.0],
    "avg_pool_3x3": [60.0, -20.0, -20.0, 0.0, 0.0, 0.0],
}


FLAT = {op: [50.0, 0.0, 0.0] for op in OPS}


def test_every_operation_is_tuned_until_it_settles_or_the_cap_binds() -> None:
    stand = measured(GAINS, edges=["cell/2<-1"])
    curves = {op: stand.curve(f"strength/cell/2<-1/{op}") for op in OPS}
    assert curves["none"] == [10, 10, 10]
    assert curves["skip_connect"] == pytest.approx([50, 55, 57, 58, 58.4, 58.45])
    assert curves["nor_conv_1x1"] == [30, 30.5, 31, 32, 33, 34]  # 31 is a point above 30: never settled
    assert curves["nor_conv_3x3"] == [20, 29, 37, 44, 50, 55] and curves["avg_pool_3x3"] == [60, 40, 20]
    selection = stand.spec.select
    capped = [op for op in OPS if not selection.settled(curves[op])]
    assert capped == ["nor_conv_1x1", "nor_conv_3x3"]
    assert stand.epoch == 3 + 3 + 6 + 6 + 6 + 3


def test_all_begin_at_the_state_that_was_kept_and_leave_it_behind() -> None:
    stand = measured(FLAT, edges=["cell/2<-1"])
    expected = ["keep", *(entry for op in OPS for entry in ("back", *3 * [f"2 {op}"])), "back"]
    assert stand.log == expected
    assert stand.decided["cell"].tolist() == 6 * [UNDECIDED]


def test_what_the_supernet_is_worth_without_each_operation_is_the_last_entry() -> None:
    stand = measured(FLAT, edges=["cell/2<-1"], images=64)
    for option, op in enumerate(OPS):
        series = stand.measured[f"without/cell/2<-1/{op}"]
        assert series[-1] == option and set(series[:-1]) == {None}
    assert stand.images == 64


def test_several_edges_in_one_run_come_one_after_the_other() -> None:
    stand = measured(FLAT, edges=["cell/1<-0", "cell/3<-2"])
    assert [entry[0] for entry in stand.log if entry[0].isdigit()] == 15 * ["0"] + 15 * ["5"]


def test_it_may_begin_before_the_search_ends() -> None:
    stand = measured(FLAT, edges=["cell/1<-0"], start=1)
    assert stand.epoch == 1 + 15


# which edges ------------------------------------------------------------------------------------------------


def test_edges_have_names_and_every_one_is_a_trial() -> None:
    names = ["cell/1<-0", "cell/2<-0", "cell/2<-1", "cell/3<-0", "cell/3<-1", "cell/3<-2"]
    assert list(edges(SPACE)) == names
    assert [one.edges for one in strength().each(SPACE, 0)] == [(name,) for name in names]
    assert [one.part for one in strength().each(SPACE, 0)] == names and strength().part == ""


def test_a_cell_type_stands_for_its_edges() -> None:
    darts = published("s2")
    names = [one.part for one in strength(edges=["normal", "reduce/2<-1"]).each(darts, 0)]
    assert names == [name for name in edges(darts) if name.startswith("normal/")] + ["reduce/2<-1"]
    assert len(names) == 15


def test_so_many_are_drawn_by_the_seed() -> None:
    darts = published("s2")
    drawn = [tuple(one.part for one in strength(edges=3).each(darts, seed)) for seed in range(40)]
    assert drawn[0] == tuple(one.part for one in strength(edges=3).each(darts, 0))
    assert all(len(set(parts)) == 3 for parts in drawn) and len(set(drawn)) > 30
    assert {part for parts in drawn for part in parts} == set(edges(darts))


def test_epochs_and_evaluations_are_those_of_no_settling() -> None:
    assert strength().tuning_epochs(SPACE) == 6 * 5 * 6
    assert strength(edges=2).tuning_epochs(SPACE) == 2 * 5 * 6
    assert strength(edges=["cell/1<-0"]).image_passes(SPACE, 1.0, 100) == 100 * 5 * (6 + 1)
    assert strength(edges=["cell/1<-0"], images=64).image_passes(SPACE, 1.0, 100) == 64 * 5 * (6 + 1)


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"cap": 2}, "must be above 'patience'"), ({"edges": []}, "edges"), ({"edges": 0}, "edges"),
     ({"gain": -1}, "gain"), ({"tuning_lr": 0}, "tuning_lr")],
)  # fmt: skip
def test_what_cannot_be_is_said(changes: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        strength(**changes)


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"start": 4}, "tuning starts after epoch 4, but there are 3"),
     ({"edges": 7}, "7 edges are to be drawn, space 'nb201' has 6"),
     ({"edges": ["cell/2<-3"]}, r"space 'nb201' has no edge 'cell/2<-3'; did you mean 'cell/2<-")],
)  # fmt: skip
def test_what_the_search_or_the_space_does_not_have_is_said(changes: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        strength(**changes).check({"epochs": 3, "space": SPACE})
