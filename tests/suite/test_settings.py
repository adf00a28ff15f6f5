"""Every searching row of every suite against the table of protocol facts, and that planted mistakes are caught."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness.cli.rows import show_row
from harness.errors import HarnessError
from harness.methods.catalogue import PACKAGED, Catalogue, load_catalogue
from harness.suite.facts import FILE, Facts, disagreements, leaves, load_facts, searched_rows, settings
from harness.suite.load import find_suites, load_suite

SUITES = Path(__file__).parents[2] / "suites"
FACTS = load_facts(SUITES)


def all_disagreements(suites: Path, catalogue: Catalogue, facts: Facts = FACTS) -> list[str]:
    loaded = [load_suite(path, catalogue) for path in find_suites([suites])]
    return [text for one in loaded for text in disagreements(facts, one)]


@pytest.mark.parametrize("path", find_suites([SUITES]), ids=lambda path: path.stem)
def test_every_searching_row_runs_what_its_sources_say(path: Path) -> None:
    assert disagreements(FACTS, load_suite(path, load_catalogue())) == []


def test_the_table_has_all_rows_and_names_nothing_in_vain() -> None:
    suites = [load_suite(path, load_catalogue()) for path in find_suites([SUITES])]
    rows = {(one.suite.suite, t, r): one.suite.tables[t].rows[r] for one in suites for t, r in searched_rows(one)}
    of_levels = {(s, t, f, lv) for (s, t, _), row in rows.items() for f, lv in row.levels.items()}
    assert {name for name, row in rows.items() if not row.levels} == set(FACTS.rows())
    assert of_levels == set(FACTS.levels()) and len(rows) == 583
    named = {name for *_, names in _rows() for name in names} | {b.extends for b in FACTS.file.blocks.values()}
    assert set(FACTS.file.blocks) == named - {None}
    sources = {fact.source for block in FACTS.file.blocks.values() for fact in block.facts.values()}
    assert set(FACTS.file.sources) <= sources


def _rows() -> list[tuple[str, str, str, list[str]]]:
    file = FACTS.file
    grids = [(s, t, of) for s, tables in file.grids.items() for t, factors in tables.items() for of in factors.values()]
    rows = [(s, t, of) for s, tables in file.rows.items() for t, of in tables.items()]
    return [(s, t, name, blocks) for s, t, of in (*rows, *grids) for name, blocks in of.items()]


# Numbers of the printed settings, typed once more without the table: where both it and the catalogue might be wrong.
PRINTED = {
    "nb201/single-darts-t1/single-darts": {"epochs": 50, "batch_size": 64, "weight_optimiser.lr": 0.005,
        "weight_optimiser.weight_decay": 3e-4, "weight_optimiser.momentum": 0.9, "weight_schedule.name": "cosine",
        "architecture_optimiser.name": "adam", "architecture_optimiser.lr": 3e-4,
        "architecture_optimiser.betas": [0.5, 0.999]},
    "nb201/delve-t1/ex-darts": {"weight_optimiser.lr": 0.0003, "architecture_optimiser.lr": 0.025, "epochs": 50},
    "ablations/delve-arms/exp-2-0.01": {"architecture_optimiser.weight_decay": 0.01, "weight_optimiser.lr": 0.025},
    "nb201_delve/delve-t2/ss-darts": {"weight_optimiser.lr": 0.003, "weight_schedule.name": "constant",
        "architecture_optimiser.lr": 0.001, "batch_size": 256, "stop.operation": "nor_conv_3x3"},
    "nb201_delve/delve-t2/darts-es": {"batch_size": 128, "weight_schedule.name": "constant"},
    "nb201_delve/delve-t2/gaea-bilevel-25": {"epochs": 25, "weight_schedule.period": 50, "batch_size": 160},
    "nb201_sp/sp-darts-t1-cifar100/sp-darts": {"relaxation.sparse": 1.3e-3, "relaxation.smooth": 1.3e-2,
        "relaxation.high": 0.9, "weight_optimiser.lr": 0.05, "architecture_optimiser.weight_decay": 0,
        "data.split": "test", "data.architecture_images": 5000, "batch_size": 256},
    "ablations_sp/sp-darts-t6/darts-0.1-cifar10": {"architecture_optimiser.lr": 0.1, "batch_size": 256,
        "weight_schedule.name": "constant", "architecture_optimiser.weight_decay": 0},
}  # fmt: skip


@pytest.mark.parametrize("name", PRINTED)
def test_printed_settings(name: str) -> None:
    suite, table, row = name.split("/")
    found = settings(load_suite(SUITES / f"{suite}.yaml", load_catalogue()), table, row)
    assert {key: found[key] for key in PRINTED[name]} == PRINTED[name]


def test_the_rate_of_gaea_after_25_epochs_is_that_of_half_a_cosine() -> None:
    """Official is a cosine over 50 epochs: 0.0138 in the last of 25, where one over 25 would have 0.0011."""
    spec = load_suite(SUITES / "nb201_delve.yaml", load_catalogue()).resolve("delve-t2", "gaea-bilevel-25", "paper")
    assert spec.weight_schedule.rate(0.025, 24, spec.epochs) == pytest.approx(0.0137535, rel=1e-5)


# planted mistakes -------------------------------------------------------------------------------------------

SS = "nb201_delve/delve-t2/ss-darts"
PLANTED = {
    "a wrong rate of a method": (
        "catalogue", "weight_optimiser: {name: sgd, lr: 0.025,", "weight_optimiser: {name: sgd, lr: 0.0255,",
        "nb201/single-darts-t1/darts: weight_optimiser.lr is 0.0255, stated is 0.025 (official: AutoDL-Projects, "
        "configs/nas-benchmark/algos/DARTS.config (50 epochs; NAS-Bench-201))",
    ),
    "a wrong rate of a row": (
        "weight_lr.yaml", "{label: lr 0.009, search: {weight_optimiser: {lr: 0.009}}}",
        "{label: lr 0.009, search: {weight_optimiser: {lr: 0.09}}}",
        "weight_lr/delve-t3/ss-lr-0.009: weight_optimiser.lr is 0.09, stated is 0.009 (paper: Delve, Table 3)",
    ),
    "a dropped period": (
        "nb201_delve.yaml", r", weight_schedule: {period: 50}|    scales:\n(.*period: 0.44}.*\n)+", "",
        "nb201_delve/delve-t2/gaea-bilevel-25: weight_schedule.period is None, stated is 50 (official: gaea_release, "
        "configs/cnn/config.yaml (scheduler_epochs 50); 25 epochs in Delve, section 3)",
    ),
    "an inherited schedule": (
        "nb201_delve.yaml", "          weight_schedule: {name: constant}\n", "",
        f"{SS}: weight_schedule.final_lr is 0.001 without a source",
    ),
    "a batch": (
        "nb201_sp.yaml", "        search: {batch_size: 256}\n", "",
        "nb201_sp/sp-darts-t1-cifar10/drnas: batch_size is 64, stated is 256 (official: SP-DARTS repository, "
        "DrNas/201-space/train_search.py (default batch 256), and Delve, section 3, of the same numbers)",
    ),
    "who is in the clipped norm": (
        "catalogue", "      weight_clip: {include_alpha: true}\n", "",
        "nb201_delve/delve-t2/drnas: weight_clip.include_alpha is False, stated is True (official: DrNAS, "
        "201-space/train_search.py)",
    ),
    "the epoch that counts": (
        "weight_lr.yaml", "stop: {name: skip-count, skips: 3}", "stop: {name: skip-count, skips: 2}",
        "weight_lr/delve-t3/sc-3-lr-0.003: stop.skips is 2, stated is 3 (paper: Delve, Table 3)",
    ),
}  # fmt: skip


def test_a_dropped_period_alone_does_not_even_load(tmp_path: Path) -> None:
    shutil.copytree(SUITES, tmp_path / "suites")
    file = tmp_path / "suites" / "nb201_delve.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(", weight_schedule: {period: 50}", ""), encoding="utf-8")
    with pytest.raises(HarnessError, match=r"weight_schedule.period: None is no number"):
        load_suite(file, load_catalogue())


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_caught(mistake: str, tmp_path: Path) -> None:
    where, old, new, said = PLANTED[mistake]
    shutil.copytree(SUITES, tmp_path / "suites")
    shutil.copy(PACKAGED, tmp_path / "catalogue")
    file = tmp_path / ("catalogue" if where == "catalogue" else f"suites/{where}")
    text = file.read_text(encoding="utf-8")
    changed = re.sub(old, new, text)
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    assert said in all_disagreements(tmp_path / "suites", load_catalogue(tmp_path / "catalogue"))


def facts_with(tmp_path: Path, old: str, new: str) -> Facts:
    (tmp_path / "_base").mkdir()
    text = (SUITES / FILE).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / FILE).write_text(text.replace(old, new), encoding="utf-8")
    return load_facts(tmp_path)


@pytest.mark.parametrize(("old", "new", "said"), [
    ("    weight_clip: [null, setn]\n", "", "nb201/single-darts-t1/setn: weight_clip is None without a source"),
    ("      rsps: [rsps]\n      darts: [darts-v1]\n", "      rsps: [rsps]\n",
     f"{FILE}: no facts of row nb201/single-darts-t1/darts; did you mean 'cdarts' or 'gdas'?"),
    ("      darts-uniform: [darts-uniform]\n", "      darts-uniform: [darts-uniform]\n      gone: [rsps]\n",
     "nb201/controls/gone: has facts, but is no search"),
    ("    architecture_warmup: [15, pc]\n", "    architecture_warmup: [15, pc]\n    weight_rate: [1, pc]\n",
     "methods/others/pc-darts: weight_rate is stated, and no setting of the search"),
])  # fmt: skip
def test_what_only_one_of_both_has_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = all_disagreements(SUITES, load_catalogue(), facts_with(tmp_path, old, new))
    assert any(text.startswith(said) for text in found), found


@pytest.mark.parametrize(("old", "new", "said"), [
    ("    weight_optimiser.lr: [0.009, delve-t3]\n    weight_schedule: [{name: constant}, delve-constant]\n",
     "    weight_optimiser.lr: [0.009, delve-t3]\n",
     r"settings.yaml:\d+: blocks.delve-0.009: states 'weight_optimiser.lr' and leaves 'weight_schedule' to the block"),
    ("    weight_schedule: [{name: cosine, final_lr: 0.001, period: 50}, gaea-25]\n", "",
     r"blocks.delve-gaea-25: states 'epochs' and leaves 'weight_schedule' to the block that it extends"),
    ("[0.009, delve-t3]", "[0.009, delve-t4]", r"weight_optimiser.lr: unknown source 'delve-t4'.*'delve-t3'"),
    ("[0.009, delve-t3]", '[0.009, "I think: so"]', r"source 'I think: so' must begin with paper, official or chosen"),
    ("[0.009, delve-t3]", "0.009", r"weight_optimiser.lr: must be \[value, source\]"),
    ("    extends: delve-0.003\n", "    extends: delve-0.03\n", r"unknown block above 'delve-0.03'.*'delve-0.003'"),
    ("      rsps: [rsps]\n", "      rsps: [rspss]\n", r"rows.nb201.single-darts-t1.rsps\[0\]: unknown block 'rspss'"),
    ('  pc: "official: PC', '  pc: "PC', r"sources.pc: string should match pattern"),
])  # fmt: skip
def test_a_mistake_in_the_table_is_one_clear_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(HarnessError, match=said) as error:
        facts_with(tmp_path, old, new)
    assert "\n" not in str(error.value)


def test_a_block_replaces_what_was_stated_below_it() -> None:
    """SETN has no clipping; EX-GAEA a schedule without a floor; the sigmoid of an arm starts at one number."""
    setn = FACTS.of("nb201", "single-darts-t1", "setn")
    assert setn["weight_clip"].value is None and "weight_clip.norm" not in setn
    assert "weight_schedule.final_lr" not in FACTS.of("nb201_delve", "delve-t2", "ex-gaea-erm")
    arm = FACTS.of("ablations", "single-darts-t5", "darts-sigmoid")
    assert {key for key in arm if key.startswith("alpha_init.")} == {"alpha_init.name", "alpha_init.value"}
    assert leaves("a", {"b": {"c": 1, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.b.d": [2], "a.e": None}


# showing ----------------------------------------------------------------------------------------------------


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SUITES.parent)


@pytest.mark.usefixtures("at_root")
@pytest.mark.parametrize("name", ["delve-t2/gaea-bilevel-25", "nb201_delve/delve-t2/gaea-bilevel-25"])
def test_a_row_is_shown_with_its_sources(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_row(name, "text") == 0
    title, header, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("nb201_delve/delve-t2/gaea-bilevel-25: GAEA-bilevel, 25 epochs (method gaea-bilevel)")
    assert header.split() == ["setting", "value", "source"]
    said = {key: rest for key, rest in (line.split(maxsplit=1) for line in lines)}
    assert said["weight_schedule.period"].startswith("50 ") and "scheduler_epochs 50" in said["weight_schedule.period"]
    assert said["stop"].startswith("null ") and "chosen here: the last epoch" in said["stop"]
    loaded = load_suite(SUITES / "nb201_delve.yaml", load_catalogue())
    assert set(said) == set(settings(loaded, "delve-t2", "gaea-bilevel-25"))


@pytest.mark.usefixtures("at_root")
@pytest.mark.parametrize(("name", "said"), [
    ("delve-t2/gaea-bilevl", r"^no row 'delve-t2/gaea-bilevl'; did you mean 'delve-t2/gaea-bilevel'"),
    ("nb201/delve-t1/dart-v1", r"did you mean 'nb201/delve-t1/darts-v1'"),
    ("delve-t1/rea", r"^row 'delve-t1/rea' has no search: it is computed and not searched for$"),
    ("delve-t2/drnas-original", r"^row 'delve-t2/drnas-original' has no search: its own paper's settings are not "),
])  # fmt: skip
def test_what_is_no_searching_row_is_one_clear_line(name: str, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        show_row(name, "text")


@pytest.mark.usefixtures("at_root")
def test_a_row_that_disagrees_is_shown_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = facts_with(tmp_path, "    batch_size: [160, delve-3-gaea]\n", "    batch_size: [161, delve-3-gaea]\n")
    monkeypatch.setattr("harness.cli.rows.load_facts", lambda folder: wrong)
    assert show_row("delve-t2/gaea-erm", "text") == 1
    assert "error: nb201_delve/delve-t2/gaea-erm: batch_size is 160, stated is 161" in capsys.readouterr().err
