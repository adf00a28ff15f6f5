"""Computations that train: a trial for every seed, of the images of the row, and what claims read of them."""

from pathlib import Path
from unittest.mock import Mock

from harness.methods.catalogue import load_catalogue
from harness.runner.availability import find_data, with_recorded
from harness.runner.environment import machine
from harness.runner.plan import Filters, data_needed, make_plan
from harness.runner.worker import Settings, run_trial
from harness.suite.load import load_suite
from tests.report.page_reader import Page

CHANCE = 10  # percent, of ten classes
SHUFFLED = """  shuffled:
    paper: paper-a
    number: own
    title: Shuffled
    protocol: tiny
    searched_on: digits
    columns: [before, after, drop]
    rows:
      vgg:
        method: layer-shuffling
        label: VGG
        computation: &settings
      resnet:
        method: layer-shuffling
        label: ResNet
        computation: *settings
claims:
  less:
    text: The residual one loses less
    source: Paper A
    relation: "<"
    left: {row: shuffled/resnet, of: computed, value: drop}
    right: {row: shuffled/vgg, of: computed, value: drop}
    margin: 0
"""
TINY = "{network: NET, channels: 4, depth: 3, epochs: 1, images: 64, evaluated: 32, image_size: 8, shuffles: 2}"
COLUMNS = "".join(
    f"  {name}: {{label: {name}, metric: statistic, unit: '%', goal: max}}\n" for name in ("before", "after", "drop")
)


def shuffled(project, *changes):
    path = project.folder / "suites" / "tiny.yaml"
    text = SHUFFLED.replace("&settings", TINY.replace("NET", "plain")).replace(
        "*settings", TINY.replace("NET", "residual")
    )
    whole = path.read_text().replace("columns:\n", f"columns:\n{COLUMNS}", 1) + text
    for old, new in changes:
        assert old in whole, old
        whole = whole.replace(old, new, 1)
    path.write_text(whole)
    return path


def test_every_seed_is_a_trial_of_the_rows_images(project):
    loaded = load_suite(shuffled(project), load_catalogue())
    assert data_needed(loaded, "reduced") == ["digits"]
    data = find_data(["digits"], None)
    made = make_plan(loaded, "reduced", Filters(tables=("shuffled",)), (), data=data)
    assert [(trial.seed, trial.spec.computation.network) for trial in made.trials] == [
        *((seed, "plain") for seed in range(3)), *((seed, "residual") for seed in range(3))
    ]  # fmt: skip
    assert {trial.spec.runs for trial in made.trials} == {1} and len({trial.id for trial in made.trials}) == 6
    assert {trial.data_checksum for trial in made.trials} == {data.checksums["digits"]}
    assert {trial.test_checksum for trial in made.trials} == {data.tests["digits"]}
    one = make_plan(loaded, "reduced", Filters(tables=("shuffled",), seeds=(2,)), (), data=data)
    assert [trial.id for trial in one.trials] == [made.trials[2].id, made.trials[5].id]


def test_claims_read_what_was_computed_seed_by_seed(project):
    shuffled(project)
    answer = project.run("-t", "shuffled")
    assert answer.code == 0 and "6 trials: 6 executed" in answer.out
    found = project.records_list()
    assert len(found) == 6 and {frozenset(record.values) for record in found} == {
        frozenset(("before", "after", "drop"))
    }
    assert project.run("-t", "shuffled").out.startswith("6 trials: 0 executed, 6 done before")
    said = project.cli("check", "suites/tiny.yaml", "-t", "shuffled")
    assert "The residual one loses less" in said.out and "3 seeds a side, the next look is at 6" in " ".join(
        said.out.split()
    )
    assert project.cli("report", "-t", "shuffled", "--out", "reports").code == 0
    page = (project.folder / "reports" / "run-tiny-reduced.html").read_text(encoding="utf-8")
    assert "The residual one loses less" in Page(page).text
    known = with_recorded(find_data([], None), found)
    assert set(known.checksums) == {"digits"}  # not those of a table


def test_a_computation_is_recorded_as_done_by_the_processor_that_did_it(project):
    loaded = load_suite(shuffled(project), load_catalogue())
    trial = make_plan(loaded, "reduced", Filters(tables=("shuffled",)), (), data=find_data(["digits"], None)).trials[0]
    settings = Settings(project.folder / "results", None, "cuda", 1, None)  # for the searches beside it
    ended = run_trial(trial, settings, Mock(clock=lambda: 0.0))
    assert ended.error is None
    provenance = project.records_list()[0].provenance
    assert (provenance.device, provenance.platform) == ("cpu", machine("cpu"))


def test_a_claim_on_what_no_seed_computes_is_refused(project):
    path = shuffled(project, ("of: computed, value: drop", "of: computed, value: dropp"))
    answer = project.cli("validate", path)
    assert answer.code != 0 and "unknown column of the row's table 'dropp'; did you mean 'drop'" in answer.err
    path.write_text(
        path.read_text().replace(
            "{row: shuffled/resnet, of: computed, value: dropp}", "{row: t1/darts, of: computed, value: drop}"
        )
    )
    assert "row 't1/darts' computes nothing by seed" in project.cli("validate", path).err


def test_what_the_shipped_claims_say_is_lost_was_learnt_before():
    shipped = Path(__file__).parents[2] / "suites" / "shuffling.yaml"
    claims = load_suite(shipped, load_catalogue()).suite.claims.values()
    learnt = {c.left.row for c in claims if (c.left.value, c.relation) == ("before", ">") and c.right >= 2 * CHANCE}
    assert {claim.left.row for claim in claims} == learnt and len(learnt) == 3
