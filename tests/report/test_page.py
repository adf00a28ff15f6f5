"""The page: escaped, self-contained, marked, deterministic."""

from __future__ import annotations

import base64
import csv
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.analysis.verdicts import SuiteVerdict, judge
from harness.cli import app
from harness.methods.catalogue import load_catalogue
from harness.report import write_report
from harness.report.command import rerun_command
from harness.report.page import RecordLinks, render_page
from harness.report.printed import Printed
from harness.runner.availability import find_data
from harness.runner.plan import Filters, make_plan
from harness.runner.store import Store
from harness.suite.facts import load_facts
from harness.suite.load import load_suite
from tests.analysis import synthetic
from tests.report.page_reader import Page

SUITES = Path(__file__).parents[2] / "suites"
HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(2)> & $\\frac{1}{0}$ {{ 7 * 7 }} [red]x[/red] | `x`"


def test_the_page_is_well_formed_and_its_ids_are_unique(whole_report: Path) -> None:
    page = Page((whole_report / "report.html").read_text(encoding="utf-8"))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    targets = [href[1:] for href in page.values("href") if href.startswith("#")]
    assert targets and set(targets) <= set(ids)


def test_the_page_loads_nothing(paper_html: str) -> None:
    page = Page(paper_html)
    assert not [tag for tag, _ in page.elements if tag in ("script", "link", "iframe", "img", "object")]
    assert not page.values("src")
    assert "@import" not in paper_html
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", paper_html))
    schemes = {href.split(":")[0] for href in page.values("href") if ":" in href}
    assert schemes == {"data"}


def test_verdicts_stand_in_words_beside_both_numbers(paper: SuiteVerdict, paper_html: str) -> None:
    text = " ".join(Page(paper_html).text.split())
    assert (
        "54.30 ± 0.00 (n = 3) 54.30 ± 0.24 (3 of 3) DRIFT" in text
    )  # std sqrt(0.06); one of three is that architecture
    assert "92.97 ± 0.82 (n = 5) 92.50 ± 0.50 (2 of 5) Δ -0.47 ± 4.08 INCOMPLETE" in text
    assert "2 of 5 seeds done, 1 failed" in text
    assert "Never run NOT RUN" in text
    assert f"{paper.done} of {paper.planned} trials done, 1 failed" in text


def test_numbers_off_the_papers_protocol_are_marked(
    reduced_html: str, embedded: SuiteVerdict, links: RecordLinks
) -> None:
    for html in (reduced_html, render_page([embedded], links)):
        page = Page(html)
        sections = re.split(r"<h[23] ", html)[1:]
        assert len(sections) >= 6  # the suite, three tables, claims, baselines, figures
        assert all("not comparable with the paper" in section for section in sections)
        figures = re.findall(r"<svg.*?</svg>", html, re.S)
        assert figures and all("not comparable with the paper" in figure for figure in figures)
        assert "Δ" not in page.text  # no difference to a paper is shown


def test_the_papers_protocol_carries_no_mark(paper_html: str) -> None:
    assert "not comparable" not in paper_html


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    """In two processes, where sets and hashes of texts differ."""
    script = (
        "import sys; from pathlib import Path; from tests.analysis import synthetic\n"
        "from harness.analysis.verdicts import judge; from harness.report import write_report\n"
        "loaded = synthetic.load(Path(sys.argv[1])); planned = synthetic.plan(loaded)\n"
        "records = synthetic.records_of(planned, {'t1/darts': [54.0, 54.5], 't2/faster': [60.0]})\n"
        "write_report([judge(loaded, 'paper', planned, records)], Path(sys.argv[2]))"
    )
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder in folders:
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), str(folder)],
            env={**os.environ, "PYTHONHASHSEED": folder.name},
            cwd=Path(__file__).parents[2],
            check=True,
        )
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert len(first) == 5
    assert first == second


def test_dates_and_environment_come_from_the_records(tmp_path: Path, links: RecordLinks) -> None:
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    records = [
        synthetic.record(trial, provenance=synthetic.provenance(started=f"2021-05-0{i + 1}T00:00:00+00:00"))
        for i, trial in enumerate(planned.trials[:3])
    ]
    text = Page(render_page([judge(loaded, "paper", planned, records)], links)).text
    assert "2021-05-01T00:00:00+00:00 to 2021-05-03T00:00:00+00:00" in text
    assert "3 trials: harness 0.1.0, git abc123, Python 3.11.7, torch 2.13.0, cpu" in text


def test_links_lead_to_the_records(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    store = Store(tmp_path / "results")
    record = synthetic.records_of(planned, {"t1/darts": [54.3]})[0]
    written = store.write(record)
    verdict = judge(loaded, "paper", planned, [record])
    [page_path, *_] = write_report([verdict], tmp_path / "out" / "deep", store.root)
    links = [href for href in Page(page_path.read_text(encoding="utf-8")).values("href") if href.endswith(".json")]
    assert links
    assert {(page_path.parent / link).resolve() for link in links} == {written.resolve()}


def test_the_data_of_a_figure_is_in_the_page(paper_html: str) -> None:
    page = Page(paper_html)
    links = {a["download"]: a["href"] for tag, a in page.elements if tag == "a" and "download" in a}
    href = links["accuracy-sample-paper.csv"]
    assert href is not None
    rows = list(csv.DictReader(io.StringIO(base64.b64decode(href.split(",", 1)[1]).decode())))
    plain = [row for row in rows if row["line"].startswith("DARTS, first order")]
    assert [(row["epoch"], float(row["mean"])) for row in plain] == [
        *((str(epoch), 60.0) for epoch in range(4)),
        ("4", pytest.approx(54.3)),
    ]


def test_commands_of_the_page_plan_the_same_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of a row, run with --dry-run, leads to the ids that the row shows, overrides included."""
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    loaded = synthetic.load(tmp_path)
    overrides = ["epochs=3", "weight_optimiser.lr=0.00001", "relaxation.name=sigmoid", "weight_clip=null"]
    other = {"name": "sgd", "lr": "3.0e-4", "momentum": 0.9, "nesterov": "no", "weight_decay": "1.0e-3"}
    overrides += [f"architecture_optimiser.{key}={value}" for key, value in other.items()]  # lr as it was
    data = find_data(["cifar10", "digits"], None)
    planned = synthetic.plan(loaded, "reduced", data=data, overrides=overrides)
    verdict = judge(loaded, "reduced", planned, [])
    rows = [row for table in verdict.tables for row in table.rows if row.trials]
    assert len(rows) == 5
    for row in rows:
        command = rerun_command(verdict, row)
        assert command is not None
        words = [*shlex.split(command)[3:], "--dry-run", "--results", str(tmp_path / "results")]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        assert set(row.trials) <= set(re.findall(r"^([0-9a-f]{16}) ", done.output, re.M)), command


@pytest.fixture(scope="module")
def whole_report(tmp_path_factory: pytest.TempPathFactory, paper: SuiteVerdict, reduced: SuiteVerdict) -> Path:
    """The folder of a report on both profiles."""
    folder = tmp_path_factory.mktemp("report")
    write_report([paper, reduced], folder, Path("results"))
    return folder


def test_a_row_has_its_settings_with_their_sources_and_says_so_once(links: RecordLinks) -> None:
    """Under another profile a row links to them; a row without a search has none."""
    loaded = load_suite(SUITES / "nb201_delve.yaml", load_catalogue())
    paper, reduced = (
        judge(loaded, profile, make_plan(loaded, profile, Filters(), (), data=synthetic.NO_DATA), [])
        for profile in ("paper", "reduced")
    )
    assert "and their sources" not in render_page([paper], links)
    html = render_page([paper, reduced], links, Printed.of([paper], facts=load_facts(SUITES)))
    searched = [row for row in load_facts(SUITES).rows() if row[0] == "nb201_delve"]
    assert html.count("Settings under the paper profile, and their sources") == 2 * len(searched) > 20
    stated = "weight_schedule.period: 50  [official: gaea_release, configs/cnn/config.yaml (scheduler_epochs 50); 25"
    row = html[html.index('id="nb201_delve-paper/delve-t2/gaea-bilevel-25"') :]
    assert stated in row[: row.index("</tr>")]
    shown = Page(html)
    linked = [href for href in shown.values("href") if href.startswith("#nb201_delve-paper/")]
    assert len(linked) >= len(searched) and {href[1:] for href in linked} <= set(shown.values("id"))


def hostile_verdict(folder: Path) -> SuiteVerdict:
    quoted = "'" + HOSTILE.replace("'", "''") + "'"
    loaded = synthetic.load(
        folder,
        ("title: A sample", f"title: {quoted}"),
        ("title: First", f"title: {quoted}"),
        ("label: Plain", f"label: {quoted}"),
        ("label: Faster", f"label: {quoted}"),
        ("label: C10 test", f"label: {quoted}"),
        ("protocol: mean over n searches", f"protocol: {quoted}"),
        ("text: Exchanged is better\n    source: Paper A", f"text: {quoted}\n    source: {quoted}"),
        ('"54.30 ± 0.00"', f'{{value: "54.30 ± 0.00", note: {quoted}}}'),
        ("authors: Somebody", f"authors: {quoted}"),
    )
    planned = synthetic.plan(loaded)
    trials = list(planned.trials)
    provenance = synthetic.provenance(platform=HOSTILE, git=HOSTILE)
    records = [synthetic.record(trial, 54.3, provenance=provenance) for trial in trials[:-1]]
    return judge(loaded, "paper", planned, [*records, synthetic.failed(trials[-1], HOSTILE)])


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    paths = write_report([hostile_verdict(tmp_path)], tmp_path / "out")
    html = paths[0].read_text(encoding="utf-8")
    page = Page(html)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "<script" not in html and "onerror=alert(2)>" not in html
    assert page.text.count("alert('1')") >= 8  # shown, not lost
    assert "{{ 7 * 7 }}" in page.text
    assert [path.name for path in paths[1:]] == [
        "report.md",
        "results.csv",
        "verdicts.csv",
        "collapse-sample-paper.png",
    ]
    markdown = paths[1].read_text(encoding="utf-8")
    assert "<" not in markdown and "&lt;script&gt;" in markdown


def test_nothing_recorded_still_gives_a_page(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    verdict = judge(loaded, "paper", synthetic.plan(loaded), [])
    paths = write_report([verdict], tmp_path / "out")
    assert [path.name for path in paths] == ["report.html", "report.md", "results.csv", "verdicts.csv"]
    assert "no records" in Page(paths[0].read_text(encoding="utf-8")).text
