"""All architectures of NAS-Bench-201, by their codes."""

from __future__ import annotations

from itertools import product

from harness.spaces.nb201.encoding import EDGES, OPS, Architecture

ALL: tuple[Architecture, ...] = tuple(product(range(len(OPS)), repeat=len(EDGES)))  # in the order of `to_code`
