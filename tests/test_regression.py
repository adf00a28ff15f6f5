"""The regression check: its suite, and what it says of planted drifts. One search of a second stands for all."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import regression.__main__ as regression
from harness.analysis.baselines import Baseline
from harness.engine import optimisers
from harness.methods.catalogue import load_catalogue
from harness.runner import environment
from harness.suite.load import load_suite
from regression import plant
from tests.conftest import Project
from tests.engine.catalogued import SEARCHING, tiny

SUITE = load_suite(regression.SUITE, load_catalogue())


def test_the_suite_has_every_part_of_a_search() -> None:
    """What a search of the catalogue is made of, by kind and name, is in one of the rows."""

    def parts(spec: object) -> set[str]:
        found = {f"{kind} {getattr(getattr(spec, kind), 'name', None)}" for kind in regression.PARTS}
        return found | {f"partial {spec.space.partial_channels > 1}", f"split {spec.data.split}"}

    rows = SUITE.suite.tables["parts"].rows
    had = set().union(*(parts(SUITE.resolve("parts", row, "reduced")) for row in rows))
    assert set().union(*(parts(tiny(method)) for method in SEARCHING)) <= had


def test_every_row_is_recorded_on_real_data_and_on_digits() -> None:
    path = regression.SUITE.parent / "baselines" / "regression-reduced.json"
    recorded = Baseline.model_validate_json(path.read_bytes())
    rows = SUITE.suite.tables["parts"].rows
    for dataset in ("cifar10", "digits"):
        methods = {re.split(r" \(| on ", name)[0] for name in recorded.series if name.endswith(f" on {dataset}")}
        assert methods == {row.method for row in rows.values()}
    assert all(entry.recordings for entry in recorded.series.values())


def test_drifts_to_plant_are_where_they_are_said_to_be() -> None:
    for name, drift in plant.DRIFTS.items():
        text = (plant.ROOT / drift.file).read_text(encoding="utf-8")
        assert text.count(drift.old) == 1 and drift.new != drift.old, name


Check = Callable[..., tuple[int, str]]


@pytest.fixture
def check(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Return a regression check of two searches, DARTS and fixed mixing, recorded as they are now."""
    suite = project.folder / "suites" / "tiny.yaml"
    suite.write_text(suite.read_text(encoding="utf-8").replace("seeds: 3", "seeds: 1"), encoding="utf-8")
    monkeypatch.setattr(regression, "SUITE", Path("suites/tiny.yaml"))
    monkeypatch.setattr(environment, "default_jobs", lambda device: 0)  # in this process, where drifts are planted

    def run(*options: str) -> tuple[int, str]:
        code = regression.main(options)
        return code, capsys.readouterr().out

    assert run("--record")[0] == 0
    return run


def test_nothing_changed(check: Check) -> None:
    code, said = check()
    assert code == 0 and said.endswith("regression, to the bit: all 2 searches as recorded\n")


def drift(monkeypatch: pytest.MonkeyPatch, kind: Any, drifted: Any) -> None:
    """Let searches have another optimiser in the place of one of torch's."""
    usual = optimisers.eager
    monkeypatch.setattr(optimisers, "eager", lambda asked: drifted if asked is kind else usual(asked))


def test_a_momentum_of_8_is_caught_to_the_bit_and_by_golden_traces(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    sgd = optimisers.eager(torch.optim.SGD)
    drift(monkeypatch, torch.optim.SGD, lambda p, lr, momentum, **rest: sgd(p, lr, momentum * 8 / 9, **rest))
    code, said = check("--elsewhere")
    assert code == 1
    assert "regression, to the bit: 2 of 2 searches changed: what all searches share" in said
    assert "by golden traces: 2 of 2 searches changed" in said
    assert re.search(r"^darts-v1 on digits +loss +1 of 1 seeds changed: seed 0: \S+, not \S+$", said, re.MULTILINE)
    assert re.search(r"^darts-uniform +step 2$", said, re.MULTILINE)  # the first loss is of the weights before


def test_a_drift_of_alpha_is_said_to_be_of_those_that_learn_it(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    adam = optimisers.eager(torch.optim.Adam)
    drift(
        monkeypatch,
        torch.optim.Adam,
        lambda *a, weight_decay, **rest: adam(*a, weight_decay=2 * weight_decay, **rest),
    )
    code, said = check()
    assert code == 1
    assert "1 of 2 searches changed; only they have: relaxation.name softmax, update.name alternating" in said


def test_a_changed_setting_is_named(check: Check) -> None:
    suite = Path("suites/tiny.yaml")
    suite.write_text(
        suite.read_text(encoding="utf-8").replace("{epochs: 2, batch_size: 32}", "{epochs: 2, batch_size: 16}")
    )
    code, said = check()
    assert code == 1 and "recorded under other settings: spec.batch_size 32, now 16" in said


def test_what_goes_together_is_told_from_what_goes_without() -> None:
    """Decay moves alpha where there is some, and where alpha is trained."""
    changed = [{"decay 0.001", "update alternating"}, {"decay 0.001", "update joint"}]
    held = [{"decay 0.001", "update weights-only"}, {"decay 0", "update alternating"}]
    assert regression._apart(changed, held) == "decay 0.001, without update weights-only"
    assert regression._apart(changed, held[1:]) == "decay 0.001"
    assert regression._apart(changed, [*held, {"decay 0.001", "update joint"}]) == ""
