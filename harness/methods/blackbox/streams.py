"""Random numbers of many runs at once, such that no run depends on which others are done with it.

Every run has a generator of its own, seeded by its seed and the searcher's name, and is read in blocks of a fixed
size. Runs advance in lockstep and an ended run merely goes on drawing, so the n-th number of a run is always
the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.seeds import derive_seed

_BLOCK = 64  # steps drawn at a time: part of the definition of the streams


class Streams:
    """One generator per run. ``generators``: in the order of the seeds; none at all is a `HarnessError`."""

    def __init__(self, seeds: Sequence[int], purpose: str) -> None:
        if not seeds:
            raise HarnessError("a search needs at least one seed")
        self.generators = [np.random.default_rng(derive_seed(seed, purpose)) for seed in seeds]

    def normal(self, *shape: int) -> NDArray[np.float64]:
        """Draw standard normal numbers, [runs, *shape]."""
        return np.stack([generator.standard_normal(shape) for generator in self.generators])

    def uniform(self, width: int) -> Iterator[NDArray[np.float64]]:
        """Yield, step after step without end, numbers in [0, 1), [runs, width]."""
        while True:
            blocks = [generator.random((_BLOCK, width)) for generator in self.generators]
            yield from np.stack(blocks, axis=1)


def pick(uniform: NDArray[np.float64], count: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn numbers in [0, 1) into uniform integers in 0..count-1 (any shape)."""
    return (uniform * count).astype(np.int64)
