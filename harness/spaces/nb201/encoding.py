"""The NAS-Bench-201 topology space: encoding, enumeration, isomorphism, parameter and FLOP counts.

A cell is a DAG of 4 nodes (node 0 is its input, node 3 its output); each of its 6 edges carries one of 5
operations. An architecture is a tuple of 6 operation codes in the edge order ``EDGES``. Source: Dong & Yang,
"NAS-Bench-201", section 2. No torch here: look-ups and listings must start fast.
"""

from __future__ import annotations

from functools import cache

from harness.errors import HarnessError, nearest
from harness.spaces.operations import operation

Architecture = tuple[int, int, int, int, int, int]

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, CONV1, CONV3, POOL = range(5)
NODES = 4
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # (target, source)
SIZE = len(OPS) ** len(EDGES)
_CODES = {name: code for code, name in enumerate(OPS)}
GROUP = "cell"  # the one alpha matrix, shared by all cells
STAGES = 3  # cells at C, 2C and 4C channels


def second(op: int) -> int:
    """Return the code of a second operation of a kind, in a supernet that has it twice."""
    return op + len(OPS)


def to_string(architecture: Architecture) -> str:
    """Write an architecture in the benchmark's notation ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
    terms = [f"{OPS[op]}~{source}" for op, (_, source) in zip(architecture, EDGES, strict=True)]
    return f"|{terms[0]}|+|{terms[1]}|{terms[2]}|+|{terms[3]}|{terms[4]}|{terms[5]}|"


def parse(text: str) -> Architecture:
    """Read the benchmark's notation; raise `HarnessError` that names the first wrong part."""
    groups = text.split("+")
    if len(groups) != NODES - 1:
        raise HarnessError(f"architecture {text!r}: {len(groups)} groups joined by '+', expected {NODES - 1}")
    codes: list[int] = []
    for target, group in enumerate(groups, start=1):
        terms = group.strip("|").split("|")
        if not (group.startswith("|") and group.endswith("|")) or len(terms) != target:
            raise HarnessError(f"architecture {text!r}: group {group!r} must hold {target} terms between bars")
        for source, term in enumerate(terms):
            name, _, index = term.partition("~")
            if name not in _CODES:
                raise HarnessError(f"architecture {text!r}: unknown operation {name!r}{nearest(name, OPS)}")
            if index != str(source):
                raise HarnessError(f"architecture {text!r}: term {term!r} must end in '~{source}'")
            codes.append(_CODES[name])
    return (codes[0], codes[1], codes[2], codes[3], codes[4], codes[5])


def to_code(architecture: Architecture) -> int:
    """Number an architecture in base 5, first edge most significant (not the benchmark's own index)."""
    code = 0
    for op in architecture:
        code = code * len(OPS) + op
    return code


def canonical(architecture: Architecture) -> str:
    """Return the isomorphism key of NAS-Bench-201 (section 2: 6,466 classes).

    A node is the unordered sum of its incoming terms; a skip of a node is the node itself; a ``none`` term, or
    any operation on a lone ``none``, is the symbol ``#``. Zeros stay in a sum, as in the benchmark's own count
    (dropping them too would leave 5,390 classes).
    """
    nodes = ["0"]
    edge = 0
    for target in range(1, NODES):
        terms = []
        for source in range(target):
            op, value = architecture[edge], nodes[source]
            edge += 1
            zero = op == NONE or value == "#"
            terms.append("#" if zero else value if op == SKIP else f"({value})@{op}")
        nodes.append("+".join(sorted(terms)))
    return nodes[-1]


@cache
def cell_parameters(architecture: Architecture, channels: int) -> int:
    """Count trainable parameters of one stand-alone cell: convolution without bias, affine batch norm."""
    return sum(operation(OPS[op]).weights(channels) for op in architecture)


def parameters(architecture: Architecture, *, classes: int, channels: int = 16, cells: int = 5) -> int:
    """Count trainable parameters of the stand-alone network (skeleton of NAS-Bench-201, Fig. 1)."""
    total = 27 * channels + 2 * channels  # stem
    for stage in range(STAGES):
        width = channels << stage
        total += cells * cell_parameters(architecture, width)
        if stage:
            half = width // 2
            total += 9 * half * width + 9 * width**2 + 4 * width + half * width  # residual block
    last = channels << (STAGES - 1)
    return total + 2 * last + last * classes + classes


def flops(architecture: Architecture, *, classes: int, image_size: int, channels: int = 16, cells: int = 5) -> int:
    """Count multiply-accumulates of convolutions and the linear layer (its bias counted, as the benchmark does)."""
    total = 27 * channels * image_size**2
    for stage in range(STAGES):
        width, side = channels << stage, image_size >> stage
        total += cells * sum(operation(OPS[op]).multiplications(width, side) for op in architecture)
        if stage:
            half = width // 2
            total += (9 * half * width + 9 * width**2 + half * width) * side**2
    last = channels << (STAGES - 1)
    return total + last * classes + classes


def elementwise(architecture: Architecture, *, image_size: int, channels: int = 16, cells: int = 5) -> int:
    """Count what batch norms (2 for every element) and ReLUs (1) do, which the benchmark does not."""
    total = 2 * channels * image_size**2
    for stage in range(STAGES):
        width, side = channels << stage, image_size >> stage
        total += cells * sum(operation(OPS[op]).elementwise(width, side) for op in architecture)
        if stage:  # ReLU, batch norm, twice; the first ReLU sees the image before
            total += (2 + 2 + 1 + 2) * width * side**2
    return total + 3 * width * side**2
