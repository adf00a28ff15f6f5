"""Every searching method on every space of the papers: it runs, derives, serialises and resumes, or is refused.

`make contract` does the whole product; here every method has one space after another, and `-m contract` the rest.
"""

import numpy as np
import pytest

from harness.config import deep_merge
from harness.engine import checkpoint as checkpoints
from harness.engine.search import run_search
from harness.engine.trajectory import Trajectory
from harness.errors import HarnessError
from harness.methods.catalogue import resolve
from harness.spaces.registry import published
from tests.engine.catalogued import CATALOGUE, SEARCHING, layer, small
from tests.engine.conftest import TINY
from tests.engine.test_contract import differences

ONESHOT = ("oneshot-1", "oneshot-2", "oneshot-3")
SPACES = {
    "nb201": TINY["space"],
    **{
        name: published(name).model_dump() | {"channels": 4, "cells": 3}
        for name in ("darts", "s1", "s2", "s3", "s4", *ONESHOT)
    },
}
EDGES = {"nb201": 6, "oneshot-1": 13, "oneshot-2": 13, "oneshot-3": 14}  # of an architecture; 16 of others
FIXED = {"oneshot-1": {1, 3}, "oneshot-2": {1}, "oneshot-3": {1}}  # numbers of nodes, by NAS-Bench-1Shot1's Table 1
REFUSED = {  # why, in one line
    (method, space): f"edges '{edges}' are all equally important without the operation 'none'"
    for method, edges in (("sgas-1", "certainty"), ("sgas-2", "certainty-stability"), ("sgas-1-pt", "certainty"),
                          ("sgas-2-pt", "certainty-stability"))
    for space in ("s1", "s2", "s4", *ONESHOT)
}  # fmt: skip
REFUSED |= {("pc-darts", space): "one edge enters each node of 'oneshot'" for space in ONESHOT}
REFUSED |= {("darts-minus", space): "it needs the operation 'skip_connect'" for space in ONESHOT}
PAIRS = [(method, space) for method in SEARCHING for space in SPACES]


def sampled(method, space):
    """Tell whether a pair is among those of every run: with each method the next space."""
    return list(SPACES).index(space) == (SEARCHING.index(method) + 2) % len(SPACES)  # slow ones on small spaces


def case(method, space):
    marks = () if sampled(method, space) else pytest.mark.contract
    return pytest.param(method, space, marks=marks, id=f"{method}-{space}")


def specified(method, space):
    """Resolve a method at a tiny size; what it says for the five operations of NAS-Bench-201 fits the space."""
    below = {"space": SPACES[space], "data": TINY["data"] | {"flip": True, "crop_padding": 1}}
    own = deep_merge(small(method), {"epochs": 2, "batch_size": 16})
    full = deep_merge(*(part.data for part in CATALOGUE.layers(method)))
    if full["relaxation"]["name"] == "simplex":
        own["alpha_init"] = {"name": "even"}
    if isinstance(full["select"].get("start"), int):  # decisions before epochs 1, 2, ...
        own["epochs"] = {"nb201": 7, "oneshot-3": 11}.get(space, 9)
    if (
        space not in ("nb201", *ONESHOT)
        and full["select"].get("tuning_lr")
        and full["select"]["operation"] == "perturbation"
    ):
        own["select"] = full["select"] | own["select"] | {"name": "progressive-with-topology"}
    return resolve(CATALOGUE, method, [layer(own)], [layer(below)])


@pytest.mark.parametrize(("method", "space"), [case(*pair) for pair in PAIRS])
def test_a_method_runs_on_a_space_or_is_refused(method, space, images, tmp_path):
    if (method, space) in REFUSED:
        with pytest.raises(HarnessError) as refusal:
            specified(method, space)
        assert REFUSED[method, space] in str(refusal.value) and "\n" not in str(refusal.value)
        return
    spec = specified(method, space)
    whole, killed = tmp_path / "whole.pt", tmp_path / "killed.pt"
    track = run_search(spec, images, 7, "cpu", whole).trajectory
    derives(spec, track, EDGES.get(space, 16), space)
    assert Trajectory.model_validate_json(track.model_dump_json()) == track
    resumed = resume(spec, images, killed)
    assert resumed.resumed_from_epoch == 1 and resumed.trajectory == track
    assert differences(checkpoints.load(whole, "cpu"), checkpoints.load(killed, "cpu")) == ["seconds", "sittings"]


def derives(spec, track, kept, kind):
    """Mixing weights are finite, and the architecture of every epoch keeps edges of the space by their options."""
    for group in spec.space.groups:
        assert np.isfinite(np.array(track.mixing[group.name])).all()
    for text in track.architectures:
        found = spec.space.operations(text)
        assert sum(len(edges) for edges in found.values()) == kept
        for cell, edges in found.items():
            rows = {(g.nodes[row], g.links or g.sources[row]): (g, row) for g, row in spec.space.rows(cell)}
            for edge in edges:
                group, row = rows.get((edge.node, edge.operation.startswith("from-") or edge.source), (None, None))
                if group is None:  # a node that has no more to read from than it takes
                    assert edge.node in FIXED[kind] and edge.operation == f"from-{edge.source // 2}"
                else:
                    assert edge.operation in group.options[row]
    if spec.select.name == "largest-weight":
        last = {name: weights[-1] for name, weights in track.mixing.items()}
        undecided = {group.name: [-1] * group.shape[0] for group in spec.space.groups}
        assert track.architectures[-1] == spec.space.discretise(last, undecided)


def resume(spec, images, file):
    def kill(epoch, epochs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_search(spec, images, 7, "cpu", file, kill)
    return run_search(spec, images, 7, "cpu", file)


def test_every_run_sees_every_method_and_every_space():
    some = [pair for pair in PAIRS if sampled(*pair) and pair not in REFUSED]
    assert {space for _, space in some} == set(SPACES)
    assert {method for method, _ in some} >= set(SEARCHING) - {method for method, _ in REFUSED}


def summary():
    """Say how many combinations there are, and which of them are refused."""
    lines = [f"{len(PAIRS)} combinations of {len(SEARCHING)} methods and {len(SPACES)} spaces, {len(REFUSED)} refused:"]
    return "\n".join([*lines, *(f"  {method} on {space}: {why}" for (method, space), why in REFUSED.items())])


if __name__ == "__main__":
    print(summary())
