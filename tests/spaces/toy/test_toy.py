"""A third space that only this folder knows: every method runs on it, and everything that reads a search does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness import spaces
from harness.analysis.measures import history, magnitude_at
from harness.analysis.outcomes import digest
from harness.analysis.series import Series
from harness.config import deep_merge
from harness.engine import checkpoint as checkpoints
from harness.engine.search import Search, run_search
from harness.engine.trajectory import Trajectory
from harness.errors import HarnessError
from harness.methods.catalogue import resolve
from harness.methods.spec import SearchSpec
from harness.methods.stops import MagnitudePeak, RankStability, SkipCount
from harness.report.operations import edge_panels, magnitude_panels
from harness.runner.cost import estimate_seconds
from harness.spaces.registry import known, published
from harness.spaces.space import LEFT_OUT, Size
from tests.engine.catalogued import CATALOGUE, SEARCHING, layer, small
from tests.engine.conftest import TINY, toy
from tests.engine.test_contract import differences
from tests.records import a_record

HOUSE = str(Path(__file__).with_name("house"))
CPU = torch.device("cpu")
CELLS = {"up": ("up-3", "up-4"), "down": ("down-3",)}
PROGRESSIVE = [name for name in SEARCHING if "select: progressive" in CATALOGUE.parts(name)]
# Their weights of edges are made to sum to 1 over all edges into a node, which lie in groups of different widths here.
REFUSED = {"pc-darts": "'edge-normalised' needs all edges into a node in one group"}


@pytest.fixture(autouse=True, scope="module")
def moved_in():
    """Let the harness find the space by its folder."""
    spaces.__path__.append(HOUSE)
    yield
    spaces.__path__.remove(HOUSE)


def make(method: str, **settings: Any) -> SearchSpec:
    """Resolve a method on the toy, at the size of the other tests."""
    space = dict(published("toy").presets()["toy"])
    below = {"space": space, "data": TINY["data"] | {"flip": True, "crop_padding": 1}}
    own = deep_merge(small(method), {"epochs": 6, "batch_size": 16}, settings)
    if method in PROGRESSIVE:
        own = deep_merge(own, {"select": {"interval": 2}})  # at 1, tuning leaves the last edge to its weights
    if "exponentiated-gradient" in str(CATALOGUE.parts(method)):
        own["alpha_init"] = {"name": "even"}
    spec = resolve(CATALOGUE, method, [layer(own)], [layer(below)])
    assert isinstance(spec, SearchSpec)
    return spec


@pytest.mark.parametrize("method", [method for method in SEARCHING if method not in REFUSED])
def test_every_method_searches_resumes_and_serialises(method: str, tmp_path: Path) -> None:
    spec, file = make(method), tmp_path / "checkpoint.pt"
    result = run_search(spec, toy(), 7, "cpu", file).trajectory
    state = checkpoints.load(file, "cpu")
    assert [group.name for group in result.groups] == ["up-3", "up-4", "down-3"]
    for group in result.groups:
        mixing = np.array(result.mixing[group.name])
        assert mixing.shape[1:] == group.shape and np.isfinite(mixing).all()
    for architecture in result.architectures:
        edges = spec.space.operations(architecture)
        assert len(edges["up"]) == 3 and len(edges["down"]) == 2
    assert Trajectory.model_validate_json(result.model_dump_json()) == result

    def kill(epoch: int, epochs: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    killed = tmp_path / "killed.pt"
    with pytest.raises(KeyboardInterrupt):
        run_search(spec, toy(), 7, "cpu", killed, kill)
    assert run_search(spec, toy(), 7, "cpu", killed).trajectory == result
    assert differences(state, checkpoints.load(killed, "cpu")) == ["seconds", "sittings"]


@pytest.mark.parametrize("method", SEARCHING)
def test_alpha_of_every_group_moves_or_of_none(method: str) -> None:
    if method in REFUSED:
        with pytest.raises(HarnessError, match=REFUSED[method]):
            make(method)
        return
    search = Search(make(method), toy(), 0, CPU)
    before = {name: alpha.detach().clone() for name, alpha in search.alpha.items()}
    for _ in range(3):
        search.run_epoch()
    fixed = search.spec.update.name == "weights-only"
    assert [torch.equal(before[name], alpha) for name, alpha in search.alpha.items()] == [fixed] * 3


def test_a_space_without_a_whole_group_of_a_node_says_so_in_one_line() -> None:
    with pytest.raises(HarnessError) as error:
        make("pc-darts")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", PROGRESSIVE)
def test_progressive_methods_decide_every_group(method: str) -> None:
    """Of ``up`` all three edges, of ``down`` one per node: the other one of node 2 is left out."""
    search = Search(make(method), toy(), 0, CPU)
    while search.epoch < search.spec.all_epochs:
        search.run_epoch()
    decided = {name: rows.tolist() for name, rows in search.decided.items()}
    assert all(option >= 0 for name in CELLS["up"] for option in decided[name])
    assert decided["down-3"][0] >= 0 and sorted(option == LEFT_OUT for option in decided["down-3"][1:]) == [False, True]
    present = search.fixed(search.strengths())
    for name, rows in decided.items():
        for row, option in enumerate(rows):
            wanted = torch.zeros(present[name].shape[1])
            if option >= 0:
                wanted[option] = 1
            assert torch.equal(present[name][row], wanted)
    edges = search.spec.space.operations(search.architecture())
    rows = search.spec.space.rows("down")
    kept = [(g.sources[r], g.nodes[r], g.options[r][decided[g.name][r]]) for g, r in rows if decided[g.name][r] >= 0]
    assert [tuple(edge) for edge in edges["down"]] == kept


@pytest.mark.parametrize("method", ["rsps", "setn", "enas"])
def test_the_best_path_is_one_of_every_group(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    search = Search(make(method, select={"candidates": 40}), toy(), 0, CPU)
    asked = []

    def accuracy(mixing: dict[str, torch.Tensor], indices: torch.Tensor, *, augmented: bool) -> float:
        asked.append({name: weights.argmax(-1).tolist() for name, weights in mixing.items()})
        return float(sum(sum(path) for path in asked[-1].values()))

    monkeypatch.setattr(search, "path_accuracy", accuracy)
    assert search.spec.select.conclude(search)
    best = max(asked, key=lambda paths: sum(map(sum, paths.values())))
    assert {name: rows.tolist() for name, rows in search.decided.items()} == best
    varied = [len({tuple(paths[name]) for paths in asked}) > 1 for name in search.groups]
    assert any(varied) if method == "setn" else all(varied)  # SETN's are the most probable ones


def test_setn_scores_the_most_probable_paths_of_all_groups_together() -> None:
    search = Search(make("setn", select={"candidates": 25}), toy(), 0, CPU)
    for name, alpha in search.alpha.items():
        alpha.data.copy_(torch.randn(alpha.shape, generator=torch.Generator().manual_seed(len(name))))
    found = search.spec.select._paths(search)
    logs = [row for weights in search.strengths().values() for row in weights.log().tolist()]
    grids = np.stack(np.meshgrid(*(range(len(row)) for row in logs), indexing="ij"), -1).reshape(-1, len(logs))
    joint = sum(np.array(row)[grids[:, place]] for place, row in enumerate(logs))
    wanted = grids[np.argsort(-joint, kind="stable")[:25]]
    assert torch.cat(list(found.values()), 1).tolist() == wanted.tolist()


# what reads a search ----------------------------------------------------------------------------------------


def record(ups: list[list[float]], downs: list[list[float]], **changes: Any) -> Any:
    """A record whose edges have these weights, epoch by epoch, on the options of their rows (the wider one gets 0)."""
    space = published("toy")
    mixing = {
        "up-3": [[row, row] for row in ups], "up-4": [[[*row, 0.0]] for row in ups],
        "down-3": [[row] * 3 for row in downs],
    }  # fmt: skip
    undecided = {group.name: [-1] * group.shape[0] for group in space.groups}
    found = [
        space.discretise({name: epochs[epoch] for name, epochs in mixing.items()}, undecided)
        for epoch in range(len(ups))
    ]
    nothing = [None] * len(ups)
    trajectory = Trajectory(
        groups=list(space.groups), mixing=mixing, architectures=found, weight_loss=nothing, weight_accuracy=nothing,
        architecture_loss=nothing, architecture_accuracy=nothing, weight_lr=nothing,
    )  # fmt: skip
    spec = make("darts-v1").model_dump(mode="json")
    evaluations = {text: {"toy/test/1": 50.0} for text in found}
    whole = {"spec": spec, "trajectory": trajectory.model_dump(), "evaluations": evaluations, **changes}
    return a_record(**whole)


ZERO, SKIP, CONV = [0.6, 0.3, 0.1], [0.05, 0.9, 0.05], [0.0, 0.1, 0.9]  # of zero, identity, conv_a


def test_operations_are_told_by_cell_type() -> None:
    """identity at .9 in one and at .125 in the other is no .5125."""
    outcome = digest(record([SKIP], [[0.125, 0.375, 0.5]]))
    assert magnitude_at(outcome, "identity") == magnitude_at(outcome, "identity", "up") == 0.9
    assert magnitude_at(outcome, "identity", "down") == 0.125
    assert magnitude_at(outcome, "conv_b", "down") == 0.5 and magnitude_at(outcome, "conv_b", "up") == 0.0
    assert magnitude_at(outcome, "conv_a", "down") is None
    titles = [panel.title for panel in magnitude_panels("DARTS", [outcome])]
    assert titles == ["DARTS (up)", "DARTS (down)"]
    edges = edge_panels([outcome])
    assert [panel.title for panel in edges] == [
        "node 0 → node 1 (up)", "node 0 → node 2 (up)", "node 1 → node 2 (up)",
        "node 0 → node 1 (down)", "node 0 → node 2 (down)", "node 1 → node 2 (down)",
    ]  # fmt: skip
    assert [len(panel.lines) for panel in edges] == [3, 3, 4, 3, 3, 3]
    assert edges[3].lines[0].label == "id" and edges[3].lines[0].mean.tolist() == [0.125]


def test_baselines_hold_the_telling_operations_of_every_cell_type() -> None:
    trial: Any = type("Trial", (), {"spec": make("darts-v1")})
    outcome = digest(record([SKIP], [[0.125, 0.375, 0.5]]))
    series = Series("darts-v1", None, "toy", "", (trial,), (outcome,))
    told = {name: series.magnitude(*pair).mean for name, pair in series.told.items()}
    wanted = {"identity in up": 0.9, "identity in down": 0.125, "conv_b in up": 0.0, "conv_b in down": 0.5}
    assert told == pytest.approx(wanted)


def test_stop_rules_count_in_the_first_cell_type() -> None:
    epochs = [ZERO, CONV, SKIP, SKIP, CONV, CONV]
    outcome = digest(record(epochs, [[0.9, 0.05, 0.05]] * 6))  # nothing but skips in the other
    seen = history(outcome, "toy/test/1")
    assert SkipCount(name="skip-count", skips=2).epoch(seen) == 2
    assert SkipCount(name="skip-count", skips=4).epoch(seen) == 5  # there are three edges
    assert MagnitudePeak(name="magnitude-peak", equation=12, operation="identity").epoch(seen) == 2
    assert MagnitudePeak(name="magnitude-peak", equation=12, operation="conv_b").epoch(seen) == 1


def test_rank_stability_ranks_the_convolutions_whatever_their_names() -> None:
    """Only ``up``'s last edge has two of them: a ranking that flips every epoch never stops the search."""
    whole = record([ZERO] * 14, [[0.2, 0.3, 0.5]] * 14)
    for epoch, rows in enumerate(whole.trajectory.mixing["up-4"]):
        rows[0] = [0.1, 0.1, 0.5, 0.3] if epoch % 2 else [0.1, 0.1, 0.3, 0.5]
    assert RankStability(name="rank-stability", epochs=10).epoch(history(digest(whole), "toy/test/1")) == 13
    for rows in whole.trajectory.mixing["up-4"][4:]:
        rows[0] = [0.1, 0.1, 0.3, 0.5]
    assert RankStability(name="rank-stability", epochs=2).epoch(history(digest(whole), "toy/test/1")) == 6


def test_records_with_groups_of_different_widths_are_read_and_broken_ones_named() -> None:
    whole = record([SKIP, CONV], [[0.2, 0.3, 0.5]] * 2)
    outcome = digest(whole)
    assert {name: values.shape for name, values in outcome.weights.items()} == {
        "up-3": (2, 2, 3), "up-4": (2, 1, 4), "down-3": (2, 3, 3)
    }  # fmt: skip
    broken = whole.trajectory.model_copy(update={"mixing": {**whole.trajectory.mixing, "up-4": [[[0.5] * 3]] * 2}})
    with pytest.raises(HarnessError, match=r"mixing weights 'up-4' are not \[2, 1, 4\]"):
        digest(whole.model_copy(update={"trajectory": broken}))


def test_its_cost_and_its_counts_are_its_own() -> None:
    spec, space = make("darts-v1"), published("toy")
    seconds = estimate_seconds(spec, 64, "cpu")
    assert seconds > 0
    wide = make("darts-v1", space={"channels": 64})
    assert estimate_seconds(wide, 64, "cpu") > 2 * seconds
    architecture = "up:identity,conv_a,conv_b/down:identity,-,conv_b"
    net = space.network(architecture, Size(3, 8), 10)
    assert sum(p.numel() for p in net.parameters()) == space.counts(architecture, Size(3, 8), 10, 8).parameters
    assert net(torch.randn(2, 3, 8, 8)).shape == (2, 10)
    assert space.architectures == 3 * 3 * 4 * (2 * (2 + 2))


def test_settings_are_checked_like_those_of_any_space() -> None:
    assert "toy" in known()
    with pytest.raises(HarnessError, match="unknown key 'chanels'; did you mean 'channels'"):
        make("darts-v1", space={"chanels": 4})
    with pytest.raises(HarnessError, match=r"space\.channels: .* greater than 0"):
        make("darts-v1", space={"channels": 0})


def test_narrowed_to_what_is_left() -> None:
    space = published("toy")
    down = [["identity", "conv_b"], ["zero", "identity", "conv_b"], ["conv_b", "zero"]]
    few = space.narrowed({"up": [["identity", "conv_a"]] * 3, "down": down}, cells=1)
    assert {group.name: group.shape for group in few.groups} == {"up-2": (3, 2), "down-2": (2, 2), "down-3": (1, 3)}
    assert [group.places for group in few.groups] == [(0, 1, 2), (0, 2), (1,)]
    assert few.cells == 1 and few.architectures == 2**3 * 2 * (2 + 1)
