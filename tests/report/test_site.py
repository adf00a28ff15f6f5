"""The site: escaped, whole, marked, deterministic; every link of it leads somewhere."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from harness.analysis.coverage import entries
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.cli import app
from harness.errors import HarnessError
from harness.methods.catalogue import load_catalogue
from harness.report import write, write_report
from harness.report.command import rerun_command, trial_command
from harness.report.explorer import number_rows, trial_rows
from harness.report.links import Records
from harness.report.methods import method_views
from harness.report.printed import Printed
from harness.report.site import Site
from harness.report.tables import Tables
from harness.report.write import STATIC
from harness.runner.availability import find_data
from harness.runner.plan import Filters, make_plan
from harness.runner.store import Store
from harness.suite.facts import load_facts
from harness.suite.load import find_suites, load_suite
from harness.suite.published import published_cells
from tests.analysis import synthetic
from tests.report.conftest import read, rows
from tests.report.page_reader import Page

SUITES = Path(__file__).parents[2] / "suites"
HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(2)> & $\\frac{1}{0}$ {{ 7 * 7 }} [red]x[/red] | `x`"


NOTHING_RECORDED = Records(None, {})


def pages(folder: Path) -> dict[str, Page]:
    return {path.name: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.html"))}


def text_of(folder: Path, name: str) -> str:
    return " ".join(Page(read(folder, name)).text.split())


def test_pages_are_well_formed_and_their_links_lead_somewhere(site: Path) -> None:
    found = pages(site)
    assert {"index.html", "explorer.html", "audit.html", "paper-paper-a.html", "run-sample-reduced.html"} <= set(found)
    for name, page in found.items():
        ids = page.values("id")
        assert len(ids) == len(set(ids)), name
        for target in page.values("href"):
            place, _, anchor = target.partition("#")
            if target.startswith("data:") or (place or name) == "explorer.html":
                continue
            assert place.endswith("/") or (site / unquote(place or name)).is_file(), f"{name}: {target}"
            assert not anchor or unquote(anchor) in found[place or name].values("id"), f"{name}: {target}"


def test_rows_of_the_explorer_lead_to_pages_and_back(site: Path) -> None:
    found, numbers = pages(site), {row["id"] for row in rows(site, "numbers")}
    for row in rows(site, "numbers"):
        place, _, anchor = row["page"].partition("#")
        assert anchor in found[place].values("id")
    linked = [href for page in found.values() for href in page.values("href") if "view=numbers&row=" in href]
    assert linked and {unquote(href.partition("row=")[2]) for href in linked} == numbers


def test_the_site_loads_its_own_files_alone(site: Path) -> None:
    for name, page in pages(site).items():
        loaded = page.values("src") + [a["href"] or "" for tag, a in page.elements if tag == "link"]
        assert all((site / target).is_file() for target in loaded if target != "data:,"), name
        assert not {tag for tag, _ in page.elements} & {"iframe", "img", "object", "base"}
        assert not [a for tag, a in page.elements if tag == "script" and a.get("type") == "module"]  # not from a disk
    css = read(site, "site.css")
    assert "@import" not in css and "url(" not in css


def test_the_first_page_is_small(site: Path) -> None:
    page = Page(read(site, "index.html"))
    loaded = page.values("src") + [a["href"] or "" for tag, a in page.elements if tag == "link"]
    files = [site / "index.html", *(site / target for target in loaded if target != "data:,")]
    assert len(files) == 5 and sum(path.stat().st_size for path in files) < 150_000


def test_verdicts_stand_in_words_beside_both_numbers(site: Path, paper: SuiteVerdict) -> None:
    text = text_of(site, "paper-paper-a.html")
    # std sqrt(0.06); one of three is that architecture
    assert "54.30 ± 0.00 (n = 3) 54.30 ± 0.24 (3 of 3) DRIFT" in text
    assert "92.97 ± 0.82 (n = 5) 92.50 ± 0.50 (2 of 5) Δ -0.47 ± 4.08 INCOMPLETE" in text
    assert "2 of 5 seeds done, 1 failed" in text
    assert "Never run NOT RUN" in text
    assert f"{paper.done} of {paper.planned} trials done, 1 failed" in text_of(site, "index.html")


def test_numbers_off_the_papers_protocol_are_marked(
    site: Path, embedded: SuiteVerdict, tmp_path: Path, reduced: SuiteVerdict
) -> None:
    write_report([embedded], tmp_path)
    for folder in (site, tmp_path):
        html = read(folder, "run-sample-reduced.html")
        mark = "not comparable with the paper"
        parts = re.findall(r"<table.*?</table>|<figure.*?</figcaption>|<h3.*?</div>", html, re.S)
        assert len(parts) >= 6  # searches, claims, three tables, figures
        assert all(mark in part for part in parts if "<figure" in part or "<caption>" not in part or "<h3" in part)
        assert "Δ" not in Page(html).text  # no difference to a paper is shown
        assert mark in text_of(folder, "index.html")


def test_the_papers_protocol_carries_no_mark(paper: SuiteVerdict, tmp_path: Path) -> None:
    write_report([paper], tmp_path)
    assert not [name for name in pages(tmp_path) if "not comparable" in read(tmp_path, name)]


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
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    )
    assert Path("index.html") in first and Path("data/trials.js") in first
    assert first == second


def test_dates_and_environment_come_from_the_records(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    records = [
        synthetic.record(trial, provenance=synthetic.provenance(started=f"2021-05-0{i + 1}T00:00:00+00:00"))
        for i, trial in enumerate(planned.trials[:3])
    ]
    write_report([judge(loaded, "paper", planned, records)], tmp_path / "out")
    text = text_of(tmp_path / "out", "index.html")
    assert "2021-05-01T00:00:00+00:00 to 2021-05-03T00:00:00+00:00" in text
    assert "3 trials: harness 0.1.0, git abc123, Python 3.11.7, torch 2.13.0, cpu" in text


def test_records_lie_beside_the_site_and_links_lead_to_them(tmp_path: Path) -> None:
    """What is planned, and what is not: seed 40 that somebody ran by hand. Other suites' records stay away."""
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded)
    store = Store(tmp_path / "results")
    record = synthetic.records_of(planned, {"t1/darts": [54.3]})[0]
    by_hand = record.model_copy(update={"id": "feed", "seed": 40, "overrides": ["epochs=3"]})
    written = [store.write(one) for one in (record, by_hand)]
    store.write(record.model_copy(update={"id": "beef", "suite": "another"}))
    out = tmp_path / "out" / "deep"
    write_report([judge(loaded, "paper", planned, [record])], out, store.root)
    links = [link for row in rows(out, "trials") for link in row["records"]]
    assert [gzip.decompress((out / link).read_bytes()) for link in links] == [path.read_bytes() for path in written]
    assert len(list((out / "records").rglob("*.gz"))) == 2
    state = {row["id"]: (row["state"], row["why"]) for row in rows(out, "trials")}
    assert state[record.id] == ("done", "")
    assert state["feed"] == ("not planned", "no plan that is shown here names it; epochs=3")
    [number] = [row for row in rows(out, "numbers") if row["id"] == "sample:t1/darts/c10"]
    assert number["records"] == links[:1] and links[0] in Page(read(out, "paper-paper-a.html")).values("href")


def test_what_an_earlier_report_left_goes(tmp_path: Path, paper: SuiteVerdict, reduced: SuiteVerdict) -> None:
    write_report([paper, reduced], tmp_path)
    other = tmp_path / "notes.txt"
    other.write_text("mine", encoding="utf-8")
    assert (tmp_path / "run-sample-reduced.html").exists()
    (tmp_path / "files.txt").open("a").write("../outside.txt\n")
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("not of the report", encoding="utf-8")
    write_report([paper], tmp_path)
    assert not (tmp_path / "run-sample-reduced.html").exists() and other.exists() and outside.exists()
    assert {*read(tmp_path, "files.txt").split()} | {"files.txt", "notes.txt"} == {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }


def test_the_data_of_a_figure_lies_beside_it(paper: SuiteVerdict, tmp_path: Path) -> None:
    write_report([paper], tmp_path)
    found = csv.DictReader(read(tmp_path, "figures/accuracy-sample-paper.csv").splitlines())
    plain = [row for row in found if row["line"].startswith("DARTS, first order")]
    assert [(row["epoch"], float(row["mean"])) for row in plain] == [
        *((str(epoch), 60.0) for epoch in range(4)),
        ("4", pytest.approx(54.3)),
    ]


def test_what_a_curve_shows_is_what_was_recorded(paper: SuiteVerdict, tmp_path: Path) -> None:
    write_report([paper], tmp_path)
    html = read(tmp_path, "run-sample-paper.html")
    [curves] = re.findall(r'<div class="panel" id="accuracy-sample-paper-0">.*?<script[^>]*>(.*?)</script>', html, re.S)
    numbers = json.loads(curves)
    assert numbers["x"] == [[0, 1, 2, 3, 4], "epoch of the search", "linear"]
    line = numbers["lines"][0]
    assert line["mean"] == [60, 60, 60, 60, 54.3] and [seed[-1] for seed in line["seeds"]] == [54.0, 54.3, 54.6]


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


def test_a_trials_command_plans_that_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    loaded = synthetic.load(tmp_path)
    planned = synthetic.plan(loaded, "reduced", data=find_data(["cifar10", "digits"], None))
    verdict = judge(loaded, "reduced", planned, [])
    trial = planned.trials[1]
    words = [*shlex.split(trial_command(verdict, trial))[3:], "--dry-run", "--results", str(tmp_path / "results")]
    done = CliRunner().invoke(app, words)
    assert re.findall(r"^([0-9a-f]{16}) ", done.output, re.M) == [trial.id]


def test_settings_have_their_sources_and_what_all_rows_share_is_said_once() -> None:
    loaded = load_suite(SUITES / "nb201_delve.yaml", load_catalogue())
    plan = make_plan(loaded, "paper", Filters(), (), data=synthetic.NO_DATA)
    paper = judge(loaded, "paper", plan, [])
    assert (
        "and their sources"
        not in dict(Site([paper], Printed.of([paper]), NOTHING_RECORDED).pages())["paper-delve.html"]
    )
    printed = Printed.of([paper], facts=load_facts(SUITES))
    html = dict(Site([paper], printed, NOTHING_RECORDED).pages())["paper-delve.html"]
    searched = [row for row in load_facts(SUITES).rows() if row[0] == "nb201_delve"]
    own = html.count("and their sources: what differs from other rows")
    shared = html.count("Settings that all searches of this table share")
    assert 0 < own <= len(searched) and 0 < shared <= len(loaded.suite.tables)
    row = html[html.index('id="nb201_delve-paper/delve-t2/gaea-bilevel-25"') :].partition("</tr>")[0]
    stated = r"weight_schedule.period: 50[^\[]*</code> \[official: gaea_release, configs/cnn/config.yaml"
    assert re.search(stated, row)


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
    write_report([hostile_verdict(tmp_path)], tmp_path / "out")
    shown = ""
    for name, page in pages(tmp_path / "out").items():
        html = read(tmp_path / "out", name)
        scripts = [a for tag, a in page.elements if tag == "script"]
        assert all(a.get("src") or a.get("type") == "application/json" for a in scripts), name
        assert "img" not in {tag for tag, _ in page.elements} and "<script>alert" not in html
        assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
        shown += page.text
    assert shown.count("alert('1')") >= 8  # shown, not lost
    assert "{{ 7 * 7 }}" in shown
    assert any(HOSTILE in row["row"] for row in rows(tmp_path / "out", "numbers"))


def test_nothing_recorded_still_gives_a_site(tmp_path: Path) -> None:
    loaded = synthetic.load(tmp_path)
    verdict = judge(loaded, "paper", synthetic.plan(loaded), [])
    first, *_ = write_report([verdict], tmp_path / "out")
    assert first.name == "index.html" and "no records" in text_of(tmp_path / "out", "index.html")
    assert "Nothing was run yet. python -m harness run" in text_of(tmp_path / "out", "index.html")


def test_vendored_files_are_those_that_are_listed() -> None:
    listed = json.loads((Path(str(STATIC)).parent / "vendored.json").read_text(encoding="utf-8"))
    vendor = Path(str(STATIC)) / "vendor"
    for item in listed:
        content = (vendor / item["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == item["sha256"], item["file"]
        assert item["version"].encode() in content[:200] or item["file"].endswith(".css")
        assert "Permission is hereby granted" in (vendor / item["license"]).read_text(encoding="utf-8")
    named = {item[key] for item in listed for key in ("file", "license")}
    assert named == {path.name for path in vendor.iterdir()}


@pytest.fixture(scope="module")
def shipped() -> Site:
    """The site of all suites under the paper profile, without a record."""
    loaded = [load_suite(path, load_catalogue()) for path in find_suites([str(SUITES)])]
    plans = [make_plan(one, "paper", Filters(), (), data=synthetic.NO_DATA) for one in loaded]
    verdicts = [judge(one, "paper", plan, []) for one, plan in zip(loaded, plans, strict=True)]
    printed = Printed(verdicts, entries(verdicts), None, (), {}, (), load_facts(SUITES))
    return Site(verdicts, printed, NOTHING_RECORDED)


def test_every_printed_number_and_every_trial_is_a_row(shipped: Site) -> None:
    printed = set[str]()
    for suite in (verdict.loaded.suite for verdict in shipped.verdicts):
        of_papers = {name for name, table in suite.tables.items() if table.number not in ("own", "statements")}
        cells = (cell for cell in published_cells(suite) if cell.table in of_papers)
        printed |= {f"{suite.suite}:{cell.table}/{cell.row}/{cell.column_name}" for cell in cells}
    planned = {trial.id for verdict in shipped.verdicts for trial in verdict.evidence.plan.trials}
    assert len(printed) > 1300 and len(planned) > 1800
    tables = Tables(shipped.printed, NOTHING_RECORDED, {})
    numbers = [row["id"] for row in number_rows(shipped.printed, NOTHING_RECORDED, tables)]
    trials = [row["id"] for row in trial_rows(shipped.every, NOTHING_RECORDED, [])]
    assert len(numbers) == len(set(numbers)) and set(numbers) == printed
    assert len(trials) == len(set(trials)) and set(trials) == planned


def test_every_paper_and_every_method_of_a_row_has_a_page(shipped: Site) -> None:
    tables = [table for verdict in shipped.verdicts for table in verdict.loaded.suite.tables.values()]
    assert set(shipped.papers) == {table.paper for table in tables}
    methods = {row.method for table in tables for row in table.rows.values() if row.method}
    assert {method["name"] for method in method_views(shipped.verdicts)} == methods and len(methods) > 40


def test_a_row_of_a_grid_that_is_no_search_has_no_settings(shipped: Site) -> None:
    """Its table is a grid whose levels have settings; of which search it is, its paper does not say."""
    [verdict] = [verdict for verdict in shipped.verdicts if verdict.loaded.suite.suite == "ablations"]
    [table] = [table for table in verdict.tables if table.key == "single-darts-t5"]
    shown = Tables(shipped.printed, NOTHING_RECORDED, {}).table(verdict, table)
    rows_of = {row["view"].key: row["settings"] for row in shown["rows"]}
    assert shown["settings"] and not rows_of["single-darts-t5/single-darts-adam-again"]
    assert rows_of["single-darts-t5/single-darts-adam"]


def test_on_a_full_disk_the_first_page_stays_the_old_one(
    tmp_path: Path, paper: SuiteVerdict, reduced: SuiteVerdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report([paper], tmp_path)
    before, real, left = read(tmp_path, "index.html"), write._write, [5]

    def full(path: Path, content: bytes) -> Path:
        left[0] -= 1
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, content)

    monkeypatch.setattr(write, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        write_report([paper, reduced], tmp_path)
    assert read(tmp_path, "index.html") == before


def test_another_page_is_not_written_over(tmp_path: Path, paper: SuiteVerdict) -> None:
    (tmp_path / "index.html").write_text("mine", encoding="utf-8")
    with pytest.raises(HarnessError, match=r"index\.html: is of no earlier report, name another folder$"):
        write_report([paper], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"] and read(tmp_path, "index.html") == "mine"
