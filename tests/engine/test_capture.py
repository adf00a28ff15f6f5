"""Recorded steps: a stand-in replays by calling again, so that all but the device is tested on a CPU."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.engine.capture import KEPT, WARM_UP, Recorder, recorder
from harness.engine.optimisers import fixed_rates
from harness.engine.search import Search, run_search
from harness.engine.steps import Steps
from harness.errors import HarnessError
from harness.spaces.nb201 import kernels
from tests.engine.catalogued import SEARCHING, enough_epochs, tiny
from tests.engine.conftest import toy

aten = torch.ops.aten
HOST = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.lift_fresh, aten.equal, aten.is_nonzero}


class Tapes(list):
    """Makes recordings that do the step again on every replay, and counts the replays of each."""

    def __call__(self, step, generators):
        counts = self

        class Again:
            replays = 0

            def replay(self):
                self.replays += 1
                step()

        tape = Again()
        counts.append(tape)
        return tape


def searched(method, record, *, data=(), epochs=3, **settings):
    """Search with recorded steps where ``record`` is given."""
    epochs = enough_epochs(method, epochs)
    spec = tiny(method, epochs=epochs, batch_size=8, data={"flip": True, **dict(data)}, **settings)
    search = Search(spec, toy(), 3, torch.device("cpu"))
    if record is not None:
        for optimiser in (search.weight_optimiser, search.architecture_optimiser):
            fixed_rates(optimiser)
            for group in optimiser.param_groups:
                group.pop("capturable", None) is None or group.update(capturable=False)  # a CPU has no such Adam
        search.recorder = Recorder(search, record)
    search.observe(None)
    while search.epoch < spec.search_epochs:
        search.run_epoch()
    return search


def recordable(method):
    """Tell by its parts whether a method's steps can be recorded."""
    spec = tiny(method, epochs=enough_epochs(method, 3))
    drawn = spec.relaxation.name in ("gumbel-hard", "uniform-path", "dirichlet", "controller")
    return not (drawn or spec.weight_noise or spec.drop_path or spec.weight_relaxation) and (
        spec.update.name in ("joint", "weights-only") or getattr(spec.update, "unrolled", None) is False
    )


@pytest.mark.parametrize("method", list(filter(recordable, SEARCHING)))
def test_recorded_steps_are_the_same_steps(method):
    tapes = Tapes()
    plain, recorded = searched(method, None), searched(method, tapes)
    assert tapes
    assert recorded.trajectory.architectures == plain.trajectory.architectures
    ours, theirs = torch.tensor(recorded.trajectory.mixing["cell"]), torch.tensor(plain.trajectory.mixing["cell"])
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert recorded.trajectory.weight_loss[1:] == pytest.approx(plain.trajectory.weight_loss[1:], rel=1e-4)


class NoHost(TorchDispatchMode):
    """Refuses what a graph cannot hold: to read a tensor on the host, to make one of numbers there."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket not in HOST, f"{func} needs the host"
        masks = [index for index in args[1] if index is not None] if func is torch.ops.aten.index.Tensor else []
        assert all(index.dtype != torch.bool for index in masks), "a mask's size is known on the host alone"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", list(filter(recordable, SEARCHING)))
def test_recorded_steps_need_nothing_of_the_host(method, monkeypatch):
    replays = []

    def record(step, generators):
        def replay():
            replays.append(1)
            with NoHost(), monkeypatch.context() as patch:
                patch.setattr(torch.Tensor, "tolist", None)
                patch.setattr(torch.Tensor, "numpy", None)
                patch.setattr(Steps, "deciding", False)  # is read off tensors on the host, and is false here
                step()

        return SimpleNamespace(replay=replay)

    monkeypatch.setattr(kernels, "library", lambda: None)  # as on the device: torch's operations
    searched(method, record)
    assert replays


@pytest.mark.parametrize("call", [lambda x: x.sum().item(), lambda x: x[x > 0], lambda x: torch.tensor([1.0])])
def test_what_needs_the_host_is_noticed(call):
    with NoHost(), pytest.raises(AssertionError, match="host"):
        call(torch.ones(3))


def test_a_step_that_cannot_be_recorded_ends_the_search_with_a_way_out():
    def fail(step, generators):
        try:
            raise RuntimeError("asked the host\nmore")
        finally:
            raise RuntimeError("recording failed")  # which is all that CUDA says

    with pytest.raises(HarnessError, match=r"recorded \(asked the host\); HARNESS_GRAPHS=0 runs steps one by one"):
        searched("darts-v1", fail)


def test_recordings_are_made_on_cuda_unless_that_is_turned_off(monkeypatch):
    search = Search(tiny("darts-v1", epochs=1), toy(), 3, torch.device("cpu"))
    assert recorder(search) is None
    search.device = SimpleNamespace(type="cuda")
    monkeypatch.setattr("harness.engine.capture.Recorder", lambda search: "made")
    assert recorder(search) == "made"
    monkeypatch.setenv("HARNESS_GRAPHS", "0")
    assert recorder(search) is None


def test_recordings_of_epochs_that_are_over_are_dropped():
    made = Tapes()
    search = searched("darts-minus", made, epochs=7)
    assert len(made) == 7 and len(search.recorder.recorded.tapes) == KEPT


@pytest.mark.parametrize(
    ("method", "tapes"),
    [
        ("darts-v1", 1), ("single-darts", 1), ("gaea-erm", 1), ("darts-pt-fixed", 1),
        ("pc-darts", 2),  # before and after alpha's warm-up
        ("darts-minus", 1),  # the auxiliary skip changes with the epoch: see below
        ("darts-v2", 0), ("gdas", 0), ("drnas", 0), ("sdarts-rs", 0), ("setn", 0), ("enas", 0), ("r-darts-dp", 0),
    ],
)  # fmt: skip
def test_what_is_recorded(method, tapes):
    made = Tapes()
    search = searched(method, made)
    steps = search.feed.steps(0) * search.spec.search_epochs
    if method == "darts-minus":
        tapes = search.spec.search_epochs
    assert len(made) == tapes
    assert sum(tape.replays for tape in made) == (steps - WARM_UP * tapes if tapes else 0)


def test_both_temperatures_have_a_recording():
    made = Tapes()
    searched("sp-darts", made, relaxation={"low": 0.5, "high": 0.5, "warmup": 0})
    assert len(made) == 2 and all(tape.replays for tape in made)


def test_the_rest_of_an_epoch_is_not_recorded():
    made = Tapes()
    search = searched("darts-v1", made, data={"weight_images": 33, "architecture_images": 24})
    epochs = search.spec.search_epochs
    assert search.feed.steps(0) == 5 and made[0].replays == 4 * epochs - WARM_UP


def test_a_recording_reads_the_present_rate():
    search = searched("single-darts", Tapes())
    rate = search.weight_optimiser.param_groups[0]["lr"]
    assert isinstance(rate, torch.Tensor) and rate.item() == pytest.approx(search.trajectory.weight_lr[-1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants CUDA")
@pytest.mark.parametrize("method", ["darts-v1", "single-darts", "ex-darts", "sp-darts", "gaea-bilevel"])
def test_cuda_graphs_follow_plain_steps(method):
    def run(record):
        spec = tiny(method, epochs=3, batch_size=8, data={"flip": True})
        search = Search(spec, toy(), 3, torch.device("cuda"))
        search.recorder = recorder(search) if record else None
        search.observe(None)
        while search.epoch < spec.epochs:
            search.run_epoch()
        assert not record or search.recorder.recorded.tapes
        return search.trajectory

    plain, recorded = run(False), run(True)
    assert recorded.weight_loss[1:] == pytest.approx(plain.weight_loss[1:], rel=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants CUDA")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", SEARCHING)
def test_every_method_runs_on_cuda_and_goes_on_from_a_checkpoint(method, precision, tmp_path):
    spec = tiny(method, epochs=enough_epochs(method, 3), batch_size=8, precision=precision)
    whole = run_search(spec, toy(), 3, "cuda", keep={1: tmp_path / "one.pt"})
    resumed = run_search(spec, toy(), 3, "cuda", checkpoint=tmp_path / "one.pt")
    assert resumed.resumed_from_epoch == 1
    assert len(resumed.trajectory.architectures) == len(whole.trajectory.architectures)
    assert resumed.trajectory.weight_loss[2] == pytest.approx(whole.trajectory.weight_loss[2], rel=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants CUDA")
def test_cells_stay_in_bfloat16_on_cuda():
    search = Search(tiny("darts-v1", epochs=1, precision="bfloat16"), toy(), 3, torch.device("cuda"))
    types = []
    for cells in search.net.stages:
        cells[0].register_forward_hook(lambda cell, given, out: types.append(out.dtype))
    search.loss(*search.feed.plain(search.feed.first(8)), search.mixing(), None)
    assert types == 3 * [torch.bfloat16]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants CUDA")
def test_cuda_says_what_could_not_be_recorded(monkeypatch):
    search = Search(tiny("darts-v1", epochs=3, batch_size=8), toy(), 3, torch.device("cuda"))
    monkeypatch.setattr(search, "_penalised", lambda loss: loss * loss.item())
    with pytest.raises(HarnessError, match="HARNESS_GRAPHS=0"):
        for _ in range(3):
            search.run_epoch()
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
