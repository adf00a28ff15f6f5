"""Selections against formulas in numpy, brute force, and a search that is a stand-in."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from scipy import stats
from torch.nn import functional as F

from harness.methods.relaxations import Controller, Softmax
from harness.methods.selections import Selection, edge_scores
from harness.methods.step import Step
from harness.spaces.nb201 import encoding as nb201
from harness.spaces.registry import published
from tests.groups import CELL, group

NB201 = published("nb201")

PT = {
    "name": "progressive", "edges": "random", "operation": "perturbation", "none_allowed": True, "start": "end",
    "interval": 5, "tuning_lr": 0.1, "history": 0, "images": "all",
}  # fmt: skip
SGAS = PT | {
    "edges": "certainty", "operation": "magnitude", "none_allowed": False, "start": 10, "tuning_lr": None,
    "images": None,
}  # fmt: skip
PATHS = {"name": "best-path", "draw": "uniform", "candidates": 100, "images": 512, "augmented": False}


def select(settings: dict[str, Any], **changes: object) -> Any:
    return TypeAdapter(Selection).validate_python(settings | changes)


# SGAS' criteria ---------------------------------------------------------------------------------------------


def sgas(history: NDArray[np.float64], ops: tuple[str, ...], look_back: int) -> NDArray[np.float64]:
    """SGAS, section 3.2, edge by edge: the scores [edges] of both criteria; ``history`` [epochs, edges, ops]."""
    kept = [k for k, op in enumerate(ops) if op != "none"]
    importance, certainty, stability = [], [], []
    for edge in range(history.shape[1]):
        now = history[-1, edge, kept]
        importance.append(now.sum())
        p = now / now.sum()
        certainty.append(1 - stats.entropy(p) / np.log(len(kept)))
        overlaps = []
        for then in history[-1 - look_back : -1] if look_back else []:
            q = then[edge, kept] / then[edge, kept].sum()
            overlaps.append(sum(min(a, b) for a, b in zip(p, q, strict=True)))
        stability.append(np.mean(overlaps) if overlaps else 0.0)

    def normalised(values: list[float]) -> NDArray[np.float64]:
        spread = max(values) - min(values)
        return np.array([(value - min(values)) / spread if spread else 0.0 for value in values])

    scores = normalised(importance) * normalised(certainty)
    return scores * normalised(stability) if look_back else scores


def opinions(epochs: int, ops: int, seed: int) -> NDArray[np.float64]:
    """Softmax weights [epochs, 6, ops] of a random walk."""
    steps = np.random.default_rng(seed).normal(0, 1, (epochs, 6, ops)).cumsum(0)
    weights: NDArray[np.float64] = np.exp(steps) / np.exp(steps).sum(-1, keepdims=True)
    return weights


LISTS = (nb201.OPS, nb201.OPS[:3], ("nor_conv_3x3", "none", "skip_connect"))
ROWS = {ops: [(group(ops), row) for row in range(6)] for ops in LISTS}


@pytest.mark.parametrize("ops", LISTS)
@pytest.mark.parametrize(("epochs", "look_back"), [(11, 0), (11, 4), (3, 4), (30, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_edge_scores_are_sgas(ops: tuple[str, ...], epochs: int, look_back: int, seed: int) -> None:
    history = opinions(epochs, len(ops), seed)
    found = edge_scores(ROWS[ops], {"cell": history.tolist()}, look_back)
    # a longer history than there is: all of it
    np.testing.assert_allclose(found, sgas(history, ops, min(look_back, epochs - 1)), rtol=1e-10, atol=1e-15)
    assert found.max() > 0


def test_equal_edges_and_no_history_score_nothing() -> None:
    rows, history = ROWS[nb201.OPS], {"cell": opinions(1, 5, 0).tolist()}
    assert (edge_scores(rows, history, 4) == 0).all() and (edge_scores(rows, history, 0) > 0).any()
    even = torch.full((3, 6, 5), 0.2)
    assert (edge_scores(rows, {"cell": even.tolist()}, 0) == 0).all()
    certain = torch.tensor([0.0, 1.0, 0, 0, 0]).expand(3, 6, 5).clone()
    certain[:, 0] = 0.2
    assert edge_scores(rows, {"cell": certain.tolist()}, 0).tolist() == [0, 1, 1, 1, 1, 1]  # log 0 is no obstacle


# which edge, which operation --------------------------------------------------------------------------------


class Stand:
    """A search with given mixing weights: what a selection asks for, and what it was told."""

    def __init__(self, weights: torch.Tensor, selection: Any, *, epochs: int = 50, ops: Any = nb201.OPS, seed: int = 0):
        self.weights, self.epoch, self.asked = weights, 0, []  # type: ignore[var-annotated]
        space = published("nb201").narrowed({"cell": [ops] * 6})
        self.spec = SimpleNamespace(epochs=epochs, space=space, select=selection, relaxation=None)
        self.decided = {"cell": torch.full((6,), -1)}
        self.history = {"cell": [weights.tolist()]}
        self.alpha = {"cell": torch.zeros_like(weights)}
        self.generators = {"selection": torch.Generator().manual_seed(seed)}
        self.now = Step(0, epochs, 0.0, torch.Generator())
        self.accuracy = lambda mixing: 50.0

    def strengths(self) -> dict[str, torch.Tensor]:
        return {"cell": self.weights}

    def fixed(self, mixing: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        rows = mixing["cell"].clone()
        for edge, op in enumerate(self.decided["cell"].tolist()):
            if op >= 0:
                rows[edge] = F.one_hot(torch.tensor(op), rows.shape[1]).to(rows)
        return {"cell": rows}

    def accuracies(self, mixings: list[dict[str, torch.Tensor]], images: int | None) -> list[float]:
        self.asked.append(([mixing["cell"] for mixing in mixings], images))
        return [self.accuracy(mixing["cell"]) for mixing in mixings]

    def draw_images(self, count: int, stream: str) -> torch.Tensor:
        return torch.randint(1000, (count,), generator=self.generators[stream])

    def path_accuracy(self, mixing: dict[str, torch.Tensor], indices: torch.Tensor, *, augmented: bool) -> float:
        self.asked.append((mixing["cell"].argmax(-1).tolist(), indices, augmented))
        assert torch.equal(mixing["cell"].sort(-1).values, torch.tensor([0.0, 0, 0, 0, 1]).expand(6, 5))
        return self.accuracy(mixing["cell"])


def decisions(stand: Any, epochs: int) -> list[tuple[int, list[int]]]:
    """Let the epochs go by; return before which edges were decided, and which."""
    found = []
    for stand.epoch in range(epochs):
        before = stand.decided["cell"].clone()
        stand.spec.select.before_epoch(stand)
        edges = (stand.decided["cell"] != before).nonzero()[:, 0].tolist()
        if edges:
            assert (before[edges] == -1).all()
            found.append((stand.epoch, edges))
    return found


WEIGHTS = torch.from_numpy(opinions(1, 5, 7)[0])


def test_perturbation_decides_after_0_5_10_15_20_and_24_epochs_of_25() -> None:
    selection = select(PT)
    assert selection.search_epochs(100) == 100 and selection.tuning_epochs(NB201) == 25 and selection.after_search
    found = decisions(Stand(WEIGHTS, selection, epochs=100), 125)
    assert [epoch - 100 for epoch, _ in found] == [0, 5, 10, 15, 20, 24]
    assert sorted(edge for _, edges in found for edge in edges) == list(range(6))
    early = select(PT, start=20)
    assert early.search_epochs(100) == 20
    assert [epoch for epoch, _ in decisions(Stand(WEIGHTS, early, epochs=100), 45)] == [20, 25, 30, 35, 40, 44]
    quick = decisions(Stand(WEIGHTS, select(PT, interval=1), epochs=4), 9)
    # one epoch, one decision: five edges, the sixth is left to its largest weight
    assert [(epoch, len(edges)) for epoch, edges in quick] == [(4, 1), (5, 1), (6, 1), (7, 1), (8, 1)]
    versions = [select(PT), select(PT, interval=1), select(SGAS, interval=1)]
    assert [selection.mathematics for selection in versions] == [1, 2, 1]


def test_greedy_decides_before_epochs_10_to_35() -> None:
    selection = select(SGAS)
    assert selection.search_epochs(50) == 50 and selection.tuning_epochs(NB201) == 0 and not selection.after_search
    found = decisions(Stand(WEIGHTS, selection), 50)
    assert [epoch for epoch, _ in found] == [10, 15, 20, 25, 30, 35]


def test_the_batch_grows_from_64_to_128_on_the_darts_space() -> None:
    """As SGAS' code: eight decisions a cell type, before epochs 10, 15, ..., 45, each with 8 images more."""
    selection = select(SGAS, name="progressive-with-growing-batch", batch_growth=8)
    darts = published("darts")
    sizes = [64 + selection.batch_growth_by(epoch, 50, darts) for epoch in range(50)]
    assert sizes == [64] * 10 + [size for size in range(72, 129, 8) for _ in range(5)]
    assert select(SGAS).batch_growth_by(49, 50, darts) == 0


def test_the_order_of_edges_is_the_selection_streams() -> None:
    stream, left, wanted = torch.Generator().manual_seed(3), list(range(6)), []
    while left:
        wanted.append(left.pop(int(torch.randint(len(left), (), generator=stream))))
    stand = Stand(WEIGHTS, select(PT), epochs=0, seed=3)
    torch.manual_seed(0)
    assert [edges[0] for _, edges in decisions(stand, 25)] == wanted
    firsts = [decisions(Stand(WEIGHTS, select(PT), epochs=0, seed=seed), 1)[0][1][0] for seed in range(600)]
    assert stats.chisquare(np.bincount(firsts, minlength=6)).pvalue > 1e-3


def test_the_order_of_edges_is_that_of_their_scores() -> None:
    history = opinions(12, 5, 11)
    for changes, look_back in (({"edges": "certainty"}, 0), ({"edges": "certainty-stability", "history": 4}, 4)):
        stand = Stand(torch.from_numpy(history[-1]), select(SGAS, **changes))
        stand.history = {"cell": history.tolist()}
        # all edges stay in the normalisation, decided ones too: the scores do not change from one to the next
        wanted = np.argsort(-sgas(history, nb201.OPS, look_back), kind="stable")
        order = [edges[0] for _, edges in decisions(stand, 50)]
        zero = (sgas(history, nb201.OPS, look_back) == 0).sum()
        assert order[: 6 - zero] == wanted[: 6 - zero].tolist()
        for edge, op in enumerate(stand.decided["cell"].tolist()):
            assert op == 1 + history[-1, edge, 1:].argmax()


def test_magnitude_takes_none_only_where_that_is_allowed() -> None:
    weights = torch.tensor([0.5, 0.1, 0.1, 0.2, 0.1]).expand(6, 5)
    for allowed, wanted in ((True, 0), (False, 3)):
        stand = Stand(weights, select(PT, operation="magnitude", images=None, none_allowed=allowed), epochs=0)
        decisions(stand, 25)
        assert (stand.decided["cell"] == wanted).all() and not stand.asked


@pytest.mark.parametrize("allowed", [True, False])
def test_perturbation_masks_one_weight_after_the_other_and_changes_nothing_else(allowed: bool) -> None:
    stand = Stand(WEIGHTS, select(PT, none_allowed=allowed, images=300), epochs=0)
    decisions(stand, 25)
    decided: dict[int, int] = {}
    assert len(stand.asked) == 6
    for mixings, images in stand.asked:
        assert images == 300 and len(mixings) == (5 if allowed else 4)
        present = WEIGHTS.clone()
        for edge, op in decided.items():
            present[edge] = torch.eye(5)[op]
        edge = {int((mixing != present).any(1).nonzero()[0]) for mixing in mixings}.pop()
        for op, mixing in zip(range(5 - len(mixings), 5), mixings, strict=True):
            masked = present.clone()
            masked[edge, op] = 0  # the others keep their weights: they no longer sum to 1
            assert torch.equal(mixing, masked)
        assert edge not in decided
        decided[edge] = int(stand.decided["cell"][edge])


def test_the_operation_without_which_most_is_lost_wins_and_the_first_of_equals() -> None:
    matters = {0: 3, 1: 0, 2: 4, 3: 1, 4: 2, 5: 3}
    stand = Stand(WEIGHTS, select(PT), epochs=0)

    def accuracy(mixing: torch.Tensor) -> float:
        (edge, op), *_ = [(e, o) for e, o in (mixing == 0).nonzero().tolist() if mixing[e].max() < 1]
        return 20.0 if matters[edge] == op else 60.0 + op

    stand.accuracy = accuracy
    decisions(stand, 25)
    assert stand.decided["cell"].tolist() == list(matters.values())
    for allowed, first in ((True, 0), (False, 1)):
        stand = Stand(WEIGHTS, select(PT, none_allowed=allowed), epochs=0)  # all accuracies are 50
        decisions(stand, 25)
        assert stand.decided["cell"].tolist() == [first] * 6


@pytest.mark.parametrize(
    ("settings", "changes", "said"),
    [
        (PT, {"tuning_lr": None}, "decisions after the search need 'tuning_lr'"),
        (PT, {"history": 4}, "stability, and nothing else, needs a 'history' above 0"),
        (SGAS, {"edges": "certainty-stability"}, "stability, and nothing else, needs a 'history' above 0"),
        (PT, {"images": None}, "perturbation, and nothing else, needs 'images'"),
        (SGAS, {"images": 64}, "perturbation, and nothing else, needs 'images'"),
        (PT, {"operation": "magnitude"}, "perturbation, and nothing else, needs 'images'"),
        (PATHS, {"augmented": None}, "augmented"),
    ],
)
def test_settings_that_would_be_ignored_are_errors(settings: dict[str, Any], changes: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        select(settings, **changes)


# the best of many paths -------------------------------------------------------------------------------------


def hash_of(path: torch.Tensor) -> float:
    """A fake accuracy with ties: one of 40 values."""
    return float(sum((7 * e + 3) * (o + 1) ** 2 for e, o in enumerate(path.argmax(-1).tolist())) % 40)


@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("draw", ["uniform", "most-probable", "policy"])
def test_the_best_of_the_scored_paths_is_chosen_the_first_of_equals(draw: str, augmented: bool) -> None:
    stand = Stand(WEIGHTS, select(PATHS, draw=draw, augmented=augmented, candidates=60, images=32))
    stand.accuracy = hash_of
    if draw == "policy":
        stand.spec.relaxation = Controller(name="controller", temperature=5.0, tanh_constant=2.5)
        stand.alpha = {"cell": torch.randn(stand.spec.relaxation.alpha_shape(CELL))}
    assert stand.spec.select.conclude(stand)
    scores = [hash_of(F.one_hot(torch.tensor(path), 5)) for path, _, _ in stand.asked]
    assert len(scores) == 60 and len(set(scores)) < 60
    assert stand.decided["cell"].tolist() == stand.asked[scores.index(max(scores))][0]
    assert {flag for _, _, flag in stand.asked} == {augmented}
    batches = [tuple(indices.tolist()) for _, indices, _ in stand.asked]
    assert len(set(batches)) == 60 and {len(batch) for batch in batches} == {32}


def test_uniform_paths_are_uniform() -> None:
    stand = Stand(WEIGHTS, select(PATHS, candidates=3000, images=1))
    stand.spec.select.conclude(stand)
    drawn = np.array([path for path, _, _ in stand.asked])
    assert all(stats.chisquare(np.bincount(drawn[:, edge], minlength=5)).pvalue > 1e-3 for edge in range(6))
    pairs = np.bincount(5 * drawn[:, 0] + drawn[:, 5], minlength=25)
    assert stats.chisquare(pairs).pvalue > 1e-3


def test_the_most_probable_paths_are_those_of_all_15625() -> None:
    rows = WEIGHTS.tolist()
    chance = {path: float(np.prod([rows[e][o] for e, o in enumerate(path)])) for path in product(range(5), repeat=6)}
    best = sorted(chance, key=lambda path: -chance[path])
    assert len(chance) == 15_625 and chance[best[99]] > chance[best[100]] * (1 + 1e-9)
    stand = Stand(WEIGHTS, select(PATHS, draw="most-probable", images=1))
    stand.spec.select.conclude(stand)
    assert [tuple(path) for path, _, _ in stand.asked] == best[:100]
    few = Stand(WEIGHTS[:, :2], select(PATHS, draw="most-probable", images=1), ops=nb201.OPS[:2])
    assert len(few.spec.select._paths(few)["cell"]) == 64  # no more than there are


def test_a_policy_is_sampled_from_the_selection_stream_and_its_own_stays() -> None:
    stand = Stand(WEIGHTS, select(PATHS, draw="policy", candidates=20))
    part = stand.spec.relaxation = Controller(name="controller", temperature=5.0, tanh_constant=2.5)
    stand.alpha = {"cell": torch.randn(part.alpha_shape(CELL), generator=torch.Generator().manual_seed(1))}
    before = stand.now.generator.get_state()
    found = stand.spec.select._paths(stand)["cell"]
    moment = replace(stand.now, generator=torch.Generator().manual_seed(0))
    wanted = torch.stack([part.mixing(stand.alpha["cell"], CELL, moment).argmax(-1) for _ in range(20)])
    assert torch.equal(found, wanted) and torch.equal(stand.now.generator.get_state(), before)


def test_the_largest_weight_decides_nothing_by_itself() -> None:
    selection = select({"name": "largest-weight"})
    stand = Stand(WEIGHTS, selection)
    stand.spec.relaxation = Softmax(name="softmax")
    assert decisions(stand, 50) == [] and not selection.conclude(stand)
    assert selection.after_search and selection.search_epochs(50) == 50 and selection.tuning_epochs(NB201) == 0
