"""What the benchmarks time does what it says: one step of each kind, at the smallest size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from speed import comparison
from speed.reference_training import DartsNetwork
from speed.searches import ROWS, SIZES, ordinary_step, search_of, step_of
from speed.trainings import KINDS, ordinary_network, training_of
from speed.trainings import ordinary_step as ordinary_training
from speed.trainings import step_of as training_step


@pytest.mark.parametrize("method", ROWS)
def test_a_timed_step_moves_the_search(method: str) -> None:
    search = search_of(method, SIZES["tiny"])
    before = [weight.detach().clone() for weight in search.weights]
    step_of(search)()
    assert any((weight != old).any() for weight, old in zip(search.weights, before, strict=True))
    ordinary_step(SIZES["tiny"])()


@pytest.mark.parametrize("name", [name for name in KINDS if "full" not in name])
def test_a_timed_training_has_the_network_of_the_ordinary_one(name: str) -> None:
    kind = KINDS[name]
    training, theirs = training_of(kind), ordinary_network(kind).double()
    ours = training.net.double()
    weights = [(n, p) for n, p in ours.named_parameters() if kind.auxiliary or not n.startswith("auxiliary.")]
    with torch.no_grad():
        for (name_of, weight), copy in zip(weights, theirs.parameters(), strict=True):
            assert weight.shape == copy.shape, name_of
            copy.copy_(weight)
    images = torch.randn(4, 3, kind.side, kind.side, dtype=torch.float64)
    for network in (ours, theirs):
        network.train()
    if isinstance(theirs, DartsNetwork):
        theirs.probability = 0.0
        logits, extra = theirs(images)
        if kind.auxiliary:
            own, other = ours.with_auxiliary(images)
            assert torch.allclose(own, logits) and torch.allclose(other, extra)
        assert torch.allclose(ours(images), logits)
    else:
        assert torch.allclose(ours(images), theirs(images))


def test_a_timed_step_moves_the_training() -> None:
    kind = KINDS["DARTS space, reduced size"]
    training = training_of(kind)
    before = [weight.detach().clone() for weight in training.weights]
    training_step(training)()
    assert any((weight != old).any() for weight, old in zip(training.weights, before, strict=True))
    ordinary_training(kind)()


def recorded(**ratios: float) -> str:
    return json.dumps({"machine": {}, "comparisons": {name: {"ratio": ratio} for name, ratio in ratios.items()}})


def test_a_comparison_is_held_to_its_own_processor_else_to_the_least_of_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(comparison, "RECORDED", tmp_path)
    monkeypatch.setattr(comparison, "machine", lambda device: "Linux x86_64, A (R) 1")
    assert comparison.expected("step") is None
    (tmp_path / "b.json").write_text(recorded(step=3, table=9))
    (tmp_path / "c.json").write_text(recorded(step=2))
    assert (comparison.expected("step"), comparison.floor("table")) == (2, pytest.approx(5.4))
    made = comparison.Comparison("step", (1.0, 2.0, 1.0), (5.0, 8.0, 3.0), "s", None)
    comparison.write(comparison.own_record(), [made], {})
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["b.json", "c.json", "linux-x86-64-a-r-1.json"]
    assert (comparison.expected("step"), comparison.expected("table")) == (4, 9)
