"""What trainings add to the searches that they follow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.analysis.evidence import _with_trainings
from harness.analysis.outcomes import Outcome, digest
from harness.methods.training import Found
from tests.engine.training_specs import CELL, make
from tests.records import a_record


def training(name: str, of: str, epochs: int) -> Any:
    spec = make({"epochs": epochs}).model_copy(update={"subject": Found(name="found", search=of)})
    return SimpleNamespace(id=name, after=(of,), spec=spec, dataset="digits", seed=0)


def trained(accuracy: float, epochs: int) -> Outcome:
    lists = {key: [accuracy] * epochs for key in ("loss", "train_accuracy", "lr", "accuracy", "top5")}
    curve = {"architecture": CELL, "parameters": 1, **lists}
    return digest(a_record(trajectory=None, evaluations={}, training=curve))


def test_trainings_of_one_search_answer_each_its_own_question() -> None:
    search = digest(a_record())
    trials = [training("a", search.id, 2), training("b", search.id, 3)]
    joined = _with_trainings(trials, {search.id: search, "a": trained(60.0, 2), "b": trained(70.0, 3)})
    accuracy = joined[search.id].accuracy
    assert (accuracy["digits/test/2"][-1], accuracy["digits/test/3"][-1]) == (60.0, 70.0)
    assert np.isnan(accuracy["digits/test/2"][:-1]).all()


@pytest.mark.parametrize(("other", "counts"), [(60.0, True), (61.0, False)])
def test_where_two_answer_one_question_otherwise_neither_counts(other: float, counts: bool) -> None:
    search = digest(a_record())
    trials = [training("a", search.id, 2), training("b", search.id, 2)]
    joined = _with_trainings(trials, {search.id: search, "a": trained(60.0, 2), "b": trained(other, 2)})
    assert np.isnan(joined[search.id].accuracy["digits/test/2"][-1]) != counts
