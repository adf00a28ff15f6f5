"""Parts at work in a search: what a step shares, what it may move, and what a trajectory must not show."""

import pytest
import torch
from torch.nn import functional as F

from harness.engine.search import Search
from harness.methods.noises import AdversarialNoise
from tests.engine.catalogued import SEARCHING, enough_epochs, tiny

BATCH, OTHER = torch.arange(16), torch.arange(40, 56)


def build(spec, images):
    search = Search(spec, images, 0, torch.device("cpu"))
    search.net.train()
    return search


def passes(search):
    """Have a search write down (mixing weights, training mode, alpha) of every pass through its network."""
    seen, forward = [], search.net.forward

    def record(images, mixing, *, sampled=False, drops=None):
        seen.append((mixing["cell"].detach().clone(), search.net.training, search.alpha["cell"].detach().clone()))
        return forward(images, mixing, sampled=sampled, drops=drops)

    search.net.forward = record
    return seen


# SP-DARTS ---------------------------------------------------------------------------------------------------


def test_weights_and_architecture_of_a_step_share_its_temperature(make_spec, images):
    part = {"name": "mixed-temperature", "sparse": 0.05, "smooth": 0.5, "low": 0.0, "high": 1.0, "warmup": 1}
    search = build(make_spec(relaxation=part, batch_size=4, epochs=4), images)
    seen = passes(search)
    for epoch in range(4):
        seen.clear()
        search.run_epoch()
        steps = []
        for (weights_mixing, _, weights_alpha), (mixing, _, alpha) in zip(seen[::2], seen[1::2], strict=True):
            temperatures = {
                t
                for m, a in ((weights_mixing, weights_alpha), (mixing, alpha))
                for t in (0.05, 0.5)
                if torch.allclose(m, (a / t).softmax(-1), atol=1e-6)
            }
            assert len(temperatures) == 1
            steps += temperatures
        assert len(steps) == 10
        assert {0: {0.5}, 3: {0.05}}.get(epoch, {0.05, 0.5}) == set(steps)  # 10 coins at 1/3 and 2/3


# sampled paths ----------------------------------------------------------------------------------------------


def test_every_pass_draws_one_path_for_all_cells(images):
    search = build(tiny("gdas", epochs=2, batch_size=8), images)
    seen = passes(search)
    search.run_epoch()
    paths = [tuple(mixing.argmax(-1).tolist()) for mixing, _, _ in seen]
    assert len(paths) == 10 and len(set(paths)) > 8
    assert all(torch.allclose(m, F.one_hot(m.argmax(-1), 5).float(), atol=1e-6) for m, _, _ in seen)


def test_an_operation_that_is_not_drawn_decays_and_keeps_its_momentum(images):
    """Its gradient is 0, so the step is that of SGD on decay alone, as in the dense form."""
    sgd = {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
    search = build(tiny("gdas", epochs=2, batch_size=8, weight_optimiser=sgd, weight_clip=None), images)
    convs = dict(search.net.stages[0][0].convs.items())
    before = {name: conv.conv.weight.detach().clone() for name, conv in convs.items()}
    velocity = {name: torch.zeros_like(weight) for name, weight in before.items()}
    idle = 0
    seen = passes(search)
    for step in range(6):
        search.weight_step(BATCH)
        path = seen[-1][0].argmax(-1).tolist()
        for name, conv in convs.items():
            edge, op = map(int, name.split("_"))
            full = 0.01 * before[name]
            if op != path[edge]:
                idle += step > 0
                velocity[name] = 0.9 * velocity[name] + full
                wanted = before[name] - 0.1 * (full + 0.9 * velocity[name])
                assert torch.allclose(conv.conv.weight, wanted, rtol=1e-5, atol=1e-7), (step, name)
            velocity[name] = search.weight_optimiser.state[conv.conv.weight]["momentum_buffer"].clone()
            before[name] = conv.conv.weight.detach().clone()
    assert idle > 30 and any(v.norm() > 1e-3 for v in velocity.values())


def test_alpha_of_a_uniform_path_never_moves(make_spec, images):
    spec = make_spec(relaxation={"name": "uniform-path"}, update={"name": "weights-only"})
    search = build(spec, images)
    before = search.alpha["cell"].detach().clone()
    seen = passes(search)
    search.run_epoch()
    assert torch.equal(search.alpha["cell"], before)
    assert len({tuple(m.argmax(-1).tolist()) for m, _, _ in seen}) == len(seen) == 3


# DARTS- -----------------------------------------------------------------------------------------------------


def test_the_auxiliary_skip_acts_in_every_pass_and_is_never_recorded(images):
    epochs = 4
    search = build(tiny("darts-minus", epochs=epochs, batch_size=16), images)
    seen = passes(search)
    search.observe(None)
    for epoch in range(epochs):
        seen.clear()
        search.run_epoch()
        for mixing, _, alpha in seen:
            assert torch.allclose(mixing[:, 5], torch.full((6,), 1 - epoch / epochs), atol=1e-6)
            assert (mixing[:, :5] - alpha.softmax(-1)).abs().max() < 1e-7
        recorded = torch.tensor(search.trajectory.mixing["cell"][-1])
        assert torch.allclose(recorded, search.alpha["cell"].softmax(-1), atol=1e-7)
    assert len(seen) == 6


# warm-up ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [m for m in SEARCHING if tiny(m).update.name != "weights-only"])
def test_warm_up_leaves_alpha_bit_for_bit_alone(method, images):
    search = build(tiny(method, epochs=enough_epochs(method, 3), batch_size=16, architecture_warmup=2), images)
    alpha, weight = search.alpha["cell"].detach().clone(), search.weights[0].detach().clone()
    for _ in range(2):
        search.run_epoch()
        assert torch.equal(search.alpha["cell"], alpha)
        assert search.trajectory.architecture_loss[-1] is None
    assert not torch.equal(search.weights[0], weight)
    assert not search.architecture_optimiser.state  # no moments gathered either
    search.run_epoch()
    assert not torch.equal(search.alpha["cell"], alpha)


# SDARTS -----------------------------------------------------------------------------------------------------


def statistics(search):
    return {name: value.clone() for name, value in search.net.named_buffers()}


@pytest.mark.parametrize("method", ["sdarts-rs", "sdarts-adv"])
def test_only_the_weights_see_noise(method, images):
    search = build(tiny(method, epochs=2, batch_size=16), images)
    seen = passes(search)
    search.architecture_step(OTHER)
    search.weight_step(BATCH)
    clean, noisy = seen[0][0], seen[-1][0]
    alpha = seen[-1][2]
    assert torch.allclose(clean, seen[0][2].softmax(-1))
    assert 1e-3 < (noisy - alpha.softmax(-1)).abs().max() < 0.2
    assert torch.allclose(noisy.sum(-1), torch.ones(6))
    assert torch.equal(search.alpha["cell"], alpha) and search.alpha["cell"].grad is None
    search.observe(None)
    assert torch.allclose(torch.tensor(search.trajectory.mixing["cell"][-1]), alpha.softmax(-1), atol=1e-7)


def test_the_attack_is_in_evaluation_mode_and_leaves_no_trace(monkeypatch, images):
    search = build(tiny("sdarts-adv", space={"bn_statistics": "running"}, epochs=2, batch_size=16), images)
    seen, found = passes(search), {}
    perturb = AdversarialNoise.perturb

    def watched(part, mixing, moment, loss):
        before, state = statistics(search), {n: p.detach().clone() for n, p in search.net.named_parameters()}
        attacked = perturb(part, mixing, moment, loss)
        found.update(clean=loss(mixing).item(), attacked=loss(attacked).item())
        assert all(torch.equal(value, before[name]) for name, value in search.net.named_buffers())
        assert all(torch.equal(p, state[n]) and p.grad is None for n, p in search.net.named_parameters())
        return attacked

    monkeypatch.setattr(AdversarialNoise, "perturb", watched)
    before = statistics(search)
    search.weight_step(BATCH)
    assert [training for _, training, _ in seen] == [False] * 11 + [True]  # 2 + 7, two of ours, then the step
    assert found["attacked"] >= found["clean"]
    assert search.net.training
    after = statistics(search)
    assert not any(torch.equal(after[name], before[name]) for name in before if "running" in name)
    assert after["stem.1.num_batches_tracked"] == 1


def test_attacked_training_losses_are_above_those_of_random_noise(images):
    """Same weights, same batch: the worst case within the radius against a draw from it."""
    losses = {}
    for method in ("sdarts-adv", "sdarts-rs"):
        search = build(tiny(method, epochs=2, batch_size=16), images)
        search.epoch = 1
        search.now = search.next_step()
        search.weight_step(BATCH)
        losses[method] = search.weight_meter.take()[0]
    assert losses["sdarts-adv"] > losses["sdarts-rs"]
