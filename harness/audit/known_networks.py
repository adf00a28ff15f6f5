"""Parameters of networks of no search space that tables name, from their public definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def densenet_bc(depth: int = 190, growth: int = 40, classes: int = 10) -> int:
    """Count a DenseNet-BC for CIFAR (Huang et al., 2017, section 3): three blocks, halved in between.

    A layer is a 1 x 1 convolution to four times its growth and a 3 x 3 one, each after a batch norm.
    """
    channels, layers = 2 * growth, (depth - 4) // 6
    parameters = 27 * channels
    for block in range(3):
        for _ in range(layers):
            parameters += 2 * channels + channels * 4 * growth + 2 * 4 * growth + 9 * 4 * growth * growth
            channels += growth
        if block < 2:
            parameters += 2 * channels + channels * (channels // 2)
            channels //= 2
    return parameters + 2 * channels + (channels + 1) * classes


# Expansion, kernel, channels out, blocks (Tan and Le, 2019, Table 1).
EFFICIENTNET_B0 = (
    (1, 3, 16, 1), (6, 3, 24, 2), (6, 5, 40, 2), (6, 3, 80, 3), (6, 5, 112, 3), (6, 5, 192, 4), (6, 3, 320, 1),
)  # fmt: skip


def efficientnet_b0(classes: int = 1000) -> int:
    """Count EfficientNet-B0: inverted bottlenecks whose squeeze keeps a quarter of the channels that come in."""
    channels, last = 32, 1280
    parameters = 27 * channels + 2 * channels
    for expansion, kernel, out, blocks in EFFICIENTNET_B0:
        for _ in range(blocks):
            wide, squeezed = expansion * channels, channels // 4
            parameters += (channels * wide + 2 * wide) if expansion > 1 else 0
            parameters += kernel * kernel * wide + 2 * wide
            parameters += wide * squeezed + squeezed + squeezed * wide + wide
            parameters += wide * out + 2 * out
            channels = out
    return parameters + channels * last + 2 * last + (last + 1) * classes


# By whom a row's numbers are of, as `PublishedRow.who` has it, and the data set.
NETWORKS: Mapping[tuple[str, str], tuple[str, Callable[[], int]]] = {
    ("densenetbc", "cifar10"): ("DenseNet-BC of 190 layers and growth 40", densenet_bc),
    ("efficientnetb0", "imagenet"): ("EfficientNet-B0", efficientnet_b0),
}
