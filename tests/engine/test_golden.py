"""Golden traces: every searching method, loss by loss, and the mixing weights they end in.

20 steps of each, or as many as its selection needs.

A refactoring leaves them as they are. Who changes the mathematics raises the version of the part, regenerates with

    python -m tests.engine.test_golden [METHOD ...]

which prints what changed, and says so in the commit.

The traces are in float64. In float32 one in a few runs of 20 steps meets a ReLU that rounding alone flips, and one
flip changes alpha's gradient by percents and what follows by 1e-5 to 1e-1: no trace would hold on another machine.
Single precision is compared over its first step, before anything can grow.
"""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path

import pytest
import torch

from harness.engine.search import Search
from tests.engine.catalogued import SEARCHING, enough_epochs, tiny
from tests.engine.conftest import toy
from tests.engine.test_search import in_float64

FOLDER = Path(__file__).with_name("golden")
STEPS_OF_AN_EPOCH = 5
TOLERANCE = 1e-5  # of the largest number of its kind


def spec(method):
    """Epochs of five steps on batches of 8, with augmentation and running statistics as on real data."""
    space, data = {"bn_statistics": "running"}, {"flip": True, "crop_padding": 1}
    return tiny(method, space=space, data=data, epochs=enough_epochs(method, 4), batch_size=8)


def begin(search):
    """Say where the search starts, then start from numbers near it that every machine computes alike.

    Initialisers round differently from one instruction set to another, by 1e-8.
    """
    weights = torch.cat([weight.detach().flatten() for weight in search.weights])
    alpha = search.alpha["cell"].detach()
    line = f"start {weights.norm().item():.6e} {alpha.norm().item():.6e}"
    generator = torch.Generator().manual_seed(0)

    def even(tensor, bound):
        drawn = torch.randint(-(2**20), 2**20, tensor.shape, generator=generator).double() / 2**20
        tensor.copy_(bound * drawn)

    with torch.no_grad():
        for weight in search.weights:
            if weight.dim() > 1:
                even(weight, weight[0].numel() ** -0.5)
            else:
                weight.round_()  # batch norms stay at 1 and 0
        if search.spec.alpha_init.name == "normal":
            even(search.alpha["cell"], 2 * search.spec.alpha_init.scale)
    return line


def recorded(search):
    """Have a search write down, step by step, the loss of every metered pass and the path that it drew."""
    steps = []
    next_step, plain = search.next_step, search.loss

    def moment():
        steps.append([])
        return next_step()

    def loss(images, labels, mixing, meter, side="architecture"):
        value = plain(images, labels, mixing, meter, side)
        if meter is not None:
            steps[-1].append(f"{value.item():.6e}")
            if search.spec.relaxation.sampled:
                steps[-1].append("path-" + "".join(map(str, mixing["cell"].argmax(-1).tolist())))
        return value

    search.next_step, search.loss = moment, loss
    return steps


def trace(method):
    """Return the lines of a method's trace, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with pytest.MonkeyPatch.context() as patch:
            search = in_float64(patch, spec(method), toy())
            start, steps = begin(search), recorded(search)
            search.observe(None)
            while search.epoch < search.spec.all_epochs:
                search.run_epoch()
            if search.spec.select.conclude(search):
                search.observe(None)
    finally:
        torch.set_num_threads(threads)
    assert len(steps) == STEPS_OF_AN_EPOCH * search.spec.all_epochs
    track = search.trajectory
    rows = enumerate(track.mixing["cell"][-1])
    return [
        start,
        *(f"step {number} {' '.join(step)}" for number, step in enumerate(steps, start=1)),
        *(f"edge {edge} {' '.join(f'{value:.6e}' for value in row)}" for edge, row in rows),
        f"architecture {track.architectures[-1]}",
    ]


NUMBER = re.compile(r"-?\d\.\d+e[+-]\d+")


def read(line):
    """Split a line into what it says in words and its numbers."""
    return NUMBER.sub("number", line), [float(text) for text in NUMBER.findall(line)]


def compare(lines, wanted):
    """List the lines that differ: in words at all, in numbers by more than the tolerance."""
    scale = {}
    for line in wanted:
        kind = line.split()[0]
        scale[kind] = max([scale.get(kind, 0.0), *map(abs, read(line)[1])])
    found = []
    for line, old in itertools.zip_longest(lines, wanted, fillvalue="nothing"):
        (said, values), (said_before, before) = read(line), read(old)
        allowed = TOLERANCE * scale.get(old.split()[0], 0.0)
        if said != said_before or any(abs(a - b) > allowed for a, b in zip(values, before, strict=True)):
            found += [f"- {old}", f"+ {line}"]
    return found


def path(method):
    return FOLDER / f"{method}.txt"


@pytest.mark.parametrize("method", SEARCHING)
def test_trace_is_the_golden_one(method):
    assert path(method).exists(), f"no golden trace yet: python -m tests.engine.test_golden {method}"
    assert compare(trace(method), path(method).read_text(encoding="utf-8").splitlines()) == []


@pytest.mark.parametrize("method", SEARCHING)
def test_single_precision_begins_as_the_golden_trace(method):
    search = Search(spec(method), toy(), 0, torch.device("cpu"))
    begin(search)
    steps = recorded(search)
    search.run_epoch()
    golden = path(method).read_text(encoding="utf-8").splitlines()[1]
    (said, values), (said_before, before) = read(f"step 1 {' '.join(steps[0])}"), read(golden)
    assert values == pytest.approx(before, rel=1e-3)
    assert values[0] == pytest.approx(before[0], rel=1e-5) and said == said_before


def test_no_golden_trace_is_left_of_a_method_that_is_gone():
    assert {file.stem for file in FOLDER.iterdir()} == set(SEARCHING)


@pytest.mark.parametrize(
    ("line", "wanted", "differs"),
    [
        ("step 1 1.000000e+00 path-31", "step 1 1.000009e+00 path-31", False),
        ("step 1 1.000000e+00 path-31", "step 1 1.000011e+00 path-31", True),
        ("step 1 1.000000e+00 path-31", "step 1 1.000000e+00 path-32", True),
        ("step 1 1.000000e+00", "step 1 1.000000e+00 1.000000e+00", True),
        ("edge 0 1.000000e-09 1.000000e+00", "edge 0 2.000000e-09 1.000000e+00", False),
        ("architecture |none~0|", "architecture |skip_connect~0|", True),
    ],
)
def test_the_comparison_itself(line, wanted, differs):
    assert bool(compare([line], [wanted])) == differs
    assert compare([line], [line, "edge 0 1.000000e+00"])


def main(methods):
    """Write the golden traces of ``methods`` (none: all) and print what changed; remove those of methods gone."""
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.iterdir():
        if file.stem not in SEARCHING:
            file.unlink()
            print(f"{file.stem}: gone")
    for method in methods or SEARCHING:
        before = path(method).read_text(encoding="utf-8").splitlines() if path(method).exists() else []
        lines = trace(method)
        changed = compare(lines, before)
        if changed:
            path(method).write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{method}: {'new' if not before else 'changed' if changed else 'as before'}")
        if before:
            print("\n".join(changed), end="\n" if changed else "")


if __name__ == "__main__":
    main(sys.argv[1:])
