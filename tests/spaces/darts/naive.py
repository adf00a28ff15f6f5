"""A deliberately naive DARTS supernet and stand-alone network: loops over everything, straight from the definitions.

They share no code with `harness.spaces`; they only read a network's weights by name. Convolutions are sums over shifted
images, pooling is a loop over nine shifts, batch norm is written out, ReLU and pooling are redone on every edge, `none`
is x * 0. Everything is in training mode, on a batch's own statistics. Sources of a cell: inputs 0 and 1, then nodes.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

EPS = 1e-5
NODES = 4


def shifted(x, kernel, dilation, stride, value):
    """The images [B, C, h, w] that each tap (i, j) of a kernel sees; outside, the image is ``value``."""
    rows, columns = kernel
    pad = [dilation * (side - 1) // 2 for side in kernel]
    height, width = (x.shape[2] - 1) // stride + 1, (x.shape[3] - 1) // stride + 1
    padded = F.pad(x, (pad[1], pad[1], pad[0], pad[0]), value=value)
    for i in range(rows):
        for j in range(columns):
            top, left = i * dilation, j * dilation
            view = padded[:, :, top : top + (height - 1) * stride + 1, left : left + (width - 1) * stride + 1]
            yield i, j, view[:, :, ::stride, ::stride]


def convolution(x, weight, stride=1):
    taps = shifted(x, weight.shape[2:], 1, stride, 0.0)
    return sum(torch.einsum("bchw,dc->bdhw", view, weight[:, :, i, j]) for i, j, view in taps)


def depthwise(x, weight, stride=1, dilation=1):
    taps = shifted(x, weight.shape[2:], dilation, stride, 0.0)
    return sum(view * weight[None, :, 0, i, j, None, None] for i, j, view in taps)


def max_pool(x, stride, kernel=3):
    views = [view for _, _, view in shifted(x, (kernel, kernel), 1, stride, -float("inf"))]
    return torch.stack(views).max(0).values


def average_pool(x, stride):
    total = sum(view for _, _, view in shifted(x, (3, 3), 1, stride, 0.0))
    count = sum(view for _, _, view in shifted(torch.ones_like(x), (3, 3), 1, stride, 0.0))
    return total / count


def relu(x):
    return torch.where(x > 0, x, torch.zeros_like(x))


class Weights:
    """A state dict, read by prefix."""

    def __init__(self, tensors, prefix=""):
        self.tensors, self.prefix = tensors, prefix

    def __getitem__(self, name):
        return Weights(self.tensors, f"{self.prefix}.{name}" if self.prefix else str(name))

    @property
    def weight(self):
        return self.tensors[f"{self.prefix}.weight"]

    def get(self, name):
        return self.tensors.get(f"{self.prefix}.{name}")


def batch_norm(x, weights):
    """Normalise over batch and positions; scale and shift where the weights have them (not in a search)."""
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    out = (x - mean) / torch.sqrt(variance + EPS)
    scale, shift = weights.get("weight"), weights.get("bias")
    if scale is not None:
        out = out * scale[None, :, None, None] + shift[None, :, None, None]
    return out


def factorized_reduce(x, weights):
    x = relu(x)
    even = convolution(x, weights["conv_1"].weight, 2)
    odd = convolution(x[:, :, 1:, 1:], weights["conv_2"].weight, 2)
    return batch_norm(torch.cat([even, odd], 1), weights["bn"])


def separable(x, weights, stride, dilation):
    """ReLU, depthwise, pointwise, batch norm."""
    x = depthwise(relu(x), weights["depthwise"].weight, stride, dilation)
    return batch_norm(convolution(x, weights["pointwise"].weight), weights["bn"])


def operation(name, x, stride, weights, *, search, noise=None):
    """One operation; ``weights``: those of this operation of this edge."""
    if name == "none":
        return x[:, :, ::stride, ::stride] * 0
    if name == "noise":
        return noise(x[:, :, ::stride, ::stride])
    if name == "skip_connect":
        return x if stride == 1 else factorized_reduce(x, weights)
    if name in ("max_pool_3x3", "max_pool_5x5", "avg_pool_3x3"):
        pooled = average_pool(x, stride) if name.startswith("avg") else max_pool(x, stride, int(name[-1]))
        return batch_norm(pooled, weights) if search else pooled
    if name.startswith("dil_conv"):
        return separable(x, weights, stride, 2)
    if name.startswith("sep_conv"):
        return separable(separable(x, weights["first"], stride, 1), weights["second"], 1, 1)
    if name.startswith("nor_conv"):
        return batch_norm(convolution(relu(x), weights["conv"].weight, stride), weights["bn"])
    x = relu(x)
    for part, (down, along) in (("row", (1, stride)), ("column", (stride, 1))):
        x = convolution(x, weights[part].weight)[:, :, ::down, ::along]
    return batch_norm(x, weights["bn"])


def relu_conv_bn(x, weights):
    return batch_norm(convolution(relu(x), weights["conv"].weight), weights["bn"])


def preprocessed(before, last, weights, reduced_before):
    first = factorized_reduce if reduced_before else relu_conv_bn
    return [first(before, weights["0"]), relu_conv_bn(last, weights["1"])]


def dropped(images, factors):
    """Images, each times its factor."""
    return torch.stack([image * factor for image, factor in zip(images, factors, strict=True)])


def reductions(cells):
    return (cells // 3, 2 * cells // 3)


# the supernet ---------------------------------------------------------------------------------------------------


def partial_output(x, stride, mixing, ops, weights, groups, noise):
    """PC-DARTS: the first channels are mixed, the others bypass (halved by a 2x2 max-pool where the edge halves)."""
    split = x.shape[1] // groups
    edge_weight = mixing.sum()
    first = edge_output(x[:, :split], stride, mixing / edge_weight, ops, weights, noise)
    rest = x[:, split:]
    if stride == 2:
        corners = [rest[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        rest = torch.stack(corners).max(0).values
    both = torch.cat([first, rest], 1)
    order = [group * split + place for place in range(split) for group in range(groups)]
    return edge_weight * torch.stack([both[:, channel] for channel in order], 1)


def edge_output(x, stride, mixing, ops, weights, noise, sampled=False):
    terms = [operation(name, x, stride, weights[k], search=True, noise=noise) for k, name in enumerate(ops)]
    if sampled:
        best = mixing.argmax()
        terms = [term if k == best else 1 for k, term in enumerate(terms)]
    return sum(weight * term for weight, term in zip(mixing, terms, strict=True))


def supernet(tensors, images, mixing, options, cells, *, partial=1, drops=None, noise=None, sampled=False):
    """Logits. ``mixing["normal"]``: one vector of mixing weights per edge, ``options["normal"]``: its operations.

    ``drops`` [cells, 14, B] multiply the edges' outputs; ``noise(x)`` draws what the noise operation returns for x;
    ``sampled``: every option but the one that weighs most returns 1.
    """
    weights = Weights(tensors)
    stem = batch_norm(convolution(images, weights["stem.0"].weight), weights["stem.1"])
    before, last, reduced_before = stem, stem, False
    for number in range(cells):
        reduces = number in reductions(cells)
        kind, cell = "reduce" if reduces else "normal", weights[f"cells.{number}"]
        states = preprocessed(before, last, cell["preprocess"], reduced_before)
        edge = 0
        for _ in range(NODES):
            value = 0
            for source in range(len(states)):
                stride = 2 if reduces and source < 2 else 1
                arguments = states[source], stride, mixing[kind][edge], options[kind][edge], cell[f"edges.{edge}"]
                if partial == 1:
                    output = edge_output(*arguments, noise, sampled)
                else:
                    output = partial_output(*arguments, partial, noise)
                value = value + (output if drops is None else dropped(output, drops[number, edge]))
                edge += 1
            states.append(value)
        before, last, reduced_before = last, torch.cat(states[2:], 1), reduces
    return last.mean(dim=(2, 3)) @ weights["classifier"].weight.T + weights["classifier"].get("bias")


# stand-alone networks ---------------------------------------------------------------------------------------------


def stems(weights, images, imagenet):
    """The two inputs of the first cell, and whether the second is half as large as the first."""
    if not imagenet:
        stem = batch_norm(convolution(images, weights["stem.0"].weight), weights["stem.1"])
        return stem, stem, False
    half = relu(batch_norm(convolution(images, weights["stem.0"].weight, 2), weights["stem.1"]))
    first = batch_norm(convolution(half, weights["stem.3"].weight, 2), weights["stem.4"])
    second = batch_norm(convolution(relu(first), weights["stem_1.1"].weight, 2), weights["stem_1.2"])
    return first, second, True


def auxiliary_head(x, weights, imagenet):
    stride = 2 if imagenet else 3
    x, starts = relu(x), range(0, x.shape[2] - 4, stride)
    means = [[x[:, :, i : i + 5, j : j + 5].mean(dim=(2, 3)) for j in starts] for i in starts]
    x = torch.stack([torch.stack(row, -1) for row in means], -2)
    x = relu(batch_norm(convolution(x, weights["2"].weight), weights["3"]))
    x = torch.einsum("bcij,dcij->bd", x, weights["5"].weight)[:, :, None, None]
    if not imagenet:
        x = batch_norm(x, weights["6"])
    classifier = weights["8" if imagenet else "9"]
    return relu(x)[:, :, 0, 0] @ classifier.weight.T + classifier.get("bias")


def network(tensors, images, genotype, cells, *, imagenet=False, auxiliary=False, drops=None, noise=None):
    """Logits, and those of the auxiliary head or None.

    ``genotype[kind]``: (terms, concat), terms: (operation, source) two by two, one pair per node. ``drops``
    multiply what operations return, but for the identity: for each cell [terms, B].
    """
    weights = Weights(tensors)
    before, last, reduced_before = stems(weights, images, imagenet)
    extra = None
    for number in range(cells):
        reduces = number in reductions(cells)
        terms, concat = genotype["reduce" if reduces else "normal"]
        cell = weights[f"cells.{number}"]
        states = preprocessed(before, last, cell["preprocess"], reduced_before)
        for pair in range(len(terms) // 2):
            value = 0
            for place in (2 * pair, 2 * pair + 1):
                name, source = terms[place]
                stride = 2 if reduces and source < 2 else 1
                out = operation(name, states[source], stride, cell[f"ops.{place}"], search=False, noise=noise)
                if drops is not None and not (name == "skip_connect" and stride == 1):
                    out = dropped(out, drops[number][place])
                value = value + out
            states.append(value)
        before, last, reduced_before = last, torch.cat([states[i] for i in concat], 1), reduces
        excited = weights[f"excited.{number}"]
        if excited.get("0.weight") is not None:
            means = last.sum((2, 3)) / last[0, 0].numel()
            factors = 1 / (1 + torch.exp(-relu(means @ excited.get("0.weight").T) @ excited.get("2.weight").T))
            last = torch.einsum("bchw,bc->bchw", last, factors)
        if auxiliary and number == 2 * cells // 3:
            extra = auxiliary_head(last, weights["auxiliary"], imagenet)
    logits = last.mean(dim=(2, 3)) @ weights["classifier"].weight.T + weights["classifier"].get("bias")
    return logits, extra
