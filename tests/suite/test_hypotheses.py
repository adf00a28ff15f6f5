"""Hypotheses of suites: they name factors and levels of grids, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.suite.load import load_suite

SUITES = Path(__file__).parents[2] / "suites"
MISTAKES = {
    "a factor": (("{left: {warmup: half}, right: {warmup: at-once}}", "{left: {warm: half}, right: {warm: at-once}}"),
                 r"hypotheses.late-alpha.effect.left.warm: unknown factor 'warm'; did you mean 'warmup'"),
    "a level": (("{left: {decay: decay-10}", "{left: {decay: decay-9}"),
                r"effect.left.decay: unknown level of 'decay' 'decay-9'; did you mean 'decay-1' or 'decay-10'"),
    "other factors on the right": (("right: {depth: shallow}", "right: {noise: quiet}"),
                                   r"hypotheses.depth-gap.effect: left and right must be different levels of the same"),
    "a level that counts": (("relaxation: [softmax, sparse]", "relaxation: [softmx]"),
                            r"among.relaxation: unknown level of 'relaxation' 'softmx'"),
    "a table": (("tables: [core, core-selected]", "tables: [core, core-select]"), r"tables\[1\]: unknown table with"),
    "a paper": (("    paper: sp-darts\n    source: abstract", "    paper: spdarts\n    source: abstract"),
                r"hypotheses.smooth-relaxation.paper: unknown paper 'spdarts'; did you mean 'sp-darts'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_hypothesis_is_one_clear_line(mistake: str, tmp_path: Path) -> None:
    (old, new), said = MISTAKES[mistake]
    shutil.copytree(SUITES / "_base", tmp_path / "_base")
    text = (SUITES / "why.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "why.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(HarnessError, match=said) as error:
        load_suite(tmp_path / "why.yaml", load_catalogue())
    assert "\n" not in str(error.value)


def test_every_paper_of_the_suite_has_its_hypothesis_in_its_own_words() -> None:
    suite = load_suite(SUITES / "why.yaml", load_catalogue()).suite
    of_papers = {hypothesis.paper for hypothesis in suite.hypotheses.values() if hypothesis.words}
    assert set(suite.papers) <= of_papers
