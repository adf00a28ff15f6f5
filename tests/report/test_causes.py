"""Hypotheses wherever verdicts show, and the page on the causes that a design varies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.hypotheses import judge_hypotheses
from harness.analysis.verdicts import SuiteVerdict, exit_code, judge
from harness.methods.catalogue import load_catalogue
from harness.report import write_report
from harness.report.causes.html import rendered
from harness.report.causes.page import pictures, text, written
from harness.report.causes.study import ELSEWHERE, Study, is_study
from harness.report.check import render_check
from harness.report.export import verdict_rows
from harness.runner.record import Record
from harness.suite.load import load_suite
from tests.analysis import recovery, synthetic
from tests.report.conftest import read
from tests.report.page_reader import Page

LOADED = load_suite(Path(__file__).parents[2] / "suites" / "why.yaml", load_catalogue())
ENDS = {"halves": 70.0, "shared": 85.0, "joint": 92.0}
MARKUP = "<b>bold</b> & `x` [link](javascript:alert(1))"


def judged(tables: dict[str, Callable[[dict[str, str], int], float]], **options: object) -> SuiteVerdict:
    """Judge made-up records: of each table, accuracies by levels and seed, of five seeds."""
    plan = synthetic.plan(LOADED, "reduced", **options)  # type: ignore[arg-type]
    trials, records = {trial.id: trial for trial in plan.trials}, list[Record]()
    for table, accuracy in tables.items():
        for row, settings in LOADED.suite.tables[table].rows.items():
            for trial in (trials[name] for name in plan.rows[f"{table}/{row}"][:5]):
                records.append(synthetic.record(trial, accuracy(settings.levels, trial.seed), before=91.0))
    return judge(LOADED, "reduced", plan, records)


def by_update(levels: dict[str, str], seed: int) -> float:
    """Joint ends at 92, halves at 70 and one set at 85, whatever the rates."""
    return ENDS[levels["update"]] + 0.1 * seed


@pytest.fixture(scope="module")
def core() -> SuiteVerdict:
    return judged({"core": by_update})


@pytest.fixture(scope="module")
def selected() -> SuiteVerdict:
    """Perturbation gives 90 where magnitude collapsed, and else nothing."""
    return judged(
        {"core": by_update, "core-selected": lambda levels, seed: max(by_update(levels, seed), 90 + seed / 10)}
    )


def line_of(page: str, start: str) -> str:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {start} |")]
    return line


# verdicts -------------------------------------------------------------------------------------------------------


def test_hypotheses_count_among_the_verdicts_of_a_suite(core: SuiteVerdict) -> None:
    counts = core.counts()["hypotheses"]
    assert (counts["PASS"], counts["UNDECIDED"], counts["NOT RUN"]) == (1, 2, 6)
    assert counts["INCOMPLETE"] == 1  # selection, of which the core alone is there
    assert exit_code([core]) == 3


def test_an_opposite_effect_fails_the_check() -> None:
    worse = judged(
        {"core": lambda levels, seed: by_update(levels, seed) if levels["update"] != "joint" else 50 - seed / 10}
    )
    assert worse.counts()["hypotheses"]["FAIL"] == 1 and exit_code([worse]) == 1


def test_searches_with_overrides_show_nothing_of_a_hypothesis() -> None:
    changed = judged({"core": by_update}, overrides=("weight_optimiser.weight_decay=0.001",))
    found = {item.key: item for item in changed.hypotheses}
    assert found["bi-level"].verdict == "NOT JUDGED"
    assert found["bi-level"].reason == "overridden, weight_optimiser.weight_decay=0.001"
    assert found["late-alpha"].verdict == "NOT RUN"


def test_digits_show_nothing_of_a_hypothesis() -> None:
    plan = synthetic.plan(LOADED, "reduced", data=synthetic.NO_DATA)
    row = next(iter(LOADED.suite.tables["core"].rows))
    trials = {trial.id: trial for trial in plan.trials}
    records = [synthetic.record(trials[name], {"digits/test/5": 90.0}) for name in plan.rows[f"core/{row}"]]
    found = {item.key: item for item in judge(LOADED, "reduced", plan, records).hypotheses}
    assert found["bi-level"].verdict == "NOT JUDGED" and found["bi-level"].reason.startswith("digits stands in")
    assert found["late-alpha"].verdict == "NOT RUN"


def test_check_prints_effects_with_their_intervals(core: SuiteVerdict) -> None:
    shown = render_check([core], width=240)
    (line,) = [line for line in shown.splitlines() if line.lstrip().startswith("bi-level: Joint updates find")]
    assert "+22.00 points" in line and "+22.00 to +22.00" in line and "yes" in line and "PASS" in line
    assert "0 of 360 trials of its cells" in shown and "hypotheses: 1 PASS" in shown


def test_verdicts_as_rows_have_them(core: SuiteVerdict) -> None:
    rows = {row["row"]: row for row in verdict_rows([core]) if row["kind"] == "hypothesis"}
    assert set(rows) == set(LOADED.suite.hypotheses)
    row = rows["bi-level"]
    assert row["delta"] == pytest.approx(22.0) and row["width"] == pytest.approx(0.0, abs=1e-6)
    assert (row["table"], row["metric"], row["ours_n"], row["verdict"]) == ("core", "accuracy", 5, "PASS")
    assert rows["late-alpha"]["values"] == "effect <= 2" and rows["late-alpha"]["delta"] is None


# page -----------------------------------------------------------------------------------------------------------


def test_the_page_says_what_is_there_and_what_is_missing(core: SuiteVerdict) -> None:
    page = text(Study(core))
    assert "135 searches" in page and "around 0 of 360" in page
    line = line_of(page, "bi-level | single-darts")
    assert "| +22.00 points |" in line and "| yes | PASS |" in line and line.endswith("at 5 seeds |")
    assert "- like-operations: 0 of 360 trials of its cells, seeds 0 to 4." in page
    assert "- **Supported on average**: Joint updates find better architectures than bi-level ones on halves" in page
    assert "- **Refuted on average**" not in page and "- **Waits for searches**: late-alpha," in page
    assert "`around` has 0 of 360 trials." in page and "| update | 100.0 | 100.0 to 100.0 |" in page
    assert "| halves | 704 | 2,000 | 2,000 | 368 |" in page


def test_every_cell_has_its_accuracy_and_its_collapses(core: SuiteVerdict) -> None:
    line = line_of(text(Study(core)), "high 0.025 | high 0.1")
    assert line.endswith("| 70.2; 5 of 5; — | 85.2; 0 of 5; — | 92.2; 0 of 5; — |")


def test_an_average_says_of_what_it_is_one(core: SuiteVerdict) -> None:
    """Joint updates gain 22 points, and 2 where the weights' rate is low: (22 + 22 + 2) / 3."""

    def accuracy(levels: dict[str, str], seed: int) -> float:
        low = levels["weights"] == "w-exchanged" and levels["update"] == "halves"
        return by_update(levels, seed) + 20 * low

    (line,) = [x for x in text(Study(judged({"core": accuracy}))).splitlines() if "(*bi-level*)" in x]
    assert "+15.33 points" in line and "(mean of +22.00 with weights' rate high 0.025; +22.00 with" in line
    assert line.endswith("; +2.00 with weights' rate low 0.002); 2 would matter; 5 seeds a cell.")
    (line,) = [x for x in text(Study(core)).splitlines() if "(*exchanged-rates*)" in x]
    assert "(mean of +0.00 with bi-level, halves; +0.00 with bi-level, one set)" in line


def test_parts_of_joint_updates_add_up(core: SuiteVerdict) -> None:
    page = text(Study(core))
    for place in ("at the default rates", "at exchanged rates"):
        line = line_of(page, f"joint updates for bi-level ones on halves, {place}")
        assert "| +22.00 points |" in line and line.endswith("| better | 0 and 5 of 5 |")
    assert "| +15.00 points |" in line_of(page, "one set for halves, both in turn")
    assert "| +7.00 points |" in line_of(page, "one step for two in turn, both on one set")
    assert line_of(page, "exchanged rates for the default ones, joint").endswith("| cannot be told | 0 and 0 of 5 |")


def test_what_selection_gains_is_told_by_update(core: SuiteVerdict, selected: SuiteVerdict) -> None:
    assert "perturbation for magnitude" not in text(Study(core))
    page = text(Study(selected))
    assert "| +20.00 points |" in line_of(page, "perturbation for magnitude, bi-level, halves")
    assert "| +5.00 points |" in line_of(page, "perturbation for magnitude, bi-level, one set")
    assert "| +0.00 points |" in line_of(page, "perturbation for magnitude, joint")


def test_the_whole_of_a_design_is_judged_at_its_last_whole_look() -> None:
    """Ten seeds of everything, drawn with known effects (`tests.analysis.recovery`), that of joint updates raised."""
    study = Study(judged({}))
    drawn = recovery.draw(LOADED.suite, np.random.default_rng(0), 10)
    study.trials = drawn.reindex(columns=study.trials.columns)
    study.trials.loc[study.trials["update"] == "joint", "accuracy"] += 8
    study.trials["best"] = study.trials["accuracy"]
    study.verdicts = tuple(judge_hypotheses(LOADED.suite, study.trials))
    page = text(study)
    (line,) = [x for x in page.splitlines() if "(*late-alpha*)" in x]
    assert "2 would matter" in line
    assert "(mean of" not in line  # a main effect of the array is none
    (line,) = [x for x in page.splitlines() if "(*bi-level*)" in x]
    assert line.startswith("- **Supported on average**") and "(mean of" in line
    (line,) = [x for x in page.splitlines() if "(*sharpness-noise*)" in x]
    assert "(mean of" not in line
    assert "Waits for searches" not in page and "has 0 of" not in page and "Open after the first look" not in page
    assert " of 10 |" in line_of(page, "exchanged rates for the default ones, joint")  # not of 5
    cells = [line for line in page.splitlines() if line.startswith("| high 0.025 | low 0.02 |")]
    assert len(cells) == 2 and all(line.count("of 10;") == 3 for line in cells)  # by magnitude, and by perturbation
    assert "is that, and all interactions" in " ".join(page.split()) and "Log odds of a collapse" in page
    assert set(pictures(study)) == {"why-collapse.png", "why-effects.png"}


def test_a_look_that_is_not_whole_is_not_taken() -> None:
    study = Study(judged({}))
    drawn = recovery.draw(LOADED.suite, np.random.default_rng(0), 10)
    study.trials = drawn[(drawn["table"] == "core") & ((drawn["seed"] < 5) | (drawn["update"] == "joint"))]
    assert study.complete("core") is not None and set(study.shown("core")["seed"]) == set(range(5))
    study.trials = study.trials[study.trials["seed"] < 3]
    assert study.complete("core") is None and set(study.shown("core")["seed"]) == set(range(3))


def test_hypotheses_are_dated_by_their_commit(core: SuiteVerdict, tmp_path: Path) -> None:
    """Records of 2020 are before it, records of 2099 after."""
    of = core.evidence
    for year, word in (("2020", "after"), ("2099", "before")):
        changed = {key: replace(o, started=f"{year}-01-01T00:00:00+00:00") for key, o in of.outcomes.items()}
        said = written(core.loaded, replace(of, outcomes=changed))
        assert said == "When they were written is not known here" or f"Last changed {word} the first record" in said
    elsewhere = replace(core.loaded, path=tmp_path / "why.yaml")
    assert written(elsewhere, of) == "When they were written is not known here"


def test_a_suite_of_the_same_name_with_other_tables_is_no_study(core: SuiteVerdict) -> None:
    """Somebody's own suite may be called "why": its report has no such page."""
    suite = core.loaded.suite
    fewer = suite.model_copy(update={"tables": {"core": suite.tables["core"]}})
    assert is_study(core) and not is_study(replace(core, loaded=replace(core.loaded, suite=fewer)))


def test_a_page_without_records_is_written_as_well() -> None:
    empty = Study(judged({}))
    page = text(empty)
    assert "0 searches" in page and "PASS |" not in page and pictures(empty) == {}


def test_pictures_are_drawn_of_what_is_known(core: SuiteVerdict) -> None:
    drawn = pictures(Study(core), "stem")
    assert set(drawn) == {"stem-collapse.png", "stem-effects.png"}
    assert all(picture.startswith(b"\x89PNG") for picture in drawn.values())


# report ---------------------------------------------------------------------------------------------------------


def test_the_report_has_the_page_and_leads_to_it(core: SuiteVerdict, tmp_path: Path) -> None:
    write_report([core], tmp_path)
    page = Page(read(tmp_path, "causes-why-reduced.html"))
    assert "Is one a special case of another?" in page.text and "| ---" not in page.text
    images = page.values("src")
    assert images and all(
        (tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in images if name.endswith("png")
    )
    for name in ("index.html", "run-why-reduced.html"):
        assert "causes-why-reduced.html" in Page(read(tmp_path, name)).values("href")
    run = Page(read(tmp_path, "run-why-reduced.html")).text
    assert "+22.00 to +22.00" in run and LOADED.suite.hypotheses["bi-level"].text in run


def test_what_was_found_on_another_space_stands_on_the_page(core: SuiteVerdict, tmp_path: Path) -> None:
    loaded = load_suite(Path(__file__).parents[2] / "suites" / f"{ELSEWHERE}.yaml", load_catalogue())
    found = judge(loaded, "reduced", synthetic.plan(loaded, "reduced"), [])
    page = text(Study(core), elsewhere=found)
    assert "## On another space" in page and loaded.suite.hypotheses["exchanged-rates"].text in page
    assert "| NOT RUN | 0 of 20 trials of its cells, seeds 0 to 4 |" in page
    assert "## On another space" not in text(Study(core))
    write_report([core, found], tmp_path)  # it has no record: the page is as without it
    assert "On another space" not in read(tmp_path, "causes-why-reduced.html")


def test_a_suite_without_a_design_has_no_such_page(site: Path) -> None:
    assert not list(site.glob("causes-*")) and "Hypotheses" not in read(site, "run-sample-reduced.html")


def test_no_text_of_a_suite_is_markup() -> None:
    page = str(rendered(f"# Title\n\n- {MARKUP}\n\n| a | b |\n| --- | --- |\n| <i>c</i> | d |\n"))
    assert "<b>" not in page and "<i>" not in page and "href" not in page
    assert '<div class="wide" tabindex="0">\n<table>' in page and page.count("<div") == page.count("</div>") == 1
