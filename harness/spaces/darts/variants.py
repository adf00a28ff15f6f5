"""The published variants of the DARTS space as data, with their sources. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.spaces.darts.encoding import INPUTS

NODES = 4
EDGES = tuple((source, node) for node in range(INPUTS, INPUTS + NODES) for source in range(node))  # (source, node)

# quark0/darts, cnn/genotypes.py: the order of alpha's columns
DARTS = (
    "none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
    "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
)  # fmt: skip
OPERATIONS = (*DARTS, "sep_conv_7x7", "noise")  # that a supernet can have
_SHORT = {
    "m": "max_pool_3x3", "a": "avg_pool_3x3", "s": "skip_connect",
    "c3": "sep_conv_3x3", "d3": "dil_conv_3x3", "d5": "dil_conv_5x5",
}  # fmt: skip


def _edges(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_SHORT[name] for name in edge.split("/")) for edge in text.split())


# automl/RobustDARTS, src/spaces.py: S1, two options on every edge, in the order of the edges
S1_NORMAL = _edges("s/d3 s/d5 s/d5 s/c3 s/d3 m/s s/c3 s/c3 s/d3 s/c3 m/s s/d3 d3/d5 d3/d5")
S1_REDUCE = _edges("m/a m/d3 m/a m/a s/d5 m/a m/c3 s/d3 s/d5 m/a m/a s/d5 s/d5 s/d5")


def _settings(normal: Sequence[Any], reduce: Sequence[Any] | None = None, **changes: Any) -> Mapping[str, Any]:
    """Return all settings of a variant; quark0/darts, cnn/train_search.py: 8 cells, 16 channels."""
    return {
        "name": "darts", "channels": 16, "cells": 8, "partial_channels": 1, "normal": normal,
        "reduce": reduce or normal, "parse": "weights", "bn_statistics": "running",
    } | changes  # fmt: skip


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "darts": _settings(DARTS),
    "s5": _settings(DARTS[1:]),  # ruocwang/darts-pt, sota/cnn/spaces.py: without none
    "s1": _settings(S1_NORMAL, S1_REDUCE),
    "s2": _settings(("skip_connect", "sep_conv_3x3")),
    "s3": _settings(("none", "skip_connect", "sep_conv_3x3")),
    "s4": _settings(("noise", "sep_conv_3x3")),
    # StacNAS, section 2.4.1 item 3 and section 4.4: average pooling replaced
    "darts-sep7": _settings((*DARTS[:2], "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", *DARTS[6:])),
    # StacNAS, Eq. 6: one pool against two correlated convolutions
    "stacnas-four": _settings(("max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "none")),
    # StacNAS, section 2.5.1, stage 1, one operation of each family; susan0199/stacnas, search_cnn.py: 14 cells
    "stacnas-families": _settings(
        ("max_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_3x3", "none"), cells=14, parse="alpha"
    ),
}
