"""The catalogue and the resolution of methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.documents import KeyPath
from harness.errors import HarnessError
from harness.methods.catalogue import (
    PACKAGED,
    Catalogue,
    Layer,
    load_catalogue,
    override_layers,
    part_versions,
    resolve,
)
from harness.methods.computed import ComputedSpec
from harness.methods.relaxations import Sigmoid, Softmax
from harness.methods.spec import SearchSpec
from harness.spaces.registry import published
from tests.engine.catalogued import CATALOGUE
from tests.engine.conftest import TINY

SPACE: dict[str, Any] = {
    "space": {
        "name": "nb201",
        "channels": 4,
        "cells": 1,
        "ops": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"],
        "conv_bias": False,
        "bn_statistics": "batch",
        "partial_channels": 1,
    },
    "data": {
        "split": "halves",
        "weight_images": "all",
        "architecture_images": "all",
        "architecture_draw": "pass",
        "image_size": 8,
        "crop_padding": 0,
        "flip": False,
    },
}


def layer(data: dict[str, Any], name: str = "test") -> Layer:
    """Make a layer whose errors tell its name and path."""

    def error(path: KeyPath, message: str) -> HarnessError:
        return HarnessError(f"{name}: {'.'.join(map(str, path))}: {message}")

    return Layer(data, error)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize("name", load_catalogue().methods)
def test_every_method_resolves(name: str, catalogue: Catalogue) -> None:
    if catalogue.computes(name):
        spec = resolve(catalogue, name, [layer({"runs": 3})])
        assert isinstance(spec, ComputedSpec) and spec.runs == 3
    else:
        staged = any(part.data.get("stages") for part in catalogue.layers(name))
        base = SPACE | {"space": published("darts").model_dump()} if staged else SPACE
        spec = resolve(catalogue, name, [layer(base)])
        assert isinstance(spec, SearchSpec) and spec.all_epochs >= 50
    assert catalogue.title(name)


def test_settings_of_the_first_methods(catalogue: Catalogue) -> None:
    darts = resolve(catalogue, "darts-v1", [layer(SPACE)]).model_dump()
    assert darts["weight_optimiser"] == {
        "name": "sgd", "lr": 0.025, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4,
    }  # fmt: skip
    assert darts["architecture_optimiser"] == {
        "name": "adam", "lr": 3e-4, "betas": (0.5, 0.999), "eps": 1e-8, "weight_decay": 1e-3,
    }  # fmt: skip
    exchanged = resolve(catalogue, "ex-darts", [layer(SPACE)]).model_dump()
    assert exchanged["weight_optimiser"]["lr"] == darts["architecture_optimiser"]["lr"]
    assert exchanged["architecture_optimiser"]["lr"] == darts["weight_optimiser"]["lr"]
    assert exchanged["weight_schedule"] == {"name": "constant"}
    single = resolve(catalogue, "single-darts", [layer(SPACE)])
    softmax = resolve(catalogue, "single-darts-softmax", [layer(SPACE)])
    assert single.update.name == softmax.update.name == "joint"
    assert isinstance(single.relaxation, Sigmoid) and isinstance(softmax.relaxation, Softmax)


def test_unknown_and_planned_methods(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"^unknown method 'darts-v3'; did you mean 'darts-v2' or 'darts-v1'\?$"):
        resolve(catalogue, "darts-v3", [layer(SPACE)])
    file = tmp_path / "catalogue.yaml"
    file.write_text("protocols: {}\nmethods: {}\nplanned: {robust: Robust}\n", encoding="utf-8")
    with pytest.raises(HarnessError, match=r"^method 'robust' has no implementation yet$"):
        resolve(load_catalogue(file), "robust", [layer(SPACE)])


TWICE = "0: space.ops: must name at least one operation, each only once, convolutions twice"


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([{"epoch": 3}, {}], "0: epoch: unknown key 'epoch'; did you mean 'epochs'?"),
        ([{"epochs": 3}, {"epochs": 0}, {}], "1: epochs: input should be greater than 0, got 0"),
        ([{"epochs": 0}, {"epochs": 3}, {"batch_size": 0}], "2: batch_size: input should be greater than 0, got 0"),
        ([{"space": {"ops": ["skip_conect", "none"]}}, {"space": {"cells": 2}}],
         "0: space.ops: unknown operation 'skip_conect'; did you mean 'skip_connect'?"),
        ([{"space": {"ops": ["none", "none"]}}], TWICE),
        ([{"space": {"ops": []}}], TWICE),
        ([{"weight_optimiser": {"name": "adam", "lr": 0.1}}, {"weight_optimiser": {"lr": 0.2}}],
         "0: weight_optimiser.betas: missing key 'betas'"),
        ([{"weight_optimiser": {"momentum": 0}}],
         "0: weight_optimiser: nesterov needs a momentum above 0"),
        ([{"architecture_optimiser": {"betas": [0.5, 1.0]}}, {"architecture_optimiser": {"lr": 1}}],
         "0: architecture_optimiser.betas.1: input should be less than 1, got 1.0"),
    ],
)  # fmt: skip
def test_who_wrote_it_is_told(layers: list[dict[str, Any]], said: str, catalogue: Catalogue) -> None:
    named = [layer(data, str(index)) for index, data in enumerate(layers)]
    with pytest.raises(HarnessError) as caught:
        resolve(catalogue, "darts-v1", [layer(SPACE, "space"), *named])
    assert str(caught.value) == f"{said} (method 'darts-v1')"


def test_what_nobody_wrote_is_told_to_the_first_caller(catalogue: Catalogue) -> None:
    with pytest.raises(HarnessError, match=r"^suite: data: missing key 'data' \(method 'darts-v1'\)$"):
        resolve(catalogue, "darts-v1", [layer({"space": SPACE["space"]}, "suite"), layer({"epochs": 3}, "row")])


def test_overrides_are_told_as_options(catalogue: Catalogue) -> None:
    layers = [layer(SPACE), *override_layers(["epochs=3", "space.chanels=4"])]
    with pytest.raises(HarnessError) as caught:
        resolve(catalogue, "darts-v1", layers)
    assert str(caught.value) == (
        "--set space.chanels=4: space.chanels: unknown key 'chanels'; did you mean 'channels' or 'cells'? "
        "(method 'darts-v1')"
    )
    spec = resolve(
        catalogue, "darts-v1", [layer(SPACE), *override_layers(["epochs=3", "weight_clip=null", "epochs=4"])]
    )
    assert spec.epochs == 4 and spec.weight_clip is None


def test_versions_name_every_part_once(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = resolve(catalogue, "single-darts", [layer(SPACE)])
    before = part_versions(spec)
    assert set(before) == {
        "space/nb201", "data", "relaxation/sigmoid", "update/joint", f"alpha_init/{spec.alpha_init.name}",
        "weight_optimiser/sgd", "weight_schedule/cosine", "architecture_optimiser/adam",
        "architecture_schedule/constant", "select/largest-weight",
    }  # fmt: skip
    assert set(before.values()) == {1}
    monkeypatch.setattr(Softmax, "version", 2)
    assert part_versions(spec) == before
    monkeypatch.setattr(Sigmoid, "version", 2)
    assert part_versions(spec) == {**before, "relaxation/sigmoid": 2}


METHOD = "title: T, paper: P, follows: F, search: {}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"methods: {{a: {{{METHOD}, extends: b}}, b: {{{METHOD}, extends: a}}}}\n",
         "methods.b.extends: extends itself: a -> b -> a"),
        (f"methods: {{a: {{{METHOD}, extends: basis}}}}\n",
         "methods.a.extends: unknown method or protocol 'basis'; did you mean 'base'?"),
        (f"methods: {{a: {{{METHOD}, extend: base}}}}\n",
         "methods.a.extend: unknown key 'extend'; did you mean 'extends'?"),
        (f"methods: {{base: {{{METHOD}, extends: base}}}}\n", "methods.base: name used twice in the catalogue"),
        (f"methods: {{later: {{{METHOD}, extends: base}}}}\n", "methods.later: name used twice in the catalogue"),
    ],
)  # fmt: skip
def test_broken_catalogues(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text("protocols: {base: {search: {}}}\nplanned: {later: Later}\n" + text, encoding="utf-8")
    with pytest.raises(HarnessError) as caught:
        load_catalogue(path)
    assert str(caught.value) == f"{path}:3: {said}"


def test_the_packaged_file_is_data() -> None:
    assert PACKAGED.is_file() and PACKAGED.parent.name == "methods"


def test_a_space_may_be_named_as_papers_name_it() -> None:
    data = {"space": {"name": "nb201", "channels": 4}, "data": TINY["data"]}
    spec = resolve(CATALOGUE, "darts-v1", [layer({"space": "s2"})], [layer(data)])
    assert isinstance(spec, SearchSpec) and spec.space == published("s2")
    small = resolve(CATALOGUE, "darts-v1", [layer({"space": "nb201"}), layer({"space": {"cells": 1}})], [layer(data)])
    assert isinstance(small, SearchSpec) and (small.space.channels, small.space.cells) == (16, 1)
    with pytest.raises(HarnessError, match="space: unknown space 's22'; did you mean 's2'"):
        resolve(CATALOGUE, "darts-v1", [layer({"space": "s22"})], [layer(data)])


def test_the_page_of_methods_is_that_of_the_catalogue(catalogue: Catalogue) -> None:
    from scripts.readme import METHODS, methods_page

    assert METHODS.read_text(encoding="utf-8") == methods_page(catalogue), "run: make readme"
