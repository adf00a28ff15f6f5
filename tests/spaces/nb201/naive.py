"""A deliberately naive NAS-Bench-201 supernet: loops over cells, edges, operations, straight from the definitions.

It shares no code with `harness.spaces.nb201.net`; it only reads that network's weights by name. Batch norm is
written out, pooling is a loop over the nine shifts, ReLU and pooling are redone on every edge, `none` is x * 0.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

OPS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
EPS = 1e-5


def batch_norm(x, weight=None, bias=None):
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    out = (x - mean) / torch.sqrt(variance + EPS)
    if weight is not None:
        out = out * weight[None, :, None, None] + bias[None, :, None, None]
    return out


def average_pool(x):
    height, width = x.shape[2:]
    padded, ones = F.pad(x, (1, 1, 1, 1)), F.pad(torch.ones_like(x), (1, 1, 1, 1))
    shifts = [(i, j) for i in range(3) for j in range(3)]
    total = sum(padded[:, :, i : i + height, j : j + width] for i, j in shifts)
    count = sum(ones[:, :, i : i + height, j : j + width] for i, j in shifts)
    return total / count


def conv(x, weight, bias=None, stride=1):
    return F.conv2d(x, weight, bias, stride=stride, padding=weight.shape[-1] // 2)


def operation(name, x, weights, prefix):
    if name == "none":
        return x * 0
    if name == "skip_connect":
        return x
    if name == "avg_pool_3x3":
        return average_pool(x)
    relu = torch.clamp(x, min=0)
    return batch_norm(conv(relu, weights[prefix + ".conv.weight"], weights.get(prefix + ".conv.bias")))


def relu_conv_bn(x, weights, prefix, stride):
    out = conv(torch.clamp(x, min=0), weights[prefix + ".1.weight"], stride=stride)
    return batch_norm(out, weights[prefix + ".2.weight"], weights[prefix + ".2.bias"])


def edge_output(x, mixing, weights, prefix, ops, drops):
    """The mixed operation of one edge; ``drops`` [batch] or None are factors on its output."""
    value = 0
    for k, name in enumerate(ops):
        again = len(OPS) * (list(ops).index(name) < k)  # the second one of a kind
        term = operation(name, x, weights, f"{prefix}_{OPS.index(name) + again}")
        value = value + mixing[k] * term
    return value if drops is None else dropped(value, drops)


def dropped(images, factors):
    """Images, each times its factor."""
    return torch.stack([image * factor for image, factor in zip(images, factors, strict=True)])


def partial_edge_output(x, mixing, weights, prefix, ops, drops, groups):
    """PC-DARTS: the first channels are mixed, the others bypass; concatenate, shuffle, weigh the whole edge."""
    split = x.shape[1] // groups
    edge_weight = mixing.sum()
    first = edge_output(x[:, :split], mixing / edge_weight, weights, prefix, ops, None)
    both = torch.cat([first, x[:, split:]], dim=1)
    order = [group * split + place for place in range(split) for group in range(groups)]
    value = edge_weight * torch.stack([both[:, channel] for channel in order], dim=1)
    return value if drops is None else dropped(value, drops)


def forward(weights, images, alpha_weights, cells, ops=OPS, partial=1, drops=None):
    """Logits of the naive supernet; ``alpha_weights`` [6, ops] are mixing weights, ``weights`` a state dict."""
    x = conv(images, weights["stem.0.weight"])
    x = batch_norm(x, weights["stem.1.weight"], weights["stem.1.bias"])
    for stage in range(3):
        if stage:
            block = f"reductions.{stage - 1}"
            main = relu_conv_bn(x, weights, block + ".main.0", 2)
            main = relu_conv_bn(main, weights, block + ".main.1", 1)
            n, c, h, w = x.shape
            halved = x.reshape(n, c, h // 2, 2, w // 2, 2).mean(dim=(3, 5))
            x = main + conv(halved, weights[block + ".shortcut.1.weight"])
        for cell in range(cells):
            nodes = [x]
            edge = 0
            for target in (1, 2, 3):
                value = 0
                for source in range(target):
                    prefix = f"stages.{stage}.{cell}.convs.{edge}"
                    drop = None if drops is None else drops[stage * cells + cell, edge]
                    arguments = nodes[source], alpha_weights[edge], weights, prefix, ops, drop
                    output = edge_output(*arguments) if partial == 1 else partial_edge_output(*arguments, partial)
                    value = value + output
                    edge += 1
                nodes.append(value)
            x = nodes[3]
    x = torch.clamp(batch_norm(x, weights["head.0.weight"], weights["head.0.bias"]), min=0)
    return x.mean(dim=(2, 3)) @ weights["head.4.weight"].T + weights["head.4.bias"]
