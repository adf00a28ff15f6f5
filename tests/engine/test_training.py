"""Final training: one step against a naive one in float64, what an epoch counts, and going on where it was stopped."""

import pytest
import torch
from torch.nn import functional as F

from harness.data.augment_large import random_resized_crop
from harness.data.autoaugment import auto_augment
from harness.engine.capture import WARM_UP
from harness.engine.training import Training, run_training
from harness.errors import HarnessError
from harness.spaces.darts import encoding
from tests.engine.test_capture import Tapes
from tests.engine.training_specs import CELL, DARTS, DARTS_CELL, make, toy
from tests.spaces.darts import naive


def start(spec, dataset, architecture=CELL, **rest):
    return Training(spec, architecture, dataset, 3, torch.device("cpu"), **rest)


def same(one, other):
    """Compare states to the bit; what only says how long it took is left out."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            same(value, other[key]) for key, value in one.items() if key not in ("seconds", "sittings")
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


# one step ---------------------------------------------------------------------------------------------------------


def naive_batch(training, batch, dataset):
    """Flip, crop, normalise and cut out, image by image, by the draws that the stream is about to give."""
    spec, generator = training.spec, torch.Generator()
    generator.set_state(training.generators["training-augmentation"].get_state())
    count, side, pad = len(batch), spec.data.image_size, spec.data.crop_padding
    flips = torch.rand(count, generator=generator) < 0.5
    tops, lefts = (torch.randint(2 * pad + 1, (count,), generator=generator) for _ in range(2))
    torch.rand(count, generator=generator)  # every image is cut
    rows, columns = (torch.randint(side, (count, 1), generator=generator) for _ in range(2))
    images = []
    for number, index in enumerate(batch):
        image = dataset.train.images[index].double()
        image = image.flip(-1) if flips[number] else image
        image = F.pad(image, (pad,) * 4)[:, tops[number] :, lefts[number] :][:, :side, :side]
        image = (image - torch.tensor(dataset.mean).view(3, 1, 1)) / torch.tensor(dataset.std).view(3, 1, 1)
        top, left, length = rows[number, 0].item(), columns[number, 0].item(), spec.data.cutout
        image[:, max(top - length // 2, 0) : top + length // 2, max(left - length // 2, 0) : left + length // 2] = 0
        images.append(image)
    return torch.stack(images), dataset.train.labels[batch]


def naive_loss(weights, images, labels, spec, drops):
    """The network's mean cross-entropy with 0.4 times that of the auxiliary head."""
    genotype = {kind: (cell.terms, cell.returned) for kind, cell in encoding.parse(DARTS_CELL).items()}
    parts = drops.split([8] * spec.network.cells)
    logits, extra = naive.network(
        weights, images, genotype, spec.network.cells, auxiliary=True, drops=parts, noise=None
    )

    def entropy(of):
        smooth, classes = spec.label_smoothing, of.shape[1]
        targets = torch.full_like(of, smooth / classes).scatter(1, labels[:, None], 1 - smooth + smooth / classes)
        return -(targets * of.log_softmax(1)).sum(1).mean()

    return entropy(logits) + spec.auxiliary * entropy(extra)


def test_a_step_of_the_darts_network_equals_the_naive_one_in_double_precision():
    spec, dataset = make(DARTS, {"label_smoothing": 0.1, "clip": 0.5}), toy(32)
    training = start(spec, dataset, DARTS_CELL)
    training.net.double()
    training.kept = training.kept.double()
    training.feed._normalised = lambda pixels: (
        (pixels.double() - torch.tensor(dataset.mean).view(1, 3, 1, 1)) / torch.tensor(dataset.std).view(1, 3, 1, 1)
    ).contiguous(memory_format=torch.channels_last)
    training.epoch = 2  # of 3: paths are kept with probability 0.6
    training.kept.fill_(spec.kept(training.epoch))
    batch = torch.arange(16)
    stream = torch.Generator()
    stream.set_state(training.generators["training-drop-path"].get_state())
    kept = 1 - 0.6 * 2 / 3
    drops = (torch.rand((24, 16), generator=stream) < kept).double() / kept
    weights = {name: value.detach().clone().requires_grad_() for name, value in training.net.named_parameters()}
    images, labels = naive_batch(training, batch, dataset)
    slopes = torch.autograd.grad(naive_loss(weights, images, labels, spec, drops), list(weights.values()))
    norm = torch.sqrt(sum((slope**2).sum() for slope in slopes))
    assert norm > 0.5  # or clipping would not be seen
    training.step(batch)
    for (name, before), slope in zip(weights.items(), slopes, strict=True):
        after = before - 0.025 * (slope * 0.5 / (norm + 1e-6) + 3e-4 * before)
        ours = dict(training.net.named_parameters())[name]
        assert (ours - after).norm() <= 1e-9 * (after - before).norm() + 1e-13, name


def test_without_an_auxiliary_loss_its_head_stays_as_it_was():
    training = start(make(DARTS, {"auxiliary": None}), toy(32), DARTS_CELL)
    before = {name: value.clone() for name, value in training.net.named_parameters()}
    training.step(torch.arange(16))
    moved = {name for name, value in training.net.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {name for name in before if not name.startswith("auxiliary.")}


# epochs -----------------------------------------------------------------------------------------------------------


def test_rates_and_drop_path_follow_the_epoch():
    spec = make({"epochs": 10, "ramp": 4, "optimiser": {"lr": 1.0}}).model_copy(update={"drop_path": 0.3})
    half = 0.5 * (1 + torch.cos(torch.arange(10) * torch.pi / 10))
    half[:4] *= torch.arange(1, 5) / 4
    assert [spec.rate(epoch) for epoch in range(10)] == pytest.approx(half.tolist(), abs=1e-7)
    assert [spec.kept(epoch) for epoch in range(10)] == pytest.approx([1 - 0.03 * epoch for epoch in range(10)])


def test_a_training_learns_and_says_so_epoch_by_epoch():
    seen = []
    result = run_training(
        make({"epochs": 8, "data": {"images": 33}}), CELL, toy(), 3, "cpu", None, lambda *epochs: seen.append(epochs)
    )
    curve = result.curve
    assert seen == [(epoch, 8) for epoch in range(1, 9)] and len(result.epoch_seconds) == 8
    assert curve.loss[-1] < curve.loss[0] and curve.accuracy[-1] > 60 > 34
    assert curve.lr == pytest.approx([make({"epochs": 8}).rate(epoch) for epoch in range(8)])
    assert curve.top5 == [100.0] * 8  # of three classes
    net = start(make(), toy()).net
    assert curve.parameters == sum(value.numel() for value in net.parameters())


def test_further_numbers_of_guesses_are_counted_and_are_the_same_training():
    plain, more = (run_training(make(data), CELL, toy(), 3, "cpu").curve for data in ({}, {"tops": [2, 3]}))
    assert more.tops["3"] == [100.0] * 3 and plain.tops == {}
    assert more.model_dump(exclude={"tops"}) == plain.model_dump(exclude={"tops"})
    training = start(make({"tops": [2]}), toy())
    logits = training.net.eval()(next(training.feed.evaluated(24))[0])
    labels, right = training.feed.held_out.labels.tolist(), 0
    for scores, label in zip(logits.tolist(), labels, strict=True):
        right += sum(other > scores[label] for other in scores) < 2
    assert training.accuracies()[2] == pytest.approx(100 * right / 24)
    assert 0 < right < 24 and training.accuracies()[1] < training.accuracies()[2]


def test_more_guesses_than_classes_are_refused():
    with pytest.raises(HarnessError, match="tops: 4 guesses are more than the 3 classes"):
        start(make({"tops": [2, 4]}), toy())


def test_a_training_without_further_guesses_is_written_as_before_there_were_any():
    assert "tops" not in make().model_dump(mode="json")
    assert make({"tops": [3]}).model_dump(mode="json")["tops"] == [3]


def test_large_images_stay_on_the_host_and_come_over_batch_by_batch():
    crop = {"resized_crop": {"scale": [0.1, 1], "ratio": [0.75, 1.33]}, "crop_padding": 0}
    dataset = toy(12)
    feed = start(make({"data": crop}), dataset).feed
    assert feed.images.images.data_ptr() == dataset.train.images.data_ptr()
    assert start(make({"data": crop}), dataset)._tapes(lambda *_: None) is None
    assert start(make(), toy())._tapes(lambda *_: None) is not None


def test_evaluating_less_often_is_the_same_training():
    often, seldom = (
        run_training(make({"epochs": 5, "evaluated_every": every}), CELL, toy(), 3, "cpu").curve for every in (1, 2)
    )
    assert often.loss == seldom.loss and often.evaluated == often.accuracy
    assert seldom.accuracy == [None, often.accuracy[1], None, *often.accuracy[3:]]


def test_evaluation_draws_no_noise_from_training():
    noisy = "normal " + "+".join(["|noise~0|sep_conv_3x3~1|"] * 4)
    cell = f"{noisy} {noisy.replace('normal', 'reduce')}"
    layer = {"subject": {"architecture": cell}, "auxiliary": None}
    one, other = (
        run_training(make(DARTS, layer, {"evaluated_every": every}), cell, toy(32), 3, "cpu").curve for every in (1, 3)
    )
    assert one.loss == other.loss


def test_the_accuracy_is_of_the_images_that_the_split_names():
    dataset = toy(train=41)
    for split, train, held_out in (("test", dataset.train, dataset.test), ("valid", dataset.train, dataset.train)):
        training = start(make({"data": {"split": split}}), dataset)
        count, first = (41, 0) if split == "test" else (20, 20)
        assert torch.equal(training.feed.images.images, train.images[:count])
        assert torch.equal(training.feed.held_out.labels, held_out.labels[first:])
        training.net.eval()
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (dataset.mean, dataset.std))
        logits = training.net((held_out.images[first:].float() - mean) / std)
        right = (logits.argmax(1) == held_out.labels[first:]).sum().item()
        assert training.accuracies()[1] == pytest.approx(100 * right / len(logits))


def test_larger_images_are_cropped_stretched_and_recoloured_and_evaluated_on_their_middle():
    jitter = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.2}
    data = {"resized_crop": {"scale": [0.1, 1], "ratio": [0.75, 1.33]}, "jitter": jitter, "crop_padding": 0}
    dataset = toy(12)
    training = start(make({"data": data}), dataset)
    images, _ = training.feed.augmented(torch.arange(16))
    plain, _ = next(training.feed.evaluated(24))
    assert images.shape == (16, 3, 8, 8) and plain.shape == (24, 3, 8, 8)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (dataset.mean, dataset.std))
    assert torch.allclose(plain, (dataset.test.images[:, :, 2:10, 2:10] - mean) / std, atol=1e-6)
    levels = images * std + mean
    assert levels.min() >= -1e-3 and levels.max() <= 255.001
    again = start(make({"data": data}), dataset).feed.augmented(torch.arange(16))[0]
    assert torch.equal(images, again) and not torch.equal(training.feed.augmented(torch.arange(16))[0], images)
    trained = run_training(make({"data": data}), CELL, dataset, 3, "cpu").curve
    whole = {"resized_crop": {"scale": [1, 1], "ratio": [1, 1]}, "jitter": None, "crop_padding": 0}
    assert trained.loss != run_training(make({"data": whole}), CELL, dataset, 3, "cpu").curve.loss


def test_autoaugment_changes_whole_numbers_after_crop_and_flip():
    dataset = toy()
    plain = start(make({"data": {"crop_padding": 0, "flip": False}}), dataset)
    training = start(make({"data": {"crop_padding": 0, "flip": False, "auto_augment": "cifar"}}), dataset)
    indices = torch.arange(40)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (dataset.mean, dataset.std))
    changed, _ = training.feed.augmented(indices)
    levels = changed * std + mean
    assert torch.allclose(levels, levels.round(), atol=1e-3) and levels.min() > -0.5 and levels.max() < 255.5
    same = (changed == plain.feed.augmented(indices)[0]).flatten(1).all(1)
    assert 0 < same.sum() < 40
    expected = auto_augment(dataset.train.images[:40], start(training.spec, dataset).feed.generator, "cifar")
    assert torch.equal(levels.round().byte(), expected)
    held_out, _ = next(training.feed.evaluated(24))
    assert torch.equal(held_out, next(plain.feed.evaluated(24))[0])


def test_autoaugment_is_not_recorded():
    training = start(make({"data": {"auto_augment": "cifar"}}), toy())
    assert training._tapes(lambda *_: None) is None


def test_stretched_images_are_rounded_before_a_policy_changes_them():
    crop = {"scale": [0.1, 1], "ratio": [0.75, 1.33]}
    data = {"auto_augment": "imagenet", "resized_crop": crop, "crop_padding": 0, "flip": False}
    dataset, spec = toy(12), make({"data": data})
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (dataset.mean, dataset.std))
    found, _ = start(spec, dataset).feed.augmented(torch.arange(40))
    generator = start(spec, dataset).feed.generator
    cropped = random_resized_crop(dataset.train.images, 8, (0.1, 1), (0.75, 1.33), generator)
    expected = auto_augment(cropped.round().byte(), generator, "imagenet")
    assert torch.equal((found * std + mean).round().byte(), expected)


# mixup ------------------------------------------------------------------------------------------------------------


def test_mixup_mixes_images_and_losses_with_those_of_others():
    """Zhang et al. 2018: the loss of mixed images is that of both classes, by the share of each."""
    spec, dataset = make({"mixup": 0.4, "data": {"flip": False, "crop_padding": 0}}), toy()
    training = start(spec, dataset)
    training.share.fill_(0.3)
    images, labels = training.feed.augmented(torch.arange(16))
    stream = torch.Generator()
    stream.set_state(training.generators["training-augmentation"].get_state())
    order = torch.rand(16, generator=stream).argsort()
    logits = training.net(torch.stack([0.3 * images[n] + 0.7 * images[order[n]] for n in range(16)]))
    chances = logits.log_softmax(1)
    expected = -sum(0.3 * chances[n, labels[n]] + 0.7 * chances[n, labels[order[n]]] for n in range(16)) / 16
    assert training.loss(images, labels).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("shape", [0.2, 1.0, 2.0])
def test_shares_have_the_moments_of_their_beta_distribution(shape):
    training = start(make({"mixup": shape}), toy())
    drawn = torch.tensor([training._share(shape) for _ in range(4000)], dtype=torch.float64)
    spread = (1 / (4 * (2 * shape + 1))) ** 0.5
    assert abs(drawn.mean() - 0.5) <= 5 * spread / 4000**0.5
    assert drawn.std().item() == pytest.approx(spread, rel=0.06)
    assert drawn.min() >= 0 and drawn.max() <= 1


def test_each_batch_has_a_share_of_its_own(monkeypatch):
    training, shares = start(make({"mixup": 0.5}), toy()), []
    step = training.step
    monkeypatch.setattr(training, "step", lambda batch: shares.append(training.share.item()) or step(batch))
    training.run_epoch()
    assert len(set(shares)) == 3


def test_a_training_without_mixup_and_squeezed_channels_is_written_as_before_there_were_any():
    written = make().model_dump()
    assert "mixup" not in written and "squeeze" not in written["network"]
    written = make(DARTS, {"mixup": 0.5, "network": {"squeeze": True}}).model_dump()
    assert written["mixup"] == 0.5 and written["network"]["squeeze"] is True


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"images": 41}, "41 images and 24 test"),
        ({"evaluated": 25}, "40 images and 25 test"),
        ({"split": "valid", "images": 30, "evaluated": 11}, "30 images and 11 training"),
    ],
)
def test_too_few_images_are_said(data, says):
    with pytest.raises(HarnessError, match=says):
        start(make({"data": data}), toy())


def test_a_training_that_diverges_says_where():
    with pytest.raises(HarnessError, match="no finite number in epoch 1"):
        run_training(make({"optimiser": {"lr": 1e30}}), CELL, toy(), 3, "cpu")


# going on ---------------------------------------------------------------------------------------------------------


class Killed(Exception):
    """Stands for the end of a process."""


@pytest.mark.parametrize("layers", [({"mixup": 0.5},), (DARTS, {"network": {"squeeze": True}})], ids=["mixup", "darts"])
@pytest.mark.parametrize("after", [1, 2])
def test_a_training_that_was_killed_ends_as_if_it_had_not_been(tmp_path, layers, after):
    spec = make(*layers)
    cell, dataset, file = spec.subject.architecture, toy(spec.data.image_size), tmp_path / "c.pt"

    def kill(epoch, _):
        if epoch == after:
            raise Killed

    whole = start(spec, dataset, cell)
    for _ in range(spec.epochs):
        whole.run_epoch()
    with pytest.raises(Killed):
        run_training(spec, cell, dataset, 3, "cpu", file, kill)
    resumed = run_training(spec, cell, dataset, 3, "cpu", file)
    assert resumed.resumed_from_epoch == after and len(resumed.sittings) == 2 and len(resumed.epoch_seconds) == 3
    assert resumed.curve == whole.curve
    last = start(spec, dataset, cell)
    last.load(torch.load(file, weights_only=True))
    assert same(last.state(), whole.state())


def test_a_checkpoint_of_another_architecture_is_none(tmp_path):
    file, other = tmp_path / "c.pt", CELL.replace("nor_conv_1x1", "nor_conv_3x3")
    run_training(make(), CELL, toy(), 3, "cpu", file)
    with pytest.raises(HarnessError, match="not a checkpoint"):
        run_training(make(), other, toy(), 3, "cpu", file)


EXTRAS = {"mixup": 0.5, "network": {"squeeze": True}}


@pytest.mark.parametrize("layers", [(), ({"mixup": 0.5},), (DARTS, EXTRAS)], ids=["nb201", "mixup", "darts"])
def test_recorded_steps_are_the_same_steps(layers):
    spec, made = make(*layers), Tapes()
    plain, recorded = (
        start(spec, toy(spec.data.image_size, 120), spec.subject.architecture, **record)
        for record in ({}, {"record": made})
    )
    for training in (plain, recorded):
        for _ in range(spec.epochs):
            training.run_epoch()
    branches = 2 if spec.drop_path else 1  # the first epoch drops no path
    assert len(made) == branches and sum(tape.replays for tape in made) == 3 * 7 - WARM_UP * branches
    assert recorded.curve.loss == pytest.approx(plain.curve.loss, rel=1e-4)


@pytest.mark.parametrize("asked", [{"drop_path": 0.2}, {"auxiliary": 0.4}, {"network": {"squeeze": True}}])
def test_what_a_network_has_no_use_for_is_refused(asked):
    with pytest.raises(
        ValueError, match="networks of space 'nb201' have no drop-path, auxiliary head or squeeze-and-excitation"
    ):
        make(asked)
