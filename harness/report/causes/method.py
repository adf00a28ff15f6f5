"""How it was done: what words mean, what the factors were measured to move, what is matched, the design, its limits."""

from __future__ import annotations

import math

from harness.analysis.hypotheses import LOOKS
from harness.analysis.manipulations import check_manipulations
from harness.analysis.responses import WITHIN
from harness.methods.spec import SearchSpec
from harness.report.causes.study import AROUND, CORE, Study, paragraph
from harness.runner.availability import TRAINING_IMAGES
from harness.suite.grid import Array
from harness.suite.hypotheses import DEFAULT_LEVELS
from harness.text import markdown_table


def opening(study: Study) -> str:
    """Say what this is, and what is there."""
    done = [f"{name} {have} of {all_}" for name, (have, all_) in study.done().items()]
    seconds = sum(outcome.cpu_seconds or 0.0 for outcome in study.evidence.outcomes.values())
    papers = [study.suite.papers[key].title for key in dict.fromkeys(v.hypothesis.paper for v in study.verdicts) if key]
    again = study.trials[study.trials["selection"] != DEFAULT_LEVELS["selection"]]
    named = "; ".join(f"*{title}*" for title in papers)
    return "# Why DARTS collapses\n\n" + paragraph(f"""
Papers that each have a cause of their own, and test it alone ({named}), two more that they quote, and one ground:
`{study.path}` varies the causes together, in searches on NAS-Bench-201 that are looked up in its table. Profile
{study.profile}: {len(study.trials) - len(again)} searches on CIFAR-10, {len(again)} of whose supernets another
selection started from as well, at least {seconds / 3600:.1f} hours of a core in all. Of the first
{LOOKS[0]} seeds there are: {"; ".join(done)}. The page is made from the records (`scripts/why.py`).
""")


def words() -> str:
    """Say what levels and tables are called, and by whom."""
    return """## Words

- **bi-level, halves** (halves): a step of alpha on one half of the images, then one of the weights on the other, as
  DARTS does. **bi-level, one set** (shared): the same in turn, on different batches of one set. **joint**: one batch of
  that set, one backward pass, both steps (Single-DARTS).
- **default rates** are DARTS' own: of the weights (SGD) the high one, of alpha (Adam) the low one. **exchanged rates**
  are those of Delve's fifth experiment, which gives the weights alpha's rate and alpha the weights': low and high. The
  middle ones are both of SS-DARTS (Delve, section 3). So in the profile `paper`: 0.025, 0.003, 3e-4 of the weights,
  3e-4, 0.001, 0.025 of alpha. `reduced` has a thirtieth of the steps, and rates for that length in the same order:
  *Every cell* has them. **near Single-DARTS**: its weights' rate, 0.005, lies between two of these.
- **magnitude**: an edge takes the operation of the largest weight; **perturbation**: the one without which the supernet
  loses most (DARTS-PT).
- **core**: update x rates, all combinations. **core-selected**: the same supernets, selected by perturbation.
  **core-measured**: some of them with eigenvalues and gradients. **around**: an array of nine factors."""


def manipulations(study: Study) -> str:
    """Show what each factor was measured to change."""
    rows, waiting = [], []
    for checked in check_manipulations(study.suite, study.evidence):
        if checked.holds is None:
            waiting.append(f"{checked.check.factor} ({checked.check.text})")
            continue
        means = ", ".join(
            f"{level} {mean:.3g}" for level, mean in zip(checked.check.rising, checked.means, strict=True)
        )
        rows.append(
            [checked.check.factor, checked.check.text, means, str(checked.trials), "yes" if checked.holds else "no"]
        )
    header = ("factor", "what is measured", "means by level, which must rise", "trials", "they do")
    later = f"\n\nNot measured yet: {'; '.join(waiting)}." if waiting else ""
    return f"""## What the factors moved

A factor counts where what it sets was measured to change.

{markdown_table(header, rows)}{later}"""


def confounds(study: Study) -> str:
    """Show what is the same in all cells, computed from what they resolve to."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for row, settings in study.suite.tables[CORE].rows.items():
        spec = study.loaded.resolve(CORE, row, study.profile)
        found.setdefault(settings.levels["update"], set()).add(matched(spec))
    rows = [[level, *values] for level, of in found.items() for values in sorted(of)]
    header = (
        "update",
        "weight updates",
        "images of the weights",
        "images of alpha",
        "the same in steps at the first rate",
    )
    return f"""## What is matched

{markdown_table(header, rows)}

What cannot be matched is part of the factor: on halves alpha's images are others than the weights', so that twice as
many are seen in all, and a joint step has one batch for both sides."""


def matched(spec: SearchSpec) -> tuple[str, ...]:
    """Return what of a search is matched: updates, images, and the sum of the weights' rates over the first of them."""
    weights, alpha = spec.data.counts(TRAINING_IMAGES["cifar10"])
    steps = math.ceil(weights / spec.batch_size)
    rate = spec.weight_optimiser.lr
    integral = steps * sum(spec.weight_schedule.rate(rate, e, spec.epochs) for e in range(spec.epochs)) / rate
    return f"{spec.epochs * steps:,}", f"{weights:,}", f"{alpha:,}", f"{integral:,.0f}"


def plan(study: Study) -> str:
    """Say how the design is built."""
    grid = study.suite.tables[AROUND].grid
    assert grid is not None and isinstance(grid.design, Array)
    of, cells = grid.design.correlations, {name: len(study.suite.tables[name].rows) for name in (CORE, AROUND)}
    built = paragraph(
        f"`core` has all {cells[CORE]} cells of update and the two rates. `around` has {cells[AROUND]} cells of nine "
        f"factors: {grid.design.source}. Its main effects are correlated by up to {of.main_effects:g} with one another "
        f"and by up to {of.with_two_way:g} with an interaction of two other factors: such a part of that interaction "
        "may pass for a main effect."
    )
    return f"""## The design

{built}

Effects of the core are means of differences cell by cell; seeds are blocks, every cell has its own variance (HC3,
Satterthwaite). Effects of the array are from a model of main effects on the cells' means; its scatter is what it leaves
over. Accuracies are bimodal, a search collapses or does not: `tests/analysis/recovery.py` puts simulated records of
that kind with known effects through all of it, both looks included, and `make full` fails where an interval holds its
effect, or a test of nothing finds nothing, less often than stated. Also recorded: the epoch of collapse (after which no
architecture is within {WITHIN:g} points of the search's best), the best epoch, where Delve's selective stop would end.

To add a factor: levels in a `grid:` of the suite, a hypothesis about it before its first record, and what it is to move
in `harness/analysis/manipulations.py`. `python -m harness check {study.path}` gives the verdicts alone."""


REDUCED = """
The reduced profile is a small supernet, half a minute of a core and a few thousand images: what is strongest here need
not be at full size. At the lowest rate of the weights the supernet is barely trained (*Every cell*), which alone may
undo an effect."""


def limits(study: Study, elsewhere: bool) -> str:
    """Say what it does not show; ``elsewhere``: it was repeated on another space."""
    spaces = "Two spaces, the other for what is chosen alone" if elsewhere else "One space"
    said = paragraph(f"""
{spaces}; here a skip connection costs nothing. One data set. {REDUCED if study.profile == "reduced" else ""}
`harness run {study.path} --profile paper --dry-run` says what the full size costs.""")
    return f"## What it does not show\n\n{said}"
