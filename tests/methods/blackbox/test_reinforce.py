from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.methods.blackbox import reinforce
from harness.methods.blackbox.problem import Problem
from harness.seeds import derive_seed
from speed import searchers as naive
from tests.methods.blackbox.conftest import MakeSpec


@pytest.mark.parametrize("lr", [0.01, 0.1, 0.5])
def test_equals_a_run_by_torch(lr: float, make_spec: MakeSpec, problem: Problem) -> None:
    spec = make_spec("reinforce", lr=lr, init_scale=0.5, budget_seconds=6000)
    found = reinforce.run(spec, problem, range(6))
    for seed in range(6):
        rng = np.random.default_rng(derive_seed(seed, "reinforce"))
        table = naive.Table(problem.signal, problem.cost, spec.budget_seconds)
        code, evaluations, seconds = naive.reinforce(table, rng, spec)
        assert (found.codes[seed], found.evaluations[seed]) == (code, evaluations)
        assert found.simulated_seconds[seed] == pytest.approx(seconds)


def test_gradient_equals_finite_differences() -> None:
    rng = np.random.default_rng(0)
    logits, actions, advantage = rng.normal(size=(3, 6, 5)), rng.integers(5, size=(3, 6)), rng.normal(size=3)

    def loss(values):
        chosen = np.take_along_axis(reinforce.softmax(values), actions[..., None], axis=-1)[..., 0]
        return -(advantage * np.log(chosen).sum(axis=1)).sum()

    gradient = reinforce.gradient(reinforce.softmax(logits), actions, advantage)
    for index in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[index] = 1e-6
        assert gradient[index] == pytest.approx((loss(logits + step) - loss(logits - step)) / 2e-6, abs=1e-7)


def test_adam_follows_its_formula(make_spec: MakeSpec) -> None:
    spec = make_spec("reinforce", lr=0.2, betas=[0.8, 0.95], eps=1e-3)
    gradients = np.random.default_rng(0).normal(size=(7, 4))
    adam = reinforce.Adam(spec, (4,))
    for t in range(1, 8):
        weights1, weights2 = 0.8 ** np.arange(t - 1, -1, -1), 0.95 ** np.arange(t - 1, -1, -1)
        first = (weights1[:, None] * gradients[:t]).sum(0) / weights1.sum()
        second = (weights2[:, None] * gradients[:t] ** 2).sum(0) / weights2.sum()
        assert adam.step(gradients[t - 1]) == pytest.approx(0.2 * first / (np.sqrt(second) + 1e-3))


def test_actions_have_the_probabilities_of_the_policy() -> None:
    rng = np.random.default_rng(0)
    policy = reinforce.softmax(rng.normal(size=(1, 6, 5)))
    actions = reinforce.sample(policy.repeat(20_000, axis=0), rng.random((20_000, 6)))
    for edge in range(6):
        assert stats.chisquare(np.bincount(actions[:, edge], minlength=5), policy[0, edge] * 20_000).pvalue > 1e-3


def test_an_action_is_in_range_even_where_the_probabilities_sum_to_less_than_one() -> None:
    policy = np.full((1, 6, 5), 0.2 - 1e-12)
    assert reinforce.sample(policy, np.full((1, 6), np.nextafter(1.0, 0))).tolist() == [[4] * 6]


def test_a_large_step_settles_early_and_a_small_one_explores(make_spec: MakeSpec, problem: Problem) -> None:
    greedy, slow = (
        problem.signal[reinforce.run(make_spec("reinforce", lr=lr), problem, range(100)).codes] for lr in (3.0, 0.1)
    )
    assert greedy.mean() < slow.mean()
    assert greedy.std() > slow.std()
