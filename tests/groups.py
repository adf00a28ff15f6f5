"""Groups for tests of parts that look at one."""

from __future__ import annotations

from harness.spaces.nb201.encoding import EDGES, OPS
from harness.spaces.space import Group


def group(options: tuple[str, ...] = OPS, name: str = "cell") -> Group:
    """Return the group of NAS-Bench-201 with these options on every edge."""
    nodes, sources = zip(*EDGES, strict=True)
    rows = (options,) * len(EDGES)
    return Group(name=name, cell=name, places=tuple(range(len(EDGES))), sources=sources, nodes=nodes, options=rows)


CELL = group()
