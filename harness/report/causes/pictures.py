"""Pictures of a design: effects with their intervals, and the share of collapses over two rates."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.factors import MainEffect
from harness.analysis.hypotheses import CONFIDENCE
from harness.analysis.responses import RESPONSES
from harness.report.style import INK, PALETTE
from harness.report.svg import SETTINGS, as_png

if TYPE_CHECKING:
    from pandas import DataFrame

DOTS = 160


def effects_png(effects: Mapping[str, Sequence[MainEffect]], title: str, named: Callable[[str, str], str]) -> bytes:
    """Draw the main effects on several responses: a level against the factor's first, with its interval.

    ``named``: what a factor's level is called.
    """
    names = [effect for found in effects.values() for effect in found][: len(next(iter(effects.values())))]
    with matplotlib.rc_context(SETTINGS):
        size = (2.2 + 2.3 * len(effects), 1.5 + 0.24 * len(names))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(1, len(effects), sharey=True, squeeze=False).flat
        for ax, (response, found) in zip(axes, effects.items(), strict=True):
            _effects(ax, response, found)
        axes[0].set_yticks(range(len(names)), [_line(effect, named) for effect in names])
        axes[0].set_ylim(len(names) - 0.5, -0.5)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        return as_png(figure, DOTS)


def _line(effect: MainEffect, named: Callable[[str, str], str]) -> str:
    return f"{effect.factor}: {named(effect.factor, effect.level)} against {named(effect.factor, effect.first)}"


def _effects(ax: Axes, response: str, found: Sequence[MainEffect]) -> None:
    text, unit = RESPONSES[response]
    ax.axvline(0, color=INK, linewidth=0.8)
    for place, effect in enumerate(found):
        if effect.found is None:
            continue
        low, high = effect.found.interval(CONFIDENCE)
        colour = PALETTE["grey" if low <= 0 <= high else "blue"]
        ax.plot([low, high], [place, place], color=colour, linewidth=2)
        ax.plot([effect.found.effect], [place], "o", color=colour, markersize=4)
    ax.set_title("\n".join(textwrap.wrap(text, 30)), loc="left")
    ax.set_xlabel(unit)


def collapse_png(
    trials: DataFrame, panels: Mapping[str, str], weights: Mapping[str, str], alpha: Mapping[str, str],
    marks: Mapping[tuple[str, str, str], str],
) -> bytes:  # fmt: skip
    """Draw the share of collapsed searches by both rates, one panel a level of the update.

    ``panels``, ``weights`` and ``alpha``: label by level; ``marks``: what a paper calls an update with a pair of rates.
    """
    with matplotlib.rc_context({**SETTINGS, "axes.grid": False}):
        figure = Figure(figsize=(1.2 + 2.9 * len(panels), 3.6), layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False).flat
        for ax, (update, label) in zip(axes, panels.items(), strict=True):
            own = {(weight, rate): mark for (of, weight, rate), mark in marks.items() if of == update}
            image = _collapse(ax, trials[trials["update"] == update], list(weights), list(alpha), own)
            ax.set_title(label, loc="left")
            ax.set_xticks(range(len(alpha)), list(alpha.values()))
            ax.set_xlabel("rate of alpha")
        axes[0].set_yticks(range(len(weights)), list(weights.values()))
        axes[0].set_ylabel("rate of the weights")
        figure.colorbar(image, ax=list(axes), label="share of searches that collapse", shrink=0.8)
        return as_png(figure, DOTS)


def _collapse(
    ax: Axes, trials: DataFrame, weights: list[str], alpha: list[str], marks: Mapping[tuple[str, str], str]
) -> Any:
    shares, counts = np.full((len(weights), len(alpha)), np.nan), np.zeros((len(weights), len(alpha)), dtype=int)
    for i, weight in enumerate(weights):
        for j, rate in enumerate(alpha):
            found = trials[(trials["weights"] == weight) & (trials["alpha"] == rate)]["collapsed"].dropna()
            counts[i, j] = len(found)
            shares[i, j] = found.mean() if len(found) else np.nan
    image = ax.imshow(shares, vmin=0, vmax=1, cmap="Oranges", aspect="auto")
    for i, j in np.ndindex(shares.shape):
        known = not np.isnan(shares[i, j])
        text = f"{shares[i, j] * counts[i, j]:.0f} of {counts[i, j]}" if known else "not run"
        colour = "white" if known and shares[i, j] > 0.7 else INK
        ax.text(j, i - 0.12, text, ha="center", va="center", color=colour, fontsize=9)
        mark = textwrap.fill(marks.get((weights[i], alpha[j]), ""), 12)
        ax.text(j, i + 0.22, mark, ha="center", va="center", color=colour, fontsize=7)
    return image
