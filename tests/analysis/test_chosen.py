"""What a claim counts of an architecture, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.analysis.measures import claim_value
from harness.analysis.outcomes import Outcome
from harness.report.views import formula
from harness.spaces.registry import published
from harness.suite.schema import Claim, Measure
from tests.spaces.darts.test_encoding import OURS

MIXED = "|skip_connect~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|skip_connect~1|avg_pool_3x3~2|"
NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def counted(space: str, architectures: list[str], **asked: Any) -> float | None:
    found = SimpleNamespace(space=published(space), architectures=architectures)
    cells = Outcome.cells.fget(found)  # type: ignore[attr-defined]
    outcome: Any = SimpleNamespace(cells=cells, architectures=architectures)
    return claim_value([outcome], Measure(row="t/r", of="chosen", **asked), None)


@pytest.mark.parametrize(("operation", "edges"), [("skip_connect", 3), ("none", 1), ("nor_conv_1x1", 0)])
def test_edges_of_the_last_architecture_are_counted(operation: str, edges: int) -> None:
    assert counted("nb201", [NONE, MIXED], operation=operation) == edges


def test_the_first_epoch_is_that_before_training() -> None:
    assert counted("nb201", [NONE, MIXED], operation="none", epoch="first") == 6


def test_an_epoch_by_its_number_is_that_after_it() -> None:
    assert counted("nb201", [NONE, NONE, MIXED], operation="none", epoch=1) == 6
    assert counted("nb201", [NONE, MIXED, NONE], operation="none", epoch=1) == 1
    assert counted("nb201", [NONE, MIXED], operation="none", epoch=2) is None  # the search has one epoch


@pytest.mark.parametrize(("cell", "edges"), [(None, 5), ("normal", 2), ("reduce", 3)])
def test_all_cell_types_are_counted_unless_one_is_named(cell: str | None, edges: int) -> None:
    assert counted("darts", [OURS], operation="skip_connect", cell=cell) == edges


@pytest.mark.parametrize(("epoch", "value"), [("first", 0.25), ("last", 0.5)])
def test_of_a_diagnostic_the_first_or_last_that_was_measured_counts(epoch: str, value: float) -> None:
    curve = np.array([np.nan, 0.25, 0.75, 0.5, np.nan])
    outcome: Any = SimpleNamespace(diagnostics={"eigenvalue": curve, "supernet-accuracy": curve * np.nan})
    asked: dict[str, Any] = {"row": "t/r", "of": "diagnostic", "epoch": epoch}
    assert claim_value([outcome], Measure(diagnostic="eigenvalue", **asked), None) == value
    assert claim_value([outcome], Measure(diagnostic="supernet-accuracy", **asked), None) is None
    assert claim_value([outcome], Measure(diagnostic="discretised-accuracy", **asked), None) is None


@pytest.mark.parametrize(
    ("epoch", "words"), [("first", "before training"), (1, "after epoch 1"), ("last", "at the end")]
)
def test_the_words_say_of_which_epoch(epoch: int | str, words: str) -> None:
    side = {"row": "t/r", "of": "magnitude", "operation": "skip_connect", "epoch": epoch}
    claim = Claim.model_validate({"text": "x", "source": "y", "relation": ">", "left": side, "right": 0.5, "margin": 0})
    assert formula(claim) == f"magnitude of skip_connect in t/r {words} > 0.5"


def test_a_claim_on_edges_reads_as_one() -> None:
    side = {"row": "t/r", "of": "chosen", "operation": "skip_connect"}
    claim = Claim.model_validate(
        {"text": "x", "source": "y", "relation": ">", "left": side, "right": side | {"cell": "normal"}, "margin": 1}
    )
    assert formula(claim) == (
        "edges with skip_connect in t/r at the end > edges with skip_connect in t/r, normal cells, at the end, "
        "by more than 1"
    )


@pytest.mark.parametrize(
    ("side", "words"),
    [({"of": "computed", "value": "drop"}, "drop of t/r"),
     ({"of": "exchanged"}, "correlation of weights with accuracies over the operations of the first edge in t/r"),
     ({"of": "diagnostic", "diagnostic": "eigenvalue"}, "eigenvalue of t/r, last measured")],
)  # fmt: skip
def test_what_needs_no_epoch_reads_as_it_is(side: dict[str, str], words: str) -> None:
    claim = {"text": "x", "source": "y", "relation": "<", "left": {"row": "t/r", **side}, "right": 1, "margin": 0}
    assert formula(Claim.model_validate(claim)) == f"{words} < 1"
