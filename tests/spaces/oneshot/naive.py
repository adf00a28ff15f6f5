"""Naive networks of NAS-Bench-1Shot1 and NAS-Bench-101: loops over everything, straight from the definitions.

They share no code with `harness.spaces.oneshot`; they only read a network's weights by name. Batch norm is in training
mode, on a batch's own statistics.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from tests.spaces.darts.naive import Weights, batch_norm, convolution, max_pool, relu


def conv_bn_relu(x, weights):
    return relu(batch_norm(convolution(x, weights[0].weight), weights[1]))


def operation(name, x, weights):
    return max_pool(x, 1) if name == "maxpool3x3" else conv_bn_relu(x, weights)


def halved(x, padding):
    """The largest of each 2 x 2; with padding, windows begin one pixel outside."""
    padded = F.pad(x, (padding, padding, padding, padding), value=-float("inf"))
    rows, columns = padded.shape[2] // 2 * 2, padded.shape[3] // 2 * 2
    corners = [padded[:, :, i:rows:2, j:columns:2] for i in (0, 1) for j in (0, 1)]
    return torch.stack(corners).max(0).values


def classified(x, weights):
    return x.mean((2, 3)) @ weights.weight.T + weights.get("bias")


def mixed(x, weights, options, mix, partial):
    """The first 1/partial of the channels pass the operations; then channel (g, c) goes to place (c, g)."""
    width = x.shape[1] // partial
    parts = [
        w * operation(name, x[:, :width], weights[k]) for k, (name, w) in enumerate(zip(options, mix, strict=True))
    ]
    together = torch.cat([sum(parts), x[:, width:]], 1)
    order = [group * width + channel for channel in range(width) for group in range(partial)]
    return together[:, order]


def cell(x, weights, options, mix, sources, partial, drops):
    """``sources[node]``: weights of what a node reads, None: all count; the last node is the output."""
    given = []
    for node, names in enumerate(options, start=1):
        inputs = [conv_bn_relu(x, weights["projections"][node - 1]), *given]
        shares = sources.get(node, [1.0] * len(inputs))
        total = sum(share * value for share, value in zip(shares, inputs, strict=True))
        out = mixed(total, weights["nodes"][node - 1], names, mix[node - 1], partial)
        given.append(out if drops is None else out * drops[node - 1].view(-1, 1, 1, 1))
    straight, *rest = sources[len(options) + 1]
    read = torch.cat([share * value for share, value in zip(rest, given, strict=True)], 1)
    return straight * conv_bn_relu(x, weights["projections"][len(options)]) + read


def supernet(tensors, x, cells, options, mixes, sources, *, partial=1, padding=1, drops=None):
    """Logits; ``mixes[c]``, ``sources[c]``: of every cell."""
    weights = Weights(tensors)
    value = conv_bn_relu(x, weights["stem"])
    for number in range(cells):
        if number in (cells // 3, 2 * cells // 3):
            value = halved(value, padding)
        dropped = None if drops is None else drops[number]
        value = cell(value, weights["cells"][number], options, mixes[number], sources[number], partial, dropped)
    value = batch_norm(convolution(relu(value), weights["last"][1].weight), weights["last"][2])
    return classified(value, weights["classifier"])


def network(tensors, x, matrix, labels, per_stack, width):
    """Logits of a pruned cell's network: ``matrix[i][j]``: j reads i; ``width``: channels of the first stack."""
    weights = Weights(tensors)
    value = conv_bn_relu(x, weights["stem"])
    for stack in range(3):
        value = halved(value, 0) if stack else value
        for number in range(per_stack):
            value = network_cell(value, weights["stacks"][stack][number], matrix, labels, width << stack)
    return classified(value, weights["classifier"])


def network_cell(x, weights, matrix, labels, width):
    last, given = len(labels) - 1, {}
    for node in range(1, last):
        wide = channels(node, matrix, width)
        parts = [given[i][:, :wide] for i in range(1, node) if matrix[i][node]]
        if matrix[0][node]:
            parts.append(conv_bn_relu(x, weights["projections"][node]))
        given[node] = operation(labels[node], sum(parts), weights["operations"][node - 1])
    ends = [given[i] for i in range(1, last) if matrix[i][last]]
    out = [torch.cat(ends, 1)] if ends else []
    out += [conv_bn_relu(x, weights["projections"][last])] if matrix[0][last] else []
    return sum(out)


def channels(node, matrix, width):
    """A vertex that the output reads has a share of its channels, any other as many as the widest that reads it."""
    last = len(matrix) - 1
    ends = [i for i in range(1, last) if matrix[i][last]]
    if node in ends:
        return sum(1 for channel in range(width) if channel % len(ends) == ends.index(node))
    return max(channels(reader, matrix, width) for reader in range(node + 1, last) if matrix[node][reader])
