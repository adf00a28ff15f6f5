"""Stand-alone networks against the naive ones in float64, operations against their definitions, counts against both."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from harness.errors import HarnessError
from harness.spaces.darts import encoding, layers
from harness.spaces.darts.layers import AFFINE, Source, build_convolution
from harness.spaces.operations import names, operation
from harness.spaces.registry import published
from harness.spaces.space import Size
from tests.spaces.darts import naive

ALL = (
    "normal |sep_conv_3x3~0|dil_conv_3x3~1|+|skip_connect~0|max_pool_3x3~2|+|sep_conv_5x5~1|avg_pool_3x3~3|"
    "+|dil_conv_5x5~0|sep_conv_7x7~4| "
    "reduce |skip_connect~0|max_pool_3x3~1|+|sep_conv_5x5~0|avg_pool_3x3~1|+|dil_conv_5x5~1|dil_conv_3x3~2|"
    "+|sep_conv_7x7~0|skip_connect~3|"
)
OTHERS = (  # operations and shapes of NASNet, AmoebaNet, NASP
    "normal[3,4] |conv_7x1_1x7~0|skip_connect~0|+|none~1|max_pool_5x5~2|+|conv_3x1_1x3~1|nor_conv_3x3~3| "
    "reduce |conv_7x1_1x7~0|conv_3x1_1x3~1|+|max_pool_5x5~0|nor_conv_3x3~1|+|noise~0|none~0|"
    "+|skip_connect~1|skip_connect~1|+|sep_conv_3x3~5|noise~4|"
)


def fixed_noise(x):
    return torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(x.shape[-1]))


@pytest.fixture
def quiet(monkeypatch):
    def drawn(x, _):
        return fixed_noise(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    monkeypatch.setattr(layers, "noise_like", drawn)


def make(text, size, image, images=3):
    torch.manual_seed(0)
    net = published("darts").network(text, size, 10).double().to(memory_format=torch.channels_last)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    genotype = {kind: (cell.terms, cell.returned) for kind, cell in encoding.parse(text).items()}
    return net, genotype, torch.randn(images, 3, image, image, dtype=torch.float64), torch.randint(10, (images,))


@pytest.mark.parametrize("text", [ALL, OTHERS])
@pytest.mark.parametrize(
    ("size", "image"), [(Size(5, 6), 32), (Size(3, 8, "imagenet"), 224), (Size(5, 4, squeeze=True), 32)]
)
def test_logits_auxiliary_logits_and_gradients_equal_the_naive_network(text, size, image, quiet):
    net, genotype, x, labels = make(text, size, image)
    drops = (torch.rand(net.droppable, len(x), generator=torch.Generator().manual_seed(2)) < 0.6).double() / 0.6
    terms = len(genotype["normal"][0]), len(genotype["reduce"][0])
    parts = drops.split([terms[i in naive.reductions(size.cells)] for i in range(size.cells)])
    ours, extra = net.with_auxiliary(x, drops=drops)
    weights, stem = dict(net.named_parameters()), size.stem == "imagenet"
    theirs, other = naive.network(
        weights, x, genotype, size.cells, imagenet=stem, auxiliary=True, drops=parts, noise=fixed_noise
    )
    assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12) and torch.allclose(extra, other, rtol=1e-9, atol=1e-12)
    got, slopes = (
        torch.autograd.grad(F.cross_entropy(a, labels) + 0.4 * F.cross_entropy(b, labels), list(weights.values()))
        for a, b in ((ours, extra), (theirs, other))
    )
    scale = max(b.norm() for b in slopes)
    for name, a, b in zip(weights, got, slopes, strict=True):
        assert (a - b).norm() <= 1e-9 * b.norm() + 1e-12 * scale, name


# operations that no edge of this space has
OF_OTHERS = {"none", "nor_conv_1x1", "maxpool3x3", "conv3x3-bn-relu", "conv1x1-bn-relu"}
OF_OTHERS |= {f"from-{node}" for node in range(6)}


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", [name for name in names() if name not in OF_OTHERS])
def test_every_operation_equals_its_definition_and_its_counts(name, stride):
    torch.manual_seed(1)
    built = build_convolution(name, 4, stride, AFFINE)
    x = torch.randn(3, 4, 8, 8, dtype=torch.float64)
    counted = operation(name)
    if built is None:
        ours = Source(x, stride, torch.Generator().manual_seed(0)).plain(name)
        if name == "noise":
            assert ours.shape == (3, 4, 8 // stride, 8 // stride)
            return
        theirs = naive.operation(name, x, stride, naive.Weights({}), search=False)
        assert counted.weights(4, stride=stride) == counted.multiplications(4, 8, stride=stride) == 0
    else:
        built = built.double()
        ours, (macs, elements) = tallied(built, F.relu(x))
        theirs = naive.operation(name, x, stride, naive.Weights(dict(built.named_parameters())), search=False)
        assert counted.weights(4, stride=stride) == sum(p.numel() for p in built.parameters())
        assert counted.multiplications(4, 8, stride=stride) == macs
        inner = 4 * (8 // stride) ** 2 if name.startswith("sep") else 0  # the ReLU between, and the one before
        assert counted.elementwise(4, 8, stride=stride) == elements + inner + 4 * 64
    assert ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def tallied(module, x, relus=False):
    """Run a module; count multiply-adds of its convolutions and linear layers, and 2 an element of batch norms."""
    macs, elements = 0, 0

    def see(part, inputs, output):
        nonlocal macs, elements
        if isinstance(part, nn.Conv2d):
            macs += output[0].numel() * part.weight[0].numel()
        elif isinstance(part, nn.Linear):
            macs += part.weight.numel()
        elif isinstance(part, nn.BatchNorm2d):
            elements += 2 * output[0].numel()

    hooks = [part.register_forward_hook(see) for part in module.modules()]
    out = module(x)
    for hook in hooks:
        hook.remove()
    return out, (macs, elements)


@pytest.mark.parametrize("text", [ALL, OTHERS])
@pytest.mark.parametrize(
    ("size", "classes", "image"),
    [
        (Size(20, 12), 100, 32), (Size(8, 16), 10, 16), (Size(14, 8, "imagenet"), 1000, 224),
        (Size(14, 8, "imagenet", squeeze=True), 1000, 224),
    ],
)  # fmt: skip
def test_counts_equal_the_built_network(text, size, classes, image):
    torch.manual_seed(0)
    space = published("darts")
    net = space.network(text, size, classes)
    counts = space.counts(text, size, classes, image)
    auxiliary = sum(p.numel() for p in net.auxiliary.parameters())
    assert counts.parameters == sum(p.numel() for p in net.parameters()) - auxiliary
    with torch.no_grad():
        _, (macs, norms) = tallied(net, torch.randn(2, 3, image, image))
    assert counts.multiplications == macs
    assert norms < counts.elementwise < 2 * norms  # with ReLUs: checked operation by operation, and by published sums


def test_where_and_how_far_channels_are_squeezed():
    """NivNayman/XNAS, model_imagenet.py, 14 cells: 0 to 3 to a quarter, 4 to 9 to an eighth, the rest not at all."""
    net = published("darts").network(ALL, Size(14, 8, "imagenet", squeeze=True), 10)
    narrow = {int(number): (part[0].in_features, part[0].out_features) for number, part in net.excited.items()}
    assert narrow == {**{n: (32, 8) for n in range(4)}, **{n: (64, 8) for n in range(4, 9)}, 9: (128, 16)}
    assert not published("darts").network(ALL, Size(14, 8, "imagenet"), 10).excited
    assert list(published("darts").network(ALL, Size(6, 8, squeeze=True), 10).excited) == ["0", "1", "2", "3", "4"]


def test_identities_are_never_dropped_and_all_else_is():
    net, _, x, _ = make(ALL, Size(3, 4), 8)
    cell, state = net.cells[0], net.stem(x)
    inputs = [module(state) for module in cell.preprocess]
    nothing = cell(state, state, torch.zeros(8, 3, dtype=torch.float64), None)
    assert torch.equal(nothing[:, :4], torch.zeros_like(nothing[:, :4]))
    assert torch.equal(nothing[:, 4:8], inputs[0])  # the one identity among normal terms
    assert net.droppable == 24


def test_evaluation_uses_running_statistics():
    net, _, x, _ = make(ALL, Size(3, 4), 8)
    trained = net(x)
    net.eval()
    assert (net(x) - trained).norm() > 1e-3
    assert torch.allclose(net(x)[:1], net(x[:1]))


def test_maps_that_are_too_small_are_refused():
    net, _, x, _ = make(ALL, Size(3, 4), 16)
    with pytest.raises(HarnessError, match=r"made for maps of 8 pixels .*not of 4"):
        net.with_auxiliary(x)
    with pytest.raises(HarnessError, match=r"6 pixels"):
        net(x[:, :, :6, :6])
    with pytest.raises(HarnessError, match=r"100 pixels.*divide by 32"):
        published("darts").counts(ALL, Size(14, 48, "imagenet"), 10, 100)
