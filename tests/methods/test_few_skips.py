"""At most so many skip connections, against the official procedure written out for the fourteen edges."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter

from harness.methods.selections import Selection
from harness.spaces.registry import published
from harness.spaces.space import LEFT_OUT, UNDECIDED

DARTS = published("darts")
OPTIONS = DARTS.groups[0].options[0]
NONE, SKIP = OPTIONS.index("none"), OPTIONS.index("skip_connect")
NODES = np.array([node for node in range(2, 6) for _ in range(node)])


def cell(p: NDArray[np.float64]) -> dict[int, int]:
    """DARTS' parse of weights [14, 8]: by edge that is kept its option."""
    p = p.copy()
    p[:, NONE] = -1
    best = p.argmax(1)
    kept = [
        edge for node in range(2, 6) for edge in sorted(np.flatnonzero(node == NODES), key=lambda e: -p[e].max())[:2]
    ]
    return {int(edge): int(best[edge]) for edge in kept}


def with_few(p: NDArray[np.float64], most: int) -> dict[int, int]:
    p = p.copy()
    while sum(option == SKIP for option in cell(p).values()) > most:
        weakest = min((edge for edge, option in cell(p).items() if option == SKIP), key=lambda edge: p[edge, SKIP])
        p[weakest, SKIP] = 0
    return cell(p)


class Stand:
    """A search whose weights are given."""

    def __init__(self, weights: dict[str, torch.Tensor], most: int) -> None:
        selection = TypeAdapter(Selection).validate_python({"name": "few-skips", "most": most})
        self.spec: Any = SimpleNamespace(space=DARTS, select=selection)
        self.weights = weights
        self.decided = {group.name: torch.full((14,), UNDECIDED) for group in DARTS.groups}

    def strengths(self) -> dict[str, torch.Tensor]:
        return self.weights


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most", [0, 2, 8])
def test_the_weakest_skips_of_the_normal_cell_give_way(seed: int, most: int) -> None:
    torch.manual_seed(seed)
    weights = {name: torch.rand(14, 8, dtype=torch.float64) for name in ("normal", "reduce")}
    for table in weights.values():
        table[:, SKIP] += 0.5  # many would win
    stand = Stand(weights, most)
    assert stand.spec.select.conclude(stand)
    wanted = {"normal": with_few(weights["normal"].numpy(), most), "reduce": cell(weights["reduce"].numpy())}
    for name, decided in stand.decided.items():
        assert {edge: option for edge, option in enumerate(decided.tolist()) if option != LEFT_OUT} == wanted[name]
    assert sum(option == SKIP for option in wanted["reduce"].values()) > 2  # which is let be


def test_skips_that_nothing_can_replace_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of node 2 both edges are kept whatever they hold, and they offer nothing else."""
    rows = [
        ["skip_connect", "skip_connect", "none"],
        ["skip_connect", "skip_connect", "none"],
        *[["none", "skip_connect", "sep_conv_3x3"]] * 12,
    ]
    space = DARTS.narrowed({"normal": rows, "reduce": rows})
    weights = {group.name: torch.tensor([[0.5, 0.3, 0.2]] * 14, dtype=torch.float64) for group in space.groups}
    stand = Stand(weights, 0)
    stand.spec.space = space
    assert stand.spec.select.conclude(stand)
    decided = stand.decided["normal"].tolist()
    assert [rows[edge][option] for edge, option in enumerate(decided) if option != LEFT_OUT] == [
        *["skip_connect"] * 2,
        *["sep_conv_3x3"] * 6,
    ]
