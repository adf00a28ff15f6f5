"""The supernet against an independent naive implementation in float64: logits and every gradient."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from harness.errors import HarnessError
from harness.spaces.darts import kernels, layers
from harness.spaces.darts.layers import Source
from harness.spaces.darts.mixed import PoolNorm
from harness.spaces.registry import published
from tests.spaces.darts import naive

pytestmark = pytest.mark.usefixtures("form")
SPACES = ("darts", "s5", "s1", "s2", "s3", "s4", "darts-sep7", "stacnas-four", "stacnas-families")
# every operation of the space on every edge, and edges with unequal numbers of options
RAGGED = {"normal": [["skip_connect", "none"]] * 9 + [["max_pool_3x3", "sep_conv_3x3", "avg_pool_3x3"]] * 5}


def make(name="darts", *, channels=4, cells=3, auxiliary=False, images=4, side=8, **changes):
    torch.manual_seed(0)
    settings = {"channels": channels, "cells": cells} | changes
    space = type(published(name)).model_validate(published(name).model_dump() | settings)
    net = space.supernet(10, auxiliary=auxiliary).double().to(memory_format=torch.channels_last)
    x, labels = torch.randn(images, 3, side, side, dtype=torch.float64), torch.randint(10, (images,))
    alpha = {
        g.name: torch.randn(g.shape[0], g.shape[1] + auxiliary, dtype=torch.float64, requires_grad=True)
        for g in space.groups
    }
    return space, net, x, labels, alpha


def softmax(alpha):
    return {name: a.softmax(-1) for name, a in alpha.items()}


def by_edge(space, mixing, auxiliary=False):
    """Mixing weights and options edge by edge, found by places alone."""
    weights, options = {}, {}
    for cell in ("normal", "reduce"):
        groups = [g for g in space.groups if g.cell == cell]
        at = {place: (g, row) for g in groups for row, place in enumerate(g.places)}
        weights[cell] = [mixing[at[e][0].name][at[e][1]] for e in range(14)]
        extra = ("skip_connect",) if auxiliary else ()
        options[cell] = [(*at[e][0].options[at[e][1]], *extra) for e in range(14)]
    return weights, options


def fixed_noise(x):
    """Noise that both implementations draw alike: a function of the shape."""
    return torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(x.shape[-1]))


def naive_logits(space, net, x, mixing, auxiliary=False, **settings):
    weights, options = by_edge(space, mixing, auxiliary)
    partial = space.partial_channels
    return naive.supernet(
        dict(net.named_parameters()), x, weights, options, space.cells, partial=partial, noise=fixed_noise, **settings
    )


@pytest.fixture
def quiet(monkeypatch):
    """Make the noise operation return what `fixed_noise` does."""
    monkeypatch.setattr(layers, "noise_like", lambda x, _=None, **__: by_channel(fixed_noise(x.permute(0, 3, 1, 2))))


def by_channel(x):
    return x.permute(0, 2, 3, 1).contiguous()


def assert_equal_loss_and_gradients(net, alpha, labels, logits, expected):
    ours, theirs = F.cross_entropy(logits, labels), F.cross_entropy(expected, labels)
    assert abs(ours.item() - theirs.item()) < 1e-10 * theirs.item()
    tensors = alpha | dict(net.named_parameters())
    got = torch.autograd.grad(ours, list(tensors.values()), allow_unused=True)
    wanted = torch.autograd.grad(theirs, list(tensors.values()), allow_unused=True)
    scale = max(b.norm() for b in wanted if b is not None)
    for name, a, b in zip(tensors, got, wanted, strict=True):
        assert (a is None) == (b is None), name
        assert a is None or (a - b).norm() <= 1e-9 * b.norm() + 1e-12 * scale, name


@pytest.mark.parametrize("name", SPACES)
def test_loss_and_every_gradient_equal_the_naive_network(name, quiet):
    space, net, x, labels, alpha = make(name)
    ours = net(x.contiguous(memory_format=torch.channels_last), softmax(alpha))
    theirs = naive_logits(space, net, x, softmax(alpha))
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


def test_the_layout_of_images_does_not_matter():
    space, net, x, labels, alpha = make()
    ours = net.to(memory_format=torch.contiguous_format)(x, softmax(alpha))
    theirs = naive_logits(space, net, x, softmax(alpha))
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


@pytest.mark.parametrize("cells", [4, 8])
def test_deeper_networks(cells):
    space, net, x, labels, alpha = make("s5", cells=cells, images=2)
    ours, theirs = net(x, softmax(alpha)), naive_logits(space, net, x, softmax(alpha))
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


def test_edges_with_unequal_numbers_of_options():
    space, net, x, labels, alpha = make(**RAGGED)
    assert [g.name for g in space.groups] == ["normal-3", "normal-2", "reduce"]
    ours, theirs = net(x, softmax(alpha)), naive_logits(space, net, x, softmax(alpha))
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


def test_one_option_twice_has_weights_of_its_own():
    """StacNAS' second stage lists skip, skip, none: two modules where the edge has stride 2."""
    options = [["skip_connect", "skip_connect", "none"]] * 14
    space, net, x, labels, alpha = make(normal=options, reduce=options)
    ours, theirs = net(x, softmax(alpha)), naive_logits(space, net, x, softmax(alpha))
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


def normalised_by_edge(alpha):
    """Rows that sum to an edge's share of its node, as PC-DARTS' do."""
    share = torch.cat([part.softmax(0) for part in alpha[:, 0].split([2, 3, 4, 5])])
    return share[:, None] * alpha.softmax(-1)


@pytest.mark.parametrize("partial", [2, 4])
def test_partial_channels_equal_concatenation_and_shuffle_on_every_edge(partial):
    space, net, x, labels, alpha = make(channels=8, partial_channels=partial)
    ours = net(x, {name: normalised_by_edge(a) for name, a in alpha.items()})
    theirs = naive_logits(space, net, x, {name: normalised_by_edge(a) for name, a in alpha.items()})
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


@pytest.mark.parametrize("partial", [1, 2])
def test_dropped_edges_are_dropped_image_by_image(partial):
    space, net, x, labels, alpha = make(partial_channels=partial)
    generator = torch.Generator().manual_seed(1)
    drops = (torch.rand(*net.droppable, len(x), generator=generator) < 0.7).double() / 0.7
    ours = net(x, softmax(alpha), drops=drops)
    theirs = naive_logits(space, net, x, softmax(alpha), drops=drops)
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


@pytest.mark.parametrize("name", ["darts", "s2"])
def test_the_auxiliary_skip_is_a_further_column(name):
    """DARTS-: an identity, where the edge has stride 2 a FactorizedReduce of its own."""
    space, net, x, labels, alpha = make(name, auxiliary=True)
    ours, theirs = net(x, alpha), naive_logits(space, net, x, alpha, auxiliary=True)
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)
    more, plain = (sum(p.numel() for p in made.parameters()) for made in (net, make(name)[1]))
    assert more - plain == 8 * (8**2 + 16**2)  # eight edges of stride 2 in a cell of 8 and one of 16 channels


def test_left_out_edges_have_weights_of_zero_and_contribute_nothing():
    space, net, x, _, alpha = make()
    mixing = {name: m.detach() * (torch.arange(14) % 2)[:, None] for name, m in softmax(alpha).items()}
    assert torch.allclose(net(x, mixing), naive_logits(space, net, x, mixing), rtol=1e-9)


@pytest.mark.parametrize("name", ["darts", "s3"])
def test_a_sampled_path_evaluates_what_it_takes_and_gives_idle_weights_the_gradient_of_a_constant(name):
    space, net, x, labels, alpha = make(name)
    hard = {g: F.one_hot(a.detach().argmax(-1), a.shape[1]).double().requires_grad_() for g, a in alpha.items()}
    ours = net(x, hard, sampled=True)
    assert torch.allclose(ours, net(x, hard), rtol=1e-9)
    assert_equal_loss_and_gradients(net, hard, labels, ours, naive_logits(space, net, x, hard, sampled=True))


def masked(alpha, group, edge):
    """The mixings of a selection: one option after the other is taken out of one edge."""
    mixings = []
    for option in range(alpha[group].shape[1]):
        mixing = {name: a.detach().softmax(-1) for name, a in alpha.items()}
        mixing[group][edge, option] = 0
        mixings.append(mixing)
    return mixings


@pytest.mark.parametrize(("group", "edge"), [("normal", 0), ("normal", 13), ("reduce", 0), ("reduce", 7)])
@pytest.mark.parametrize("training", [True, False])
def test_many_mixings_at_once_equal_one_after_the_other(group, edge, training):
    _, net, x, _, alpha = make("s5", cells=5)
    net(x, softmax(alpha))  # running statistics that are not those of the batch
    net.train(training)
    mixings = masked(alpha, group, edge)
    wanted = [net(x, mixing) for mixing in mixings]
    got = net.many(x, mixings)
    for ours, theirs in zip(got, wanted, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-12)
        assert not ours.requires_grad
    assert all((a - b).norm() > 1e-9 for a, b in itertools.pairwise(got))


@pytest.mark.parametrize("count", [1, 2])
def test_one_mixing_or_equal_ones_are_those_of_a_forward(count):
    """All cells are shared then, and yet the classifier sees the last one before any ReLU."""
    _, net, x, _, alpha = make("s2", cells=5)
    mixing = {group: weights.detach() for group, weights in softmax(alpha).items()}
    wanted = net(x, mixing)
    for logits in net.many(x, [mixing] * count):
        assert torch.allclose(logits, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["darts", "stacnas-four"])
def test_weights_by_cell_are_those_of_every_cell(name):
    space, net, x, labels, alpha = make(name, cells=4)
    mixing = {group: weights.detach() for group, weights in softmax(alpha).items()}
    assert torch.allclose(net.by_cell(x, [mixing] * 4), net(x, mixing), rtol=1e-10)
    own = [{group: weights.clone().requires_grad_() for group, weights in mixing.items()} for _ in range(4)]
    shared = {group: weights.clone().requires_grad_() for group, weights in mixing.items()}
    F.cross_entropy(net.by_cell(x, own), labels).backward()
    F.cross_entropy(net(x, shared), labels).backward()
    for kind, group in ((group.cell, group.name) for group in space.groups):
        total = sum(cell[group].grad for cell, of in zip(own, net.kinds, strict=True) if of == kind)
        assert torch.allclose(total, shared[group].grad, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", ["darts", "s1"])
def test_nodes_are_what_the_logits_are_computed_from(name):
    """An edge's gradient is that of its node by what the edge carries: the skip connection's source."""
    space, net, x, labels, alpha = make(name)
    mixing = softmax(alpha)
    logits, nodes = net.nodes(x, mixing)
    assert torch.allclose(logits, net(x, mixing), rtol=1e-10) and {len(cell) for cell in nodes} == {6}
    loss = F.cross_entropy(logits, labels)
    own = [{g: w.detach().requires_grad_() for g, w in mixing.items()} for _ in net.kinds]
    slopes = cell_slopes(F.cross_entropy(net.by_cell(x, own), labels), own)
    seen = 0
    for number, kind in enumerate(net.kinds):
        for group, row in space.rows(kind):
            source, node = nodes[number][group.sources[row]], nodes[number][group.nodes[row]]
            if "skip_connect" in group.options[row] and source.shape == node.shape:
                (slope,) = torch.autograd.grad(loss, node, retain_graph=True)
                found = slopes[number][group.name][row, group.options[row].index("skip_connect")]
                assert found.item() == pytest.approx((slope * source).sum().item(), rel=1e-7, abs=1e-12)
                seen += 1
    assert seen >= 6


def cell_slopes(loss, own):
    tensors = [weights for cell in own for weights in cell.values()]
    found = iter(torch.autograd.grad(loss, tensors, allow_unused=True, materialize_grads=True))
    return [{group: next(found) for group in cell} for cell in own]


def test_many_computes_cells_before_the_first_that_differs_once():
    _, net, x, _, alpha = make("s2", cells=5)
    calls = [0] * 5
    for number, cell in enumerate(net.cells):
        cell.register_forward_hook(lambda *_, number=number: calls.__setitem__(number, calls[number] + 1))
    net.many(x, masked(alpha, "reduce", 3))
    assert calls == [1, 2, 2, 2, 2]  # cells 1 and 3 reduce
    net.many(x, masked(alpha, "normal", 3))
    assert calls == [3, 4, 4, 4, 4]


def test_the_noise_operation_ignores_its_input_and_draws_anew_in_every_forward():
    only = [["noise"]] * 14
    _, net, x, _, _ = make("s4", normal=only, reduce=only)
    net.generator = torch.Generator().manual_seed(3)
    mixing = {name: torch.ones(14, 1, dtype=torch.float64) for name in ("normal", "reduce")}
    first, second, other = net(x, mixing), net(x, mixing), net(x + 1, mixing)
    assert (first - second).norm() > 1e-3 and (first - other).norm() > 1e-3
    net.generator = torch.Generator().manual_seed(3)
    assert torch.equal(net(x + 5, mixing), first)
    source = Source(torch.zeros(64, 8, 16, 16), 2, torch.Generator().manual_seed(0))
    drawn = source.noise()
    assert drawn.shape == (64, 8, 8, 8)
    assert abs(drawn.mean()) < 0.02 and abs(drawn.std() - 1) < 0.02 and abs((drawn**4).mean() - 3) < 0.2


def test_supernet_parameters_at_full_size():
    assert sum(p.numel() for p in published("darts").supernet(10).parameters()) == 1_930_618


def test_groups_and_paths():
    space, net, *_ = make(**RAGGED)
    assert {g.name: g.shape for g in space.groups} == {"normal-3": (5, 3), "normal-2": (9, 2), "reduce": (14, 8)}
    assert net.droppable == (3, 14)


def test_running_statistics_of_pools():
    """One source, pooled once, normalised on every edge: each edge's own statistics move as if it stood alone."""
    _, net, x, _, alpha = make("s5")
    net(x, softmax(alpha))
    cell = net.cells[0]
    state = cell.preprocess[0](F.relu(net.stem(x)))
    for edge, stride in ((0, 1), (2, 1), (5, 1)):
        for position, pooled in ((0, naive.max_pool(state, stride)), (1, naive.average_pool(state, stride))):
            norm = cell.edges[edge][str(position)]
            assert torch.allclose(norm.running_mean, 0.1 * pooled.mean((0, 2, 3)), rtol=1e-9)
            variance = pooled.transpose(0, 1).flatten(1).var(1)
            assert torch.allclose(norm.running_var, 0.9 + 0.1 * variance, rtol=1e-9)


def test_evaluation_uses_running_statistics_edge_by_edge():
    space, net, x, _, alpha = make("s5")
    net(x, softmax(alpha))
    for norm in (m for m in net.modules() if isinstance(m, PoolNorm)):
        norm.running_mean += torch.rand(norm.num_features)
    net.eval()
    mixing = {name: m.detach() for name, m in softmax(alpha).items()}
    cell, source = net.cells[0], F.relu(net.stem(x))
    state = [module(source) for module in cell.preprocess]
    got = []
    hook = cell.register_forward_hook(lambda *args: got.append(args[2]))
    net(x, mixing)
    hook.remove()
    first = 0
    for edge in (0, 1):
        for position in range(7):
            name = space.groups[0].options[edge][position]
            value = evaluated(cell.edges[edge], position, name, state[edge])
            first = first + mixing["normal"][edge, position] * value
    assert torch.allclose(got[0][:, :4], first, rtol=1e-9)


def evaluated(modules, position, name, x):
    if name == "skip_connect":
        return x
    module = modules[str(position)]
    if "pool" in name:
        pooled = naive.max_pool(x, 1) if name.startswith("max") else naive.average_pool(x, 1)
        mean, scale = module.running_mean, (module.running_var + 1e-5).rsqrt()
        return (pooled - mean[None, :, None, None]) * scale[None, :, None, None]
    return module(F.relu(x))


def test_batch_statistics_keep_none():
    _, net, x, _, alpha = make(bn_statistics="batch")
    kept = [name for name, _ in net.named_buffers() if name.startswith("cells")]
    assert not kept
    trained = net(x, softmax(alpha))
    net.eval()
    net.stem.train()
    assert torch.allclose(net(x, softmax(alpha)), trained)


def test_second_derivatives():
    """The Hessian of alpha that eigenvalues are taken of, against differences of naive gradients."""
    space, net, x, labels, alpha = make("s3", images=2)
    direction = {name: torch.randn_like(a) for name, a in alpha.items()}

    def slopes(shift, forward):
        moved = {name: (a.detach() + shift * direction[name]).requires_grad_() for name, a in alpha.items()}
        loss = F.cross_entropy(forward(softmax(moved)), labels)
        return moved, torch.autograd.grad(loss, list(moved.values()), create_graph=True)

    moved, gradient = slopes(0, lambda mixing: net(x, mixing))
    along = sum((g * d).sum() for g, d in zip(gradient, direction.values(), strict=True))
    ours = torch.autograd.grad(along, list(moved.values()))
    step = 1e-5
    ahead, behind = (slopes(s, lambda m: naive_logits(space, net, x, m))[1] for s in (step, -step))
    for a, b, c in zip(ours, ahead, behind, strict=True):
        assert torch.allclose(a, (b - c) / (2 * step), rtol=1e-4, atol=1e-7)


def test_images_whose_maps_cannot_be_halved_are_refused():
    _, net, _, _, alpha = make("s2")
    with pytest.raises(HarnessError, match=r"10 pixels.*divide by 4"):
        net(torch.zeros(1, 3, 10, 10).double(), softmax(alpha))


def test_a_supernet_with_auxiliary_connections_takes_mixing_weights_without_theirs():
    """A measurement knows no auxiliary connection: it counts as left out."""
    _, net, x, _, alpha = make("s2", auxiliary=True)
    plain = {name: a.detach()[:, :-1] for name, a in alpha.items()}
    zeros = {name: torch.cat([m, torch.zeros(14, 1).double()], 1) for name, m in plain.items()}
    assert torch.allclose(net(x, plain), net(x, zeros), rtol=1e-9)


def test_both_forms_draw_the_same_noise(form, monkeypatch):
    _, net, x, _, alpha = make("s4")
    mixing = {name: a.detach() for name, a in softmax(alpha).items()}
    net.generator = torch.Generator().manual_seed(1)
    first = net(x, mixing)
    monkeypatch.setattr(kernels, "library", lambda: None)
    net.generator = torch.Generator().manual_seed(1)
    assert torch.allclose(net(x, mixing), first, rtol=1e-9)


def test_passes_that_wait_for_their_gradients():
    """Two forwards, then both backwards: running statistics that have moved on do no harm."""
    _, net, x, labels, alpha = make("s5")
    losses = [F.cross_entropy(net(batch, softmax(alpha)), labels) for batch in (x, x.flip(0))]
    first, second = (torch.autograd.grad(loss, list(alpha.values())) for loss in losses)
    alone = torch.autograd.grad(F.cross_entropy(net(x, softmax(alpha)), labels), list(alpha.values()))
    assert all(torch.allclose(a, b, rtol=1e-9, atol=1e-14) for a, b in zip(first, alone, strict=True))
    assert not torch.allclose(first[0], second[0])
