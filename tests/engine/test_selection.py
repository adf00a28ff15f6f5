"""Selections at work in a search: a supernet whose answer is known, what stays fixed, how tuning trains."""

import pytest
import torch
from torch.nn import functional as F

from harness.data.images import Dataset, ImageSet
from harness.engine.search import Search, run_search
from harness.spaces.nb201 import encoding as nb201
from tests.engine.catalogued import tiny
from tests.engine.test_contract import differences
from tests.engine.test_parts import passes

CPU = torch.device("cpu")
EDGE = 3  # from the cell's input straight to its output


# a supernet whose answer is known ---------------------------------------------------------------------------


def bright():
    """64 dark and bright images, with a little noise."""
    labels = torch.arange(64) % 2
    noise = torch.randint(0, 40, (64, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    part = ImageSet((noise + 160 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels)
    return Dataset("bright", 2, part, part, (110.0,) * 3, (60.0,) * 3, 0, "bright")


def rigged(op, method="darts-pt", **settings):
    """A supernet that sees the class (the brightness) through one operation of one edge alone.

    All other edges carry `none`. The stem writes the brightness into channel 0, ``op`` of the first cell copies it to
    channel 1, which blocks and later cells hand on, and the head reads nothing else. The other operations of the edge
    are as strong, but bring no news.
    """
    search = Search(tiny(method, batch_size=24, **settings), bright(), 0, CPU)
    alpha = search.alpha["cell"].data.zero_()
    alpha[:, 0] = 40.0
    alpha[EDGE] = torch.tensor([0.0, 0.2, 0.0, 0.0, 0.1])
    net = search.net
    with torch.no_grad():
        for weight in search.weights:
            if weight.dim() > 1:
                weight.zero_()
        net.stem[0].weight[0, :, 1, 1] = 1.0
        for stage, (cell,) in enumerate(net.stages):
            weight = cell.convs[f"{EDGE}_{op}"].conv.weight
            middle = weight.shape[-1] // 2
            weight[1, 0 if stage == 0 else 1, middle, middle] = 1.0
        for block in net.reductions:
            block.shortcut[1].weight[1, 1] = 1.0
        read_brightness(search)
    return search


def read_brightness(search):
    """Set the head to name the class whose mean of channel 1, after pooling, is nearest."""
    pooled, head = [], search.net.head
    hook = head[3].register_forward_hook(lambda module, inputs, output: pooled.append(output[:, 1]))
    search.net.train()
    inputs, labels = search.feed.plain(search.feed.first(None))
    search.net(inputs, search.strengths())
    hook.remove()
    means = torch.stack([pooled[0][labels == label].mean() for label in range(2)])
    head[4].weight.zero_()
    head[4].weight[:, 1] = 2 * means
    head[4].bias.copy_(-(means**2))


@pytest.mark.parametrize("op", [nb201.CONV1, nb201.CONV3])
def test_perturbation_finds_the_operation_that_matters(op):
    search = rigged(op)
    present = search.strengths()
    without = {}
    for other in range(5):
        masked = present["cell"].clone()
        masked[EDGE, other] = 0
        (without[other],) = search.accuracies([{"cell": masked}], None)
    assert without.pop(op) == 50 and set(without.values()) == {100}
    assert present["cell"][EDGE].argmax() == nb201.SKIP
    assert search.spec.select._operation(search, search.groups["cell"], EDGE) == op
    by_magnitude = rigged(op, "darts-pt-mag")
    assert by_magnitude.spec.select._operation(by_magnitude, by_magnitude.groups["cell"], EDGE) == nb201.SKIP


# what stays, what goes on -----------------------------------------------------------------------------------


def test_decided_edges_are_one_hot_in_every_pass_and_their_alpha_stays(images):
    search = Search(tiny("darts-pt-mag", epochs=2, batch_size=16, select={"interval": 2}), images, 3, CPU)
    seen = passes(search)
    search.observe(None)
    frozen = {}
    while search.epoch < search.spec.all_epochs:
        seen.clear()
        before = search.alpha["cell"].detach().clone()
        search.run_epoch()
        decided = search.decided["cell"]
        assert (decided >= 0).sum() == {0: 0, 1: 0, 11: 6}.get(search.epoch - 1, 1 + (search.epoch - 3) // 2)
        for mixing, training, alpha in seen:
            wanted = alpha.softmax(-1)
            wanted[decided >= 0] = F.one_hot(decided[decided >= 0], 5).float()
            assert training and torch.equal(mixing, wanted)
        after = search.alpha["cell"].detach()
        for edge in range(6):
            if decided[edge] >= 0:
                frozen.setdefault(edge, before[edge])
                assert torch.equal(after[edge], frozen[edge])
            else:
                assert not torch.equal(after[edge], before[edge])
        track = search.trajectory
        assert torch.equal(torch.tensor(track.mixing["cell"][-1]), after.softmax(-1))  # opinions, decided or not
        found = nb201.parse(track.architectures[-1])
        largest = after.softmax(-1).argmax(-1).tolist()
        choice = [op if op >= 0 else largest[edge] for edge, op in enumerate(decided.tolist())]
        assert list(found) == choice
    assert search.epoch == 2 + 2 * 5 and len(frozen) == 6


def test_tuning_is_at_a_constant_tenth_of_the_rate_and_begins_without_momentum(images):
    sgd = {"name": "sgd", "lr": 0.025, "momentum": 0.9, "nesterov": False, "weight_decay": 3e-4}
    spec = tiny("darts-pt", epochs=2, batch_size=16, weight_optimiser=sgd, select={"interval": 1})
    search, rates, empty = Search(spec, images, 0, CPU), [], []
    weight_step = search.weight_step

    def watched(batch):
        groups = search.weight_optimiser.param_groups
        rates.append((search.epoch, groups[0]["lr"], groups[0]["momentum"], groups[0]["weight_decay"]))
        empty.append(not search.weight_optimiser.state)
        weight_step(batch)

    search.weight_step = watched
    search.observe(None)
    while search.epoch < spec.all_epochs:
        search.run_epoch()
    assert [rate for epoch, rate, *_ in rates if epoch >= 2] == pytest.approx([0.0025] * 15)
    assert {(momentum, decay) for _, _, momentum, decay in rates} == {(0.9, 3e-4)}
    assert [step for step, fresh in enumerate(empty) if fresh] == [0, 6]  # 3 steps an epoch
    assert search.trajectory.weight_lr[1:] == pytest.approx([0.025, 0.013, *[0.0025] * 5])


def test_alpha_of_a_fixed_supernet_stays_while_it_is_tuned(images):
    search = Search(tiny("darts-pt-fixed", epochs=1, batch_size=16), images, 0, CPU)
    before = search.alpha["cell"].detach().clone()
    weight = search.weights[0].detach().clone()
    search.observe(None)
    while search.epoch < search.spec.all_epochs:
        search.run_epoch()
    assert torch.equal(search.alpha["cell"], before) and not torch.equal(search.weights[0], weight)


def test_at_interval_1_the_last_edge_takes_its_operation_of_largest_weight(images):
    search = Search(tiny("darts-pt", epochs=1, batch_size=16, select={"interval": 1}), images, 0, CPU)
    search.observe(None)
    counts = []
    while search.epoch < search.spec.all_epochs:
        search.run_epoch()
        counts.append(int((search.decided["cell"] >= 0).sum()))
    assert counts == [0, 1, 2, 3, 4, 5]
    (left,) = (search.decided["cell"] < 0).nonzero()[:, 0].tolist()
    opinion = search.alpha["cell"].detach().softmax(-1)[left]
    assert nb201.parse(search.trajectory.architectures[-1])[left] == opinion.argmax()


# Half of the largest change of a weight: in a search of 100 epochs it starts at 0.03 and has reached 0.2973 in the last
# of them, by DARTS-PT's own figures; while tuning it is 0.3. Here 4 epochs: 0.03 + 0.27 / 4 * (0, 1, 2, 3).
MORE = {"adversarial": {"steps": 2}, "random-then-constant": {"tuning": 0.3}}
RADII = {
    "random": [0.03, 0.0975, 0.165, 0.2325, *5 * [0.2325]],
    "random-then-constant": [0.03, 0.0975, 0.165, 0.2325, *5 * [0.3]],
}


@pytest.mark.parametrize("noise", RADII)
def test_noise_stays_on_while_tuning(noise, images, monkeypatch):
    """Read off the weights that the network sees: the first of an edge's operations is moved up by the radius alone."""
    part = {"name": noise, "start": 0.03, "end": 0.3} | MORE.get(noise, {})
    spec = tiny("sdarts-rs-pt", epochs=4, batch_size=64, weight_noise=part, alpha_init={"scale": 0.0})
    search, draw = Search(spec, images, 0, CPU), torch.rand
    up = torch.tensor([1.0, 0.5, 0.5, 0.5, 0.5]).expand(6, 5)  # of 2 u - 1: 1, 0, 0, 0, 0
    monkeypatch.setattr(torch, "rand", lambda *size, **k: up if size == ((6, 5),) else draw(*size, **k))
    search.architecture_step = lambda batch: None
    seen = passes(search)
    search.observe(None)
    radii = []
    while search.epoch < search.spec.all_epochs:
        search.spec.select.before_epoch(search)
        edge = int((search.decided["cell"] < 0).nonzero()[0])
        seen.clear()
        search.now = search.next_step()
        search.weight_step(torch.arange(16))
        search.epoch += 1
        first = seen[-1][0][edge, 0].item()  # (0.2 + r) / (1 + r)
        radii.append((first - 0.2) / (1 - first))
    assert radii == pytest.approx(RADII[noise], rel=1e-5)


@pytest.mark.parametrize("noise", [*RADII, "adversarial"])
def test_no_noise_falls_on_decided_edges(noise, images):
    part = {"name": noise, "start": 0.3, "end": 0.3} | MORE.get(noise, {})
    search = Search(tiny("sdarts-rs-pt", epochs=2, batch_size=16, weight_noise=part), images, 0, CPU)
    search.decided["cell"][:] = torch.tensor([3, -1, -1, 0, 4, -1])
    seen = passes(search)
    search.weight_step(torch.arange(16))
    for mixing, _, _ in seen:
        assert torch.equal(mixing[[0, 3, 4]], torch.eye(5)[[3, 0, 4]])
    softmax = search.alpha["cell"].detach().softmax(-1)
    noisy = torch.stack([mixing for mixing, _, _ in seen])[:, [1, 2, 5]] - softmax[[1, 2, 5]]
    assert (noisy.abs().amax((0, 2)) > 0.02).all()


def test_a_snapshot_is_the_search_up_to_there_and_then_tuning(images, tmp_path):
    """From a state that the whole search left, or from scratch: the same; and schedules count the whole search."""
    settings = {"epochs": 4, "batch_size": 16, "data": {"flip": True}}
    whole = tiny("halves-201", **settings)
    late, early = (tiny("darts-pt", select={"start": start}, **settings) for start in ("end", 2))
    assert late.supernet == early.supernet == whole and (late.all_epochs, early.all_epochs) == (9, 7)
    base = run_search(whole, images, 1, "cpu", keep={2: tmp_path / "2.pt", 4: tmp_path / "4.pt"}).trajectory
    for spec, epoch in ((early, 2), (late, 4)):
        shared = run_search(spec, images, 1, "cpu", tmp_path / f"{epoch}-shared.pt", supernet=tmp_path / f"{epoch}.pt")
        alone = run_search(spec, images, 1, "cpu", tmp_path / f"{epoch}-alone.pt")
        assert shared.from_supernet and not alone.from_supernet and shared.trajectory == alone.trajectory
        states = [torch.load(tmp_path / f"{epoch}-{name}.pt", weights_only=True) for name in ("shared", "alone")]
        assert differences(*states) == ["seconds", "sittings"]
        assert alone.trajectory.weight_loss[: epoch + 1] == base.weight_loss[: epoch + 1]
        assert alone.trajectory.weight_lr[: epoch + 1] == base.weight_lr[: epoch + 1]
        assert len(alone.trajectory.weight_loss) == epoch + 6


def test_greedy_decisions_fall_between_epochs_and_never_on_none(images):
    for method in ("sgas-1", "sgas-2", "sgas-1-pt"):
        search = Search(tiny(method, epochs=7, batch_size=16), images, 0, CPU)
        search.alpha["cell"].data[:, 0] += 3.0  # none leads everywhere
        search.observe(None)
        counts = []
        while search.epoch < search.spec.all_epochs:
            search.run_epoch()
            counts.append(int((search.decided["cell"] >= 0).sum()))
        assert counts == [0, 1, 2, 3, 4, 5, 6] and (search.decided["cell"] > 0).all()
        assert 0 not in nb201.parse(search.trajectory.architectures[-1])
        assert nb201.parse(search.trajectory.architectures[0]) == (0,) * 6
        assert search.trajectory.weight_lr[1] == 0.025  # the search's own schedule throughout


# paths ------------------------------------------------------------------------------------------------------


def test_setn_trains_weights_on_uniform_paths_and_alpha_on_the_full_mixture(images):
    search = Search(tiny("setn", epochs=3, batch_size=4), images, 0, CPU)
    search.alpha["cell"].data[:, 2] += 5.0  # alpha's opinion is clear
    seen, flags, forward = passes(search), [], search.net.forward
    search.net.forward = lambda *a, sampled=False, **k: flags.append(sampled) or forward(*a, sampled=sampled, **k)
    for _ in range(3):
        search.run_epoch()
    weights, architecture = seen[::2], seen[1::2]
    assert flags == 30 * [True, False]
    assert all(torch.allclose(mixing, alpha.softmax(-1)) for mixing, _, alpha in architecture)
    paths = torch.stack([mixing.argmax(-1) for mixing, _, _ in weights])
    assert all(torch.equal(mixing, F.one_hot(mixing.argmax(-1), 5).float()) for mixing, _, _ in weights)
    counts = torch.bincount(paths.flatten(), minlength=5)
    assert counts.sum() == 180 and counts.min() > 15  # 36 each, whatever alpha thinks


@pytest.mark.parametrize("method", ["rsps", "setn", "enas"])
def test_the_path_is_chosen_after_the_last_epoch_and_leaves_the_search_alone(method, images, tmp_path):
    spec = tiny(method, epochs=1, batch_size=16)
    result = run_search(spec, images, 0, "cpu", tmp_path / "c.pt").trajectory
    plain = run_search(spec.supernet, images, 0, "cpu").trajectory
    assert result.architectures[:-1] == plain.architectures and result.weight_loss[:-1] == plain.weight_loss
    assert result.mixing["cell"][-1] == result.mixing["cell"][-2] and result.weight_loss[-1] is None
