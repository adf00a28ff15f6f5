"""Factors of a profile: rows that differ in a number still differ when it is scaled."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.config import deep_merge
from harness.errors import HarnessError
from harness.methods.catalogue import override_layers
from harness.methods.spec import SearchSpec
from harness.suite import scale
from harness.suite.loaded import LoadedSuite
from harness.suite.scale import Factor
from tests.suite.sample import load

ROW = "        search: {alpha_init: {scale: 0.01}}\n"


def scaled(folder: Path, written: str, *changes: tuple[str, str]) -> LoadedSuite:
    """Load the sample with lines in its reduced profile, indented as its keys."""
    lines = "".join(f"    {line}\n" for line in written.splitlines())
    return load(folder, ("    methods:\n", f"{lines}    methods:\n"), *changes)


def rates(spec: SearchSpec) -> tuple[float, float]:
    return spec.weight_optimiser.lr, spec.architecture_optimiser.lr


def test_a_factor_multiplies_what_the_row_resolves_to(tmp_path: Path) -> None:
    loaded = scaled(tmp_path, "scale: {architecture_optimiser.lr: 66.6667, weight_optimiser.lr: 3}")
    assert rates(loaded.resolve("t1", "darts", "reduced")) == (0.075, 0.02)  # 0.025 and 3e-4 of the catalogue
    assert rates(loaded.resolve("t1", "exchanged", "reduced")) == (0.0009, 1.66667)  # 3e-4 and 0.025
    assert rates(loaded.resolve("t1", "darts", "paper")) == (0.025, 3e-4)


def test_rows_that_differ_still_do(tmp_path: Path) -> None:
    """A profile's own rate would make one search of both rows, and one trial."""
    row = (
        "        searched_on: cifar10\n        values",
        "        searched_on: cifar10\n        search: {weight_optimiser: {lr: 0.05}}\n        values",
    )
    apart = scaled(tmp_path, "scale: {weight_optimiser.lr: 10}", row)
    assert [rates(apart.resolve(*at, "reduced"))[0] for at in (("t1", "darts"), ("t2", "again"))] == [0.25, 0.5]
    one = scaled(
        tmp_path,
        "scale: {weight_optimiser.lr: 10}",
        row,
        ("{batch_size: 32}", "{batch_size: 32}\n      darts-v1: {weight_optimiser: {lr: 0.25}}"),
    )
    assert one.resolve("t1", "darts", "reduced") == one.resolve("t2", "again", "reduced")


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ("{}", (0.0009, 1.66667)),  # those for all
        ("{darts-v1: {weight_optimiser.lr: 4}}", (0.0012, 1.66667)),  # of what it extends, key by key
        ("{ex-darts: {architecture_optimiser.lr: 4}}", (0.0009, 0.1)),  # its own
        ("{ex-darts: {weight_optimiser.lr: 5}, darts-v1: {weight_optimiser.lr: 4}}", (0.0015, 1.66667)),
        ("{gdas: {weight_optimiser.lr: 4}}", (0.0009, 1.66667)),  # no ancestor
        ("{t1: {weight_optimiser.lr: 6}, ex-darts: {weight_optimiser.lr: 5}}", (0.0018, 1.66667)),  # its table
        ("{t1/exchanged: {weight_optimiser.lr: 7}, t1: {weight_optimiser.lr: 6}}", (0.0021, 1.66667)),  # its row
        ("{t2: {weight_optimiser.lr: 6}, t1/darts: {weight_optimiser.lr: 7}}", (0.0009, 1.66667)),  # others
    ],
)
def test_the_nearest_factor_of_the_extends_chain_counts(
    factors: str, expected: tuple[float, float], tmp_path: Path
) -> None:
    general = "scale: {architecture_optimiser.lr: 66.6667, weight_optimiser.lr: 3}\n"
    loaded = scaled(tmp_path, f"{general}scales: {factors}")
    assert rates(loaded.resolve("t1", "exchanged", "reduced")) == expected


def test_factors_lie_between_the_profile_and_its_settings_of_a_method(tmp_path: Path) -> None:
    loaded = scaled(tmp_path, "scale: {batch_size: 0.5}\nscales: {darts-v1: {epochs: 3}}")
    assert loaded.resolve("t1", "darts", "reduced").epochs == 21  # 7 of the profile
    assert loaded.resolve("t1", "darts", "reduced").batch_size == 32  # 64 of the catalogue
    assert loaded.resolve("t1", "exchanged", "reduced").batch_size == 32  # as its method's setting says: not 16
    assert loaded.resolve("t1", "exchanged", "paper").batch_size == 256
    set_to = override_layers(["batch_size=12"])
    assert loaded.resolve("t1", "darts", "reduced", overrides=set_to).batch_size == 12
    assert loaded.resolve("t1", "darts", "reduced", embedded=True).data.image_size == 8


@pytest.mark.parametrize(("factor", "epochs"), [(0.08, 1), (0.35, 2), (0.44, 3), (0.5, 4), (1, 7), (2, 14)])
def test_whole_numbers_stay_whole(factor: float, epochs: int, tmp_path: Path) -> None:
    loaded = scaled(tmp_path, f"scale: {{epochs: {factor}}}")
    assert loaded.resolve("t1", "darts", "reduced").epochs == epochs


def test_numbers_written_as_text_are_numbers(tmp_path: Path) -> None:
    row = (ROW, '        search: {weight_optimiser: {lr: "6e-4"}}\n')
    loaded = scaled(tmp_path, "scale: {weight_optimiser.lr: 10}", row)
    assert loaded.resolve("t1", "exchanged", "reduced").weight_optimiser.lr == 6e-3


def test_a_factor_reaches_into_lists() -> None:
    spec = {"stages": [{"cells": 14, "options": {"count": 5}}, {"cells": 20}], "epochs": 3}
    document: Any = SimpleNamespace(error=lambda at, text: HarnessError(text))
    stand: Any = SimpleNamespace(model_dump=lambda: spec)
    halves = {"stages.0.cells": 0.5, "stages.1.cells": 0.25, "stages.0.options.count": 2}
    factors = {key: Factor(value, ()) for key, value in halves.items()}
    layers = [layer.data for layer in scale.scaled(stand, "x", factors, document)]
    assert deep_merge(spec, *layers) == {
        "stages": [{"cells": 7, "options": {"count": 10}}, {"cells": 5}],
        "epochs": 3,
    }
    with pytest.raises(HarnessError, match="unknown key '2'"):
        list(scale.scaled(stand, "x", {"stages.2.cells": Factor(2, ())}, document))
