"""The named blocks of final training: their values typed once more, with the source of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.documents import load_document
from harness.methods.catalogue import part_versions
from harness.methods.training import Jitter, TrainingSettings

FILE = Path(__file__).parents[2] / "suites" / "_base" / "training.yaml"
BLOCKS: dict[str, Any] = load_document(FILE).data["trainings"]

# batch, cells, channels, epochs, first rate, momentum, decay, clip, cutout, drop-path, auxiliary weight
DARTS_LIKE = {
    # quark0/darts, cnn/train.py: 600 epochs of batch 96, 0.025 to 0 by a cosine, 3e-4, clip 5; drop-path 0.2, aux 0.4
    "darts": (96, 20, 36, 600, 0.025, 0.9, 3e-4, 5, 16, 0.2, 0.4),
    # automl/RobustDARTS, src/evaluation/args.py: 8 cells, 16 channels; so do DARTS-PT's scripts on CIFAR-100 and SVHN
    "darts-small": (96, 8, 16, 600, 0.025, 0.9, 3e-4, 5, 16, 0.2, 0.4),
    # yuhuixu1993/PC-DARTS, train.py
    "pc-darts": (96, 20, 36, 600, 0.025, 0.9, 3e-4, 5, 16, 0.3, 0.4),
    # chenxin061/pdarts, train_cifar.py
    "p-darts": (128, 20, 36, 600, 0.025, 0.9, 3e-4, 5, 16, 0.3, 0.4),
    # xiangning-chen/DrNAS, DARTS-space/train.py
    "drnas": (64, 20, 36, 600, 0.025, 0.9, 3e-4, 5, 16, 0.3, 0.4),
    # liamcli/gaea_release, the command of its README
    "gaea": (96, 20, 36, 600, 0.025, 0.9, 3e-4, 5, 16, 0.3, 0.4),
    # StacNAS, appendix C: "exactly the same with DARTS"; E16's auxiliary .4, clip 5
    "stacnas": (96, 20, 36, 600, 0.025, 0.9, 3e-4, 5, 16, 0.2, 0.4),
}


def settings(name: str) -> TrainingSettings:
    """Merge a block with what it extends, here without the harness' own way to do it."""
    block = BLOCKS[name]
    merged = settings(block["extends"]).model_dump() if "extends" in block else {}
    for key, value in block["settings"].items():
        below = merged.get(key)
        same = isinstance(below, dict) and value.get("name", below.get("name")) == below.get("name")
        merged[key] = {**below, **value} if same else value
    return TrainingSettings.model_validate(merged)


@pytest.mark.parametrize("name", DARTS_LIKE)
def test_trainings_on_small_images_are_those_of_their_code(name: str) -> None:
    found = settings(name)
    rate = found.optimiser
    assert (
        found.batch_size, found.network.cells, found.network.channels, found.epochs, rate.lr, rate.momentum,
        rate.weight_decay, found.clip, found.data.cutout, found.drop_path, found.auxiliary,
    ) == DARTS_LIKE[name]  # fmt: skip
    assert rate.name == "sgd" and not rate.nesterov and found.space == "darts" and found.precision == "float32"
    assert found.rate(0) == 0.025 and found.rate(300) == pytest.approx(0.0125) and found.rate(599) < 1e-6
    assert found.kept(0) == 1 and found.kept(599) == pytest.approx(1 - found.drop_path * 599 / 600)
    assert (found.data.image_size, found.data.crop_padding, found.data.flip, found.data.split) == (32, 4, True, "test")
    assert found.data.resized_crop is found.data.jitter is None
    assert found.data.images == found.data.evaluated == "all" and found.label_smoothing == 0 and found.ramp == 0


@pytest.mark.parametrize(("name", "epochs"), [("nb201-200", 200), ("nb201-12", 12)])
def test_the_benchmarks_own_training_is_that_of_its_configuration(name: str, epochs: int) -> None:
    """D-X-Y/AutoDL-Projects, configs/nas-benchmark/CIFAR.config and LESS.config: a whole cosine over the epochs."""
    found = settings(name)
    rate = found.optimiser
    assert (rate.lr, rate.momentum, rate.nesterov, rate.weight_decay) == (0.1, 0.9, True, 5e-4)
    assert (found.epochs, found.batch_size, found.network.cells, found.network.channels) == (epochs, 256, 5, 16)
    assert found.rate(0) == 0.1 and found.rate(epochs // 2) == pytest.approx(0.05) and found.space == "nb201"
    assert (found.data.crop_padding, found.data.flip, found.data.cutout) == (4, True, 0)
    assert found.clip is found.auxiliary is None and found.drop_path == found.label_smoothing == 0


# batch, first rate, rates after some epochs. quark0/darts, cnn/train_imagenet.py: 0.1 and 0.97 an epoch.
# yuhuixu1993/PC-DARTS, train_imagenet.py: a ramp over five epochs above batch 256, a line,
# a flatter one in the last five.
# Single-DARTS, 5.1.2: 768 for 1024, 0.375 for 0.5.
LARGE = {
    "darts-imagenet": (128, {0: 0.1, 1: 0.097, 100: 0.1 * 0.97**100}),
    "pc-darts-imagenet": (1024, {0: 0.1, 1: 0.2 * 244 / 245, 5: 0.5 * 240 / 245, 244: 0.5 / 245, 249: 0.1 / 245}),
    "single-darts-imagenet": (768, {0: 0.075, 5: 0.375 * 240 / 245, 249: 0.075 / 245}),
}


@pytest.mark.parametrize("name", LARGE)
def test_trainings_on_imagenet_are_those_of_their_code(name: str) -> None:
    found, (batch, rates) = settings(name), LARGE[name]
    assert (found.batch_size, found.epochs, found.network.cells, found.network.channels) == (batch, 250, 14, 48)
    assert found.network.stem == "imagenet" and found.data.image_size == 224 and found.data.split == "test"
    assert {epoch: found.rate(epoch) for epoch in rates} == pytest.approx(rates)
    rate, crop, jitter = found.optimiser, found.data.resized_crop, found.data.jitter
    assert (rate.name, rate.momentum, rate.nesterov, rate.weight_decay, found.clip) == ("sgd", 0.9, False, 3e-5, 5)
    assert (found.label_smoothing, found.auxiliary, found.drop_path, found.data.cutout) == (0.1, 0.4, 0, 0)
    assert crop is not None and crop.scale == (0.08, 1) and crop.ratio == pytest.approx((3 / 4, 4 / 3))
    assert jitter is not None and found.data.flip and found.data.crop_padding == 0
    assert (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue) == (0.4, 0.4, 0.4, 0.2)


def test_every_block_is_compared() -> None:
    assert set(BLOCKS) == {*DARTS_LIKE, *LARGE, "nb201-200", "nb201-12", "stacnas-aa", "stacnas-aa-imagenet"}
    assert all(block["source"].startswith(("official: ", "paper: ")) for block in BLOCKS.values())


def test_the_training_with_autoaugment_differs_from_the_base_in_two_settings() -> None:
    base, other = settings("stacnas").model_dump(), settings("stacnas-aa").model_dump()
    assert "auto_augment" not in base["data"] and other["data"].pop("auto_augment") == "cifar"
    assert (base.pop("epochs"), other.pop("epochs")) == (600, 1200) and base == other


def test_the_training_with_autoaugment_on_imagenet_differs_from_darts_in_three_settings() -> None:
    """StacNAS, appendix C: the policy of ImageNet, squeeze-and-excitation, 800 epochs; all else as DARTS."""
    base, other = settings("darts-imagenet").model_dump(), settings("stacnas-aa-imagenet").model_dump()
    assert other["data"].pop("auto_augment") == "imagenet" and other["network"].pop("squeeze") is True
    assert (base.pop("epochs"), other.pop("epochs")) == (250, 800) and base == other


def test_a_part_within_a_part_enters_ids_once_its_version_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands it has no key of its own: ids from before stay."""
    block: Any = settings("darts-imagenet")
    before = part_versions(block)
    assert before["data"] == 1 and not any(key.startswith("data.") for key in before)
    monkeypatch.setattr(Jitter, "version", 2)
    assert part_versions(block) == {**before, "data.jitter": 2}
