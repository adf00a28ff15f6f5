"""Effects in designs against formulas and statsmodels' own formulas; verdicts on hypotheses; shares; collapse."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.anova import anova_lm

from harness.analysis.contrasts import Estimate, estimate
from harness.analysis.factors import chance_of_all, collapse_odds, exact_collapse, main_effects, paired_collapse, shares
from harness.errors import HarnessError
from harness.suite.hypotheses import Contrast

JOINT = Contrast(left={"update": "joint"}, right={"update": "halves"})


def full(seeds: int = 5, noise: float = 1.0, seed: int = 0) -> pd.DataFrame:
    """A full factorial: joint gives 3, at the fast rate 5 more, the second depth 2; every seed shifts all cells."""
    random = np.random.default_rng(seed)
    shifts = random.normal(0, 10, seeds)
    rows = [
        {"update": u, "rate": r, "depth": d, "seed": s,
         "y": 3 * (u == "joint") + 5 * (u == "joint" and r == "fast") + 2 * (d == "d2") + shifts[s] + noise *
         (1 + 3 * (u == "joint")) * random.normal()}
        for u, r, d, s in itertools.product(["halves", "joint"], ["slow", "fast"], ["d1", "d2", "d3"], range(seeds))
    ]  # fmt: skip
    return pd.DataFrame(rows)


FACTORS = ["update", "rate", "depth"]


def test_the_effect_is_the_mean_of_the_differences_cell_by_cell() -> None:
    trials = full()
    means = trials.groupby(FACTORS)["y"].mean()
    found = estimate(trials, "y", FACTORS, JOINT)
    assert found.effect == pytest.approx((means["joint"] - means["halves"]).mean())
    assert found.matched and (found.cells, found.trials) == (12, 60)
    assert found.effect == pytest.approx(5.5, abs=2)


def test_its_error_is_that_of_hc3_with_seeds_as_blocks() -> None:
    """Against statsmodels' formula of the same model."""
    trials = full()
    trials["cell"] = trials[FACTORS].agg("-".join, axis=1)
    fitted = smf.ols("y ~ 0 + C(cell) + C(seed, Sum)", trials).fit(cov_type="HC3")
    names = [name for name in fitted.params.index if name.startswith("C(cell)")]
    weights = [(1 if "[joint" in name else -1) / 6 for name in names] + [0] * 4
    found = estimate(trials, "y", FACTORS, JOINT)
    assert found.error == pytest.approx(float(fitted.t_test(np.array(weights)).sd[0, 0]))


def test_without_blocks_it_is_close_to_welch() -> None:
    """Two cells of many seeds that shift nothing: the degrees of freedom are Welch's, the error as well."""
    random = np.random.default_rng(1)
    y = {"joint": random.normal(0, 4, 200), "halves": random.normal(0, 1, 200)}
    trials = pd.DataFrame([{"update": u, "seed": s, "y": v} for u, values in y.items() for s, v in enumerate(values)])
    trials["seed"] = trials["seed"] % 2  # blocks of no meaning
    found, welch = estimate(trials, "y", ["update"], JOINT), stats.ttest_ind(y["joint"], y["halves"], equal_var=False)
    assert found.freedom == pytest.approx(welch.df, rel=0.03)
    assert found.effect / found.error == pytest.approx(welch.statistic, rel=0.03)


def test_what_a_seed_shifts_in_all_cells_does_not_widen_the_interval() -> None:
    trials = full()
    still = trials.assign(y=trials["y"] - trials.groupby("seed")["y"].transform("mean"))
    assert estimate(trials, "y", FACTORS, JOINT).error == pytest.approx(estimate(still, "y", FACTORS, JOINT).error)


def test_an_interaction_is_the_difference_of_two_effects() -> None:
    trials = full(noise=0.0)
    rates = Contrast(left={"rate": "fast"}, right={"rate": "slow"})
    assert estimate(trials, "y", FACTORS, JOINT, rates).effect == pytest.approx(5)
    both = Contrast(left={"update": "joint", "rate": "fast"}, right={"update": "halves", "rate": "slow"})
    assert estimate(trials, "y", FACTORS, both).effect == pytest.approx(8)


def test_in_an_array_it_is_a_main_effect_among_main_effects_of_the_cells_means() -> None:
    trials = full()
    some = trials.drop(
        trials[(trials["update"] == "joint") & (trials["rate"] == "fast") & (trials["depth"] == "d3")].index
    )
    means = some.groupby(FACTORS)["y"].mean().reset_index()
    fitted = smf.ols("y ~ C(update, Treatment('halves')) + C(rate) + C(depth)", means).fit(cov_type="HC3")
    found = estimate(some, "y", FACTORS, JOINT)
    assert not found.matched and found.cells == 11
    assert found.effect == pytest.approx(fitted.params.iloc[1]) and found.error == pytest.approx(fitted.bse.iloc[1])
    assert found.freedom == fitted.df_resid
    with pytest.raises(HarnessError, match="every combination of the other factors"):
        estimate(some, "y", FACTORS, JOINT, Contrast(left={"rate": "fast"}, right={"rate": "slow"}))


def test_what_the_trials_cannot_tell_is_said() -> None:
    trials = full(seeds=1)
    with pytest.raises(HarnessError, match="a single trial has no scatter"):
        estimate(trials, "y", FACTORS, JOINT)
    confounded = full()
    confounded = confounded[(confounded["update"] == "joint") == (confounded["rate"] == "fast")]
    with pytest.raises(HarnessError, match="do not tell the effects of 3 factors apart"):
        estimate(confounded, "y", FACTORS, JOINT)


def test_p_values_are_one_sided_and_intervals_two_sided() -> None:
    found = Estimate(2.0, 1.0, 10.0, 2, 12, True)
    assert found.p_above() == pytest.approx(stats.t.sf(2, 10)) and found.p_below() == pytest.approx(stats.t.cdf(2, 10))
    assert found.p_above(3) == pytest.approx(stats.t.cdf(1, 10))
    assert found.interval(0.95)[0] == pytest.approx(2 - stats.t.ppf(0.975, 10))


# factors ----------------------------------------------------------------------------------------------------


def test_main_effects_are_against_the_first_level() -> None:
    levels = {"update": ["halves", "joint"], "depth": ["d1", "d2", "d3"], "rate": ["slow", "fast"]}
    found = main_effects(full(noise=0.0), "y", levels)
    assert [(e.factor, e.level, round(e.found.effect, 6)) for e in found if e.found] == [
        ("update", "joint", 5.5), ("depth", "d2", 2), ("depth", "d3", 0), ("rate", "fast", 2.5)]  # fmt: skip


def test_shares_are_omega_squared_of_the_analysis_of_variance() -> None:
    trials = full()
    fitted = smf.ols("y ~ C(seed) + C(update)*C(rate)*C(depth)", trials).fit()
    of = anova_lm(fitted, typ=2)
    error, total = of.loc["Residual", "sum_sq"] / of.loc["Residual", "df"], of["sum_sq"].sum()
    found = {share.term: share for share in shares(trials, "y", FACTORS, 3, draws=50)}
    for term, name in ((("update",), "C(update)"), (("update", "rate"), "C(update):C(rate)"), (("seed",), "C(seed)")):
        wanted = (of.loc[name, "sum_sq"] - of.loc[name, "df"] * error) / (total + error)
        assert found[term].share == pytest.approx(wanted)
        assert found[term].low <= found[term].share <= found[term].high


def test_chance_explains_as_much_only_where_nothing_is_there() -> None:
    trials = full(noise=0.3)
    assert chance_of_all(trials, "y", FACTORS, draws=200) == 1 / 201
    random = np.random.default_rng(3)
    found = [chance_of_all(trials.assign(y=random.normal(size=len(trials))), "y", FACTORS, 99, s) for s in range(60)]
    assert 0.3 < np.mean(found) < 0.7 and np.mean(np.array(found) <= 0.1) < 0.25


def test_collapses_are_compared_exactly_within_the_other_factors() -> None:
    """Against all ways of dealing the collapses out within the two rates."""
    collapsed = {("joint", "slow"): [1, 0, 0], ("halves", "slow"): [1, 1, 0],
                 ("joint", "fast"): [0, 0, 0], ("halves", "fast"): [1, 1, 1]}  # fmt: skip
    rows = [{"update": u, "rate": r, "collapsed": float(c)} for (u, r), of in collapsed.items() for c in of]
    ways = []
    for slow in itertools.combinations(range(6), 3):
        for fast in itertools.combinations(range(6), 3):
            left = sum((collapsed["joint", "slow"] + collapsed["halves", "slow"])[i] for i in slow)
            ways.append(left + sum((collapsed["joint", "fast"] + collapsed["halves", "fast"])[i] for i in fast))
    found = exact_collapse(pd.DataFrame(rows), ["update", "rate"], JOINT)
    assert found == pytest.approx((np.mean(np.array(ways) >= 1), np.mean(np.array(ways) <= 1)))
    assert exact_collapse(pd.DataFrame(rows[3:]), ["update", "rate"], JOINT) is None


def test_odds_of_a_collapse_are_those_of_a_two_by_two_table() -> None:
    counts = {("halves", 1): 12, ("halves", 0): 8, ("joint", 1): 5, ("joint", 0): 15}
    rows = [{"update": u, "seed": i, "collapsed": float(c)} for (u, c), n in counts.items() for i in range(n)]
    levels = {"update": ["halves", "joint"]}
    found = collapse_odds(pd.DataFrame(rows), levels)
    assert found["update", "joint"][0] == pytest.approx(math.log(5 * 8 / (15 * 12)))
    separated = [row for row in rows if (row["update"] == "joint") == (row["collapsed"] == 0)]
    assert collapse_odds(pd.DataFrame(separated), levels) == {}


def test_collapses_in_pairs_are_mcnemar_s_test() -> None:
    """Of 12 supernets 7 collapse on the left alone, 1 on the right alone, 2 on both: 1 or 0 of 8, (1 + 8) / 256."""
    left, right = [1] * 7 + [0] + [1] * 2 + [0] * 2, [0] * 7 + [1] + [1] * 2 + [0] * 2
    sides = {"pt": left, "magnitude": right}
    rows = [
        {"selection": side, "rate": "low" if i % 2 else "high", "seed": i // 2, "collapsed": float(value)}
        for side, values in sides.items()
        for i, value in enumerate(values)
    ]
    effect = Contrast(left={"selection": "pt"}, right={"selection": "magnitude"})
    found = paired_collapse(pd.DataFrame(rows), ["selection", "rate"], effect)
    assert found == pytest.approx((9 / 256, 255 / 256))
    assert paired_collapse(pd.DataFrame(rows[10:14]), ["selection", "rate"], effect) is None  # no pair
    alike = pd.DataFrame([row | {"collapsed": 0.0} for row in rows])
    assert paired_collapse(alike, ["selection", "rate"], effect) == (1.0, 1.0)
