"""Gradient confusion of a trained network, against gradients taken one by one and the printed formula."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from harness.data.images import Dataset
from harness.engine.training import Training, run_training
from harness.methods.training import Confusion
from harness.seeds import derive_seed
from tests.engine.training_specs import CELL, DARTS, DARTS_CELL, make, toy

EPOCHS = 4
ASKED = {"batches": 6, "images": 3}


def unlearnable(side: int) -> Dataset:
    """Images whose labels are drawn apart from them, so that batches disagree."""
    data = toy(side)
    labels = torch.randint(3, (len(data.train),), generator=torch.Generator().manual_seed(1))
    return replace(data, train=replace(data.train, labels=labels))


def printed(gradients: np.ndarray) -> float:
    """The mean over i of max(0, max over j of -<g_i, g_j>), by loops (StacNAS, section 2.5.2)."""
    worst = []
    for i, one in enumerate(gradients):
        products = [-float(one @ other) for j, other in enumerate(gradients) if j != i]
        worst.append(max(0.0, *products))
    return sum(worst) / len(worst)


def one_by_one(training: Training, auxiliary: float | None) -> np.ndarray:
    """The gradients of the batches, by ``backward`` on images cut from the data set."""
    generator = torch.Generator().manual_seed(derive_seed(training.seed, "gradient confusion"))
    data, gradients = unlearnable(training.spec.data.image_size), []
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (data.mean, data.std))
    training.net.train()
    for _ in range(ASKED["batches"]):
        chosen = torch.randperm(len(data.train), generator=generator)[: ASKED["images"]]
        images, labels = (data.train.images[chosen].float() - mean) / std, data.train.labels[chosen]
        if auxiliary is None:
            loss = F.cross_entropy(training.net(images), labels)
        else:
            logits, extra = training.net.with_auxiliary(images)
            loss = F.cross_entropy(logits, labels) + auxiliary * F.cross_entropy(extra, labels)
        training.net.zero_grad()
        loss.backward()
        found = [p.grad.flatten() for p in training.net.parameters() if p.grad is not None]
        gradients.append(torch.cat(found).double().numpy())
    return np.stack(gradients)


@pytest.mark.parametrize(
    ("layers", "architecture"),
    [([], CELL), ([DARTS], DARTS_CELL), ([DARTS, {"auxiliary": None}], DARTS_CELL)], ids=["nb201", "with", "without"],
)  # fmt: skip
def test_it_is_the_printed_formula_of_gradients_taken_one_by_one(layers, architecture):
    spec = make(*layers, {"epochs": EPOCHS, "confusion": ASKED})
    result = run_training(spec, architecture, unlearnable(spec.data.image_size), 3, "cpu")
    training = Training(spec, architecture, unlearnable(spec.data.image_size), 3, torch.device("cpu"))
    for _ in range(EPOCHS):
        training.run_epoch()
    gradients = one_by_one(training, spec.auxiliary)
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    products, cosines = (result.curve.diagnostics[name] for name in Confusion.series)
    assert products == pytest.approx(printed(gradients) / gradients.shape[1], rel=1e-3)
    assert cosines == pytest.approx(printed(gradients / lengths), rel=1e-3)
    assert cosines > 0


def test_the_auxiliary_head_and_its_weights_count_where_they_are_trained():
    specs = (make(DARTS, more, {"epochs": EPOCHS, "confusion": ASKED}) for more in ({}, {"auxiliary": None}))
    with_head, without = (run_training(spec, DARTS_CELL, unlearnable(32), 0, "cpu").curve for spec in specs)
    assert with_head.diagnostics != without.diagnostics


def test_what_is_measured_changes_nothing_and_a_finished_training_measures_the_same_again(tmp_path: Path):
    plain = run_training(make(), CELL, toy(), 0, "cpu").curve
    spec = make({"confusion": ASKED})
    measured = run_training(spec, CELL, toy(), 0, "cpu", tmp_path / "state").curve
    assert plain.diagnostics == {} and plain == measured.model_copy(update={"diagnostics": {}})
    again = run_training(spec, CELL, toy(), 0, "cpu", tmp_path / "state").curve  # from the last epoch's state
    assert again == measured


def test_without_it_the_id_of_a_training_is_what_it_was():
    assert "confusion" not in make().model_dump(mode="json")
    assert make({"confusion": ASKED}).model_dump(mode="json")["confusion"] == ASKED
