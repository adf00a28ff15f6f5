"""Measurements: against full Hessians, the naive network and counts by hand; and that they leave no trace."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import nn
from torch.nn import functional as F

from harness.engine.cell_gradients import cell_gradients
from harness.engine.correlation import Comoments, gradient_confusion
from harness.engine.measure import batch_statistics, largest_eigenvalue
from harness.engine.search import Search, run_search
from harness.errors import HarnessError
from harness.methods.catalogue import resolve
from harness.methods.diagnostics import Diagnostic
from harness.seeds import derive_seed
from harness.spaces.nb201 import encoding as nb201
from harness.spaces.nb201.net import Mix, MixedCell
from harness.spaces.registry import published
from tests.engine.catalogued import CATALOGUE, layer, tiny
from tests.engine.conftest import TINY
from tests.engine.test_contract import differences
from tests.engine.test_search import in_float64
from tests.spaces.nb201 import naive

CPU = torch.device("cpu")

# the largest eigenvalue -------------------------------------------------------------------------------------


@pytest.mark.parametrize("spectrum", [[3.0, 1.0, 0.5, -7.0, 0.0, 2.5], [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0], [2.0] * 6])
@pytest.mark.parametrize("shift", [0.0, 0.25])
def test_the_largest_eigenvalue_of_a_quadratic_is_that_of_its_matrix(spectrum, shift):
    basis, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    matrix = basis @ torch.tensor(spectrum, dtype=torch.float64).diag() @ basis.T
    first, second = (nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in ((2, 2), (2,)))
    whole = torch.cat([first.flatten(), second])
    loss = whole @ matrix @ whole / 2 + 5 * whole.sum()
    assert largest_eigenvalue(loss, [first, second], shift) == pytest.approx(max(spectrum) + shift, rel=1e-9)


def plain(pixels):
    """The toy's images normalised, in the single precision of the feed."""
    return ((pixels.float() - 110) / 60).double()


def full_hessian(search, images, relaxed):
    """The Hessian by alpha of the naive network's loss, row by row; ``relaxed``: alpha to mixing weights."""
    weights = {name: value.detach() for name, value in search.net.named_parameters()}
    chosen = search.feed.architecture_set[:images]
    inputs = plain(search.feed.images.images[chosen])
    labels = search.feed.images.labels[chosen]

    def loss(alpha):
        return F.cross_entropy(naive.forward(weights, inputs, relaxed(alpha), 1), labels)

    return torch.autograd.functional.hessian(loss, search.alpha["cell"].detach()).reshape(30, 30).numpy()


@pytest.mark.parametrize("decay", [0.0, 0.125])
def test_the_eigenvalue_of_a_search_is_that_of_the_full_hessian(monkeypatch, images, decay):
    search = in_float64(monkeypatch, tiny("darts-es", architecture_optimiser={"weight_decay": decay}), images)
    search.alpha["cell"].data.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(1)))
    matrix = full_hessian(search, 20, lambda alpha: alpha.softmax(-1))
    assert np.abs(matrix - matrix.T).max() < 1e-12
    wanted = np.linalg.eigvalsh(matrix + decay * np.eye(30))[-1]
    assert wanted - decay > 1e-3
    assert search.dominant_eigenvalue(20) == pytest.approx(wanted, rel=1e-3)


def test_fewer_products_than_entries_are_enough(images, monkeypatch):
    search = Search(tiny("darts-es"), images, 0, torch.device("cpu"))
    search.alpha["cell"].data.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(1)))
    calls, plain_grad = [], torch.autograd.grad

    def grad(*arguments, **settings):
        calls.append(arguments)
        return plain_grad(*arguments, **settings)

    monkeypatch.setattr(torch.autograd, "grad", grad)
    assert np.isfinite(search.dominant_eigenvalue(24)) and len(calls) - 1 <= 20


def test_decided_edges_have_no_curvature(monkeypatch, images):
    search = in_float64(monkeypatch, tiny("darts-es"), images)
    search.decided["cell"][:] = torch.tensor([3, -1, 1, -1, 0, -1])
    one_hot = torch.eye(5, dtype=torch.float64)

    def relaxed(alpha):
        rows = alpha.softmax(-1)
        return torch.stack([one_hot[3], rows[1], one_hot[1], rows[3], one_hot[0], rows[5]])

    wanted = np.linalg.eigvalsh(full_hessian(search, 16, relaxed))[-1] + 1e-3
    assert search.dominant_eigenvalue(16) == pytest.approx(wanted, rel=1e-3)
    search.decided["cell"][:] = 1
    assert search.dominant_eigenvalue(16) == 1e-3  # the decay alone


# accuracies -------------------------------------------------------------------------------------------------


def test_accuracies_count_the_naive_networks_answers(monkeypatch, images):
    search = in_float64(monkeypatch, tiny("darts-v1", batch_size=10), images)
    generator = torch.Generator().manual_seed(2)
    mixings = [torch.randn(6, 5, generator=generator).double().softmax(-1) for _ in range(6)]
    weights = {name: value.detach() for name, value in search.net.named_parameters()}
    wanted = []
    for mixing in mixings:
        right = 0
        for batch in (range(40, 50), range(50, 60), range(60, 62)):  # the architecture's set begins at 40
            logits = naive.forward(weights, plain(images.train.images[list(batch)]), mixing, 1)
            right += (logits.argmax(1) == images.train.labels[list(batch)]).sum().item()
        wanted.append(100 * right / 22)
    assert search.accuracies([{"cell": mixing} for mixing in mixings], 22) == pytest.approx(wanted)
    assert len(set(wanted)) > 2


def test_a_path_is_judged_in_evaluation_mode_on_the_images_that_are_named(images):
    search = Search(tiny("rsps", space={"bn_statistics": "running"}), images, 0, torch.device("cpu"))
    search.run_epoch()
    path, indices = F.one_hot(torch.tensor([3, 1, 2, 4, 0, 3]), 5).float(), torch.tensor([3, 3, 50, 60, 7, 11, 12])
    found = search.path_accuracy({"cell": path}, indices, augmented=False)
    assert search.net.training
    search.net.eval()
    inputs = (images.train.images[indices].float() - 110) / 60
    answers = search.net(inputs, {"cell": path}).argmax(1)
    assert found == pytest.approx(100 * (answers == images.train.labels[indices]).float().mean().item())


def test_batch_statistics_leave_running_ones_alone_even_after_an_error():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images = 5 + torch.randn(6, 3, 2, 2)
    with pytest.raises(ZeroDivisionError), batch_statistics(net):
        out = net(images).detach()
        assert out.mean().abs() < 1e-5 and abs(out.std() - 1) < 0.1
        raise ZeroDivisionError
    assert not net.training and [module.momentum for module in net[1:]] == [0.1, 0.1]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("method", ["darts-v1", "single-darts", "gaea-bilevel"])
def test_the_gradients_of_cells_add_up_to_that_of_the_weights_they_share(method, images):
    search = Search(tiny(method, space={"cells": 2, "bn_statistics": "running"}), images, 0, CPU)
    before = {name: value.clone() for name, value in search.net.state_dict().items()}
    found = search.operation_gradients(24)
    inputs, labels = search.feed.plain(search.feed.first(24))
    shared = search.strengths()["cell"].requires_grad_()
    with batch_statistics(search.net):
        (wanted,) = torch.autograd.grad(F.cross_entropy(search.net(inputs, {"cell": shared}), labels), [shared])
    found = torch.stack(found).view(6, 6, 5)
    assert torch.allclose(found.sum(0), wanted, rtol=1e-4, atol=1e-7)
    assert (found[:, :, nb201.NONE] == 0).all() and (found[:, :, 1:] != 0).all()
    assert all(torch.equal(value, before[name]) for name, value in search.net.state_dict().items())


def test_a_cells_gradient_is_by_its_own_weights(images, monkeypatch):
    """By finite differences in float64: one cell's weights move, those of the others stay."""
    search = in_float64(monkeypatch, tiny("darts-v1", space={"cells": 1}), images)
    inputs, labels = search.feed.plain(search.feed.first(24))
    mixing = search.strengths()["cell"]
    cells, step = [m for m in search.net.modules() if isinstance(m, MixedCell)], 1e-6

    def loss(cell, change):
        def moved(module, inputs):
            return inputs[0], Mix(mixing + change, search.net.ops, module.channels), inputs[2]

        hook = cells[cell].register_forward_pre_hook(moved)
        with torch.no_grad(), batch_statistics(search.net):
            value = F.cross_entropy(search.net(inputs, {"cell": mixing}), labels)
        hook.remove()
        return value.item()

    with batch_statistics(search.net):
        loss_of = lambda own: F.cross_entropy(search.net.by_cell(inputs, own), labels)  # noqa: E731
        found = [cell["cell"] for cell in cell_gradients({"cell": mixing}, 3, loss_of)]
    for cell, edge, op in ((0, 1, 3), (1, 4, 1), (2, 5, 4), (2, 0, 2)):
        change = torch.zeros_like(mixing)
        change[edge, op] = step
        difference = (loss(cell, change) - loss(cell, -change)) / (2 * step)
        assert found[cell][edge, op].item() == pytest.approx(difference, rel=1e-4, abs=1e-9)


def test_gradients_are_recorded_of_the_first_the_middle_and_the_last_cell(images, monkeypatch):
    part = {"name": "operation-gradients", "every": 1, "images": 8}
    spec = tiny("darts-v1", epochs=1, batch_size=16, diagnostics=[part])
    rows = [cell + torch.arange(30.0) / 100 for cell in range(15)]
    monkeypatch.setattr(Search, "operation_gradients", lambda self, images: rows if images == 8 else None)
    track = run_search(spec, images, 0, "cpu").trajectory
    assert len(track.diagnostics) == 3 * 6 * 5
    for cell, number in (("first", 0), ("middle", 7), ("last", 14)):
        found = track.diagnostics[f"operation-gradients/{cell}/3<-1/skip_connect"]
        assert found == pytest.approx([number + 0.21] * 2)


def linear_slopes(monkeypatch, search, cell, node, source, batch):
    """dL/dW [D, D] on a batch, of an operation W x from a source to a node beside the others, at W = 0."""
    found, plain_node = [], MixedCell._node
    place = [m for m in search.net.modules() if isinstance(m, MixedCell)][cell]

    def with_operation(self, target, sources, mix, drops):
        total = plain_node(self, target, sources, mix, drops)
        if self is not place or target != node:
            return total
        x = sources[source].mixed.flatten(1)
        found.append(torch.zeros(x.shape[1], x.shape[1], dtype=x.dtype, requires_grad=True))
        return total + (x @ found[0].T).view_as(total)

    inputs, labels = search.feed.plain(batch)
    with monkeypatch.context() as patch, batch_statistics(search.net):
        patch.setattr(MixedCell, "_node", with_operation)
        patch.setattr(MixedCell, "_dense", False)  # in torch's operations
        loss = F.cross_entropy(search.net(inputs, search.strengths()), labels)
    return torch.autograd.grad(loss, found)[0]


@pytest.mark.parametrize("method", ["darts-v1", "single-darts", "same-subset"])
def test_the_gradient_correlation_is_that_of_the_steps_of_a_linear_operation(monkeypatch, images, method):
    """Both gradients of the operation, as wholes: their product is what Single-DARTS' Eq. 8 sums over pairs."""
    shared = {"data": {"split": "shared"}} if method == "same-subset" else {}
    spec = tiny("darts-v1" if shared else method, space={"cells": 1, "channels": 2}, **shared)
    search = in_float64(monkeypatch, spec, images)
    found = search.gradient_correlations(12)
    assert len(found) == 3 and {len(cell) for cell in found} == {3}
    weights = search.feed.weight_set[-12:]
    architecture = weights if method == "single-darts" else search.feed.architecture_set[:12]
    assert (method == "single-darts") == bool(set(weights.tolist()) & set(architecture.tolist()))
    for cell, node in ((0, 1), (1, 3), (2, 2)):
        ends = [(cell, node, source) for source in range(node)]
        pairs = [[linear_slopes(monkeypatch, search, *end, batch) for batch in (weights, architecture)] for end in ends]
        wanted = sum((one * other).sum().item() for one, other in pairs)
        assert found[cell][node - 1] == pytest.approx(wanted, rel=1e-9)
        assert method != "single-darts" or wanted > 0


def test_correlations_are_recorded_by_cell_and_node(images, monkeypatch):
    part = {"name": "gradient-correlation", "every": 1, "images": 8}
    spec = tiny("darts-v1", epochs=1, batch_size=16, diagnostics=[part])
    rows = [[cell + node / 100 for node in (1, 2, 3)] for cell in range(15)]
    monkeypatch.setattr(Search, "gradient_correlations", lambda self, images: rows if images == 8 else None)
    track = run_search(spec, images, 0, "cpu").trajectory
    wanted = {"first": 0, "middle": 7, "last": 14}
    assert track.diagnostics == {
        f"gradient-correlation/{cell}/{node}": [number + node / 100] * 2
        for cell, number in wanted.items()
        for node in (1, 2, 3)
    }


# no trace ---------------------------------------------------------------------------------------------------

ALL = [
    {"name": "eigenvalue", "first": 1, "every": 2, "images": 16},
    {"name": "supernet-accuracy", "every": 1, "images": 24},
    {"name": "discretised-accuracy", "every": 1, "images": 8},
    {"name": "operation-gradients", "every": 1, "images": 8},
    {"name": "gradient-correlation", "every": 1, "images": 8},
    {"name": "operation-correlation", "images": 24, "families": [["nor_conv_1x1", "nor_conv_3x3"]]},
    {"name": "gradient-confusion", "images": 8, "batches": 3},
]


@pytest.mark.parametrize("method", ["r-darts-dp", "gdas", "pc-darts", "darts-pt-mag"])
def test_a_search_with_diagnostics_is_the_search_without(method, images, tmp_path):
    settings = {"epochs": 2, "batch_size": 16, "space": {"bn_statistics": "running"}, "data": {"flip": True}}
    plain = run_search(tiny(method, **settings), images, 5, "cpu", tmp_path / "plain.pt").trajectory
    measured = run_search(tiny(method, diagnostics=ALL, **settings), images, 5, "cpu", tmp_path / "all.pt").trajectory
    assert measured.model_copy(update={"diagnostics": {}}) == plain
    states = [torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("plain", "all")]
    for state in states:
        state["trajectory"].pop("diagnostics")
    assert differences(*states) == ["seconds"]
    last = len(plain.architectures) - 1
    for part in ALL[:3]:
        due = {*range(1, last, 2), last} if part["name"] == "eigenvalue" else {*range(last + 1)}
        assert {e for e, value in enumerate(measured.diagnostics[part["name"]]) if value is not None} == due


def test_what_the_accuracies_of_a_search_are_of(images):
    search = Search(tiny("darts-v1", diagnostics=ALL), images, 0, torch.device("cpu"))
    search.alpha["cell"].data.copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(4)))
    search.decided["cell"][2] = 3
    seen = []
    search.accuracies = lambda mixings, count: seen.append((mixings[0]["cell"], count)) or [50.0]
    search.observe(None)
    rows = search.alpha["cell"].detach().softmax(-1)
    rows[2] = torch.tensor([0.0, 0, 0, 1, 0])
    (supernet, first), (discrete, second) = seen
    assert torch.equal(supernet, rows) and first == 24
    assert torch.equal(discrete, F.one_hot(rows.argmax(-1), 5).float()) and second == 8


def test_more_images_than_there_are_is_one_clear_error(images):
    with pytest.raises(HarnessError, match=r"^25 images are to be evaluated, but the architecture has 24$"):
        Search(tiny("darts-v1", diagnostics=[ALL[1] | {"images": 25}]), images, 0, torch.device("cpu"))
    with pytest.raises(HarnessError, match=r"^64 images are to be evaluated, but the architecture has 24$"):
        Search(tiny("darts-pt", select={"images": 64}), images, 0, torch.device("cpu"))


# what goes together -----------------------------------------------------------------------------------------


def test_correlations_are_centred_position_by_position_and_pooled():
    torch.manual_seed(0)
    values = torch.randn(3, 40, 2, 5, 5) + 10 * torch.randn(3, 1, 2, 5, 5)  # positions differ in their means
    values[1] += 0.5 * values[0]
    moments = Comoments()
    for part in values.split(16, 1):
        moments.add(part)
    centred = (values - values.mean(1, keepdim=True)).double().flatten(1).numpy()
    np.testing.assert_allclose(moments.correlations(), np.corrcoef(centred), atol=1e-6)


def test_operations_of_the_first_edge_are_correlated_by_what_they_give(monkeypatch, images):
    space = published("darts").model_dump() | {"channels": 4, "cells": 3}
    below = layer({"space": space, "data": TINY["data"]})
    spec = resolve(CATALOGUE, "single-darts-softmax", [layer({"batch_size": 16})], [below])
    search = in_float64(monkeypatch, spec, images)
    options, table = search.operation_correlations(24)
    assert options == list(search.spec.space.groups[0].options[0][1:]) and "none" not in options
    assert search.net.training
    search.net.eval()
    cell = search.net.cells[0]
    inputs, _ = search.feed.plain(search.feed.weight_set[:24])
    with torch.no_grad():
        x = cell.preprocess[0](torch.relu(search.net.stem(inputs)))
        first = cell.edges[0]
        pooled = [F.max_pool2d(x, 3, 1, 1), F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)]
        outputs = [norm(p) for norm, p in zip((first["1"], first["2"]), pooled, strict=True)]
        outputs += [x, *(first[str(place)](torch.relu(x)) for place in range(4, 8))]
    centred = [(out - out.mean(0)).flatten().numpy() for out in outputs]
    np.testing.assert_allclose(table, np.corrcoef(centred), atol=1e-9)


def test_series_are_named_by_pairs_and_families_are_counted(monkeypatch):
    part = TypeAdapter(Diagnostic).validate_python(
        {"name": "operation-correlation", "images": 8, "families": [["a", "b"], ["c", "d"], ["e", "x"]]}
    )
    table = [[1, 0.5, 0.1, 0, 0], [0.5, 1, 0.7, 0, 0], [0.1, 0.7, 1, 0.8, 0], [0, 0, 0.8, 1, 0.9], [0, 0, 0, 0.9, 1]]
    search = SimpleNamespace(operation_correlations=lambda images: (list("abcde"), table))
    # a's is b, b's is c, c's is d, d's is e; e has no other one of its family
    assert part.measure(search) == [0.5, 0.1, 0, 0, 0.7, 0, 0, 0.8, 0, 0.9, 2.0]
    names = part.names(published("s2"), ["normal"])
    assert names == ["operation-correlation/skip_connect/sep_conv_3x3", "operation-correlation/in-family"]


def test_the_confusion_of_gradients_is_that_of_every_pair():
    torch.manual_seed(0)
    gradients = torch.randn(4, 6)
    worst = [max(0.0, *(-float(one @ other) for other in gradients if other is not one)) for one in gradients]
    unit = [gradient / gradient.norm() for gradient in gradients]
    cosines = [max(0.0, *(-float(one @ other) for other in unit if other is not one)) for one in unit]
    assert gradient_confusion(gradients) == pytest.approx((sum(worst) / 4 / 6, sum(cosines) / 4), rel=1e-5)
    assert gradient_confusion(torch.ones(3, 5)) == (0.0, 0.0)


def test_the_confusion_of_a_search_is_of_its_weights_gradients(monkeypatch, images):
    search = in_float64(monkeypatch, tiny("darts-v1", batch_size=16), images)
    before = [buffer.clone() for buffer in search.net.buffers()]
    found = search.gradient_confusion(3, 8)
    assert found == search.gradient_confusion(3, 8)  # of drawn batches, the same ones
    assert all(torch.equal(old, new) for old, new in zip(before, search.net.buffers(), strict=True))
    seen = []
    monkeypatch.setattr("harness.engine.steps.gradient_confusion", lambda gradients: seen.append(gradients))
    search.gradient_confusion(3, 8)
    drawn = torch.Generator().manual_seed(derive_seed(search.seed, "gradient confusion after epoch 0"))
    with batch_statistics(search.net):
        for gradient in seen[0]:
            batch = search.feed.weight_set[torch.randperm(len(search.feed.weight_set), generator=drawn)[:8]]
            inputs, labels = search.feed.plain(batch)
            F.cross_entropy(search.net(inputs, search.strengths()), labels).backward()
            found = [torch.zeros_like(w) if w.grad is None else w.grad for w in search.weights]
            torch.testing.assert_close(gradient, torch.cat([one.flatten() for one in found]))
            search.net.zero_grad()
