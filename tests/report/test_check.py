"""What `check` prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.analysis.aggregate import summarise
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.report.check import render_check
from harness.report.views import form_for, measured
from tests.analysis import synthetic


def line_with(text: str, *words: str) -> str:
    found = [line for line in text.splitlines() if all(word in line for word in words)]
    assert len(found) == 1, (words, found)
    return found[0]


def test_cells_stand_in_one_line_each(paper: SuiteVerdict) -> None:
    text = render_check([paper], width=200)
    cell = line_with(text, "Plain", "C10 test")
    assert re.search(r"54\.30 ± 0\.00 \(n = 3\) +54\.30 ± 0\.24 \(3 of 3\) +\+0\.00 +— +DRIFT", cell)
    assert "INCOMPLETE" in line_with(text, "92.50 ± 0.50 (2 of 5)")
    assert "no code computes it yet (1 UNCHECKED)" in line_with(text, "Never run", "NOT RUN")


def test_one_run_has_no_spread() -> None:
    assert measured(summarise([54.3], 1), 2) == "54.30 (1 of 1)"
    assert measured(summarise([54.0, 55.0], 3), 2) == "54.50 ± 0.50 (2 of 3)"


def test_a_figure_without_numbers_says_so(tmp_path: Path) -> None:
    """Its rows are searched; curves print none."""
    old = "  t2:\n"
    figure = (
        "  curves:\n    paper: paper-a\n    number: F2\n    title: Curves\n    protocol: none\n"
        "    searched_on: cifar10\n    columns: [c10]\n    rows:\n      darts: {method: darts-v1}\n"
    )
    loaded = synthetic.load(tmp_path, (old, figure + old))
    planned = synthetic.plan(loaded)
    text = render_check(
        [judge(loaded, "paper", planned, synthetic.records_of(planned, {"curves/darts": [90.0]}))], width=200
    )
    assert "Curves" in text and "no number is printed in it" in text and "None" not in text


def test_claims_show_every_seed(reduced: SuiteVerdict) -> None:
    """92 - 54, 93 - 54.3, 94 - 54.6; three seeds a side, apart, say that much of P."""
    text = render_check([reduced], width=220)
    for shown in ("left: 92.00, 93.00, 94.00", "right: 54.00, 54.30, 54.60", "+38.70 points", "1.00 [0.", "UNDECIDED"):
        assert shown in text
    assert "left: 0.6000, 0.6000, 0.6000" in text


def test_missing_seeds_of_a_claim_are_counted(paper: SuiteVerdict) -> None:
    text = " ".join(render_check([paper], width=220).split())
    assert "2 of 5 and 3 of 3 planned seeds" in text


def test_failed_trials_are_named_with_their_first_line_alone(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    broken = synthetic.failed(planned.trials[0], "ValueError: diverged\nTraceback of the place")
    text = render_check([judge(loaded, "paper", planned, [broken])], width=200)
    assert f"failed: darts-v1 cifar10 seed 0 ({broken.id}): ValueError: diverged" in text
    assert "Traceback" not in text


def test_the_totals_say_how_many_of_how_many(paper: SuiteVerdict) -> None:
    text = render_check([paper], width=200)
    assert line_with(text, "6 of 12 trials done, 1 failed").count("cells: ") == 1


def test_reduced_numbers_are_marked_at_every_table(reduced: SuiteVerdict) -> None:
    text = render_check([reduced], width=200)
    titles = [line for line in text.splitlines() if re.match(r"(t1|t2|own): ", line)]
    assert len(titles) == 3
    assert all("not comparable with the paper" in title for title in titles)
    assert "not comparable with the paper" in text.splitlines()[0]
    assert "PASS" not in text[: text.index("claims")]


def test_baselines_show_both_states(reduced: SuiteVerdict) -> None:
    text = render_check([reduced], width=200)
    assert re.search(r"54\.30 ± 0\.30 \(n = 3\) +54\.30 ± 0\.30 \(3 of 3\) +\+0\.00 +PASS +equal to the bit", text)


def test_notes_of_the_plan_are_said(embedded: SuiteVerdict) -> None:
    text = render_check([embedded], width=300)
    assert "note: digits instead of cifar10" in text
    assert "digits show the machinery and no claim" in text


def test_plain_without_colour_and_coloured_with(paper: SuiteVerdict) -> None:
    plain, coloured = render_check([paper], width=200), render_check([paper], width=200, colour=True)
    assert "\x1b[" not in plain
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split() == plain.split()


def test_markup_of_a_suite_has_no_effect(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path, ("label: Plain", 'label: "[red]x[/red] :smile: [/nothing]"'))
    text = render_check([judge(loaded, "paper", synthetic.plan(loaded), [])], width=200, colour=True)
    assert "[red]x[/red] :smile: [/nothing]" in text


def test_narrow_terminals_lose_no_verdict(paper: SuiteVerdict) -> None:
    text = render_check([paper], width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("INCOMPLETE") >= render_check([paper], width=200).count("INCOMPLETE")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((2.16e-8, 2.3e-8), "2.23e-08 ± 7e-10 (2 of 3)"),
        ((0.004, 0.004), "0.004 ± 0 (2 of 3)"),
        ((0.0, 0.0), "0.00 ± 0.00 (2 of 3)"),
        ((0.006, 0.006), "0.01 ± 0.00 (2 of 3)"),
        ((54.3, 54.302), "54.30 ± 0.00 (2 of 3)"),
    ],
)
def test_what_is_small_in_its_unit_keeps_its_digits(values: tuple[float, ...], text: str) -> None:
    assert measured(summarise(values, 3), 2) == text


def test_numbers_beside_one_another_have_one_form() -> None:
    assert form_for([1e-9, 0.3], 2) == ".2f" and form_for([1e-9, -2e-9], 2) == ".3g" and form_for([], 4) == ".4f"
