"""Statements that arithmetic settles: sizes of search spaces, multiples of learning rates, constants, an index."""

from __future__ import annotations

import math

from harness.theory.result import Measurement, as_printed, check, same_order

DARTS_NODES, DARTS_INPUTS = 4, 2
DARTS_OPERATIONS = 7  # without 'none', which no derived architecture has
NB201_EDGES, NB201_OPERATIONS = 6, 5
NASNET_BLOCKS, NASNET_OPERATIONS, NASNET_COMBINERS = 5, 13, 2  # Zoph et al. 2018


def darts_edges() -> int:
    """Return the edges of a DARTS cell: every node sees the two inputs and all earlier nodes."""
    return sum(DARTS_INPUTS + node for node in range(DARTS_NODES))


def darts_cells(operations: int = DARTS_OPERATIONS) -> int:
    """Count the cells of the DARTS space: two of its inputs for every node, an operation for each of the two."""
    return math.prod(math.comb(DARTS_INPUTS + node, 2) * operations**2 for node in range(DARTS_NODES))


def nasnet_cells() -> int:
    """Count the NASNet controller's decisions for one cell: two inputs, two operations and a combiner per block."""
    choices = [(2 + block) ** 2 * NASNET_OPERATIONS**2 * NASNET_COMBINERS for block in range(NASNET_BLOCKS)]
    return math.prod(choices)


def nasnet_cells_unordered() -> int:
    """Count the same without the combiner and without the order within a block's two branches."""
    branches = [(2 + block) * NASNET_OPERATIONS for block in range(NASNET_BLOCKS)]
    return math.prod(branch * (branch + 1) // 2 for branch in branches)


@check(
    name="darts-space-size",
    paper="stacnas",
    where="Section 2.1; also Single-DARTS, Appendix B",
    statement="The DARTS space with 4 nodes holds about 10^18 architectures.",
    note="Two of the 2 to 5 inputs per node, 7 operations for each of the two, two kinds of cell: 1.08e18. The 14 "
    "edges of Appendix B are right too.",
)
def darts_space() -> Measurement:
    """Count it: a normal and a reduction cell."""
    log10 = 2 * math.log10(darts_cells())
    return Measurement(
        same_order(log10, 18),
        {"log10-size": log10, "log10 of one cell": log10 / 2, "edges": float(darts_edges())},
        {"log10-size": 18.0},
    )


@check(
    name="nasnet-cells",
    paper="stacnas",
    where="Section 1",
    statement="The NASNet search space holds about 10^15 models.",
    note="That many are the cells of Zoph's space (5 blocks, 13 operations) where neither the order of a block's "
    "branches nor its combiner is counted: 2.5e15. With order, combiner and two cells it is far larger. The paper "
    "calls the DARTS space by this name too, and counts that one as 10^18 a section later.",
)
def nasnet_space() -> Measurement:
    """Count what the number is of: one cell, without order and combiner; and beside it what else is called so."""
    log10 = math.log10(nasnet_cells_unordered())
    return Measurement(
        same_order(log10, 15),
        {
            "log10-size": log10,
            "log10 of one cell with order and combiner": math.log10(nasnet_cells()),
            "log10 of two such cells": 2 * math.log10(nasnet_cells()),
            "log10 of the DARTS space": 2 * math.log10(darts_cells()),
        },
        {"log10-size": 15.0},
    )


@check(
    name="nb201-space-size",
    paper="sp-darts",
    where="Section IV.A; also Single-DARTS, Appendix B",
    statement="NAS-Bench-201 has 15,625 architectures, and 4,096 without the operation none.",
    note="6 edges, 5 operations.",
)
def nb201_space() -> Measurement:
    """Count operations to the power of edges."""
    counted = {
        "architectures": float(NB201_OPERATIONS**NB201_EDGES),
        "without-none": float((NB201_OPERATIONS - 1) ** NB201_EDGES),
    }
    published = {"architectures": 15_625.0, "without-none": 4_096.0}
    return Measurement(as_printed(counted, published, decimals=0), counted, published)


@check(
    name="delve-multiples",
    paper="delve",
    where="Section 2, Exp. 2 and Exp. 4",
    statement="Weight decays of 0.005 and 0.01 are 5 and 10 times 0.001; learning rates of 0.001, 0.002 and 0.003 are "
    "3.3, 6.6 and 10 times 0.0003.",
    note="6.67 is cut off, not rounded.",
)
def multiples() -> Measurement:
    """Divide."""
    measured = {f"decay-{decay}": decay / 0.001 for decay in (0.005, 0.01)}
    measured |= {f"lr-{lr}": lr / 0.0003 for lr in (0.001, 0.002, 0.003)}
    published = {"decay-0.005": 5.0, "decay-0.01": 10.0, "lr-0.001": 3.3, "lr-0.002": 6.6, "lr-0.003": 10.0}
    return Measurement(as_printed(measured, published, decimals=1), measured, published)


@check(
    name="single-darts-initial-weight",
    paper="single-darts",
    where="Section 5.1.2 and Appendix D",
    statement="At alpha = -ln 7 the sigmoid is 0.125; the appendix says softmax.",
    note="Both are 1/8: -ln 7 is chosen so that the sigmoid starts where softmax over 8 equal operations does, at any "
    "alpha. The appendix's formula is not an error in value.",
)
def initial_weight() -> Measurement:
    """Evaluate both, softmax over the 8 operations of the DARTS space at equal alphas."""
    alpha = -math.log(7)
    measured = {"sigmoid": 1 / (1 + math.exp(-alpha)), "softmax": math.exp(alpha) / (8 * math.exp(alpha))}
    published = {"sigmoid": 0.125, "softmax": 0.125}
    return Measurement(
        as_printed(measured, published, decimals=3),
        measured,
        published,
    )


@check(
    name="stacnas-eq-10",
    paper="stacnas",
    where="Appendix D, Eq. 10",
    statement="The gradient confusion is averaged over the 10 iterations after training, i = 11 to 10.",
    note="The sum printed is empty, and it lacks the division by 10 that 'the mean of the 10' says.",
)
def empty_sum() -> Measurement:
    """Count the terms of the printed sum."""
    measured, published = {"terms": float(len(range(11, 10 + 1)))}, {"terms": 10.0}
    return Measurement(
        as_printed(measured, published, decimals=0),
        measured,
        published,
    )
