"""Which of the four words a number gets: who copied, who is to blame, what explains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.audit.agreement import agreement
from harness.audit.consistency import EXPLAINING, PAIRING, REPEATING, Mark, marks
from harness.audit.finding import Finding
from harness.audit.published_rows import PublishedRow
from harness.audit.registry import RULES, TABLE_RULES, audit
from harness.audit.table import TableValues
from tests.audit.synthetic import made_up, printed, sample_row, suite_text, table_text
from tests.audit.test_clean import MEASURES, matrix, values_of

OWN = "the method's own paper"


def tables(*rows: tuple[str, str, list[str]], columns: str = "cifar10-test") -> str:
    """Write one table per row of method X, with its paper, its source (empty: the paper's own runs) and values."""
    text = ""
    for index, (paper, source, values) in enumerate(rows):
        extra = f'source: "{source}", ' if source else ""
        text += table_text(f"t{index}", sample_row("x", 5, values, extra), columns, paper)
    return suite_text(text)


def words(lines: list[PublishedRow], table: TableValues | None = None) -> list[str]:
    """Return the word of every number in print order."""
    known = marks(audit(lines, table).findings if table else agreement(lines))
    return [known[n.cell].word if n.cell in known else "UNCHECKED" for line in lines for n in line.numbers]


def mark(lines: list[PublishedRow], cell: str) -> Mark:
    return marks(agreement(lines))[f"made-up:{cell}"]


def test_a_copy_confirms_nothing(tmp_path: Path) -> None:
    text = tables(("delve", "", ["93.51 ± 0.13"]), ("sp-darts", "Delve, Table 1", ["93.51 ± 0.13"]))
    lines = made_up(tmp_path, text)
    assert words(lines) == ["COPIED", "COPIED"]
    assert "made-up:t0/x is the original" in mark(lines, "t1/x/cifar10-test").reason


def test_two_copies_of_a_third_and_one_paper_twice_confirm_nothing(tmp_path: Path) -> None:
    text = tables(("delve", OWN, ["93.51 ± 0.13"]), ("sp-darts", OWN, ["93.51 ± 0.13"]))
    assert words(made_up(tmp_path, text)) == ["COPIED", "COPIED"]
    text = tables(("delve", "", ["93.51 ± 0.13"]), ("delve", "", ["93.51 ± 0.13"]))
    lines = made_up(tmp_path, text)
    assert words(lines) == ["COPIED", "COPIED"]
    assert "one paper repeats them" in mark(lines, "t0/x/cifar10-test").reason


def test_of_a_wrong_copy_the_original_is_not_blamed(tmp_path: Path) -> None:
    text = tables(("delve", "", ["93.51 ± 0.13"]), ("sp-darts", "Delve, Table 1", ["93.15 ± 0.13"]))
    assert words(made_up(tmp_path, text)) == ["UNCHECKED", "CONTRADICTED"]


def test_of_three_copies_the_odd_one_is_blamed(tmp_path: Path) -> None:
    rows = [("delve", OWN, ["93.51"]), ("stacnas", OWN, ["93.15"]), ("darts-pt", OWN, ["93.51"])]
    assert words(made_up(tmp_path, tables(*rows))) == ["COPIED", "CONTRADICTED", "COPIED"]


def test_of_two_copies_or_two_places_of_one_paper_both_are_suspect(tmp_path: Path) -> None:
    text = tables(("delve", OWN, ["93.51"]), ("sp-darts", OWN, ["93.15"]))
    assert words(made_up(tmp_path, text)) == ["CONTRADICTED", "CONTRADICTED"]
    text = tables(("delve", "", ["93.51 ± 1.10"]), ("delve", "", ["93.51 ± 1.20"]))
    assert words(made_up(tmp_path, text)) == ["CONTRADICTED", "CONTRADICTED"]


def test_runs_of_two_papers_may_differ_by_their_errors(tmp_path: Path) -> None:
    text = tables(("delve", "", ["93.51 ± 0.40"]), ("sp-darts", "", ["93.15 ± 0.40"]))
    assert words(made_up(tmp_path, text)) == ["UNCHECKED", "UNCHECKED"]
    text = tables(("delve", "", ["93.51 ± 0.01"]), ("sp-darts", "", ["93.15 ± 0.01"]))
    assert words(made_up(tmp_path, text)) == ["CONTRADICTED", "CONTRADICTED"]
    text = tables(("delve", "", ["93.51"]), ("sp-darts", OWN, ["93.15"]))  # a run and a copy of another one
    assert words(made_up(tmp_path, text)) == ["UNCHECKED", "UNCHECKED"]


SIX = "cifar10-valid, cifar10-test, cifar100-valid, cifar100-test, imagenet16-valid, imagenet16-test"


def test_what_the_table_explains_is_coherent_and_not_to_blame(tmp_path: Path, table: TableValues) -> None:
    one = [printed(value, 0.0) for value in table.accuracy[17]]
    other = [printed(value + 3.0, 0.01) for value in table.accuracy[17]]
    text = tables(("delve", "", one), ("sp-darts", "", other), columns=SIX)
    assert words(made_up(tmp_path, text), table) == ["COHERENT"] * 6 + ["CONTRADICTED"] * 6


def test_one_authors_runs_of_two_counts(tmp_path: Path, table: TableValues) -> None:
    """The table tells how many runs they were: the row that says so is right."""
    values = values_of(table.accuracy[[30, 30, 30, 200]], 0)
    four, three = sample_row("x", 4, values), sample_row("x", 3, values)
    text = suite_text(table_text("first", four) + table_text("second", three, SIX, "sp-darts"))
    assert words(made_up(tmp_path, text), table) == ["COHERENT"] * 6 + ["CONTRADICTED"] * 6


def test_that_a_row_is_possible_says_nothing(tmp_path: Path, table: TableValues) -> None:
    runs = table.accuracy[np.random.default_rng(5).integers(0, 400, 8)]
    lines = made_up(tmp_path, suite_text(table_text("t", sample_row("x", 8, values_of(runs, 0)))))
    found = audit(lines, table).findings
    assert [f.verdict for f in found if f.rule == "attainability"] == ["consistent"]
    assert words(lines, table) == ["UNCHECKED"] * 6


def test_the_one_impossible_column_is_blamed(tmp_path: Path, table: TableValues) -> None:
    runs = table.accuracy[np.random.default_rng(5).integers(0, 400, 8)]
    values = values_of(runs, 0)
    values[3] = printed(runs[:, 3].mean() - 25.0, runs[:, 3].std())
    lines = made_up(tmp_path, suite_text(table_text("t", sample_row("x", 8, values))))
    assert words(lines, table) == ["UNCHECKED"] * 3 + ["CONTRADICTED"] + ["UNCHECKED"] * 2


@pytest.mark.parametrize(("extra", "word"), [("", "CONTRADICTED"), ("per_dataset: true, ", "UNCHECKED")])
def test_a_search_per_dataset_need_not_be_one_set(extra: str, word: str, tmp_path: Path, table: TableValues) -> None:
    best, worst = int(table.accuracy.sum(axis=1).argmax()), int(table.accuracy.sum(axis=1).argmin())
    mixed = [best, best, worst, worst, best, best]
    values = [printed(table.accuracy[row, column], 0.02) for column, row in enumerate(mixed)]
    lines = made_up(tmp_path, suite_text(table_text("t", sample_row("x", 5, values, extra))))
    assert set(words(lines, table)) == {word}


def test_half_of_a_matrix_is_a_copy_and_its_diagonal_is_known(tmp_path: Path) -> None:
    names = "".join(f"  {n}: {{label: {n}, metric: statistic, unit: '1', goal: max}}\n" for n in "abcd")
    lines = made_up(tmp_path, suite_text(matrix(np.random.default_rng(0)), names))
    known = marks([f for rule in ("symmetry", "diagonal") for f in RULES[rule](lines)])
    by_place = {tuple(cell.rsplit("/", 2)[1:]): found.word for cell, found in known.items()}
    assert by_place == {(a, b): "COHERENT" if a == b else "COPIED" for a in "abcd" for b in "abcd"}


def test_arithmetic_explains(tmp_path: Path) -> None:
    rows = sample_row("a", 1, ["2.50", "3.0"]) + sample_row("b", 1, ["2.70", "3.2"])
    mean = sample_row("m", 1, ["2.60", "3.3"], "summary: {take: mean, of: [t/a, t/b]}, ")
    lines = made_up(tmp_path, suite_text(table_text("t", rows + mean, "errors, params"), MEASURES))
    found = marks(RULES["summary"](lines))
    assert {cell: m.word for cell, m in found.items()} == {
        "made-up:t/m/errors": "COHERENT",
        "made-up:t/m/params": "CONTRADICTED",
    }


def test_the_gravest_word_wins() -> None:
    cell = "s:t/a/x"
    copied = Finding("agreement", "info", (cell, "s:t/b/x"), "alike", "consistent")
    explained = Finding("attribution", "info", (cell,), "it is index 1", "attributed")
    wrong = Finding("unit", "error", (cell,), "in another unit", "inconsistent")
    for findings, word in (
        ([copied], "COPIED"),
        ([copied, explained], "COHERENT"),
        ([explained, copied, wrong], "CONTRADICTED"),
    ):
        assert marks(findings)[cell].word == word
    assert marks([Finding("attainability", "info", (cell,), "it could be", "consistent")]) == {}
    assert marks([wrong])[cell].reason == "audit, unit: in another unit"


def test_every_rule_that_the_words_name_exists() -> None:
    assert {*EXPLAINING, *REPEATING, *PAIRING} <= {*RULES, *TABLE_RULES}
