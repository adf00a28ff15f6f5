"""Strength at work in a search: a supernet whose answer is known, pairs of equal batches, resuming bit for bit."""

import copy

import pytest
import torch

from harness.engine.search import Search, run_search
from harness.spaces.nb201 import encoding as nb201
from harness.spaces.space import UNDECIDED
from tests.engine.catalogued import tiny
from tests.engine.test_contract import differences
from tests.engine.test_selection import EDGE, rigged

CPU = torch.device("cpu")
PART = {"name": "strength", "edges": ["cell/2<-1"], "start": "end", "tuning_lr": 0.1, "gain": 0.5, "patience": 1,
        "cap": 3, "images": "all"}  # fmt: skip
EDGE_NAME = "cell/3<-0"


def spec(**changes):
    return tiny("halves-201", epochs=2, batch_size=16, data={"flip": True}, select=PART | changes)


def run(search):
    """Do all epochs, as `run_search`."""
    search.observe(None)
    while search.epoch < search.spec.all_epochs and not search.spec.select.finished(search):
        search.run_epoch()
    search.spec.select.conclude(search)
    search.observe(None)


def curves(track, series="strength"):
    """Return by operation what was measured."""
    names = [name for name in track.diagnostics if name.startswith(f"{series}/")]
    return {name.split("/")[-1]: [v for v in track.diagnostics[name] if v is not None] for name in names}


@pytest.mark.parametrize("op", [nb201.CONV1, nb201.CONV3])
def test_the_one_operation_that_sees_the_class_is_the_strongest(op):
    """At a rate of next to nothing, so that the others stay blind; alpha prefers skip, PT's criterion the right one."""
    search = rigged(op, "halves-201", select=PART | {"edges": [EDGE_NAME], "tuning_lr": 1e-9, "start": 1})
    search.epoch = 1  # the search proper is over: the weights are rigged
    run(search)
    names = search.spec.space.groups[0].options[EDGE]
    assert {name: set(curve) for name, curve in curves(search.trajectory).items()} == {
        name: {100.0 if name == names[op] else 50.0} for name in names
    }
    without = curves(search.trajectory, "without")
    assert without[names[op]] == [50.0] and min(without, key=lambda name: without[name][0]) == names[op]
    weights = search.trajectory.mixing["cell"][-1][EDGE]
    assert names[max(range(5), key=weights.__getitem__)] == "skip_connect"


def test_every_operation_sees_the_same_batches_from_the_same_weights(images):
    search = Search(spec(), images, 3, CPU)
    seen, weight_step = {}, search.weight_step

    def watched(batch):
        if search.epoch >= search.spec.search_epochs:
            option = int(search.decided["cell"][2])
            pixels, _ = search.batch(batch)
            before = torch.cat([weight.detach().flatten() for weight in search.weights])
            momenta = [state for state in search.weight_optimiser.state.values()]
            seen.setdefault(option, []).append((batch.clone(), pixels.clone(), before.clone(), len(momenta)))
        weight_step(batch)

    search.weight_step = watched
    run(search)
    assert sorted(seen) == [0, 1, 2, 3, 4]
    fewest = min(len(steps) for steps in seen.values())
    assert fewest >= 2 * 3  # two epochs of three steps
    for steps in seen.values():
        for mine, first in zip(steps[:fewest], seen[0][:fewest], strict=True):
            assert torch.equal(mine[0], first[0]) and torch.equal(mine[1], first[1])
        assert torch.equal(steps[0][2], seen[0][0][2]) and steps[0][3] == 0
    assert not torch.equal(seen[1][1][2], seen[3][1][2])  # other operations, other weights from the second step on
    assert not torch.equal(seen[0][0][1], seen[0][3][1])  # another epoch, other images


def test_what_was_kept_stays_as_it_was(images):
    """Also where everything moves on: alpha's optimiser, which is no new one, and what parts remember."""
    search = Search(spec().supernet, images, 3, CPU)
    search.observe(None)
    search.run_epoch()
    search.memory["rewards"] = [1.0]
    search.keep()
    whole = copy.deepcopy(search.kept)
    for _ in range(2):
        search.go_back()
        search.memory["rewards"].append(2.0)
        search.run_epoch()
    assert differences(search.kept, whole) == [] and search.kept["memory"] == {"rewards": [1.0]}
    assert differences(search.moved(), whole) != []


def test_alpha_and_the_other_edges_stand_still_and_the_end_is_the_beginning(images):
    search = Search(spec(), images, 3, CPU)
    plain = Search(spec().supernet, images, 3, CPU)
    for one in (search, plain):
        one.observe(None)
        for _ in range(2):
            one.run_epoch()
    at_the_end = copy.deepcopy(plain.moved())
    search.trajectory.diagnostics = {name: [None] * 3 for name in search.measured}
    search.measured = search.trajectory.diagnostics
    alphas, others = [], []
    while not search.spec.select.finished(search):
        search.run_epoch()
        alphas.append(search.alpha["cell"].detach().clone())
        others.append(search.decided["cell"].tolist())
    assert all(torch.equal(alpha, plain.alpha["cell"]) for alpha in alphas)
    assert {tuple(rows[:2] + rows[3:]) for rows in others} == {5 * (UNDECIDED,)}
    search.spec.select.conclude(search)
    back = search.moved()
    assert differences(back["net"], at_the_end["net"]) == []
    assert torch.equal(back["alpha"]["cell"], at_the_end["alpha"]["cell"])
    assert all(torch.equal(back["generators"][name], at_the_end["generators"][name]) for name in back["generators"])
    assert search.trajectory.mixing["cell"][:3] == plain.trajectory.mixing["cell"]


def test_tuning_is_at_a_constant_tenth_of_the_rate_and_trains_no_architecture(images):
    track = run_search(spec(), images, 0, "cpu").trajectory
    tuned = track.weight_lr[3:-1]
    assert tuned == pytest.approx([0.0025] * len(tuned)) and len(tuned) >= 5 * 2
    assert set(track.architecture_loss[3:]) == {None} and None not in track.architecture_loss[1:3]
    assert track.weight_loss[-1] is None and track.architectures[-1] == track.architectures[2]


def test_the_measured_accuracy_is_that_of_the_tuned_supernet(images):
    """Against a supernet that is tuned by hand: the search's own steps, one operation at a time."""
    track = run_search(spec(), images, 1, "cpu").trajectory
    by_hand = Search(spec(), images, 1, CPU)
    by_hand.observe(None)
    by_hand.run_epoch()
    by_hand.run_epoch()
    by_hand.decided["cell"][2] = 3
    by_hand.weight_optimiser = by_hand.new_weight_optimiser()
    for group in by_hand.weight_optimiser.param_groups:
        group["lr"] = torch.tensor(0.0025) if torch.is_tensor(group["lr"]) else 0.0025
    by_hand.net.train()
    for batch, _ in by_hand.feed.batches(by_hand.epoch):
        by_hand.now = by_hand.next_step()
        by_hand.weight_step(batch)
    [accuracy] = by_hand.accuracies([by_hand.mixing()], None)
    assert curves(track)["nor_conv_3x3"][0] == pytest.approx(accuracy, abs=1e-9)


def test_it_resumes_bit_for_bit_wherever_it_was_stopped(images, tmp_path):
    """Before, between and in the middle of operations: an operation takes two epochs or three."""
    files = {epoch: tmp_path / f"{epoch}.pt" for epoch in range(1, 18)}
    whole = run_search(spec(), images, 0, "cpu", tmp_path / "whole.pt", keep=files)
    last = len(whole.epoch_seconds)
    lengths = {len(curve) for curve in curves(whole.trajectory).values()}
    assert lengths == {2, 3}
    for epoch in (2, 3, 4, 5, 6, last):
        resumed = run_search(spec(), images, 0, "cpu", files[epoch])
        assert resumed.resumed_from_epoch == epoch and resumed.trajectory == whole.trajectory
        states = [torch.load(file, weights_only=True) for file in (tmp_path / "whole.pt", files[epoch])]
        assert differences(*states) == (["seconds", "sittings"] if epoch < last else [])


def test_whoever_trains_the_supernet_the_end_is_the_same(images, tmp_path):
    """From the plain search's state, from that of another edge's measurement, or from scratch."""
    alone = run_search(spec(), images, 0, "cpu").trajectory
    for number, leader in enumerate((spec().supernet, spec(edges=["cell/1<-0"]), spec(edges=["cell/1<-0"], start=2))):
        file = tmp_path / f"{number}.pt"
        run_search(leader, images, 0, "cpu", keep={2: file})
        shared = run_search(spec(), images, 0, "cpu", supernet=file)
        assert shared.from_supernet and shared.trajectory == alone


def test_its_end_is_told_before_the_most_that_it_might_take(images):
    told = []
    run_search(spec(gain=100.0), images, 0, "cpu", None, lambda epoch, epochs: told.append((epoch, epochs)))
    assert told[-1] == (12, 12) and told[-2] == (11, 17)  # 2 + 5 x 2 of at most 2 + 5 x 3


def test_streams_of_another_kind_of_device_stay_paired(images):
    """What was kept begins with the new streams, too."""
    search = Search(spec(), images, 0, CPU)
    search.observe(None)
    for _ in range(4):
        search.run_epoch()
    state = copy.deepcopy(search.state())
    state["device"] = "elsewhere"
    moved = Search(spec(), images, 0, CPU)
    moved.load(state)
    assert moved.new_streams
    here, kept = moved.moved()["generators"], moved.kept["generators"]
    old = search.state()["generators"]
    for name in ("augmentation", "noise"):
        assert torch.equal(here[name], kept[name]) and not torch.equal(here[name], old[name])
    assert torch.equal(here["weight-batches"], old["weight-batches"])
