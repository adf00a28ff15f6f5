"""Alpha against strength: the statistics by hand, and claims of one value a seed from several trials."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.analysis.evidence import gather
from harness.analysis.outcomes import digest
from harness.analysis.series import find_series
from harness.analysis.strength import (
    agreement,
    agreement_table,
    edge_strengths,
    interval,
    is_strongest,
    mean_agreement,
    mean_rank,
    rank,
    strongest_edges,
    table_means,
)
from harness.analysis.verdicts import judge
from harness.runner.plan import Plan, Trial, plan_further
from harness.runner.record import Record
from harness.spaces.nb201 import encoding as nb201
from harness.suite.loaded import LoadedSuite
from tests.analysis import measured_strength as made

ALPHA = [0.1, 0.4, 0.2, 0.25, 0.05]  # skip first, then the 3x3 convolution, ...
STRENGTH = [40.0, 44.0, 45.0, 47.0, 41.0]
WITHOUT = [50.0, 49.0, 48.0, 40.0, 49.5]  # by PT's criterion the 3x3 convolution, the 1x1, skip, pool, none


# statistics -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "strength", "tau"),
    [
        ([1, 2, 3, 4, 5], [1, 2, 3, 5, 4], 0.8),  # one of ten pairs is the other way round
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 1, 2], [1, 2, 3], 2 / math.sqrt(2 * 3)),  # tau-b: two of three pairs agree, one is a tie
        ([1, 2], [2, 1], -1.0),
        ([1, 1], [2, 1], 0.0),  # a criterion that says nothing
        ([1, 2], [5, 5], 0.0),
    ],
)
def test_agreement_by_hand(scores: list[float], strength: list[float], tau: float) -> None:
    assert agreement(np.array(scores, float), np.array(strength, float)) == pytest.approx(tau)


def test_agreement_counts_pairs(seed: int = 0) -> None:
    draw = np.random.default_rng(seed)
    for _ in range(20):
        a, b = draw.permutation(5).astype(float), draw.permutation(5).astype(float)
        signs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in itertools.combinations(range(5), 2)]
        assert agreement(a, b) == pytest.approx(sum(signs) / 10)


def test_the_strongest_and_ranks() -> None:
    strength = np.array([40.0, 44.0, 44.0])
    assert is_strongest(np.array([0.1, 0.5, 0.4]), strength) and is_strongest(np.array([0.1, 0.4, 0.5]), strength)
    assert not is_strongest(np.array([0.4, 0.3, 0.3]), strength)
    assert [rank(strength, option) for option in range(3)] == [1.0, 2.5, 2.5]


def test_the_interval_is_students() -> None:
    low, high = interval(np.array([0.1, 0.2, 0.3]), -1.0, 1.0) or (0, 0)
    width = 4.302652729911275 * 0.1 / math.sqrt(3)
    assert (low, high) == pytest.approx((0.2 - width, 0.2 + width))
    assert interval(np.array([0.9, 0.2]), -1.0, 1.0) == (-1.0, 1.0)  # within its limits
    assert interval(np.array([0.9]), -1.0, 1.0) is None


# records ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loaded() -> LoadedSuite:
    return made.load()


@pytest.fixture(scope="module")
def planned(loaded: LoadedSuite) -> Plan:
    return made.plan(loaded)


def trials(planned: Plan, row: str) -> list[Trial]:
    by_id = {trial.id: trial for trial in planned.trials}
    return [by_id[trial_id] for trial_id in planned.rows[row]]


def test_what_was_measured_is_read_back(planned: Plan) -> None:
    trial = trials(planned, "nb201/end")[2]
    [edge] = edge_strengths([digest(made.record(trial, ALPHA, STRENGTH, WITHOUT, rising=True))])
    part: Any = trial.spec.select  # type: ignore[union-attr]
    assert (edge.name, edge.cell, edge.seed) == ("cell/2<-1", "cell", 0) and edge.options == nb201.OPS
    assert edge.alpha == pytest.approx(ALPHA) and edge.without.tolist() == WITHOUT
    assert edge.strength[1:].tolist() == STRENGTH[1:]
    last = [STRENGTH[0] + 10 * part.gain * epoch for epoch in range(part.cap)][-part.patience :]
    assert edge.strength[0] == pytest.approx(sum(last) / len(last))
    assert edge.capped == (True, False, False, False, False)


def test_a_search_has_no_strength(planned: Plan) -> None:
    from tests.analysis import synthetic

    assert edge_strengths([digest(synthetic.record(trials(planned, "nb201/supernet")[0]))]) == []


def of_all_edges(planned: Plan, row: str, spoilt: int = 0) -> list[Record]:
    """Return a record for every trial of a row; on the first ``spoilt`` edges of a seed alpha is right."""
    records = []
    for trial in trials(planned, row):
        edge = [t.id for t in trials(planned, row) if t.seed == trial.seed].index(trial.id)
        alpha = [0.05, 0.1, 0.2, 0.6, 0.05] if edge < spoilt + trial.seed % 2 else ALPHA
        records.append(made.record(trial, alpha, STRENGTH, WITHOUT))
    return records


def test_values_of_a_seed_are_over_its_edges(planned: Plan) -> None:
    measured = edge_strengths(map(digest, of_all_edges(planned, "nb201/end")))
    first = [edge for edge in measured if edge.seed == 0]
    second = [edge for edge in measured if edge.seed == 1]
    assert (len(first), strongest_edges(first, "alpha"), strongest_edges(second, "alpha")) == (6, 0.0, 1.0)
    assert strongest_edges(first, "perturbation") == 6.0
    assert mean_rank(first, "alpha", "skip_connect") == 5.0 and mean_rank(first, "strength", "skip_connect") == 3.0
    assert mean_rank(first, "alpha", "sep_conv_3x3") is None
    assert mean_agreement(first, "strength") == pytest.approx(1.0)
    # alpha orders pool, none, 1x1, 3x3, skip; strength none, pool, skip, 1x1, 3x3: three of ten pairs disagree
    assert mean_agreement(first, "alpha") == pytest.approx((7 - 3) / 10)
    table = agreement_table(measured, "alpha")
    assert table.shape == (4, 6) and table[0] == pytest.approx(0.4)
    assert table[1, 0] == pytest.approx(agreement(np.array([0.05, 0.1, 0.2, 0.6, 0.05]), np.array(STRENGTH)))


def widened(loaded: LoadedSuite, planned: Plan) -> Plan:
    return plan_further(loaded, planned, "reduced", dict.fromkeys(planned.rows, 10), (), data=made.DATA)


def claim(key: str, loaded: LoadedSuite, planned: Plan, records: list[Record], further: Plan | None = None) -> Any:
    verdict = judge(loaded, "reduced", planned, records, further=further)
    return next(item for item in verdict.claims if item.key == key)


def test_a_claim_has_one_value_a_seed_and_all_of_its_trials(loaded: LoadedSuite, planned: Plan) -> None:
    further = widened(loaded, planned)
    found = claim(
        "alpha-names-the-strongest-less-often-nb201", loaded, planned, of_all_edges(further, "nb201/end"), further
    )
    assert found.paired and found.left[:2] == (0.0, 1.0) and found.right[:2] == (6.0, 6.0)
    assert (found.verdict, found.seeds, len(found.trials)) == ("PASS", 10, 60)
    assert found.margin == pytest.approx(5.5)


def test_places_are_compared_within_the_same_searches(loaded: LoadedSuite, planned: Plan) -> None:
    records = of_all_edges(planned, "nb201/end")
    found = claim("skip-is-overrated-nb201", loaded, planned, records)
    assert found.paired and found.left[0] == 5.0 and found.right == (3.0,) * 4


def test_early_and_late_belong_together(loaded: LoadedSuite, planned: Plan) -> None:
    records = [*of_all_edges(planned, "nb201/early", spoilt=2), *of_all_edges(planned, "nb201/three")]
    found = claim("agreement-falls-nb201", loaded, planned, records)
    assert found.paired and all(a > b for a, b in zip(found.left, found.right, strict=True))


def test_a_seed_that_lacks_an_edge_is_not_measured(loaded: LoadedSuite, planned: Plan) -> None:
    lacking = trials(planned, "nb201/end")[2 * 6 + 4].id
    records = [record for record in of_all_edges(planned, "nb201/end") if record.id != lacking]
    found = claim("skip-is-overrated-nb201", loaded, planned, records)
    assert len(found.left) == 2 and found.verdict == "INCOMPLETE"
    assert found.reason == "2 of 4 and 2 of 4 planned seeds measured without a gap"


def test_how_often_the_cap_bound_is_a_note(loaded: LoadedSuite, planned: Plan) -> None:
    first, *others = trials(planned, "nb201/end")[:4]
    records = [made.record(first, ALPHA, STRENGTH, WITHOUT, rising=True)]
    records += [made.record(trial, ALPHA, STRENGTH, WITHOUT) for trial in others]
    notes = judge(loaded, "reduced", planned, records).notes
    assert "nb201/end: the cap of tuning bound on 1 of 20 discretisations (5.0%)" in notes


def test_measurements_are_no_series(loaded: LoadedSuite, planned: Plan) -> None:
    names = [series.name for series in find_series(loaded.suite, gather(planned, {}))]
    assert names == ["darts-pt (nb201/supernet) on cifar10", "halves-201 (s2/supernet) on cifar10"]


# the table --------------------------------------------------------------------------------------------------


def test_means_of_the_table_are_over_all_architectures_that_have_the_operation() -> None:
    strings = [nb201.to_string(ops) for ops in itertools.product(range(2), repeat=6)]
    values = {text: float(index) for index, text in enumerate(strings)}

    def accuracy(archs: list[str], **asked: object) -> Any:
        assert asked == {"dataset": "cifar10", "split": "test", "epochs": 200}
        return np.array([values[arch] for arch in archs])

    table: Any = SimpleNamespace(strings=tuple(strings), accuracy=accuracy)
    with pytest.warns(RuntimeWarning):  # operations that no architecture here has
        means = table_means(table)
    for place, name in enumerate(means):
        node, source = map(int, name.removeprefix("cell/").split("<-"))
        own = [
            v
            for text, v in values.items()
            if text.split("+")[node - 1].strip("|").split("|")[source] == f"none~{source}"
        ]
        assert place == list(means).index(name) and means[name]["none"] == pytest.approx(sum(own) / 32)
