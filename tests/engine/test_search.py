"""The search loop against a naive float64 loop; resuming; what each update may and may not move."""

import dataclasses
import shutil

import pytest
import torch

from harness.engine import feed
from harness.engine.feed import select_images
from harness.engine.search import Search, run_search
from harness.errors import HarnessError
from harness.methods.optimisers import Constant, Cosine
from tests.engine.naive_search import NaiveSearch

UPDATES = {
    "weights-first": {"name": "alternating", "order": "weights-first", "unrolled": False},
    "architecture-first": {"name": "alternating", "order": "architecture-first", "unrolled": False},
    "joint": {"name": "joint"},
    "weights-only": {"name": "weights-only"},
}


def in_float64(monkeypatch, spec, images):
    """A search whose network, alpha and images are float64, so that an independent loop can follow it exactly."""
    augment, normalise = feed.augment, feed.normalise
    monkeypatch.setattr(feed, "augment", lambda *a, **k: augment(*a, **k).double())
    monkeypatch.setattr(feed, "normalise", lambda *a: normalise(*a).double())
    search = Search(spec, images, 0, torch.device("cpu"))
    for net in (search.net, *search.parts.values()):
        if isinstance(net, torch.nn.Module):
            net.double()
    for alpha in search.alpha.values():
        alpha.data = alpha.data.double()
    return search


@pytest.mark.parametrize("clip", [None, {"norm": 0.7, "include_alpha": True}, {"norm": 0.7, "include_alpha": False}])
@pytest.mark.parametrize("kind", UPDATES)
def test_one_epoch_equals_the_naive_loop(monkeypatch, make_spec, images, kind, clip):
    relaxation = "sigmoid" if kind == "joint" else "softmax"
    spec = make_spec(update=UPDATES[kind], weight_clip=clip, relaxation={"name": relaxation})
    search = in_float64(monkeypatch, spec, images)
    weights, alpha = dict(search.net.named_parameters()), search.alpha["cell"]
    normalised = (images.train.images.double() - 110) / 60
    settings = {
        "sigmoid": relaxation == "sigmoid", "clip": clip and clip["norm"], "clip_alpha": clip and clip["include_alpha"],
        "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "betas": (0.5, 0.999), "alpha_decay": 1e-3,
    }  # fmt: skip
    naive = NaiveSearch(weights, alpha, normalised, images.train.labels, 1, settings)
    drawn = list(search.feed.batches(0))
    monkeypatch.setattr(search.feed, "batches", lambda epoch: iter(drawn))
    search.observe(None)
    search.run_epoch()
    total, seen = {"w": 0.0, "a": 0.0}, {"w": 0, "a": 0}
    for weight_batch, alpha_batch in drawn:
        losses = naive.step(kind, weight_batch, alpha_batch, 0.05, 0.01)
        for name, batch in (("w", weight_batch), ("a", alpha_batch)):
            if name in losses:
                total[name] += losses[name] * len(batch)
                seen[name] += len(batch)
    assert len(drawn) == 3 and seen["w"] == 40
    track = search.trajectory
    assert track.weight_loss[1] == pytest.approx(total["w"] / 40, rel=1e-6)
    if seen["a"]:
        assert track.architecture_loss[1] == pytest.approx(total["a"] / seen["a"], rel=1e-6)
    else:
        assert track.architecture_loss[1] is None
    assert (alpha - naive.a).norm() <= 1e-6 * naive.a.norm()
    for name, weight in weights.items():
        assert (weight - naive.w[name]).norm() <= 1e-6 * naive.w[name].norm() + 1e-12, name
    # the gradient of alpha after the epoch, at full precision
    batch = drawn[0][1]
    loss = search.loss(*search.batch(batch), search.mixing(), None)
    (gradient,) = torch.autograd.grad(loss, [alpha])
    wanted_loss, _, wanted = naive.gradients(batch)
    assert loss.item() == pytest.approx(wanted_loss, rel=1e-6)
    assert (gradient - wanted).norm() <= 1e-6 * wanted.norm()


@pytest.mark.parametrize("kind", UPDATES)
@pytest.mark.parametrize("draw", ["pass", "with-replacement"])
def test_a_resumed_search_ends_bit_for_bit_as_an_uninterrupted_one(tmp_path, make_spec, images, kind, draw):
    spec = make_spec(update=UPDATES[kind], epochs=3, data={"architecture_draw": draw, "flip": True, "crop_padding": 1})
    whole = run_search(spec, images, 7, "cpu")

    class Stop(Exception):
        pass

    def stop_after_first(epoch, epochs):
        raise Stop

    file = tmp_path / "checkpoint.pt"
    with pytest.raises(Stop):
        run_search(spec, images, 7, "cpu", file, stop_after_first)
    resumed = run_search(spec, images, 7, "cpu", file)
    assert resumed.resumed_from_epoch == 1 and len(resumed.epoch_seconds) == 3
    assert resumed.trajectory == whole.trajectory


def test_seeds_decide_everything_and_the_global_stream_nothing(make_spec, images):
    spec = make_spec(epochs=1)
    torch.manual_seed(1)
    first = run_search(spec, images, 3, "cpu").trajectory
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    second = run_search(spec, images, 3, "cpu").trajectory
    assert torch.equal(state, torch.random.get_rng_state())
    other = run_search(spec, images, 4, "cpu").trajectory
    assert first == second and first.mixing != other.mixing and first.weight_loss != other.weight_loss


def test_trajectory_begins_before_training_and_has_one_entry_per_epoch(make_spec, images):
    track = run_search(make_spec(), images, 0, "cpu").trajectory
    assert len(track.architectures) == len(track.mixing["cell"]) == len(track.weight_loss) == 3
    assert track.weight_loss[0] is None and track.weight_lr == [None, 0.05, pytest.approx((0.05 + 0.001) / 2)]
    assert all(abs(sum(row) - 1) < 1e-6 for epoch in track.mixing["cell"] for row in epoch)


def test_uniform_mixing_stays_uniform_and_cannot_be_searched(make_spec, images):
    spec = make_spec(relaxation={"name": "uniform"}, update={"name": "weights-only"}, weight_clip=None)
    track = run_search(spec, images, 0, "cpu").trajectory
    assert all(value == pytest.approx(0.2) for epoch in track.mixing["cell"] for row in epoch for value in row)


def test_an_architecture_optimiser_of_sgd_moves_alpha_by_its_gradient(make_spec, images):
    sgd = {"name": "sgd", "lr": 0.5, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
    search = Search(make_spec(architecture_optimiser=sgd), images, 0, torch.device("cpu"))
    alpha, batch = search.alpha["cell"], torch.arange(16)
    before = alpha.detach().clone()
    search.net.train()
    (gradient,) = torch.autograd.grad(search.loss(*search.batch(batch), search.mixing(), None), [alpha])
    search.architecture_step(batch)
    assert torch.allclose(alpha, before - 0.5 * gradient)
    assert all(p.grad is None for p in search.weights)


@pytest.mark.parametrize(
    ("data", "sets"),
    [
        ({"weight_images": 40, "architecture_images": 24}, (range(40), range(40, 64))),
        ({"weight_images": "all", "architecture_images": "all"}, (range(32), range(32, 64))),
        ({"weight_images": 10, "architecture_images": "all"}, (range(10), range(10, 64))),
        ({"split": "shared", "weight_images": "all"}, (range(64), range(64))),
        ({"split": "shared", "weight_images": 30}, (range(30), range(30))),
    ],
)
def test_splits(make_spec, images, data, sets):
    _, weights, architecture = select_images(images, make_spec(data=data).data)
    assert weights.tolist() == list(sets[0]) and architecture.tolist() == list(sets[1])


def test_too_few_images_is_one_clear_error(make_spec, images):
    with pytest.raises(HarnessError, match="needs 80 training images, the dataset has 64"):
        Search(make_spec(data={"weight_images": 56}), images, 0, torch.device("cpu"))


def test_a_diverging_search_is_an_error_and_no_result(make_spec, images):
    spec = make_spec(weight_optimiser={"lr": 1e30}, weight_clip=None)
    with pytest.raises(HarnessError, match="diverged"):
        run_search(spec, images, 0, "cpu")


def test_a_damaged_checkpoint_is_named(tmp_path, make_spec, images):
    file = tmp_path / "broken.pt"
    file.write_bytes(b"nothing")
    with pytest.raises(HarnessError, match=r"broken\.pt: not a checkpoint"):
        run_search(make_spec(), images, 0, "cpu", file)


def test_a_search_goes_on_on_another_kind_of_device_with_other_streams_there(tmp_path, make_spec, images):
    spec, here, there = make_spec(epochs=3, data={"flip": True}), tmp_path / "here.pt", tmp_path / "there.pt"
    whole = run_search(spec, images, 0, "cpu", keep={2: here}).trajectory
    state = torch.load(here)
    for name in ("augmentation", "noise"):
        state["generators"][name] = torch.zeros(16, dtype=torch.uint8)  # as small as a GPU's
    for optimiser in ("weight_optimiser", "architecture_optimiser"):
        for group in state[optimiser]["param_groups"]:  # as steps that are recorded leave them
            group["lr"] = torch.tensor(group["lr"])
            group.update({"capturable": True} if "capturable" in group else {})
    torch.save(state | {"device": "cuda"}, there)
    found = [run_search(spec, images, 0, "cpu", shutil.copy(there, tmp_path / name)) for name in ("a.pt", "b.pt")]
    assert found[0].resumed_from_epoch == 2 and found[0].trajectory == found[1].trajectory != whole
    assert [sitting["new_streams"] for sitting in found[0].sittings] == [False, True]
    assert found[0].trajectory.weight_loss[:3] == whole.weight_loss[:3]
    without = make_spec(epochs=3, data={"flip": False, "crop_padding": 0})
    plain = run_search(without, images, 0, "cpu", keep={2: here}).trajectory
    torch.save(torch.load(here) | {"device": "cuda"}, there)
    assert run_search(without, images, 0, "cpu", there).trajectory == plain  # all that is drawn is the host's


def test_schedules_follow_their_formulas():
    cosine = Cosine(name="cosine", final_lr=0.001, period=None)
    rates = [cosine.rate(0.025, epoch, 50) for epoch in range(50)]
    assert rates[0] == 0.025 and rates[25] == pytest.approx(0.013) and rates[49] == pytest.approx(0.0010237, abs=1e-6)
    assert Constant(name="constant").rate(0.3, 40, 50) == 0.3


def test_search_needs_no_test_images(make_spec, images):
    empty = dataclasses.replace(images.train, images=images.train.images[:0], labels=images.train.labels[:0])
    run_search(make_spec(epochs=1), dataclasses.replace(images, test=empty), 0, "cpu")
