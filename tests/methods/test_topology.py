"""Which edges nodes keep, by a stand-in for a search whose edges are worth what they are told to be worth."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.nn import functional as F

from harness.methods.selections import ProgressiveWithTopology, Selection
from harness.spaces.registry import published
from harness.spaces.space import LEFT_OUT
from tests.methods.test_selections import PT

TOPOLOGY = PT | {"name": "progressive-with-topology"}
SPACE = published("s2")
NODES = [node for node in range(2, 6) for _ in range(node)]  # of the 14 edges, in their order


def select(**changes: object) -> Any:
    return TypeAdapter(Selection).validate_python(TOPOLOGY | changes)


class Stand:
    """A search on S2 whose accuracy is the worth of its edges' options, each times its weight."""

    def __init__(self, selection: Any, worth: dict[str, torch.Tensor], seed: int = 0) -> None:
        self.spec = SimpleNamespace(epochs=50, space=SPACE, select=selection)
        self.worth, self.epoch, self.looked = worth, 0, []  # type: ignore[var-annotated]
        self.decided = {group.name: torch.full((14,), -1) for group in SPACE.groups}
        self.generators = {"selection": torch.Generator().manual_seed(seed)}

    def strengths(self) -> dict[str, torch.Tensor]:
        return {name: torch.full((14, 2), 0.5) for name in self.decided}

    def fixed(self, mixing: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        rows = {name: weights.clone() for name, weights in mixing.items()}
        for name, decided in self.decided.items():
            for edge, option in enumerate(decided.tolist()):
                if option != -1:
                    rows[name][edge] = F.one_hot(torch.tensor(option), 2) if option >= 0 else 0
        return rows

    def accuracies(self, mixings: list[dict[str, torch.Tensor]], images: int | None) -> list[float]:
        self.looked.append((self.epoch, len(mixings), images))
        return [sum(float((m[name] * self.worth[name]).sum()) for name in m) for m in mixings]


def searched(worth: dict[str, torch.Tensor], seed: int = 0, **changes: object) -> tuple[Stand, list[tuple[int, str]]]:
    """Run a selection; return it, and when something was decided in which cell type."""
    selection = select(**changes)
    stand, when = Stand(selection, worth, seed), []
    for stand.epoch in range(50 + selection.tuning_epochs(SPACE)):
        before = {name: decided.clone() for name, decided in stand.decided.items()}
        selection.before_epoch(stand)
        when += [(stand.epoch, name) for name in before if not torch.equal(before[name], stand.decided[name])]
    return stand, when


@pytest.mark.parametrize("seed", range(5))
def test_edges_get_the_better_option_and_nodes_keep_the_two_that_are_worth_most(seed: int) -> None:
    torch.manual_seed(seed)
    worth = {group.name: torch.rand(14, 2) for group in SPACE.groups}
    stand, _ = searched(worth, seed)
    for name, decided in stand.decided.items():
        best = worth[name].max(-1)
        for node in range(2, 6):
            edges = [edge for edge in range(14) if NODES[edge] == node]
            kept = sorted(sorted(edges, key=lambda edge: -best.values[edge].item())[:2])
            assert [edge for edge in edges if decided[edge] != LEFT_OUT] == kept
            assert all(decided[edge] == best.indices[edge] for edge in kept)


def test_of_equals_the_earlier_stay() -> None:
    stand, _ = searched({group.name: torch.ones(14, 2) for group in SPACE.groups})
    for decided in stand.decided.values():
        assert decided.tolist() == [0, 0, *[0, 0, -2], *[0, 0, -2, -2], *[0, 0, -2, -2, -2]]


def test_17_events_of_both_cells_and_one_epoch_after_the_last() -> None:
    """As DARTS-PT's code: 81 epochs of tuning, an event every 5th, the last 3 of them on nodes."""
    worth = {group.name: torch.rand(14, 2) for group in SPACE.groups}
    stand, when = searched(worth)
    assert select().tuning_epochs(SPACE) == 81
    assert when == [(50 + 5 * event, name) for event in range(17) for name in ("normal", "reduce")]
    edges = [looked[:2] for looked in stand.looked if looked[0] < 50 + 70]
    assert edges == [(50 + 5 * event, 2) for event in range(14) for _ in range(2)]
    nodes = [count for epoch, count, _ in stand.looked if epoch >= 50 + 70]
    assert sorted(nodes) == [3, 3, 4, 4, 5, 5] and {images for *_, images in stand.looked} == {None}


@pytest.mark.parametrize("seed", range(5))
def test_by_magnitude_edges_and_nodes_go_by_weight_and_nothing_is_evaluated(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(seed)
    weights = {group.name: torch.rand(14, 2).softmax(-1) for group in SPACE.groups}
    monkeypatch.setattr(Stand, "strengths", lambda self: weights)
    stand, _ = searched({name: 1 - table for name, table in weights.items()}, seed, operation="magnitude", images=None)
    assert not stand.looked
    for name, decided in stand.decided.items():
        largest = weights[name].max(-1)
        for node in range(2, 6):
            edges = [edge for edge in range(14) if NODES[edge] == node]
            heaviest = sorted(sorted(edges, key=lambda edge: -largest.values[edge].item())[:2])
            assert [edge for edge in edges if decided[edge] != LEFT_OUT] == heaviest
            assert all(decided[edge] == largest.indices[edge] for edge in heaviest)
    assert select(operation="magnitude", images=None).image_passes(SPACE, 0.5, 1000) == 0


def test_by_magnitude_the_weight_of_none_keeps_no_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {group.name: torch.tensor([[0.0, 0.2, 0.3]] * 14) for group in published("s3").groups}
    for table in weights.values():
        table[2] = torch.tensor([0.9, 0.05, 0.05])  # of node 3: the heaviest of all, but of `none`
    stand = Stand(select(operation="magnitude", images=None), weights)
    stand.spec.space = published("s3")
    monkeypatch.setattr(Stand, "strengths", lambda self: weights)
    for stand.epoch in range(50 + 81):
        stand.spec.select.before_epoch(stand)
    assert [decided[2].item() for decided in stand.decided.values()] == [LEFT_OUT, LEFT_OUT]


def test_the_order_of_nodes_is_drawn() -> None:
    worth = {group.name: torch.rand(14, 2) for group in SPACE.groups}
    orders = {tuple(count for epoch, count, _ in searched(worth, seed)[0].looked if epoch >= 120) for seed in range(6)}
    assert len(orders) > 1


def test_at_interval_1_every_event_still_has_its_epoch() -> None:
    _, when = searched({group.name: torch.rand(14, 2) for group in SPACE.groups}, interval=1)
    assert [epoch for epoch, name in when if name == "normal"] == list(range(50, 67))


def test_evaluations_are_counted() -> None:
    assert select().image_passes(SPACE, 0.5, 1000) == 1000 * (2 * 14 * 2 + 2 * (3 + 4 + 5))
    assert select(images=64).image_passes(SPACE, 0.5, 1000) == 64 * (2 * 14 * 2 + 2 * (3 + 4 + 5))


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"edges": "certainty"}, "edges"), ({"operation": "magnitude"}, "images"),
     ({"tuning_lr": None, "start": 10}, "tuning_lr")],
)  # fmt: skip
def test_what_it_cannot_do_is_said(changes: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        select(**changes)


def test_a_space_whose_nodes_keep_all_edges_has_no_topology() -> None:
    selection = select()
    assert isinstance(selection, ProgressiveWithTopology)
    selection.check({"epochs": 50, "space": SPACE})
    with pytest.raises(ValueError, match="space 'nb201' keeps all of its edges"):
        selection.check({"epochs": 50, "space": published("nb201")})
