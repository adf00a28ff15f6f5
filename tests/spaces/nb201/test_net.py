"""The supernet against an independent naive implementation, and the stand-alone network against counts."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from harness.spaces.nb201 import encoding as nb201
from harness.spaces.nb201.net import Nb201Supernet, build_network
from harness.spaces.registry import published
from harness.spaces.supernet import average_pool
from tests.spaces.nb201 import naive
from tests.spaces.nb201.codes import ALL

pytestmark = pytest.mark.usefixtures("form")
FLAGS = [(False, "batch"), (True, "batch"), (False, "running"), (True, "running")]


def make(conv_bias, statistics, ops=nb201.OPS, cells=2, partial=1, channels=4):
    torch.manual_seed(0)
    net = Nb201Supernet(
        channels=channels, cells=cells, classes=10, ops=ops, conv_bias=conv_bias, bn_statistics=statistics,
        partial_channels=partial,
    )  # fmt: skip
    images, labels = torch.randn(8, 3, 16, 16, dtype=torch.float64), torch.randint(10, (8,))
    alpha = torch.randn(6, len(ops), dtype=torch.float64, requires_grad=True)
    return net.double().to(memory_format=torch.channels_last), images, labels, alpha


def assert_equal_loss_and_gradients(net, alpha, labels, logits, expected):
    """Compare the loss of logits with that of expected ones, and the gradients of alpha and every weight."""
    weights = dict(net.named_parameters())
    ours, theirs = F.cross_entropy(logits, labels), F.cross_entropy(expected, labels)
    assert abs(ours.item() - theirs.item()) < 1e-10 * theirs.item()
    tensors = [alpha, *weights.values()]
    got = torch.autograd.grad(ours, tensors, allow_unused=True)
    wanted = torch.autograd.grad(theirs, tensors, allow_unused=True)
    for name, a, b in zip(["alpha", *weights], got, wanted, strict=True):
        assert a is not None and b is not None, name
        assert (a - b).norm() <= 1e-9 * b.norm() + 1e-12, name


@pytest.mark.parametrize(("conv_bias", "statistics"), FLAGS)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("relaxation", [torch.sigmoid, lambda a: a.softmax(-1)])
def test_loss_and_every_gradient_equal_the_naive_network(conv_bias, statistics, memory_format, relaxation):
    net, images, labels, alpha = make(conv_bias, statistics)
    ours = net(images.contiguous(memory_format=memory_format), {"cell": relaxation(alpha)})
    theirs = naive.forward(dict(net.named_parameters()), images, relaxation(alpha), cells=2)
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


def edge_normalised(alpha):
    """Rows of softmaxes weighed by the share that an edge has of its node's input."""
    share = alpha[:, 0].exp()
    totals = [share[:1].sum(), *[share[1:3].sum()] * 2, *[share[3:].sum()] * 3]
    return (share / torch.stack(totals))[:, None] * alpha.softmax(-1)


@pytest.mark.parametrize(("partial", "channels"), [(2, 4), (4, 8), (8, 8)])
@pytest.mark.parametrize("relaxation", [lambda a: a.softmax(-1), edge_normalised])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_partial_channels_equal_concatenation_and_shuffle_on_every_edge(partial, channels, relaxation, memory_format):
    net, images, labels, alpha = make(False, "running", partial=partial, channels=channels)
    ours = net(images.contiguous(memory_format=memory_format), {"cell": relaxation(alpha)})
    theirs = naive.forward(dict(net.named_parameters()), images, relaxation(alpha), cells=2, partial=partial)
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


@pytest.mark.parametrize("partial", [1, 2])
def test_dropped_edges_are_dropped_image_by_image(partial):
    net, images, labels, alpha = make(False, "batch", partial=partial)
    drops = (torch.rand(6, 6, 8, generator=torch.Generator().manual_seed(1)) < 0.7).double() / 0.7
    ours = net(images, {"cell": alpha.softmax(-1)}, drops=drops)
    weights = dict(net.named_parameters())
    theirs = naive.forward(weights, images, alpha.softmax(-1), cells=2, partial=partial, drops=drops)
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


def masked(alpha, edge):
    """The mixings of a selection: one operation after the other is taken out of one edge."""
    softmax = alpha.detach().softmax(-1)
    mixings = [softmax.clone() for _ in range(softmax.shape[1])]
    for op, mixing in enumerate(mixings):
        mixing[edge, op] = 0
    return mixings


@pytest.mark.parametrize("edge", range(6))
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("partial", [1, 2])
def test_many_mixings_at_once_equal_one_after_the_other(edge, training, partial):
    net, images, _, alpha = make(True, "running", partial=partial)
    net(images, {"cell": alpha.softmax(-1)})  # running statistics that are not those of the batch
    net.train(training)
    matrices = masked(alpha, edge)
    wanted = [net(images, {"cell": matrix}) for matrix in matrices]
    got = net.many(images, [{"cell": matrix} for matrix in matrices])
    for ours, theirs in zip(got, wanted, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-12)
        assert not ours.requires_grad
    assert all((a - b).norm() > 1e-6 for a, b in itertools.pairwise(got))


def test_nodes_are_what_the_logits_are_computed_from():
    net, x, *_ = make(False, "batch")
    mixing = torch.randn(6, 5, dtype=torch.float64).softmax(-1)
    logits, nodes = net.nodes(x, {"cell": mixing})
    assert torch.allclose(logits, net(x, {"cell": mixing}), rtol=1e-10) and [len(cell) for cell in nodes] == [4] * 6
    slopes = torch.autograd.grad(logits.square().sum(), [node for cell in nodes for node in cell])
    assert all(slope.norm() > 0 for slope in slopes)
    assert nodes[1][0] is nodes[0][3] and nodes[2][0].shape[-1] == x.shape[-1] // 2


def test_many_in_single_precision():
    net, images, _, alpha = make(False, "batch", cells=1)
    net, images = net.float(), images.float()
    mixings = [{"cell": matrix.float()} for matrix in masked(alpha, 3)]
    for ours, mixing in zip(net.many(images, mixings), mixings, strict=True):
        assert torch.allclose(ours, net(images, mixing), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("skip", [0, 1, 3])
def test_an_auxiliary_skip_counts_with_the_operation(skip):
    order = ("none", "nor_conv_3x3", "avg_pool_3x3", "nor_conv_1x1")
    ops = (*order[:skip], "skip_connect", *order[skip:])
    net, images, labels, alpha = make(False, "batch", ops=ops)
    beta = torch.rand(6, 1, dtype=torch.float64)
    ours = net(images, {"cell": torch.cat([alpha.softmax(-1), beta], 1)})
    matrix = alpha.softmax(-1)
    matrix = torch.cat([matrix[:, :skip], matrix[:, skip : skip + 1] + beta, matrix[:, skip + 1 :]], 1)
    theirs = naive.forward(dict(net.named_parameters()), images, matrix, cells=2, ops=list(ops))
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)


@pytest.mark.parametrize("left_out", nb201.OPS)
def test_operations_can_be_left_out(left_out):
    ops = tuple(op for op in nb201.OPS if op != left_out)
    net, images, _, alpha = make(False, "batch", ops=ops)
    ours = net(images, {"cell": alpha.softmax(-1)})
    theirs = naive.forward(dict(net.named_parameters()), images, alpha.softmax(-1), cells=2, ops=list(ops))
    assert torch.allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize("op", ["nor_conv_1x1", "nor_conv_3x3"])
def test_a_convolution_can_be_there_twice(op):
    """Each with weights of its own; discretised, both are the one of the table."""
    ops = (*nb201.OPS, op)
    net, images, labels, alpha = make(False, "batch", ops=ops)
    ours = net(images, {"cell": alpha.softmax(-1)})
    theirs = naive.forward(dict(net.named_parameters()), images, alpha.softmax(-1), cells=2, ops=list(ops))
    assert_equal_loss_and_gradients(net, alpha, labels, ours, theirs)
    space = published("nb201").narrowed({"cell": [ops] * 6})
    weights = [[float(option == place) for option in range(len(ops))] for place in (5, 1, 1, 1, 1, ops.index(op))]
    first = f"|{op}~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|{op}~2|"
    assert space.discretise({"cell": weights}, {"cell": [-1] * 6}) == first


def test_one_hot_mixing_equals_the_stand_alone_network_of_that_architecture():
    torch.manual_seed(1)
    net, images, _, _ = make(False, "running")
    architecture = (3, 1, 2, 4, 0, 3)
    alone = build_network(nb201.to_string(architecture), channels=4, cells=2, classes=10).double()
    modules = [m for s, stage in enumerate(net.stages) for m in ([net.reductions[s - 1]] if s else []) + list(stage)]
    with torch.no_grad():
        for ours, theirs in zip(list(net.stem) + modules + [net.head], alone, strict=True):
            if hasattr(theirs, "architecture"):
                for edge, block in theirs.convs.items():
                    block[1].weight.copy_(ours.convs[f"{edge}_{architecture[int(edge)]}"].conv.weight)
            else:
                theirs.load_state_dict(ours.state_dict())
    one_hot = F.one_hot(torch.tensor(architecture), 5).double()
    assert torch.allclose(net(images, {"cell": one_hot}), alone(images), rtol=1e-9)


@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("code", [0, 3905, 7812, 11000, 15624, 4321])
def test_stand_alone_parameters_equal_the_formula(code, classes):
    architecture = ALL[code]
    net = build_network(nb201.to_string(architecture), channels=16, cells=5, classes=classes)
    assert sum(p.numel() for p in net.parameters()) == nb201.parameters(architecture, classes=classes)


@pytest.mark.parametrize(("conv_bias", "count"), [(False, 1_686_106), (True, 1_692_826)])
def test_supernet_parameters_at_full_size(conv_bias, count):
    net = Nb201Supernet(
        channels=16, cells=5, classes=10, ops=nb201.OPS, conv_bias=conv_bias, bn_statistics="batch", partial_channels=1
    )
    assert sum(p.numel() for p in net.parameters()) == count
    assert net.droppable == (15, 6)


def test_running_statistics_are_kept_only_when_asked_and_used_in_evaluation():
    for statistics, tracked in (("running", True), ("batch", False)):
        net, images, _, alpha = make(False, statistics)
        mixing = {"cell": alpha.softmax(-1)}
        trained = net(images, mixing)
        norm = net.stages[0][0].convs["0_3"].bn
        assert (norm.running_mean is not None) == tracked
        net.eval()
        for module in [net.stem[1], net.head[0], *net.reductions.modules()]:
            if isinstance(module, torch.nn.BatchNorm2d):
                module.train()  # those track in both cases: look at the cells alone
        assert torch.allclose(net(images, mixing), trained) != tracked


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants CUDA")
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1)])
def test_pooling_has_the_gradient_on_cuda_that_it_has_on_the_cpu(kernel, stride):
    x, found = torch.randn(2, 4, 9, 9, dtype=torch.float64).to(memory_format=torch.channels_last), []
    for device in ("cpu", "cuda"):
        leaf = x.to(device).requires_grad_()
        out = average_pool(leaf, kernel, stride)
        probe = torch.arange(out.numel(), dtype=torch.float64).view(out.shape).sin().to(device)
        found.append(torch.autograd.grad((out * probe).sum(), leaf)[0].cpu())
    assert torch.allclose(*found, rtol=1e-12)
