"""What became of the printed numbers, as a table and in words."""

from __future__ import annotations

from harness.analysis.coverage import REPRODUCTIONS, coverage
from harness.analysis.verdicts import SuiteVerdict
from harness.audit.consistency import CONSISTENCIES
from harness.audit.finding import Finding
from harness.report.printed import Printed, coverage_rows, summary_lines

WRONG = Finding("unit", "error", ("sample:t1/darts/size",), "wrong unit", "inconsistent")


def test_the_table_counts_both_marks_of_every_number(paper: SuiteVerdict) -> None:
    listed = Printed.of([paper], [WRONG]).listed
    header, *rows = coverage_rows(listed)
    assert header == ("paper", "printed numbers", *REPRODUCTIONS, *CONSISTENCIES)
    by_word = dict(zip(header, rows[-1], strict=True))
    total = str(len(listed))
    assert (by_word["paper"], by_word["printed numbers"], by_word["CONTRADICTED"]) == ("all", total, "1")
    assert all(by_word[word] == str(coverage(listed)[-1].reproduction.get(word, 0)) for word in REPRODUCTIONS)
    for words in (REPRODUCTIONS, CONSISTENCIES):
        assert str(sum(int(by_word[word]) for word in words)) == total


def test_the_first_words_say_what_is_reproduced_contradicted_undecided_and_not_run(paper: SuiteVerdict) -> None:
    listed = Printed.of([paper], [WRONG]).listed
    passed = coverage(listed)[-1].reproduction["PASS"]
    said = dict(summary_lines(listed))
    assert list(said) == ["Reproduced", "Not reproduced", "Undecided", "Not run", "No result", "Contradicted"]
    assert said["Reproduced"].startswith(f"{passed} of the {len(listed)} numbers printed in 1 paper, ")
    assert "because no code computes it yet" in said["Not run"]
    assert said["Contradicted"].startswith("1 by ")


def test_without_a_comparable_profile_there_is_nothing_to_say(reduced: SuiteVerdict) -> None:
    listed = Printed.beside([reduced]).listed
    assert coverage_rows(listed) == [] and summary_lines(listed) == []
