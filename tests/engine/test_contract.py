"""What every searching method of the catalogue owes, whatever its parts; and that nobody asks which one it is."""

import ast
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import special

import harness
from harness.engine import checkpoint as checkpoints
from harness.engine.search import Search, run_search
from harness.engine.trajectory import Trajectory
from harness.methods.computed import Computation
from harness.methods.relaxations import Relaxation
from harness.spaces.nb201 import encoding as nb201
from tests.engine.catalogued import CATALOGUE, SEARCHING, enough_epochs, tiny

EPOCHS = 2


def edge_normalised(alpha):
    """PC-DARTS: softmax over an edge's operations, times softmax over the edges into its node (1, 2 and 3 of them)."""
    into = [special.softmax(alpha[edges, -1]) for edges in ([0], [1, 2], [3, 4, 5])]
    return special.softmax(alpha[:, :-1], axis=1) * np.concatenate(into)[:, None]


def greedy_walk(alpha):
    """ENAS: torch's own LSTM and layers, alpha being their weights; each step is fed the likeliest operation."""
    lstm, embedding, output = torch.nn.LSTM(32, 32, 2).double(), torch.nn.Embedding(5, 32), torch.nn.Linear(32, 5)
    modules, first = torch.nn.ModuleList([lstm, embedding, output]).double(), torch.tensor(alpha[:32]).view(1, 32)
    torch.nn.utils.vector_to_parameters(torch.tensor(alpha[32:]), modules.parameters())
    given, state, rows = first, None, []
    with torch.no_grad():
        for _ in range(6):
            said, state = lstm(given[None], state)
            rows.append((2.5 * torch.tanh(output(said[0]) / 5)).softmax(-1)[0])
            given = embedding(rows[-1].argmax())[None]
    return torch.stack(rows).numpy()


def softmax(alpha):
    return special.softmax(alpha, axis=1)


# What alpha says of its edges, by the papers' formulas.
OPINIONS = {
    "softmax": softmax,
    "mixed-temperature": softmax,
    "gumbel-hard": softmax,
    "sigmoid": special.expit,
    "uniform": lambda alpha: np.full((6, 5), 0.2),
    "uniform-path": softmax,
    "simplex": lambda alpha: alpha,
    # the mean of a Dirichlet distribution with concentration ELU(alpha) + 1
    "dirichlet": lambda alpha: (c := np.where(alpha > 0, alpha + 1, np.exp(alpha))) / c.sum(1, keepdims=True),
    "edge-normalised": edge_normalised,
    "controller": greedy_walk,
}


@pytest.fixture(scope="module", params=SEARCHING)
def searched(request, images, tmp_path_factory):
    """Specification, result and last checkpoint of a search without interruption."""
    epochs = enough_epochs(request.param, EPOCHS)
    spec = tiny(request.param, epochs=epochs, batch_size=16, data={"flip": True, "crop_padding": 1})
    file = tmp_path_factory.mktemp("whole") / "checkpoint.pt"
    result = run_search(spec, images, 7, "cpu", file)
    return spec, result.trajectory, checkpoints.load(file, "cpu")


def test_trajectory_has_one_entry_per_epoch_and_one_before(searched):
    spec, track, _ = searched
    epochs, picks = spec.all_epochs, spec.select.name == "best-path"
    trained = [False] + epochs * [True] + picks * [False]
    for values in (track.weight_loss, track.weight_accuracy, track.weight_lr):
        assert [v is not None and math.isfinite(v) for v in values] == trained
    two_sided = spec.update.name in ("alternating", "collaborative")
    for values in (track.architecture_loss, track.architecture_accuracy):
        frozen = spec.architecture_warmup
        assert [v is not None for v in values] == [
            two_sided and was and epoch > frozen for epoch, was in enumerate(trained)
        ]
    for diagnostic in spec.diagnostics:  # those of the catalogue: eigenvalues, after epochs 1, 3, 5, ... and the last
        assert diagnostic.name == "eigenvalue" and epochs == 2
        assert [v is not None for v in track.diagnostics[diagnostic.name]] == [False, True, True]
    assert track.groups == list(spec.space.groups) and list(track.mixing) == ["cell"]
    assert torch.tensor(track.mixing["cell"]).shape == (epochs + 1 + picks, 6, 5)
    assert (torch.tensor(track.mixing["cell"]) >= 0).all() and torch.tensor(track.mixing["cell"]).isfinite().all()


def test_architectures_are_valid_and_those_of_the_largest_weights(searched):
    spec, track, _ = searched
    largest = [tuple(row.index(max(row)) for row in mixing) for mixing in track.mixing["cell"]]
    found = [nb201.parse(text) for text in track.architectures]
    undecided = {"largest-weight": None, "best-path": -1, "progressive": spec.search_epochs}[spec.select.name]
    if spec.select.name == "progressive" and not spec.select.after_search:
        undecided = spec.select.start
    assert found[:undecided] == largest[:undecided] and len(found) == len(largest)


def test_what_is_recorded_is_alphas_opinion_and_no_draw(searched):
    spec, track, state = searched
    alpha = state["alpha"]["cell"].double().numpy()
    np.testing.assert_allclose(track.mixing["cell"][-1], OPINIONS[spec.relaxation.name](alpha), rtol=1e-5)


def test_the_trajectory_survives_its_record(searched):
    _, track, _ = searched
    assert Trajectory.model_validate_json(track.model_dump_json()) == track


def test_weights_move_and_alpha_as_the_method_says(searched, images):
    spec, track, state = searched
    fresh = Search(spec, images, 7, torch.device("cpu"))
    assert not torch.equal(fresh.weights[0], state["net"]["stem.0.weight"])
    assert torch.equal(fresh.alpha["cell"], state["alpha"]["cell"]) == (spec.update.name == "weights-only")
    assert (track.mixing["cell"][0] == track.mixing["cell"][-1]) == (spec.update.name == "weights-only")


def test_a_killed_search_ends_bit_for_bit_as_if_it_had_not_been(searched, images, tmp_path):
    spec, track, state = searched

    class Killed(Exception):
        pass

    def kill(epoch, epochs):
        raise Killed

    file = tmp_path / "checkpoint.pt"
    with pytest.raises(Killed):
        run_search(spec, images, 7, "cpu", file, kill)
    torch.manual_seed(12345)
    resumed = run_search(spec, images, 7, "cpu", file)
    assert resumed.resumed_from_epoch == 1 and resumed.trajectory == track
    assert differences(state, checkpoints.load(file, "cpu")) == ["seconds", "sittings"]


def differences(one, other, path=""):
    """Name the entries in which two nests of dicts, lists, numbers and tensors differ."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        return [d for key in one for d in differences(one[key], other[key], f"{path}.{key}".strip("."))]
    same = torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
    return [] if same else [path]


# nobody asks for the method ---------------------------------------------------------------------------------

PACKAGE = Path(harness.__file__).parent
PARTS = {re.search(r"Literal\['(.*)'\]", str(part.model_fields["name"].annotation))[1]
         for union in (Computation, Relaxation) for part in union.__args__[0].__args__}  # fmt: skip
NAMES = sorted({*CATALOGUE.methods, *CATALOGUE.planned} - PARTS)


def texts(tree):
    """Yield line and text of every string that is not documentation: docstrings, keys of papers, examples of help."""
    spared = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            spared.add(node.body[0].value)
        if isinstance(node, ast.keyword) and node.arg == "paper":
            spared.add(node.value)
        if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == ["EXAMPLES"]:
            spared.add(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in spared:
            yield node.lineno, node.value


def mentions(line_texts):
    word = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, NAMES))})(?![\w-])")
    return [f"{line}: {found[1]}" for line, text in line_texts if (found := word.search(text))]


def test_no_module_outside_methods_names_a_method():
    found = []
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix not in (".py", ".html", ".css") or path.is_relative_to(PACKAGE / "methods"):
            continue
        source = path.read_text(encoding="utf-8")
        lines = texts(ast.parse(source)) if path.suffix == ".py" else enumerate(source.splitlines(), start=1)
        found += [f"{path.relative_to(PACKAGE)}:{mention}" for mention in mentions(lines)]
    assert found == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("if method == 'gdas': pass", 1),
        ("x = {'darts-v1': 3}", 1),
        ("f'run {x} of drnas'", 1),
        ("def f():\n    '''As in gdas.'''", 0),
        ("check(paper='sp-darts')", 0),
        ("name = 'sp-darts-eq-20'", 0),
        ("kind = 'softmax'", 0),
    ],
)
def test_the_rule_itself(source, count):
    assert len(mentions(texts(ast.parse(source)))) == count
