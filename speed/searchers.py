"""Deliberately plain searchers, one run at a time, from the descriptions; they share no code with the harness.

Each takes a source of random numbers: ``rng.random()`` alone suffices, so that the same numbers can be fed to both.
An architecture is a list of nodes, each a list of operations, one per incoming edge. `Table` is what they query.
"""

from __future__ import annotations

import bisect
import math
from collections import deque

import torch


class Table:
    """Signal and cost by base-5 number of the six operations, and an account that ends at the budget."""

    def __init__(self, signal, cost, budget):
        self.signal, self.cost, self.budget = list(map(float, signal)), list(map(float, cost)), budget
        self.spent, self.history = 0.0, []

    def ask(self, architecture):
        """Return the signal; None where the budget does not suffice."""
        code = number(architecture)
        if self.spent + self.cost[code] > self.budget:
            return None
        self.spent += self.cost[code]
        self.history.append((self.signal[code], code))
        return self.signal[code]

    def result(self):
        best = max(self.history, key=lambda pair: pair[0])
        return best[1], len(self.history), self.spent


def number(architecture):
    code = 0
    for node in architecture:
        for operation in node:
            code = 5 * code + operation
    return code


def architecture_of(code):
    digits = []
    for _ in range(6):
        digits.insert(0, code % 5)
        code //= 5
    return [digits[0:1], digits[1:3], digits[3:6]]


def below(rng, n):
    return int(rng.random() * n)


def random_search(table, rng):
    while table.ask(architecture_of(below(rng, 15625))) is not None:
        pass
    return table.result()


def evolution(table, rng, population_size, sample_size, idle=0):
    """Real et al., Algorithm 1. ``idle``: numbers to skip after each initial draw, to keep step with a replay."""
    population = deque()
    for _ in range(population_size):
        architecture = architecture_of(below(rng, 15625))
        for _ in range(idle):
            rng.random()
        accuracy = table.ask(architecture)
        if accuracy is None:
            return table.result()
        population.append((accuracy, architecture))
    while True:
        sample = [population[below(rng, population_size)] for _ in range(sample_size)]
        parent = max(sample, key=lambda model: model[0])
        child = [list(node) for node in parent[1]]
        node = child[below(rng, 3)]
        edge = below(rng, len(node))
        node[edge] = (node[edge] + 1 + below(rng, 4)) % 5
        accuracy = table.ask(child)
        if accuracy is None:
            return table.result()
        population.append((accuracy, child))
        population.popleft()


def reinforce(table, rng, spec):
    """By torch's autograd and Adam; ``rng``: a numpy generator. The actions invert the distribution function."""
    logits = torch.nn.Parameter(spec.init_scale * torch.from_numpy(rng.standard_normal((6, 5))))
    optimiser = torch.optim.Adam([logits], lr=spec.lr, betas=spec.betas, eps=spec.eps)
    numerator = denominator = 0.0
    while True:
        policy = torch.softmax(logits, dim=-1)
        sums = policy.cumsum(1).tolist()
        actions = [min(bisect.bisect_right(row, rng.random()), 4) for row in sums]
        reward = table.ask([actions])
        if reward is None:
            return table.result()
        numerator = spec.baseline_decay * numerator + (1 - spec.baseline_decay) * reward
        denominator = spec.baseline_decay * denominator + (1 - spec.baseline_decay)
        log_probability = torch.distributions.Categorical(policy).log_prob(torch.tensor(actions))
        loss = -(log_probability * (reward - numerator / denominator)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def hyperband(eta, min_budget, max_budget, iteration):
    """HpBandSter's arithmetic: rungs of (architectures, budget)."""
    rungs = 1
    while min_budget * eta**rungs <= max_budget * (1 + 1e-9):
        rungs += 1
    s = rungs - 1 - iteration % rungs
    width = math.floor(rungs / (s + 1)) * eta**s
    return [(max(width // eta**i, 1), max_budget / eta ** (s - i)) for i in range(s + 1)]


def density(points, bandwidths, x):
    """Aitchison & Aitken's product kernel over categorical variables; levels are those that occur in the points."""
    total = 0.0
    for point in points:
        value = 1.0
        for edge, h in enumerate(bandwidths):
            levels = len({p[edge] for p in points})
            other = h / (levels - 1) if levels > 1 else math.inf
            value *= 1 - h if point[edge] == x[edge] else other
        total += value
    return total / len(points)


def bandwidths(points, least):
    """The normal rule of thumb, on operation codes taken for numbers."""
    n, found = len(points), []
    for edge in range(6):
        values = [p[edge] for p in points]
        mean = sum(values) / n
        std = math.sqrt(sum((v - mean) ** 2 for v in values) / n)
        found.append(max(least, 1.06 * std * n ** (-1 / 10)))
    return found


class BohbModel:
    """HpBandSter's generator of configurations: refits after every result, and keeps the last model per budget."""

    def __init__(self, top_percent, num_samples, random_fraction, min_bandwidth):
        self.top_percent, self.num_samples = top_percent, num_samples
        self.random_fraction, self.min_bandwidth = random_fraction, min_bandwidth
        self.results, self.models = {}, {}

    def learn(self, budget, operations, signal):
        if max([*self.models, -math.inf]) > budget:
            return
        results = self.results.setdefault(budget, [])
        results.append((100 - signal, operations))
        if len(results) < 7:
            return
        ranked = [operations for _, operations in sorted(results, key=lambda pair: pair[0])]
        n_good = max(7, self.top_percent * len(ranked) // 100)
        n_bad = max(7, (100 - self.top_percent) * len(ranked) // 100)
        good, bad = ranked[:n_good], ranked[n_good : n_good + n_bad]
        if len(good) > 6 and len(bad) > 6:
            self.models[budget] = good, bad

    def suggest(self, rng):
        """``rng``: a numpy generator, asked in the order of the harness."""
        if not self.models or rng.random() < self.random_fraction:
            return operations_of(int(rng.integers(15625)))
        good, bad = self.models[max(self.models)]
        good_h, bad_h = bandwidths(good, self.min_bandwidth), bandwidths(bad, self.min_bandwidth)
        centres = rng.integers(len(good), size=self.num_samples)
        keep, fresh = rng.random((self.num_samples, 6)), rng.integers(5, size=(self.num_samples, 6))
        best, best_value = None, math.inf
        for i in range(self.num_samples):
            x = [
                good[centres[i]][edge] if keep[i][edge] < 1 - good_h[edge] else int(fresh[i][edge]) for edge in range(6)
            ]
            among_good, among_bad = density(good, good_h, x), density(bad, bad_h, x)
            value = max(1e-32, among_bad) / max(among_good, 1e-32)
            if not math.isfinite(value) and math.isfinite(among_good):
                return x
            if value < best_value:
                best, best_value = x, value
        return operations_of(int(rng.integers(15625))) if best is None else best


def operations_of(code):
    return [operation for node in architecture_of(code) for operation in node]


def bohb(table, rng, spec):
    model = BohbModel(int(spec.top_percent), spec.num_samples, spec.random_fraction, spec.min_bandwidth)
    for iteration in range(spec.n_iters):
        survivors = None
        for size, budget in hyperband(spec.eta, spec.min_budget, spec.max_budget, iteration):
            rung = []
            for slot in range(size):
                operations = model.suggest(rng) if survivors is None else survivors[slot]
                signal = table.ask([operations])
                if signal is None:
                    return table.result()
                model.learn(budget, operations, signal)
                rung.append((signal, operations))
            following = max(size // spec.eta, 1)
            kept = sorted(range(size), key=lambda i: -rung[i][0])[:following]
            survivors = [rung[i][1] for i in sorted(kept)]
    return table.result()
