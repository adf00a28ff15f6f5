"""Ids of shipped searches, typed: where the mathematics of a search is unchanged, its id never changes again.

Records and checkpoints of hours of work are found by them. A search whose settings were mended, or one of whose parts
has another ``version``, may get another id, and then its line here is another; a refactoring may not touch a line.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from harness.methods.catalogue import load_catalogue
from harness.runner.availability import DataAvailability
from harness.runner.plan import Filters, make_plan
from harness.runner.trial import ProfileName, Trial
from harness.suite.load import load_suite

SUITES = Path(__file__).parents[2] / "suites"
# Checksums of the images that the searches were planned on: CIFAR-10 as two parquet files, scikit-learn's digits.
DATA = DataAvailability({"cifar10": "44b5b8f30f78b268", "digits": "a2b94ca175e5b3a0"}, {})
IDS: list[tuple[str, ProfileName, str, str, int, str]] = [
    ("nb201", "paper", "bfloat16", "darts-v1", 0, "a2b14b1808fe416b"),
    ("nb201", "paper", "bfloat16", "single-darts", 0, "e5a6f13bd365f558"),
    ("nb201", "paper", "float32", "darts-v1", 0, "88561283e26a5c6e"),
    ("nb201", "paper", "float32", "single-darts", 0, "85126193e784e729"),
    ("nb201", "paper", "float32", "single-darts-softmax", 0, "aacd41f7f02a55bd"),
    ("nb201", "paper", "float32", "ex-darts", 0, "67e3cc5609b46111"),
    ("nb201", "paper", "float32", "darts-v2", 0, "b3548b773b0987c3"),
    ("nb201", "paper", "float32", "gdas", 0, "98906b9a05b8f0d3"),
    ("nb201", "reduced", "float32", "darts-v1", 0, "cc0ea3df3b57cb99"),
    ("nb201", "reduced", "float32", "single-darts", 0, "811e443e94a421af"),
    ("nb201", "reduced", "float32", "ex-darts", 0, "da1d18416e3910a9"),
    ("precision", "reduced", "bfloat16", "darts-v1", 0, "cd40dde87bb6491f"),
    ("weight_lr", "paper", "float32", "darts-v1", 0, "d48a346d944e3697"),
    ("weight_lr", "reduced", "float32", "darts-es", 0, "93cc0c9c6af3ebbf"),
    ("methods", "paper", "float32", "sdarts-rs", 0, "cac1dce6d1baf619"),
    ("darts_pt", "paper", "float32", "darts-pt", 0, "ff27e6fbb7657ad6"),
]


@cache
def trials(suite: str, profile: ProfileName, precision: str, method: str, seed: int) -> tuple[Trial, ...]:
    """Plan one method of a shipped suite."""
    loaded = load_suite(SUITES / f"{suite}.yaml", load_catalogue())
    selection = Filters(methods=(method,), seeds=(seed,))
    return make_plan(loaded, profile, selection, (f"precision={precision}",), data=DATA).trials


@pytest.mark.parametrize(("suite", "profile", "precision", "method", "seed", "trial_id"), IDS)
def test_ids_of_searches_never_change(
    suite: str, profile: ProfileName, precision: str, method: str, seed: int, trial_id: str
) -> None:
    planned = trials(suite, profile, precision, method, seed)
    assert trial_id in {trial.id for trial in planned}


def test_the_supernet_that_selections_share_keeps_its_id() -> None:
    planned = trials("darts_pt", "paper", "float32", "darts-pt", 0)
    assert {t.supernet_id for t in planned if t.id == "ff27e6fbb7657ad6"} == {"7fc90c730e7192d7"}
