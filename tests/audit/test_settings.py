"""Printed settings: what other places say of them, and what our rows run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from harness.audit.settings import judge_setting, our_setting
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.suite.facts import load_facts
from harness.suite.load import find_suites, load_suite
from harness.suite.published import PublishedCell, published_cells
from harness.suite.values import Published

SUITES = Path(__file__).parents[2] / "suites"


def printed(text: str) -> Published:
    return Published.model_validate(text)


@pytest.mark.parametrize(("text", "official", "elsewhere", "word", "reason"), [
    ("0.003", None, None, "UNCHECKED", "no public configuration and no other section has it"),
    ("0.003", "3e-3", None, "COHERENT", "code"),
    ("0.003", None, "0.003", "COHERENT", "section"),
    ("0.003", "0.003", "0.003", "COHERENT", "code; section"),
    ("0.003", "0.0025", None, "CONTRADICTED", "0.0025 in code"),  # though it rounds to that
    ("0.003", "0.003", "0.03", "CONTRADICTED", "0.03 in section"),  # one agrees, and the other still does not
    ("0.001", "0.0025", "0.001", "CONTRADICTED", "0.0025 in code"),
    ("3.3", "3.3333", None, "COHERENT", "code"),  # rounded as printed
    ("6.6", "6.6667", None, "CONTRADICTED", "6.6667 in code"),  # cut off
    ("10", "11", None, "CONTRADICTED", "11 in code"),
    ("10", "10.4", None, "CONTRADICTED", "10.4 in code"),  # whole numbers are not rounded to
    ("4e-4", "3e-4", None, "CONTRADICTED", "3e-4 in code"),
    ("0", "0.0", None, "COHERENT", "code"),
    ("0", "0.4", None, "CONTRADICTED", "0.4 in code"),
])  # fmt: skip
def test_a_setting_is_judged_by_what_others_say(
    text: str, official: str | None, elsewhere: str | None, word: str, reason: str
) -> None:
    said = (printed(official), "code") if official else None
    other = (printed(elsewhere), "section") if elsewhere else None
    assert judge_setting(printed(text), said, other) == (word, reason)


@pytest.fixture(scope="module")
def shipped() -> list[PublishedCell]:
    suites = [load_suite(path, load_catalogue()).suite for path in find_suites([SUITES])]
    return [cell for suite in suites for cell in published_cells(suite) if cell.kind == "setting"]


# By table: coherent, contradicted, unchecked.
COUNTS = {
    "delve-experiments": (26, 1, 0),
    "darts-pt-text-counts": (2, 1, 1),
    "single-darts-text-transfer": (0, 0, 2),
    "single-darts-text-imagenet": (5, 0, 0),
    "sp-darts-t2": (8, 3, 0),
    "sp-darts-t4": (9, 0, 0),
    "sp-darts-text-s1-s4": (0, 4, 0),
    "sp-darts-text-protocol": (4, 0, 3),
    "sp-darts-text-rates": (2, 0, 0),
    "stacnas-text-config": (13, 0, 6),
}
CONTRADICTED = {
    ("delve-experiments", "exp-7", "alpha-lr", "0.001"),  # 0.0025
    ("darts-pt-text-counts", "sgas-warm-up", "count", "10"),  # alpha trains from the first epoch
    ("sp-darts-t2", "cifar-10-100", "p-up-cifar100", "0.9"),  # stops at 0.81
    ("sp-darts-t2", "cifar-10-100", "t-sp-cifar100", "1.3e-3"),  # 6e-4 from epoch 45
    ("sp-darts-t2", "cifar-10-100", "t-sm", "10"),  # 11
    ("sp-darts-text-s1-s4", "first", "t-sp", "4e-4"),  # 3e-4 in all
    ("sp-darts-text-s1-s4", "second", "t-sp", "5e-4"),
    ("sp-darts-text-s1-s4", "third", "t-sp", "6e-4"),
    ("sp-darts-text-s1-s4", "fourth", "t-sp", "7e-4"),
}


def test_the_shipped_settings_by_table(shipped: list[PublishedCell]) -> None:
    """Of these tables: others may have settings, too."""
    words = {
        (c.table, c.row, c.column_name, c.value.text): judge_setting(c.value, c.official, c.elsewhere)[0]
        for c in shipped
        if c.table in COUNTS
    }
    counts = Counter((table, word) for (table, *_), word in words.items())
    assert {
        table: (counts[table, "COHERENT"], counts[table, "CONTRADICTED"], counts[table, "UNCHECKED"])
        for table in COUNTS
    } == COUNTS
    assert len(words) == 90 and {name for name, word in words.items() if word == "CONTRADICTED"} == CONTRADICTED


def test_beside_a_setting_stands_what_our_search_runs(shipped: list[PublishedCell]) -> None:
    """The printed value, but for Exp. 7, whose curves the authors' script drew."""
    facts = load_facts(SUITES)
    ours = {(c.table, c.row, c.column_name): (our_setting(c, facts), c.value.mean) for c in shipped}
    ours = {name: both for name, both in ours.items() if both[0] is not None}
    assert len(ours) == 30
    assert ours["sp-darts-t2", "cifar-10-100", "t-sp-cifar100"] == (0.0013, 0.0013)
    assert ours["delve-experiments", "ss-darts", "weight-lr"] == (0.003, 0.003)
    other = {name: both for name, both in ours.items() if both[0] != both[1]}
    assert other == {("delve-experiments", "exp-7", "alpha-lr"): (0.0025, 0.001)}


@pytest.mark.parametrize(("change", "said"), [
    ({"kind": "result"}, r"official.values\[0\]: what is printed here is not of kind 'setting'"),
    ({"values": [{"value": "1", "kind": "result"}, "2"]}, r"official.values\[0\]: what is printed here is not of kind"),
    ({"official": {"source": "code", "values": ["1"]}}, "official.values: 1 values for 2 columns"),
    ({"values": ["1", None]}, r"official.values\[1\]: there is no printed value here"),
    ({"kind": "settings"}, "kind: unknown value 'settings'; did you mean 'setting'"),
])  # fmt: skip
def test_mistakes_are_one_clear_line(tmp_path: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        load_suite(written(tmp_path, change), load_catalogue())


def written(folder: Path, change: dict[str, object]) -> Path:
    official = {"source": "code", "values": ["1", "2"]}
    row = {"method": None, "label": "A", "kind": "setting", "official": official, "values": ["1", "2"]} | change
    column = {"metric": "statistic", "unit": "1", "goal": "min"}
    suite = {
        "suite": "small", "title": "Small", "papers": {"p": {"title": "P", "authors": "A"}}, "band": {"kind": "exact"},
        "columns": {"a": {"label": "a", "setting": "batch_size", **column}, "b": {"label": "b", **column}},
        "tables": {"t": {"paper": "p", "number": "text", "title": "T", "protocol": "as stated",
                         "columns": ["a", "b"], "rows": {"r": row}}},
    }  # fmt: skip
    file = folder / "small.yaml"
    file.write_text(yaml.safe_dump(suite), encoding="utf-8")
    return file


@pytest.mark.parametrize(("runs", "said"), [
    ("nb201/single-darts-t1/dart", "no facts of row nb201/single-darts-t1/dart"),
    ("single-darts-t1/darts", "t/r: 'single-darts-t1/darts' has no setting 'batch_size'"),
])  # fmt: skip
def test_a_search_that_is_none_is_named(tmp_path: Path, runs: str, said: str) -> None:
    loaded = load_suite(written(tmp_path, {"runs": runs}), load_catalogue())
    (cell, _) = published_cells(loaded.suite)
    with pytest.raises(HarnessError, match=said):
        our_setting(cell, load_facts(SUITES))
