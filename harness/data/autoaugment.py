"""AutoAugment's policies for CIFAR and ImageNet (Cubuk et al. 2018), batch by batch on the device of the images.

Each image is given one of 25 pairs of operations, and each of the pair is done with a probability of its own. The
operations are those of PIL, pixel by pixel, as the public code of StacNAS composes them: pixels from outside are grey,
shears interpolate bicubically, rotations and shifts take the nearest pixel, only rotations have no random direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

GREY: Final = 128  # of what comes from outside
LEVELS: Final = 9  # magnitudes are 0 to 9 of these
FULL: Final = {  # at level 9
    "shear-x": 0.3, "shear-y": 0.3, "translate-x": 150 / 331, "translate-y": 150 / 331, "rotate": 30.0, "color": 0.9,
    "contrast": 0.9, "sharpness": 0.9, "brightness": 0.9,
}  # fmt: skip
LUMINANCE: Final = (19595, 38470, 7471)  # of 65,536: ITU-R 601


class Change(NamedTuple):
    """An operation with its probability and level."""

    operation: str
    probability: float
    level: int


Policy = tuple[tuple[Change, Change], ...]


def _policy(*pairs: tuple[tuple[str, float, int], tuple[str, float, int]]) -> Policy:
    return tuple((Change(*first), Change(*second)) for first, second in pairs)


CIFAR: Final[Policy] = _policy(  # Table 7
    (("invert", 0.1, 7), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate-x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear-y", 0.5, 8), ("translate-y", 0.7, 9)),
    (("autocontrast", 0.5, 8), ("equalize", 0.9, 2)),
    (("shear-y", 0.2, 7), ("posterize", 0.3, 7)),
    (("color", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 5), ("equalize", 0.5, 1)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("color", 0.7, 7), ("translate-x", 0.5, 8)),
    (("equalize", 0.3, 7), ("autocontrast", 0.4, 8)),
    (("translate-y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("color", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 3)),
    (("equalize", 0.2, 0), ("autocontrast", 0.6, 0)),
    (("equalize", 0.2, 8), ("equalize", 0.8, 4)),
    (("color", 0.9, 9), ("equalize", 0.6, 6)),
    (("autocontrast", 0.8, 4), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("color", 0.7, 0)),
    (("solarize", 0.4, 5), ("autocontrast", 0.9, 3)),
    (("translate-y", 0.9, 9), ("translate-y", 0.7, 9)),
    (("autocontrast", 0.9, 2), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 8), ("invert", 0.1, 3)),
    (("translate-y", 0.7, 9), ("autocontrast", 0.9, 1)),
)
IMAGENET: Final[Policy] = _policy(  # Table 9
    (("posterize", 0.4, 8), ("rotate", 0.6, 9)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 5)),
    (("equalize", 0.8, 8), ("equalize", 0.6, 3)),
    (("posterize", 0.6, 7), ("posterize", 0.6, 6)),
    (("equalize", 0.4, 7), ("solarize", 0.2, 4)),
    (("equalize", 0.4, 4), ("rotate", 0.8, 8)),
    (("solarize", 0.6, 3), ("equalize", 0.6, 7)),
    (("posterize", 0.8, 5), ("equalize", 1.0, 2)),
    (("rotate", 0.2, 3), ("solarize", 0.6, 8)),
    (("equalize", 0.6, 8), ("posterize", 0.4, 6)),
    (("rotate", 0.8, 8), ("color", 0.4, 0)),
    (("rotate", 0.4, 9), ("equalize", 0.6, 2)),
    (("equalize", 0.0, 7), ("equalize", 0.8, 8)),
    (("invert", 0.6, 4), ("equalize", 1.0, 8)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("rotate", 0.8, 8), ("color", 1.0, 2)),
    (("color", 0.8, 8), ("solarize", 0.8, 7)),
    (("sharpness", 0.4, 7), ("invert", 0.6, 8)),
    (("shear-x", 0.6, 5), ("equalize", 1.0, 9)),
    (("color", 0.4, 0), ("equalize", 0.6, 3)),
    (("equalize", 0.4, 7), ("solarize", 0.2, 4)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 5)),
    (("invert", 0.6, 4), ("equalize", 1.0, 8)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("equalize", 0.8, 8), ("equalize", 0.6, 3)),
)
POLICIES: Final[Mapping[str, Policy]] = {"cifar": CIFAR, "imagenet": IMAGENET}


def whole(pixels: Tensor) -> Tensor:
    """Return pixels as whole numbers, uint8: what was stretched is rounded, as it is where pictures are stretched."""
    return pixels if pixels.dtype == torch.uint8 else pixels.round().to(torch.uint8)


def auto_augment(images: Tensor, generator: Generator, policy: str) -> Tensor:
    """Change uint8 images [b, 3, h, w] by a policy; ``generator`` on their device.

    It draws pairs, then which of a pair is done and in which direction.
    """
    pairs, count, device = POLICIES[policy], len(images), images.device
    pair = torch.randint(len(pairs), (count,), generator=generator, device=device)
    done, way = torch.rand((2, 2, count), generator=generator, device=device)
    signs = torch.where(way < 0.5, -1.0, 1.0).double()
    for place in (0, 1):
        images = images.clone()
        for number, changes in enumerate(pairs):
            change = changes[place]
            chosen = ((pair == number) & (done[place] < change.probability)).nonzero().squeeze(1)
            if len(chosen):
                images[chosen] = changed(images[chosen], change.operation, change.level, signs[place, chosen])
    return images


def changed(images: Tensor, operation: str, level: int, signs: Tensor) -> Tensor:
    """Do one operation at a level 0..9 to uint8 images [b, 3, h, w]; ``signs`` [b], of -1 and 1: its direction."""
    if operation in FULL:
        magnitude = FULL[operation] * level / LEVELS
        found = _ENHANCED.get(operation)
        if found is not None:
            return _blend(found(images), images, 1 + magnitude * signs.double())
        return _moved(images, operation, magnitude, signs.double())
    return _PLAIN[operation](images, level)


# values -----------------------------------------------------------------------------------------------------


def _invert(images: Tensor, level: int) -> Tensor:
    return 255 - images


def _solarize(images: Tensor, level: int) -> Tensor:
    """Invert what is not below a threshold from 256 down to 0."""
    return torch.where(images < 256 * (1 - level / LEVELS), images, 255 - images)


def _posterize(images: Tensor, level: int) -> Tensor:
    """Keep the upper 8 to 4 bits."""
    lost = 8 - round(8 - 4 * level / LEVELS)
    return images >> lost << lost


def _autocontrast(images: Tensor, level: int) -> Tensor:
    """Stretch each channel from its least to its largest value over 0..255; one of a single value stays."""
    values = images.double()
    low, high = values.amin((2, 3), True), values.amax((2, 3), True)
    scale = torch.full_like(low, 255) / (high - low).clamp(min=1)  # a number over a tensor is rounded twice
    stretched = (values * scale - low * scale).trunc().clamp(0, 255).to(torch.uint8)
    return torch.where(high > low, stretched, images)


def _equalize(images: Tensor, level: int) -> Tensor:
    """Spread each channel's values so that all are about equally frequent, in whole numbers as PIL."""
    count, channels, height, width = images.shape
    flat = images.reshape(count * channels, -1).long()
    histogram = torch.zeros((len(flat), 256), dtype=torch.long, device=images.device)
    histogram.scatter_add_(1, flat, torch.ones_like(flat))
    last = histogram.gather(1, flat.amax(1, True))
    step = (height * width - last) // 255
    below = histogram.cumsum(1) - histogram
    table = torch.where(step > 0, (below + step // 2) // step.clamp(min=1), torch.arange(256, device=images.device))
    return table.clamp(max=255).gather(1, flat).to(torch.uint8).view_as(images)


def _grey(images: Tensor) -> Tensor:
    weights = torch.tensor(LUMINANCE, device=images.device).view(1, 3, 1, 1)
    rounded: Tensor = (images.long() * weights).sum(1, True) + 2**15
    return rounded >> 16


def _colourless(images: Tensor) -> Tensor:
    return _grey(images).expand_as(images)


def _flat(images: Tensor) -> Tensor:
    """Return the mean luminance everywhere, rounded."""
    mean = _grey(images).double().mean((1, 2, 3), True)
    return (mean + 0.5).floor().long().expand_as(images)


def _black(images: Tensor) -> Tensor:
    return torch.zeros_like(images).long()


def _smooth(images: Tensor) -> Tensor:
    """Average 3 x 3 pixels, the middle one five times; the border stays."""
    kernel = torch.ones((3, 1, 3, 3), dtype=torch.float64, device=images.device)
    kernel[:, :, 1, 1] = 5
    found = images.long().clone()
    inner = F.conv2d(images.double(), kernel / 13, groups=3)
    found[:, :, 1:-1, 1:-1] = (inner + 0.5).floor().long()
    return found


def _blend(none: Tensor, images: Tensor, factors: Tensor) -> Tensor:
    """Return ``none`` + factor * (images - none), cut to whole numbers within 0..255; ``factors`` [b]."""
    less, factor = none.float(), factors.view(-1, 1, 1, 1).float()
    return (less + factor * (images.float() - less)).clamp(0, 255).to(torch.uint8)


_PLAIN: Final[dict[str, Callable[[Tensor, int], Tensor]]] = {
    "invert": _invert,
    "solarize": _solarize,
    "posterize": _posterize,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
}
_ENHANCED: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "color": _colourless,
    "contrast": _flat,
    "brightness": _black,
    "sharpness": _smooth,
}


# places -----------------------------------------------------------------------------------------------------


def _moved(images: Tensor, operation: str, magnitude: float, signs: Tensor) -> Tensor:
    """Take each pixel from x' = a x + b y + c, y' = d x + e y + f, x and y being the middles of pixels."""
    height, width = images.shape[2:]
    zero, one, shift = torch.zeros_like(signs), torch.ones_like(signs), magnitude * signs
    if operation == "rotate":
        turned = torch.tensor(_rotation(magnitude, height, width), dtype=torch.float64, device=images.device)
        return _nearest(images, turned.expand(len(images), 2, 3))
    across = {"shear-x": (one, shift, zero), "translate-x": (one, zero, shift * width)}
    down = {"shear-y": (shift, one, zero), "translate-y": (zero, one, shift * height)}
    rows = (across.get(operation, (one, zero, zero)), down.get(operation, (zero, one, zero)))
    matrix = torch.stack([torch.stack(row, -1) for row in rows], 1)
    return (_bicubic if operation.startswith("shear") else _nearest)(images, matrix)


def _rotation(degrees: float, height: int, width: int) -> tuple[tuple[float, float, float], ...]:
    """Return the matrix of a turn against the clock about the middle."""
    angle = -math.radians(degrees)
    cos, sin = round(math.cos(angle), 15), round(math.sin(angle), 15)
    x, y = width / 2, height / 2
    return (cos, sin, x - cos * x - sin * y), (-sin, cos, y + sin * x - cos * y)


def _nearest(images: Tensor, matrix: Tensor) -> Tensor:
    """Take the pixel in which a place lies, in PIL's whole numbers of 1/65,536; ``matrix`` [b, 2, 3]."""
    a, b, c = matrix.unbind(-1)  # [b, 2]
    step_x, step_y, start = ((part * 2**16 + 0.5).floor().long() for part in (a, b, c + (a + b) / 2))
    columns, rows = _places(images)
    found = start[..., None, None] + step_x[..., None, None] * columns + step_y[..., None, None] * rows[:, None]
    x, y = (found >> 16).unbind(1)
    return torch.where(_inside(images, x, y), _at(images, x, y), GREY).to(torch.uint8)


def _places(images: Tensor) -> tuple[Tensor, Tensor]:
    height, width = images.shape[2:]
    return torch.arange(width, device=images.device), torch.arange(height, device=images.device)


def _inside(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    height, width = images.shape[2:]
    return ((x >= 0) & (x < width) & (y >= 0) & (y < height))[:, None]


def _bicubic(images: Tensor, matrix: Tensor) -> Tensor:
    """Interpolate by PIL's cubic convolution, a = -1; at the border its pixels go on; ``matrix`` [b, 2, 3]."""
    columns, rows = (places + 0.5 for places in _places(images))
    a, b, c = (part[..., None, None] for part in matrix.unbind(-1))
    x, y = (a * columns + b * rows[:, None] + c).unbind(1)  # [b, h, w]
    left, top = (x - 0.5).floor(), (y - 0.5).floor()
    right, below = (x - 0.5 - left)[:, None], (y - 0.5 - top)[:, None]
    rows_at = [[_at(images, (left + j - 1).long(), (top + i - 1).long()).double() for j in range(4)] for i in range(4)]
    found = _cubic([_cubic(pixels, right) for pixels in rows_at], below)
    return torch.where(_inside(images, x, y), found.clamp(0, 255), GREY).to(torch.uint8)


def _cubic(values: Sequence[Tensor], t: Tensor) -> Tensor:
    """Return the value at t, 0 to 1, of the cubic through those at 0 and 1, with those at -1 and 2; sums as in PIL."""
    before, here, there, after = values
    linear, square, cube = there - before, 2 * (before - here) + there - after, here - before - there + after
    return here + t * (linear + t * (square + t * cube))


def _at(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the pixels [b, 3, h, w] at whole places [b, h, w], the nearest of the image where they lie outside."""
    height, width = images.shape[2:]
    places = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).flatten(1)
    flat = images.flatten(2).gather(2, places[:, None].expand(-1, images.shape[1], -1))
    return flat.view(*images.shape[:2], *x.shape[1:])
