"""Searches in stages: each is an ordinary search on what the one before has left, resumed bit for bit."""

import pytest

from harness.analysis.outcomes import digest
from harness.config import deep_merge
from harness.engine import checkpoint as checkpoints
from harness.engine.search import run_search
from harness.engine.trajectory import Trajectory
from harness.errors import HarnessError
from harness.methods.catalogue import part_versions, resolve
from harness.methods.diagnostics import OperationCorrelation
from harness.methods.spec import SearchSpec
from harness.runner.cost import estimate_seconds
from harness.runner.store import Store, read_record
from harness.seeds import derive_seed
from harness.spaces.exchange import first_options
from harness.spaces.registry import published
from tests.engine.catalogued import CATALOGUE, STAGED, layer
from tests.engine.conftest import TINY
from tests.engine.test_contract import differences
from tests.records import a_record

DARTS = published("darts").model_dump() | {"channels": 4, "cells": 3, "parse": "alpha"}


def staged(method, space=DARTS, **changes):
    """A method at a tiny size: two epochs a stage, alpha moves from the second on; 3 cells, 4, ..."""
    full = deep_merge(*(part.data for part in CATALOGUE.layers(method)))
    stages = [stage | {"cells": cells} for cells, stage in enumerate(full["stages"], 3)]
    own = {"epochs": 2, "batch_size": 16, "architecture_warmup": min(full["architecture_warmup"], 1), "stages": stages}
    own |= changes
    return resolve(CATALOGUE, method, [layer(own)], [layer({"space": space, "data": TINY["data"]})])


@pytest.fixture(scope="module", params=STAGED)
def spec(request):
    return staged(request.param)


@pytest.fixture(scope="module")
def whole(spec, images, tmp_path_factory):
    file = tmp_path_factory.mktemp("whole") / "whole.pt"
    return run_search(spec, images, 7, "cpu", file), file


def test_every_stage_is_an_ordinary_search_on_what_the_one_before_has_left(spec, whole, images):
    track = whole[0].trajectory
    found, before = [*track.earlier, track], None
    for number, stage in enumerate(found):
        alone = spec.stage(number, before, 7)
        assert not alone.stages and alone.space.cells == spec.stages[number].cells
        seed = derive_seed(7, f"stage {number}") if number else 7
        assert run_search(alone, images, seed, "cpu").trajectory == stage.model_copy(update={"earlier": []})
        before = stage.groups, {name: weights[-1] for name, weights in stage.mixing.items()}
    assert [group.options for group in track.groups] != [group.options for group in track.earlier[0].groups]
    kept = spec.space.operations(track.architectures[-1])
    offered = {(g.cell, place): row for g in track.groups for place, row in zip(g.places, g.options, strict=True)}
    assert {edge.operation for edges in kept.values() for edge in edges} <= {o for row in offered.values() for o in row}


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_it_goes_on_inside_a_stage_and_between_two(spec, whole, images, tmp_path, killed_after):
    seen = []

    def kill(epoch, epochs):
        seen.append((epoch, epochs))
        if epoch == killed_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_search(spec, images, 7, "cpu", tmp_path / "killed.pt", kill)
    resumed = run_search(spec, images, 7, "cpu", tmp_path / "killed.pt", lambda *now: seen.append(now))
    assert resumed.resumed_from_epoch == killed_after and resumed.trajectory == whole[0].trajectory
    epochs = 2 * len(spec.stages)
    assert seen == [(epoch, epochs) for epoch in range(1, epochs + 1)] and len(resumed.epoch_seconds) == epochs
    after = [checkpoints.load(file, "cpu") for file in (whole[1], tmp_path / "killed.pt")]
    assert differences(*after) == ["seconds", "sittings"]
    assert [sitting["after_epoch"] for sitting in resumed.sittings] == [0, killed_after]


def test_a_record_keeps_its_stages_and_searches_without_them_look_as_before(whole):
    track = whole[0].trajectory
    assert Trajectory.model_validate_json(track.model_dump_json()) == track
    assert "earlier" not in track.earlier[0].model_dump() and len(track.model_dump()["earlier"]) == len(track.earlier)


def test_absent_stages_leave_no_trace_in_a_specification(spec):
    assert spec.model_dump()["stages"] and SearchSpec.model_validate(spec.model_dump(mode="json")) == spec
    assert "stages" not in spec.outlines[0].model_dump(mode="json")


def test_costs_are_those_of_all_stages(spec):
    assert spec.all_epochs == 2 * len(spec.stages)
    alone = [estimate_seconds(outline, 1000, "cpu") for outline in spec.outlines]
    assert estimate_seconds(spec, 1000, "cpu") == sum(alone) and alone[1] != alone[0]


def test_a_space_without_the_families_is_refused():
    with pytest.raises(HarnessError, match="unknown member 'max_pool_3x3' of a family"):
        staged("stacnas", space=published("s2").model_dump() | {"channels": 4, "cells": 3})


ALL = {"cells": 3, "options": {"name": "all"}}
STRONGEST = {"cells": 4, "options": {"name": "strongest", "count": 3}}


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([STRONGEST, STRONGEST], "stages: the first stage has none before it, which 'strongest' needs"),
        ([ALL | {"search": {"epocs": 3}}, STRONGEST], "stages: epocs: unknown key 'epocs'"),
        ([ALL | {"search": {"select": {"name": "few-skip"}}}, STRONGEST], "few-skip'; did you mean 'few-skips'"),
        ([ALL | {"cells": 2}, STRONGEST], "stages: space 'darts', narrowed: cells: must be at least 3"),
        ([ALL, STRONGEST | {"options": {"name": "strongest", "count": 9}}], "stages: 9 of 8 options cannot be kept"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_stage_is_one_line(stages, said):
    with pytest.raises(HarnessError) as refusal:
        staged("p-darts", stages=stages)
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_an_option_that_is_there_twice_is_correlated_once():
    rows = [["none", "skip_connect", "skip_connect", "sep_conv_3x3"]] * 14
    twice = published("darts").narrowed({"normal": rows, "reduce": rows})
    assert first_options(twice, "normal") == {"skip_connect": 1, "sep_conv_3x3": 3}
    part = OperationCorrelation(name="operation-correlation", images="all", families=())
    series = ["operation-correlation/skip_connect/sep_conv_3x3", "operation-correlation/in-family"]
    assert part.names(twice, ["normal"]) == series


def test_the_versions_of_what_narrows_are_part_of_an_id(spec):
    names = {name for name in part_versions(spec) if name.startswith("stages/")}
    assert names == {f"stages/{stage.options.name}" for stage in spec.stages}


def test_a_record_whose_groups_are_unequally_wide_is_read_back(whole, tmp_path):
    """The second stage of StacNAS has skip families of three options beside others; files sort names."""
    rows = [["skip_connect", "none"], *[["max_pool_3x3", "avg_pool_3x3", "none"]] * 13]
    ragged = published("darts").narrowed({"normal": rows, "reduce": rows})
    assert [group.name for group in ragged.groups] == ["normal-3", "normal-2", "reduce-3", "reduce-2"]
    weights = {g.name: [[[1 / g.shape[1]] * g.shape[1]] * g.shape[0]] * 3 for g in ragged.groups}
    plain = whole[0].trajectory.model_dump() | {"groups": [group.model_dump() for group in ragged.groups]}
    lists = {key: value[:3] for key, value in plain.items() if isinstance(value, list)}
    cut = {key: value for key, value in lists.items() if key not in ("groups", "earlier")}
    record = a_record(trajectory=plain | cut | {"mixing": weights, "earlier": [], "diagnostics": {}}, evaluations={})
    store = Store(tmp_path)
    store.write(record)
    outcome = digest(read_record(store.path("reduced", "darts-v1", "digits", 0, record.id)))
    assert outcome.magnitude["normal"]["none"].tolist() == pytest.approx([(13 / 3 + 1 / 2) / 14] * 3)
