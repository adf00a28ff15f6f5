"""The data sets that can be read, by name, without reading one, and without torch."""

from __future__ import annotations

from harness.data.large import LARGE
from harness.data.sources import CIFAR, FOLDERS

CLASSES = {
    "digits": 10,
    **{name: source.classes for name, source in CIFAR.items()},
    **{name: source.classes for name, source in FOLDERS.items()},
    **{name: source.classes for name, source in LARGE.items()},
}
