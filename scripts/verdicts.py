"""Write the tables of docs/verdicts.md and its picture: what the words on numbers can tell, simulated and compared.

The tables lie between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``. Usage: ``python scripts/verdicts.py``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import optimize, stats
from statsmodels.stats.power import TTestIndPower

from harness.analysis.aggregate import summarise
from harness.analysis.architectures import judge_architecture
from harness.analysis.bands import Printed, Verdict, decide, difference, p_values
from harness.analysis.cells import CellVerdict
from harness.analysis.difference import ALPHA
from harness.analysis.means import spread_text
from harness.analysis.spread import judge_spread
from harness.api.reader import Reader
from harness.api.request import Request
from harness.data.atomic import replacing
from harness.methods.catalogue import load_catalogue
from harness.report.style import FAINT, INK, PALETTE
from harness.suite.load import load_suite
from harness.suite.published import PublishedCell, published_cells
from harness.suite.schema import ToleranceBand
from harness.text import markdown_table

ROOT = Path(__file__).parents[1]
DRAWS = 4000
SIZES = (1, 3, 5, 10)
SCATTERS = (0.1, 0.3, 1.0)  # std of the runs of both sides, in points; the tolerance is 0.3
CELLS = 48  # means of Delve's Table 1
BAND = ToleranceBand(kind="within", tolerance=0.3, drift=0.9, because="as on NAS-Bench-201")
WORDS: tuple[Verdict, ...] = ("PASS", "DRIFT", "FAIL", "UNDECIDED")
COLOURS = dict(zip(WORDS, ("green", "orange", "vermilion", "grey"), strict=True))
BLACKBOX = ("rea", "rs", "reinforce", "bohb")
Shares = dict[Verdict, float]


def simulated(true: float, scatter: float, n: int, theirs: int) -> Shares:
    """Return how often each word is said of normal runs whose means differ by ``true`` points."""
    rng = np.random.default_rng([round(1000 * true), round(1000 * scatter), n, theirs])
    words: Counter[Verdict] = Counter()
    for _ in range(DRAWS):
        a, b = rng.normal(0, scatter, theirs), rng.normal(true, scatter, n)
        printed = Printed(float(a.mean()), float(a.std()), theirs, 2)
        ours = summarise(b.tolist(), n)
        fails, drifts = (min(1.0, CELLS * p) for p in p_values(BAND, printed, ours))
        words[decide(BAND, printed, difference(printed, ours), fails, drifts)] += 1
    return {word: words[word] / DRAWS for word in WORDS}


def simulations() -> dict[tuple[float, int, int, float], Shares]:
    """Return the shares by scatter, our runs, theirs and true difference."""
    sizes = [(n, max(n, 3)) for n in SIZES] + [(500, 500)]
    differences = (0.0, BAND.tolerance, 2 * BAND.tolerance)
    return {(s, n, m, d): simulated(d, s, n, m) for s in SCATTERS for n, m in sizes for d in differences}


def means_table(found: dict[tuple[float, int, int, float], Shares]) -> list[Sequence[str]]:
    """Lay the simulations out."""
    rows: list[Sequence[str]] = [("scatter", "our runs", "theirs", "true difference", *WORDS)]
    rows += [
        (f"{s:g}", f"{n}", f"{m}", f"{d:g}", *(f"{v:.3f}" for v in p.values())) for (s, n, m, d), p in found.items()
    ]
    return rows


def architecture_table(cell: PublishedCell) -> list[Sequence[str]]:
    """Return the exact probability of each word where a share of our runs ends in the printed architecture."""
    rows: list[Sequence[str]] = [("our runs", "theirs", "true share", *WORDS)]
    for n in SIZES:
        for share in (1.0, 0.8, 0.5, 0.0):
            total = dict.fromkeys(WORDS, 0.0)
            for k in range(n + 1):
                values = np.array([[cell.value.mean]] * k + [[0.0]] * (n - k))
                total[judge_architecture([cell], values).verdict] += float(stats.binom.pmf(k, n, share))
            rows.append((f"{n}", f"{cell.n}", f"{share:g}", *(f"{p:.3f}" for p in total.values())))
    return rows


def spread_table() -> list[Sequence[str]]:
    """Return how often each word is said of skewed values whose std is so many times the printed one's."""
    rows: list[Sequence[str]] = [("runs a side", "true ratio", *WORDS)]
    for ratio in (1.0, 1.25, 1.5, 2.0):
        rng, words = np.random.default_rng(round(100 * ratio)), Counter[Verdict]()
        for _ in range(200):
            a, b = -rng.gamma(2.0, size=500), -ratio * rng.gamma(2.0, size=500)
            found = judge_spread(Printed(0.0, float(a.std()), 500, 2), b.tolist(), cells=CELLS)
            words[found.verdict if found else "UNDECIDED"] += 1
        rows.append(("500", f"{ratio:g}", *(f"{words[word] / 200:.3f}" for word in WORDS)))
    return rows


@dataclass(frozen=True)
class Compared:
    """A black-box cell, and the cell of the paper's random search in the same column."""

    row: str
    cell: CellVerdict
    control: CellVerdict


def blackbox() -> Iterator[Compared]:
    """Yield the 24 black-box cells with their verdicts."""
    request = Request.read([str(ROOT / "suites/nb201.yaml")], "paper", None, None, None, None, None, ROOT / "results")
    (verdict,) = Reader(request).verdicts()
    rows = {row.key: row for table in verdict.tables for row in table.rows}
    for name in BLACKBOX:
        for cell, control in zip(rows[f"delve-t1/{name}"].cells, rows["delve-t1/rs"].cells, strict=True):
            if cell is not None and control is not None:
                yield Compared(name, cell, control)


def sides(cell: CellVerdict) -> tuple[tuple[float, float, int], tuple[float, float, int]]:
    """Return mean, sample std and runs, as printed and ours."""
    assert cell.published is not None and cell.ours is not None and cell.published.n is not None
    value, n, ours = cell.published.value, cell.published.n, cell.ours
    assert ours.mean is not None and ours.sample_std is not None and value.std is not None
    return (value.mean, value.std * math.sqrt(n / (n - 1)), n), (ours.mean, ours.sample_std, ours.n)


def former_word(cell: CellVerdict) -> Verdict:
    """Return what the rule before said: in band up to two standard errors or 0.3, DRIFT up to three times that."""
    (p, s, n), (o, t, m) = sides(cell)
    width = max(0.3, 2 * math.sqrt(s**2 * (n - 1) / n / n + t**2 / m))
    return "PASS" if abs(o - p) <= width + 1e-9 else "DRIFT" if abs(o - p) <= 3 * width + 1e-9 else "FAIL"


def in_prediction_interval(cell: CellVerdict) -> bool:
    """Tell whether our mean lies where 95% of equal replications would (Patil, Peng and Leek, 2016)."""
    (p, s, n), (o, _, m) = sides(cell)
    return bool(abs(o - p) <= stats.t.ppf(0.975, n - 1) * s * math.sqrt(1 / n + 1 / m))


def effects(compared: Compared) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return effect over random search and its error, as printed and ours."""
    pairs = zip(sides(compared.cell), sides(compared.control), strict=True)
    return tuple((a[0] - b[0], math.hypot(a[1] / math.sqrt(a[2]), b[1] / math.sqrt(b[2]))) for a, b in pairs)  # type: ignore[return-value]


def small_telescopes(compared: Compared) -> str:
    """Test our effect against the one that the original had a power of a third to see (Simonsohn, 2015)."""
    (original, _), (ours, error) = effects(compared)
    n = sides(compared.cell)[0][2]
    small = TTestIndPower().solve_power(nobs1=n, power=1 / 3, alpha=0.05)
    scatter = math.sqrt((sides(compared.cell)[1][1] ** 2 + sides(compared.control)[1][1] ** 2) / 2)
    p = float(stats.t.cdf((math.copysign(1, original) * ours - small * scatter) / error, 2 * n - 2))
    return f"{p:.2g} {'too small' if p < ALPHA else 'not smaller'}"


def sceptical(compared: Compared) -> str:
    """Return Held's (2020) sceptical p-value of the effect over random search, one-sided."""
    (original, error), (ours, our_error) = effects(compared)
    zo, zr, c = original / error, ours / our_error, (error / our_error) ** 2
    if zo * zr <= 0:
        return "opposite sign"
    most = min(zo**2, zr**2) * (1 - 1e-12)
    z = math.sqrt(optimize.brentq(lambda s: (zo**2 / s - 1) * (zr**2 / s - 1) - c, 1e-12, most))
    p = float(stats.norm.sf(z))
    return f"{p:.2g} {'success' if p < 0.025 else 'no success'}"


def comparison_table(cells: Sequence[Compared]) -> list[Sequence[str]]:
    """Set the words beside what replication science would say."""
    header = ("row", "column", "printed", "ours", "former", "mean", "std", "verdict")
    rows: list[Sequence[str]] = [(*header, "prediction interval", "small telescopes", "sceptical p")]
    for compared in cells:
        cell = compared.cell
        assert cell.published is not None and cell.ours is not None and cell.judgement is not None and cell.spread
        control = compared.row == "rs"
        rows.append(
            (
                compared.row,
                cell.column,
                cell.published.value.text,
                f"{cell.ours.mean:.2f} ± {cell.ours.population_std:.2f}",
                former_word(cell),
                f"{cell.judgement.verdict} ({cell.judgement.delta:+.2f} ± {cell.judgement.width:.2f})",
                f"{cell.spread.verdict} ({spread_text(cell.spread).split()[1]} times)",
                cell.verdict,
                "inside" if in_prediction_interval(cell) else "outside",
                "the control" if control else small_telescopes(compared),
                "the control" if control else sceptical(compared),
            )
        )
    return rows


def draw(cells: Sequence[Compared], found: dict[tuple[float, int, int, float], Shares], path: Path) -> None:
    """Draw which word holds where, with the black-box cells, and the simulated shares beside it."""
    plt.rcParams.update({"font.size": 8, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), width_ratios=(1.15, 1), layout="constrained")
    draw_regions(left, cells)
    draw_shares(right, found)
    figure.savefig(path, dpi=150)


def draw_regions(axes: plt.Axes, cells: Sequence[Compared]) -> None:
    """Draw the words over the difference and its half-width."""
    m, d, top = BAND.tolerance, BAND.drift, 1.0
    axes.set(
        xlim=(0, 2), ylim=(0, top), xlabel="|ours - printed|, points", ylabel="h: half-width of the difference, points"
    )
    axes.set_facecolor("#eeeeee")
    axes.fill([0, d / 2, d], [0, d / 2, 0], color=PALETTE[COLOURS["DRIFT"]], alpha=0.35, lw=0)
    axes.fill([0, m, 0], [0, 0, m], color="white", lw=0)
    axes.fill([0, m, 0], [0, 0, m], color=PALETTE[COLOURS["PASS"]], alpha=0.45, lw=0)
    axes.fill([m, 2, 2, m + top], [0, 0, top, top], color="white", lw=0)
    axes.fill([m, 2, 2, m + top], [0, 0, top, top], color=PALETTE[COLOURS["FAIL"]], alpha=0.3, lw=0)
    for word, x, y in (("PASS", 0.02, 0.2), ("DRIFT", 0.38, 0.26), ("FAIL", 1.4, 0.45), ("UNDECIDED", 0.25, 0.75)):
        axes.text(x, y, word, fontweight="bold", fontsize=9)
    for name, marker in zip(BLACKBOX, "o^sD", strict=True):
        points = [c.cell.judgement for c in cells if c.row == name]
        xy = [(abs(p.delta), p.width) for p in points if p is not None]
        axes.plot(*zip(*xy, strict=True), marker, ms=4, mfc="none", color=INK, label=name)
    axes.legend(loc="upper right", fontsize=7, frameon=False, title="Delve, Table 1")
    axes.set_title(f"Which word holds: tolerance band ±{m:g}, drift band ±{d:g} (one cell alone)", fontsize=9)


def draw_shares(axes: plt.Axes, found: dict[tuple[float, int, int, float], Shares]) -> None:
    """Draw the simulated shares of the middle scatter as bars."""
    chosen = [(key, shares) for key, shares in found.items() if key[0] == SCATTERS[1]]
    chosen.sort(key=lambda item: (item[0][3], item[0][1]))
    labels = [f"{d:g}, {n} runs" for (_, n, _, d), _ in chosen]
    start = np.zeros(len(chosen))
    for word in WORDS:
        width = np.array([shares[word] for _, shares in chosen])
        alpha = 0.35 if word == "UNDECIDED" else 0.75
        axes.barh(labels, width, left=start, color=PALETTE[COLOURS[word]], alpha=alpha, label=word)
        start += width
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="probability of each word")
    axes.set_title(f"Simulated: true difference, our runs; scatter {SCATTERS[1]:g}", fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, fontsize=7, frameon=False)
    axes.grid(axis="x", color=FAINT, lw=0.5)


def main() -> None:
    """Replace the tables and draw the picture."""
    found, cells = simulations(), list(blackbox())
    suite = load_suite(ROOT / "suites/nb201.yaml", load_catalogue()).suite
    collapse = next(c for c in published_cells(suite) if c.row == "darts" and c.column_name == "cifar10-test")
    parts = {
        "means": means_table(found),
        "architecture": architecture_table(collapse),
        "spread": spread_table(),
        "comparison": comparison_table(cells),
    }
    page = ROOT / "docs" / "verdicts.md"
    text = page.read_text(encoding="utf-8")
    for name, rows in parts.items():
        marks = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        content = markdown_table(rows[0], rows[1:])
        text, count = marks.subn(lambda m, content=content: f"{m[1]}{content}\n{m[2]}", text)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"{page}: expected one block {name!r}, found {count}")
    with replacing(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    draw(cells, found, ROOT / "docs" / "verdicts.png")


if __name__ == "__main__":
    main()
